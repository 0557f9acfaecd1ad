//! `clew bisect`: finds the first run after which an expression is true, by binary search.
//!
//! ```text
//!   1 ── 2 ── 3 ── 4 ── 5 ── 6 ── 7        both ends are evaluated first: no, yes
//!   no             no        ▲    yes      then the middle of the rest, until two neighbours differ
//!                       yes ─┘
//! ```
//!
//! States that do not differ in anything that the expression needs give the same answer; only one of them is evaluated.

use std::path::PathBuf;
use std::time::Instant;

use clew_core::id::RunId;
use serde::Serialize;

use super::{
    Bisect, Candidate, InexactVariable, ProgressMonitor, Question, SandboxTask, StateAnswer, candidate, exceptions,
    is_there,
};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::sandbox_process::StartingProcess;
use crate::text;

/// The result of `bisect`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BisectPage {
    /// The first run after which the expression is true.
    run: Option<String>,
    /// The expression.
    expression: String,
    /// Whether such a run was found.
    verdict: Verdict,
    /// The first run of the search.
    from: String,
    /// The last run of the search.
    to: String,
    /// The runs that were tried, in order.
    tried: Vec<Step>,
    /// The time that the search took, in seconds.
    seconds: f64,
    /// Variables that the expression reads, and other session state, that are not as their run left them.
    not_restored: Vec<InexactVariable>,
    /// Protections that the sandbox lacks on this machine.
    sandbox_gaps: Vec<String>,
    /// A run whose record is missing. States before `from` are unknown.
    missing: Option<String>,
    #[serde(skip)]
    what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// A run was found.
    Found,
    /// The expression is not true at the end.
    Never,
    /// The expression is true at the beginning.
    Always,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Step {
    /// The run.
    run: String,
    /// Whether the expression was true.
    is_true: bool,
    /// The exception that it raised.
    error: Option<String>,
    /// The run whose result is reused, because no variable that the expression needs changed between the two runs.
    same_as: Option<String>,
}

/// Creates a question from the arguments.
pub fn bisect(
    arguments: &Bisect,
    place: &HistoryView<'_>,
    executable: Option<PathBuf>,
    context: &Context,
) -> Result<Question, Problem> {
    let to = place.resolve_whole(&arguments.to, context)?;
    is_there(to, place)?;
    let from = match &arguments.from {
        Some(from) => Some(place.resolve_whole(from, context)?),
        None => None,
    };
    let mut line: Vec<_> = Vec::new();
    for (id, _) in place.history.ancestry(to) {
        line.push(id);
        if Some(id) == from {
            break;
        }
    }
    // After a missing run the whole state is unknown, up to the next run that is recorded in full.
    let is_at_from = from.is_some_and(|from| line.last() == Some(&from));
    let missing = (!is_at_from).then(|| place.missing_in_line(to)).flatten();
    if missing.is_some() {
        let is_whole = |id: &RunId| place.history.run(id).is_some_and(|run| run.full.is_some());
        line.truncate(line.iter().rposition(is_whole).map_or(0, |last| last + 1));
    }
    if let (Some(from), Some(missing), Some(first)) = (from, &missing, line.last()) {
        let (from, first) = (place.history.label(&from), place.history.label(first));
        let message = format!("Not all states from run {from} on are known: the record of run {missing} is missing");
        let since = context.command(&format!("bisect --from {first} EXPRESSION"));
        return Err(Problem::of(Exit::Damaged, message).with_hint(format!("{since} checks the known ones")));
    }
    if let Some(from) = from.filter(|from| line.last() != Some(from)) {
        let (from, to) = (place.history.label(&from), place.history.label(&to));
        let log = context.command("log --graph --all");
        return Err(Problem::usage(format!("Run {from} is not an ancestor of run {to}"))
            .with_hint(format!("{log} draws the history")));
    }
    line.reverse();
    let line = line.into_iter().map(|id| candidate(id, place)).collect();
    Question::of(
        SandboxTask::Bisect { line, missing },
        &arguments.expression,
        place,
        executable,
        context,
    )
}

pub(super) fn work_out(
    question: &Question,
    line: &[Candidate],
    missing: Option<&str>,
    waiting: &mut dyn ProgressMonitor,
    context: &Context,
) -> Result<BisectPage, Problem> {
    let begun = Instant::now();
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return Err(Problem::usage("There is no run to check"));
    };
    let mut found = BisectPage {
        run: None,
        expression: question.expression.clone(),
        verdict: Verdict::Never,
        from: first.label.clone(),
        to: last.label.clone(),
        tried: Vec::new(),
        seconds: 0.0,
        not_restored: Vec::new(),
        sandbox_gaps: Vec::new(),
        missing: missing.map(str::to_owned),
        what: String::new(),
    };
    let mut next = None;
    let mut known: Vec<KnownAnswer> = Vec::new();
    let decided = search(line.len(), |at| {
        if let Some(same) = known.iter().find(|one| one.holds_at(at, line)) {
            found.is_as(&line[same.at], &line[at]);
            return Ok(same.is_true);
        }
        let tried = found.try_one(question, &line[at], line.len(), &mut next, waiting)?;
        let is_true = tried.value.is_true;
        known.push(KnownAnswer {
            at,
            needs: tried.needs,
            is_true,
        });
        Ok::<_, Problem>(is_true)
    })?;
    if let Some(why) = found.names_nothing() {
        let vars = context.command("vars");
        let problem = Problem::usage(format!("No checked state has what the expression names ({why})"));
        let not_yet = context.not_recorded_yet();
        return Err(problem.with_hint(format!("{vars} lists the variables{not_yet}")));
    }
    (found.verdict, found.run, found.what) = match decided {
        BisectAnswer::At(at) => (Verdict::Found, Some(line[at].label.clone()), line[at].what.clone()),
        BisectAnswer::Always => (Verdict::Always, None, String::new()),
        BisectAnswer::Never => (Verdict::Never, None, String::new()),
    };
    found.seconds = begun.elapsed().as_secs_f64();
    Ok(found)
}

/// The known answer of one state.
struct KnownAnswer {
    at: usize,
    /// Variables that the expression needs in it; `None` if it may need any.
    needs: Option<Vec<String>>,
    is_true: bool,
}

impl KnownAnswer {
    /// Whether another state gives the same answer, since no run between them changed what the expression needs.
    fn holds_at(&self, at: usize, line: &[Candidate]) -> bool {
        let between = &line[self.at.min(at) + 1..=self.at.max(at)];
        !between.iter().any(|run| run.may_change(self.needs.as_deref()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BisectAnswer {
    /// The first state for which it is true.
    At(usize),
    Always,
    Never,
}

/// Finds the first of `length` states for which it is true, assuming that it then stays true.
fn search<E>(length: usize, mut is_true: impl FnMut(usize) -> Result<bool, E>) -> Result<BisectAnswer, E> {
    let (mut before, mut after) = (0, length.saturating_sub(1));
    if is_true(before)? {
        return Ok(BisectAnswer::Always);
    }
    if before == after || !is_true(after)? {
        return Ok(BisectAnswer::Never);
    }
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if is_true(middle)? {
            after = middle;
        } else {
            before = middle;
        }
    }
    Ok(BisectAnswer::At(after))
}

impl BisectPage {
    /// Returns the error of all evaluated states if it is the same undefined name.
    fn names_nothing(&self) -> Option<&str> {
        let mut errors = self.tried.iter().map(|step| step.error.as_deref());
        let error = errors.next()??;
        let is_same = error.starts_with("NameError: ") && errors.all(|other| other == Some(error));
        is_same.then_some(error)
    }

    /// Records that a state has the same answer as an evaluated one.
    fn is_as(&mut self, asked: &Candidate, other: &Candidate) {
        let Some(step) = self.tried.iter().find(|step| step.run == asked.label) else {
            return;
        };
        let (run, same_as) = (other.label.clone(), Some(asked.label.clone()));
        let step = Step {
            run,
            same_as,
            ..step.clone()
        };
        self.tried.push(step);
    }

    fn try_one(
        &mut self,
        question: &Question,
        candidate: &Candidate,
        length: usize,
        next: &mut Option<StartingProcess>,
        waiting: &mut dyn ProgressMonitor,
    ) -> Result<StateAnswer, Problem> {
        let most = 2 + length.saturating_sub(2).checked_ilog2().map_or(0, |halves| halves + 1);
        let number = self.tried.len() + 1;
        waiting.tell(&format!("Trying run {} ({number} of at most {most})", candidate.label));
        let tried = question.try_at(candidate, next, number < most as usize, waiting)?;
        let error = tried.value.error.as_ref();
        self.tried.push(Step {
            run: candidate.label.clone(),
            is_true: tried.value.is_true,
            error: error.map(|error| text::clean(&format!("{}: {}", error.exception, error.message))),
            same_as: None,
        });
        self.sandbox_gaps.clone_from(&tried.gaps);
        for lost in &tried.lost {
            if !self.not_restored.contains(lost) {
                self.not_restored.push(lost.clone());
            }
        }
        Ok(tried)
    }

    fn first_sentence(&self) -> String {
        let expression = text::shorten(&text::clean(&self.expression), 80);
        match (self.verdict, &self.run) {
            (Verdict::Found, Some(run)) => format!("`{expression}` is true from run {run} on:"),
            (Verdict::Always, _) => format!("`{expression}` was already true after run {}.", self.from),
            _ if self.from == self.to => format!("`{expression}` is not true after run {}.", self.to),
            _ => format!(
                "`{expression}` is not true after run {}, nor after run {}.",
                self.from, self.to
            ),
        }
    }
}

impl Page for BisectPage {
    fn text(&self, context: &Context) -> String {
        let mut text = format!("{}\n", context.style.strong(&self.first_sentence()));
        if let Some(run) = &self.run {
            text += &format!("  {run}  {}\n", self.what);
        }
        for step in &self.tried {
            let word = if step.is_true { "true" } else { "not true" };
            let why = match &step.same_as {
                Some(run) => Some(format!(", as after run {run}: nothing that it needs changed between")),
                None => step
                    .error
                    .as_ref()
                    .map(|error| format!(", {}", text::shorten(error, 100))),
            };
            let line = format!("  run {}: {word}{}", step.run, why.unwrap_or_default());
            text += &format!("{}\n", context.style.faint(&line));
        }
        if let Some(missing) = &self.missing {
            text += &text::not_known(missing);
        }
        text + &exceptions("its run", &self.not_restored, &self.sandbox_gaps)
    }

    fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Found => Exit::Done,
            Verdict::Never | Verdict::Always => Exit::Inexact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(states: &[bool]) -> (BisectAnswer, usize) {
        let mut asked = 0;
        let found = search(states.len(), |at| {
            asked += 1;
            Ok::<_, ()>(states[at])
        });
        (found.unwrap(), asked)
    }

    #[test]
    fn the_first_true_state_is_found_in_as_many_steps_as_there_are_halves() {
        for length in 2..70 {
            for at in 1..length {
                let states: Vec<bool> = (0..length).map(|state| state >= at).collect();
                let (found, asked) = first(&states);
                assert_eq!(found, BisectAnswer::At(at));
                assert!(
                    asked <= 2 + (usize::BITS - (length - 1).leading_zeros()) as usize,
                    "{length} {at} {asked}"
                );
            }
        }
    }

    #[test]
    fn both_ends_are_asked_before_anything_is_halved() {
        assert_eq!(first(&[true, true, true]), (BisectAnswer::Always, 1));
        assert_eq!(first(&[false, false, false]), (BisectAnswer::Never, 2));
        assert_eq!(first(&[false]), (BisectAnswer::Never, 1));
        assert_eq!(first(&[true]), (BisectAnswer::Always, 1));
    }
}

//! `clew eval` and `clew bisect`: evaluate an expression in other states in a sandbox process, without changing the session.

pub(crate) mod bisect;
mod check;
pub(crate) mod eval;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clew_core::id::{Root, RootKind, RunId};
use clew_core::plan::OutcomeKind;
use serde::Serialize;

use super::extract::{self, ExtractedScript};
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::page::{Output, OutputFormatter};
use crate::path_maps::PathMaps;
use crate::problem::{Exit, Problem};
use crate::progress::ProgressMonitor;
use crate::report::title;
use crate::sandbox_process::{
    ExpressionValue, InexactRoot, ProcessLimits, SandboxConfig, SandboxError, SandboxProcess, StartingProcess,
};
use crate::text;

pub use bisect::bisect;
pub use eval::eval;

/// Evaluate an expression in the state after a run.
///
/// A sandbox process evaluates it. Your session does not change.
#[derive(Debug, Clone, clap::Args)]
pub struct Eval {
    /// The run
    #[arg(value_name = "REV")]
    pub revision: String,
    /// The expression; type `--` before it if it begins with a dash
    #[arg(value_name = "EXPR", required = true, num_args = 1..)]
    pub expression: Vec<String>,
}

/// Find the first run after which an expression is true.
///
/// Sandbox processes evaluate it, by binary search. Your session does not change.
#[derive(Debug, Clone, clap::Args)]
pub struct Bisect {
    /// Search from this run, after which it is not true yet; by default the first run
    #[arg(long, value_name = "REV")]
    pub from: Option<String>,
    /// Search up to this run, after which it is true
    #[arg(long, value_name = "REV", default_value = "@")]
    pub to: String,
    /// The expression; if it raises, it counts as false; type `--` before it if it begins with a dash
    #[arg(value_name = "EXPR", required = true, num_args = 1..)]
    pub expression: Vec<String>,
}

pub(crate) const EVAL: CommandInfo = CommandInfo {
    name: "eval",
    examples: &[("eval 14 \"len(df)\"", "the length of df after run 14")],
    calls: &[CommandCall::new("eval 2 x", "eval(2, 'x')", "Evaluated")],
    ..CommandInfo::DEFAULT
};

pub(crate) const BISECT: CommandInfo = CommandInfo {
    name: "bisect",
    examples: &[(
        "bisect \"df.isna().any().any()\"",
        "the first run after which df had missing values",
    )],
    calls: &[CommandCall::new(
        "bisect --from 1 --to 3 len(x)==2",
        "bisect('len(x) == 2', first=1, last=3)",
        "Bisected",
    )],
    ..CommandInfo::DEFAULT
};

/// A question, with all data needed to answer it after the history was closed.
#[derive(Debug)]
pub struct Question {
    expression: String,
    start: SandboxConfig,
    asked: SandboxTask,
}

#[derive(Debug)]
enum SandboxTask {
    Eval(Candidate),
    /// The runs of the branch, oldest first, and the missing run before them.
    Bisect {
        line: Vec<Candidate>,
        missing: Option<String>,
    },
    /// A script created by `extract`.
    Check {
        extract: extract::Arguments,
        script: Box<ExtractedScript>,
    },
}

/// A run in whose state the expression may be evaluated.
#[derive(Debug, Clone)]
struct Candidate {
    id: RunId,
    label: String,
    /// `In [3]  df = df.dropna()`.
    what: String,
    /// Variables whose values differ from those in the previous state.
    names: BTreeSet<String>,
    /// Whether other state differs: classes, options, generators, ...
    has_changed_besides: bool,
}

impl Candidate {
    /// Whether the value of an expression that needs these variables, or all, may differ after this run.
    fn may_change(&self, needs: Option<&[String]>) -> bool {
        let is_touched = |needs: &[String]| needs.iter().any(|name| self.names.contains(name));
        self.has_changed_besides || needs.is_none_or(is_touched)
    }
}

/// A root of a state that the sandbox process could not load as the run left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InexactVariable {
    /// The variable, or other session state.
    root: Root,
    /// `lost`, `not_identical`, or `rerun` if its cell was rerun in the sandbox process.
    #[cfg_attr(test, schemars(with = "String"))]
    outcome: OutcomeKind,
    /// The reason.
    why: String,
}

impl Question {
    /// Creates a question about the history at `place`. `executable` is the interpreter of the asking kernel; without it, the interpreter
    /// that recorded the history is used.
    fn of(
        asked: SandboxTask,
        expression: &[String],
        place: &HistoryView<'_>,
        executable: Option<PathBuf>,
        context: &Context,
    ) -> Result<Self, Problem> {
        let executable = match executable {
            Some(executable) => executable,
            None => recorded_with(place, context)?,
        };
        Ok(Self {
            expression: expression.join(" ").trim().to_owned(),
            start: SandboxConfig {
                is_patient: false,
                maps: PathMaps::default(),
                executable,
                limits: ProcessLimits {
                    memory: context.settings.number("scratch.memory"),
                    seconds: context.settings.number("scratch.seconds"),
                },
                store: place.store.to_owned(),
                config: context.config.clone(),
                history: place.id.to_string(),
                environment: context.environment(),
            },
            asked,
        })
    }

    /// Answers the question. This can take arbitrarily long, and does not use the live session.
    pub fn work_out(&self, waiting: &mut dyn ProgressMonitor, answer: &OutputFormatter<'_>) -> Output {
        let context = answer.context;
        match &self.asked {
            SandboxTask::Eval(candidate) => answer.give(eval::work_out(self, candidate, waiting, context)),
            SandboxTask::Bisect { line, missing } => {
                answer.give(bisect::work_out(self, line, missing.as_deref(), waiting, context))
            }
            SandboxTask::Check { extract, script } => {
                let checked = check::work_out(self, script, waiting);
                answer.give(checked.and_then(|checked| extract::finish(extract, script, Some(checked), context)))
            }
        }
    }

    /// Evaluates the expression in the state after one run, in a separate process that loads only what the expression needs. If a variable
    /// was used that was not loaded, a second process loads everything.
    ///
    /// Uses the process `next` if it was started. If another evaluation `follows`, its process is started in the meantime.
    fn try_at(
        &self,
        candidate: &Candidate,
        next: &mut Option<StartingProcess>,
        follows: bool,
        waiting: &mut dyn ProgressMonitor,
    ) -> Result<StateAnswer, Problem> {
        let scratch = self.process(next.take(), waiting)?;
        if follows {
            // A failure to start is reported when the process is needed.
            *next = SandboxProcess::begin(&self.start).ok();
        }
        let tried = self.try_in(scratch, candidate, false, waiting)?;
        if tried.value.lacks {
            let scratch = self.process(next.take(), waiting)?;
            return self.try_in(scratch, candidate, true, waiting);
        }
        Ok(tried)
    }

    fn process(
        &self,
        started: Option<StartingProcess>,
        waiting: &mut dyn ProgressMonitor,
    ) -> Result<SandboxProcess, Problem> {
        let started = started.map_or_else(|| SandboxProcess::begin(&self.start), Ok);
        let scratch = started.and_then(|started| started.locked_in(&mut || waiting.goes_on()));
        scratch.map_err(|error| self.problem(&error))
    }

    fn try_in(
        &self,
        mut scratch: SandboxProcess,
        candidate: &Candidate,
        whole: bool,
        waiting: &mut dyn ProgressMonitor,
    ) -> Result<StateAnswer, Problem> {
        let failed = |error: SandboxError| self.problem(&error);
        let mut goes_on = || waiting.goes_on();
        let truth = matches!(self.asked, SandboxTask::Bisect { .. });
        let run = candidate.id.to_string();
        let loaded = scratch
            .load(&run, &self.expression, whole, &mut goes_on)
            .map_err(failed)?;
        let value = scratch.eval(&self.expression, truth, &mut goes_on).map_err(failed)?;
        if let Some(error) = value.error.as_ref().filter(|error| error.is_syntax) {
            let what = format!(
                "`{}` is not an expression: {}",
                self.shown(),
                text::clean(&error.message)
            );
            return Err(Problem::usage(what)
                .with_hint("type one Python expression in quotes, such as \"len(df)\"; statements are not evaluated"));
        }
        Ok(StateAnswer {
            value,
            lost: loaded.inexact.into_iter().filter_map(lost).collect(),
            needs: loaded.needs,
            gaps: scratch.gaps().to_vec(),
        })
    }

    fn shown(&self) -> String {
        text::shorten(&text::clean(&self.expression), 80)
    }

    fn problem(&self, error: &SandboxError) -> Problem {
        let problem = Problem::of(Exit::Refused, error.to_string());
        let executable = text::typed_path(&self.start.executable);
        match error {
            SandboxError::NotStarted(why) if why.contains("clew") => problem.with_hint(format!(
                "`{executable} -m pip install clew` installs Clew for this interpreter"
            )),
            SandboxError::NotStarted(_) => {
                problem.with_hint(format!("check that `{executable} -c \"import clew\"` works"))
            }
            SandboxError::TooLong(_) | SandboxError::TooMuch(_) => {
                problem.with_hint("evaluate a smaller expression, or restore the state and evaluate it there")
            }
            _ => problem,
        }
    }
}

/// The answer for one run's state.
struct StateAnswer {
    value: ExpressionValue,
    lost: Vec<InexactVariable>,
    /// The only variables that affect the expression; `None` if any may.
    needs: Option<Vec<String>>,
    gaps: Vec<String>,
}

/// Creates a question whether the script of `extract` recreates the recorded values.
pub fn check(
    extract: &extract::Arguments,
    place: &HistoryView<'_>,
    executable: Option<PathBuf>,
    context: &Context,
) -> Result<Question, Problem> {
    let asked = SandboxTask::Check {
        extract: extract.clone(),
        script: Box::new(extract::prepare(extract, place, context)?),
    };
    Question::of(asked, &[], place, executable, context)
}

fn recorded_with(place: &HistoryView<'_>, context: &Context) -> Result<PathBuf, Problem> {
    let executable = &place.description.kernel.executable;
    let problem = |message: String| {
        Problem::of(Exit::Refused, message).with_hint(format!(
            "type {} in a notebook of this history",
            context.typed.in_notebook()
        ))
    };
    if executable.is_empty() {
        return Err(problem(
            "Clew does not know the interpreter that this history was recorded with".to_owned(),
        ));
    }
    if !Path::new(executable).exists() {
        let executable = text::clean(executable);
        return Err(problem(format!(
            "The interpreter that this history was recorded with does not exist any more: {executable}"
        )));
    }
    Ok(PathBuf::from(executable))
}

fn lost(inexact: InexactRoot) -> Option<InexactVariable> {
    Some(InexactVariable {
        root: Root::new(RootKind::from_word(&inexact.kind)?, inexact.key),
        outcome: inexact.outcome,
        why: inexact.why,
    })
}

/// Formats what the state lacked, and gaps of the sandbox.
fn exceptions(whose: &str, lost: &[InexactVariable], gaps: &[String]) -> String {
    let mut text = String::new();
    let (again, lost): (Vec<&InexactVariable>, Vec<&InexactVariable>) =
        lost.iter().partition(|lost| lost.outcome == OutcomeKind::Rerun);
    if !again.is_empty() {
        let each: Vec<String> = again.iter().map(|lost| text::clean(&title(&lost.root))).collect();
        text += &format!("  Rerun: {}\n", text::listing(&each, 6));
    }
    if !lost.is_empty() {
        let each: Vec<String> = lost
            .iter()
            .map(|lost| {
                let why = if lost.why.is_empty() {
                    String::new()
                } else {
                    format!(", {}", lost.why)
                };
                text::clean(&format!("{} ({}{why})", title(&lost.root), lost.outcome.text()))
            })
            .collect();
        text += &format!("  Not as after {whose}: {}\n", text::listing(&each, 6));
    }
    if !gaps.is_empty() {
        text += &format!("  The sandbox does not work here: {}\n", text::clean(&gaps.join("; ")));
    }
    text
}

/// Checks that a sandbox process can find a run, which it reads from the store.
fn is_there(run: RunId, place: &HistoryView<'_>) -> Result<(), Problem> {
    let is_temporary = place.live.is_some_and(|live| live.is_temporary);
    if !is_temporary || place.history.maker(&run) != place.session {
        return Ok(());
    }
    let message = format!(
        "Run {} is not saved because the store is read-only, so a sandbox process cannot load it",
        place.history.label(&run)
    );
    Err(Problem::of(Exit::Refused, message).with_hint("evaluate the expression in the notebook"))
}

fn candidate(id: RunId, place: &HistoryView<'_>) -> Candidate {
    let run = place.history.run(&id);
    let changed = run
        .iter()
        .flat_map(|run| &run.changed)
        .flat_map(|version| &version.roots);
    let touched: Vec<&Root> = changed.chain(run.iter().flat_map(|run| &run.removed)).collect();
    let is_besides = |root: &Root| !matches!(root.kind, RootKind::Name | RootKind::Out);
    let names = touched.iter().filter(|root| root.kind == RootKind::Name);
    let names = names.map(|root| root.key.clone()).collect();
    // The changes of an unreadable run are unknown.
    let has_changed_besides = run.is_none() || touched.iter().any(|root| is_besides(root));
    let page = run.map(|run| crate::run_page::RunPage::of(id, run, place));
    Candidate {
        id,
        label: place.history.label(&id),
        what: page
            .map(|page| format!("{}  {}", page.origin(), text::shorten(&page.headline(), 80)))
            .unwrap_or_default(),
        names,
        has_changed_besides,
    }
}

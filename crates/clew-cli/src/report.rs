//! Formats the report of a restore: a summary line, then the exceptions.

use std::collections::BTreeSet;

use clew_core::cause::Cause;
use clew_core::format::Action;
use clew_core::id::{Root, RootKind};
use clew_core::plan::{Outcome, OutcomeKind, Report, TakenStep};
use clew_core::store::LogRollback;
use maud::{Markup, html};
use serde::Serialize;

use crate::changes::is_telling;
use crate::context::Context;
use crate::html::{self, CleanText, VariableChange};
use crate::page::Page;
use crate::problem::Exit;
use crate::rollback_check::setbacks_text;
use crate::text;

/// The additional report of `resume` about the history. Empty for any other command.
#[derive(Debug, Default)]
pub struct ResumeReport {
    /// Data of the history that was seen before and is missing now.
    pub rolled_back: Vec<LogRollback>,
    /// Descriptions of crashed runs.
    pub crashed_runs: Vec<String>,
    /// Files of the user's own modules that were edited since the last session.
    pub edited_files: Vec<String>,
    /// Whether parts of the history are unreadable.
    pub is_damaged: bool,
}

/// A report as a page.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReportPage<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Whether no variable is lost or not identical.
    is_exact: bool,
    /// `resume`: parts of the history that Clew saw before and that are missing now.
    rolled_back: Vec<String>,
    /// `resume`: cells during which earlier kernels died.
    crashed_runs: &'a [String],
    /// `resume`: files of your own modules that were edited since.
    edited_files: &'a [String],
    #[serde(skip)]
    set_back: String,
    #[serde(skip)]
    is_damaged: bool,
}

impl<'a> ReportPage<'a> {
    /// Creates the page of a report, with the notes about a resumed history.
    pub fn of(report: &'a Report, taken_up: &'a ResumeReport) -> Self {
        Self {
            report,
            is_exact: report.is_exact(),
            rolled_back: taken_up.rolled_back.iter().map(ToString::to_string).collect(),
            crashed_runs: &taken_up.crashed_runs,
            edited_files: &taken_up.edited_files,
            set_back: setbacks_text(&taken_up.rolled_back),
            is_damaged: taken_up.is_damaged,
        }
    }

    /// Formats the notes about a resumed history.
    fn resume_lines(&self, context: &Context) -> Vec<String> {
        let deaths = self.crashed_runs.iter().map(|death| format!("{death}."));
        let others = [
            self.edited_line(context),
            self.setbacks_line(context),
            self.damage_line(context),
        ];
        deaths.chain(others.into_iter().flatten()).collect()
    }

    fn edited_line(&self, context: &Context) -> Option<String> {
        let files = text::listing(self.edited_files, LISTED);
        let (was, them) = of_number(self.edited_files.len());
        let stale = context.command("stale");
        let line = format!(
            "{files} {was} edited since then: functions that use {them} may return other results. {stale} lists the affected cells"
        );
        (!self.edited_files.is_empty()).then_some(line)
    }

    fn setbacks_line(&self, context: &Context) -> Option<String> {
        let doctor = context.command("doctor");
        let told = &self.set_back;
        let line = format!("Some of the history that you saw is missing: {told}. {doctor} explains what to do");
        (!self.rolled_back.is_empty()).then_some(line)
    }

    /// The unreadable data may be the latest. If the latest run is known, the report names it.
    fn damage_line(&self, context: &Context) -> Option<String> {
        let verify = context.command("verify");
        let line = format!(
            "The history is corrupted, so the last session may have ended later: {verify} lists what cannot be read"
        );
        (self.is_damaged && self.report.unreachable.is_none()).then_some(line)
    }
}

/// The most variables of one outcome in the first line.
const NAMED: usize = 4;
/// The most roots of one kind in a line of their own.
const LISTED: usize = 6;
/// The most exceptions that HTML shows unfolded.
const SHOWN: usize = 12;

impl Page for ReportPage<'_> {
    fn html(&self, context: &Context) -> Option<String> {
        Some(html::fragment(&html! {
            (body(self.report, context))
            @for line in self.resume_lines(context) { (html::line(&html! { (CleanText(&line)) })) }
        }))
    }

    fn text(&self, context: &Context) -> String {
        let report = self.report;
        let mut text = format!(
            "{}{}{}\n",
            first_sentence(report, context),
            counts(report, Reasons::Here),
            landing(report)
        );
        for line in exceptions(report, context).iter().chain(&self.resume_lines(context)) {
            text += &format!("  {}\n", text::clean(&context.told(line)));
        }
        text
    }

    fn exit(&self) -> Exit {
        Exit::Inexact.unless(self.is_exact)
    }
}

/// Formats the current run if it is not the requested one.
fn landing(report: &Report) -> String {
    if report.at == report.to || report.dry_run {
        return String::new();
    }
    format!(" You are at {}: {}.", report.at, what_at_means(report))
}

/// Renders the first line, a table of exceptions, and the rest folded.
fn body(report: &Report, context: &Context) -> Markup {
    let (first, counts) = (first_sentence(report, context), counts(report, Reasons::Elsewhere));
    let wanted: Vec<&Outcome> = report.outcomes.iter().filter(|outcome| is_exception(outcome)).collect();
    let rows: Vec<Vec<Markup>> = wanted.iter().map(|outcome| row(outcome)).collect();
    html! {
        (html::title(&html! { b { (CleanText(first.trim_end())) } " " (CleanText(&counts)) (CleanText(&landing(report))) }))
        @for line in beside_outcomes(report, context) { (html::line(&html! { (CleanText(&line)) })) }
        @if rows.len() > SHOWN {
            (html::table(&[], &rows[..SHOWN]))
            (html::folded(&html! { (rows.len() - SHOWN) " more" }, &html::table(&[], &rows[SHOWN..])))
        } @else if !rows.is_empty() {
            (html::table(&[], &rows))
        }
        @for word in [OutcomeKind::Restored, OutcomeKind::Rerun, OutcomeKind::Removed, OutcomeKind::Unchanged] { (plain(word, report)) }
        @if let Some(unrestored) = unrestored_line(report) { p.clew-faint { (CleanText(&unrestored)) } }
        @if let Some(unverified) = unverified_line(report) { p.clew-faint { (CleanText(&unverified)) } }
        @if let Some(others) = also_back(report) { p.clew-faint { (CleanText(&others)) } }
    }
}

/// Whether an outcome needs an explanation.
fn is_exception(outcome: &Outcome) -> bool {
    is_inexact(outcome.kind) || outcome.why.is_some()
}

fn row(outcome: &Outcome) -> Vec<Markup> {
    let mark = match outcome.kind {
        OutcomeKind::Lost => VariableChange::Lost,
        OutcomeKind::Removed => VariableChange::Removed,
        _ => VariableChange::Changed,
    };
    vec![
        html! { code { (CleanText(&title(&outcome.root))) } },
        html! { @if is_inexact(outcome.kind) { (html::toned(mark, word_of(outcome))) } @else { (word_of(outcome)) } },
        html! { (CleanText(why_of(outcome).unwrap_or_default())) },
    ]
}

/// Renders the variables of one outcome without explanations, folded.
fn plain(word: OutcomeKind, report: &Report) -> Markup {
    let is_plain = |outcome: &&Outcome| outcome.kind == word && is_name(&outcome.root) && !is_exception(outcome);
    let names: Vec<&Outcome> = report.outcomes.iter().filter(is_plain).collect();
    html! {
        @if !names.is_empty() {
            (html::folded(&html! { (names.len()) " " (word.text()) }, &html! {
                p { @for name in &names { code { (CleanText(&name.root.to_string())) } " " } }
            }))
        }
    }
}

/// A resume may replace what was done in this kernel before.
fn left_line(report: &Report, context: &Context) -> Option<String> {
    let run = report.left_run.as_deref()?;
    let back = context.command(&format!("switch {run}"));
    Some(format!("This kernel was at run {run}: {back} goes back to it"))
}

/// Formats lines that are not about outcomes: the kernel's previous run, other kernels, changes outside any cell, exclusions.
fn beside_outcomes(report: &Report, context: &Context) -> Vec<String> {
    let outside = report.external_change.as_deref();
    [
        left_line(report, context),
        beside_line(report, context),
        batch_line(report, context),
        unreachable_line(report, context),
        along_line(report),
        outside.map(|outside| recorded_first(outside, report)),
        excluded_line(report, context),
        replay_line(report, context),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// If two kernels diverged, one's state is resumed; the other's is a branch like any other.
fn beside_line(report: &Report, context: &Context) -> Option<String> {
    let (kernels, run, line) = match report.other_kernels.as_slice() {
        [] => return None,
        [only] => ("Another kernel", only.as_str(), "its state"),
        _ => ("Other kernels", "RUN", "the state of one"),
    };
    let runs = text::listing(&report.other_kernels, LISTED);
    let switch = context.command(&format!("switch {run}"));
    Some(format!(
        "{kernels} recorded in this history at the same time, up to {runs}: {switch} goes to {line}"
    ))
}

/// The end of a batch run is not the user's working state, so it is only mentioned.
fn batch_line(report: &Report, context: &Context) -> Option<String> {
    let run = report.batch_run.as_deref()?;
    Some(format!(
        "A later `clew run` ended at run {run}: {} goes to its state",
        context.command(&format!("switch {run}"))
    ))
}

/// Warns that an older state was restored than the last one.
fn unreachable_line(report: &Report, context: &Context) -> Option<String> {
    let run = report.unreachable.as_deref()?;
    let verify = context.command("verify");
    let told = if report.missing.as_deref() == Some(run) {
        format!("the record of its last run cannot be read. {verify} lists what is corrupted")
    } else {
        let vars = context.command(&format!("vars {run}"));
        format!(
            "that was run {run}, and a record before it is missing. {verify} lists what is missing, {vars} lists the known variables"
        )
    };
    Some(format!("This is not where the last session ended: {told}"))
}

/// Returns the verb and the pronoun for a number of variables.
fn of_number(count: usize) -> (&'static str, &'static str) {
    if count == 1 { ("was", "it") } else { ("were", "them") }
}

/// Reminds the user that an exclusion ends with its kernel.
fn excluded_line(report: &Report, context: &Context) -> Option<String> {
    let is_excluded = |outcome: &&Outcome| {
        outcome.kind == OutcomeKind::Lost
            && is_name(&outcome.root)
            && outcome.why.as_deref().is_some_and(Cause::is_excluded)
    };
    let excluded = report.outcomes.iter().filter(is_excluded);
    let names: Vec<String> = excluded.map(|outcome| outcome.root.to_string()).collect();
    let (was, them) = of_number(names.len());
    let exclude = context.command(&format!("exclude {}", names.join(" ")));
    let told = text::listing(&names, LISTED);
    (report.action == "resume" && !names.is_empty())
        .then(|| format!("{told} {was} excluded in the earlier kernel: {exclude} excludes {them} here, too"))
}

/// Changes outside any cell are undone and redone along with the adjacent runs.
fn along_line(report: &Report) -> Option<String> {
    let is_told = |run: &&String| report.external_change.as_ref() == Some(*run);
    let others: Vec<String> = report
        .included_changes
        .iter()
        .filter(|run| !is_told(run))
        .cloned()
        .collect();
    let went = match (report.action.as_str(), report.dry_run) {
        _ if others.is_empty() => return None,
        ("undo", false) => "Also undone",
        ("undo", true) => "Would also be undone",
        (_, false) => "Also restored",
        (_, true) => "Would also be restored",
    };
    Some(format!("{went}: {} (changes outside any cell)", text::runs(&others)))
}

fn recorded_first(outside: &str, report: &Report) -> String {
    let is_gone = report.included_changes.iter().any(|run| run == outside);
    let went = if is_gone { ", and undone as well" } else { "" };
    format!("Changes outside any cell were recorded first, as run {outside}{went}")
}

fn first_sentence(report: &Report, context: &Context) -> String {
    let what = context.style.strong(&deed(report));
    if report.dry_run {
        format!(
            "{what} ({} to read). {}Nothing was changed. ",
            text::bytes(report.bytes),
            skipped(report)
        )
    } else {
        // The total time, including the comparison before the restore.
        let took = report.compare_nanoseconds + report.restore_nanoseconds;
        format!("{what} in {}. {}", text::duration(took), skipped(report))
    }
}

/// Returns what was done, or would be with `--dry-run`.
fn deed(report: &Report) -> String {
    let (done, planned) = match report.action.as_str() {
        "undo" => ("Undid", "Would undo"),
        "redo" => ("Redid", "Would redo"),
        "restore" => ("Restored", "Would restore"),
        "resume" => ("Resumed at", "Would resume at"),
        "fresh" => ("Started fresh at", "Would start fresh at"),
        "op restore" => ("Went back to", "Would go back to"),
        _ => ("Switched to", "Would switch to"),
    };
    let verb = if report.dry_run { planned } else { done };
    match report.action.as_str() {
        "undo" | "redo" => steps(report, verb),
        "restore" => format!("{verb} {} from {}", names(report), report.to),
        "fresh" => format!("{verb} {}", report.to),
        "resume" if report.from == report.to && !report.dry_run => {
            format!("Nothing to resume, already at {}", target(report))
        }
        _ => format!("{verb} {}", target(report)),
    }
}

/// Formats `14`, or `14 (branch forest)`.
fn target(report: &Report) -> String {
    match &report.branch {
        Some(branch) => format!("{} (branch {})", report.to, text::clean(branch)),
        None => report.to.clone(),
    }
}

/// Formats "Undid runs 5 and 6", "Undid `switch 4`": first the runs, then the other operations.
fn steps(report: &Report, verb: &str) -> String {
    let (runs, moves): (Vec<&TakenStep>, Vec<&TakenStep>) =
        report.steps.iter().partition(|step| step.action == Action::Run.word());
    let mut parts = Vec::new();
    if !runs.is_empty() {
        let runs: Vec<String> = runs.iter().map(|step| step.to.clone()).collect();
        parts.push(text::runs(&runs));
    }
    if !moves.is_empty() {
        let moves: Vec<String> = moves.iter().map(|step| moved(step)).collect();
        parts.push(text::listing(&moves, NAMED));
    }
    format!("{verb} {}", parts.join(" and "))
}

/// Formats "`switch 4`" as typed.
fn moved(step: &TakenStep) -> String {
    match step.action.as_str() {
        "switch" => format!("`switch {}`", text::clean(&step.to)),
        "resume-recording" => format!("run {} (changes during the pause)", step.to),
        other => format!("`{other}`"),
    }
}

/// Formats `Skipped 2 runs that changed no variable. `
fn skipped(report: &Report) -> String {
    match usize::try_from(report.skipped).unwrap_or(usize::MAX) {
        0 => String::new(),
        count => format!("Skipped {} that changed no variable. ", text::count(count, "run")),
    }
}

fn names(report: &Report) -> String {
    let names: Vec<String> = report
        .outcomes
        .iter()
        .map(|outcome| text::clean(&outcome.root.to_string()))
        .collect();
    text::listing(&names, 6)
}

/// Whether the first line contains reasons, or a table below it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasons {
    Here,
    Elsewhere,
}

/// Formats `43 variables: 38 unchanged, 3 restored, 1 rerun (plot), 1 lost: conn (a live connection).`
fn counts(report: &Report, reasons: Reasons) -> String {
    let names: Vec<&Outcome> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.root.kind == RootKind::Name)
        .collect();
    let mut parts: Vec<String> = Vec::new();
    for word in OutcomeKind::ALL {
        let with_word = names.iter().filter(|outcome| outcome.kind == word);
        let (alone, others): (Vec<&&Outcome>, Vec<&&Outcome>) = with_word.partition(|outcome| is_excluded(outcome));
        for outcomes in [others, alone] {
            if let Some(first) = outcomes.first() {
                let listed = listed(word, &outcomes, reasons);
                parts.push(format!("{} {}{listed}", outcomes.len(), word_of(first)));
            }
        }
    }
    if parts.is_empty() {
        return "No variables.".to_owned();
    }
    text::clean(&format!(
        "{}: {}.",
        text::count(names.len(), "variable"),
        parts.join(", ")
    ))
}

/// Lists the variables of an outcome if useful: if there are few, or if the outcome is unwanted. Includes reasons if there is space.
fn listed(word: OutcomeKind, outcomes: &[&&Outcome], reasons: Reasons) -> String {
    let is_short = outcomes.len() <= NAMED;
    let one = |outcome: &&&Outcome| match why_of(outcome) {
        Some(why) if is_short && is_inexact(word) && reasons == Reasons::Here => format!("{} ({why})", outcome.root),
        _ => outcome.root.to_string(),
    };
    let names: Vec<String> = outcomes.iter().map(one).collect();
    match word {
        OutcomeKind::Unchanged => String::new(),
        _ if is_inexact(word) => format!(": {}", text::listing(&names, NAMED)),
        _ if is_short => format!(" ({})", names.join(", ")),
        _ => String::new(),
    }
}

fn is_inexact(word: OutcomeKind) -> bool {
    matches!(word, OutcomeKind::NotIdentical | OutcomeKind::Lost)
}

/// Whether the variable is excluded from recording and stays as it is, so it is unknown whether it has the target's value.
fn is_excluded(outcome: &Outcome) -> bool {
    outcome.why.as_deref().and_then(Cause::left_alone).is_some()
}

/// Returns the outcome for display.
fn word_of(outcome: &Outcome) -> &'static str {
    if is_excluded(outcome) {
        "excluded"
    } else {
        outcome.kind.text()
    }
}

/// Returns the reason after [`word_of`]. A possible rerun is mentioned in a separate line.
fn why_of(outcome: &Outcome) -> Option<&str> {
    let why = outcome.why.as_deref()?;
    let why = Cause::left_alone(why).unwrap_or(why);
    Some(Cause::may_replay(why).unwrap_or(why))
}

/// Describes how the moved run differs from the target: `14 without conn`, `14 with a different geo`, `14 with key left as before`.
fn what_at_means(report: &Report) -> String {
    if report.action == "restore" {
        return format!("the live state, with these variables from {}", report.to);
    }
    let of = |word: OutcomeKind| report.outcomes.iter().filter(move |outcome| outcome.kind == word);
    let told = |outcome: &Outcome| is_telling(&outcome.root).then(|| text::clean(&title(&outcome.root)));
    let lost: Vec<String> = of(OutcomeKind::Lost).filter_map(told).collect();
    let (alone, differs): (Vec<&Outcome>, Vec<&Outcome>) =
        of(OutcomeKind::NotIdentical).partition(|outcome| is_excluded(outcome));
    let differs: Vec<String> = differs.into_iter().filter_map(told).collect();
    let mut means = report.to.clone();
    if !lost.is_empty() {
        means += &format!(" without {}", text::listing(&lost, NAMED));
    }
    if !differs.is_empty() {
        means += &format!(
            "{} with a different {}",
            if lost.is_empty() { "" } else { "," },
            text::listing(&differs, NAMED)
        );
    }
    let kept = report.keep.iter().map(|root| text::clean(&title(root)));
    let kept: Vec<String> = kept.chain(alone.into_iter().filter_map(told)).collect();
    if !kept.is_empty() {
        means += &format!(" with {} left as before", text::listing(&kept, NAMED));
    } else if lost.is_empty() && differs.is_empty() {
        means += " as far as it could be reached";
    }
    means
}

/// Returns lines with further details: what is not exact, references to old objects, what is unverified, and other session state. Roots
/// with the same text share a line.
fn exceptions(report: &Report, context: &Context) -> Vec<String> {
    let mut lines = beside_outcomes(report, context);
    lines.extend(reasons(report));
    lines.extend(unrestored_line(report));
    lines.extend(unverified_line(report));
    lines.extend(also_back(report));
    lines
}

/// Formats ``L and g: `clew switch 5 --rerun` reruns their cells``.
fn replay_line(report: &Report, context: &Context) -> Option<String> {
    let may_replay = |outcome: &Outcome| outcome.why.as_deref().and_then(Cause::may_replay).is_some();
    let roots: Vec<&Root> = report
        .outcomes
        .iter()
        .filter(|one| may_replay(one))
        .map(|one| &one.root)
        .collect();
    let titles: Vec<String> = roots.iter().map(|root| title(root)).collect();
    let cells = match titles.as_slice() {
        [] => return None,
        [_] => "its cell",
        _ => "their cells",
    };
    let to = text::typed(report.branch.as_ref().unwrap_or(&report.to));
    let command = match report.action.as_str() {
        "restore" => {
            let names: Vec<String> = roots.iter().map(|root| text::typed(&root.key)).collect();
            format!("restore {to} --rerun -- {}", names.join(" "))
        }
        "resume" => "resume --rerun".to_owned(),
        _ => format!("switch {to} --rerun"),
    };
    let command = context.command(&command);
    Some(format!("{}: {command} reruns {cells}", text::listing(&titles, LISTED)))
}

/// Formats `Runs 4 and 6 may have changed state that Clew does not restore: abc.register, gc.freeze`.
fn unrestored_line(report: &Report) -> Option<String> {
    let crossed: Vec<String> = report.unrestored.iter().rev().map(|one| one.run.clone()).collect();
    let mut what: Vec<String> = report
        .unrestored
        .iter()
        .rev()
        .flat_map(|one| one.what.clone())
        .collect();
    let mut known = BTreeSet::new();
    what.retain(|one| known.insert(one.clone()));
    let who = text::runs(&crossed).replacen('r', "R", 1);
    let what = text::listing(&what, LISTED);
    (!crossed.is_empty()).then(|| format!("{who} may have changed state that Clew does not restore: {what}"))
}

fn unverified_line(report: &Report) -> Option<String> {
    let unverified = unverified(report)?;
    let to = &report.to;
    Some(format!(
        "Unverified, since Clew had not finished checking run {to} for background changes: {unverified}"
    ))
}

/// Formats `Also restored: working directory`, for other session state.
fn also_back(report: &Report) -> Option<String> {
    // Settings that a library changed at its import are not listed, as in the log.
    let others = titles(report, |outcome| {
        is_other(outcome) && !report.set_by_imports.contains(&outcome.root)
    });
    let what = if report.dry_run {
        "Would also restore"
    } else {
        "Also restored"
    };
    (!others.is_empty()).then(|| format!("{what}: {}", text::listing(&others, LISTED)))
}

/// Formats `df, view and other session state`; the JSON contains each.
fn unverified(report: &Report) -> Option<String> {
    // Excluded variables and live objects have lines of their own.
    let is_explained = |outcome: &Outcome| outcome.why.as_deref().is_some_and(Cause::is_of_doubt);
    let is_unsure = |outcome: &Outcome| outcome.unverified && !is_explained(outcome);
    let mut roots = titles(report, |outcome| is_unsure(outcome) && is_name(&outcome.root));
    let others = titles(report, |outcome| is_unsure(outcome) && !is_name(&outcome.root));
    match others.as_slice() {
        [] => {}
        [only] => roots.push(only.clone()),
        _ => roots.push("other session state".to_owned()),
    }
    (!roots.is_empty()).then(|| text::listing(&roots, LISTED))
}

fn titles(report: &Report, is_meant: impl Fn(&Outcome) -> bool) -> Vec<String> {
    report
        .outcomes
        .iter()
        .filter(|outcome| is_meant(outcome))
        .map(|outcome| title(&outcome.root))
        .collect()
}

/// Formats `c1, c2: lost, a live connection`.
fn reasons(report: &Report) -> Vec<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for outcome in report.outcomes.iter().filter(|outcome| !is_said(outcome, report)) {
        let Some(reason) = reason(outcome) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, titles)) => titles.push(title(&outcome.root)),
            None => groups.push((reason, vec![title(&outcome.root)])),
        }
    }
    groups
        .into_iter()
        .map(|(reason, titles)| format!("{}: {reason}", titles.join(", ")))
        .collect()
}

/// Whether the first line already contains the root and its reason.
fn is_said(outcome: &Outcome, report: &Report) -> bool {
    let with_word = report
        .outcomes
        .iter()
        .filter(|other| other.kind == outcome.kind && is_name(&other.root));
    is_inexact(outcome.kind) && is_name(&outcome.root) && with_word.count() <= NAMED
}

fn reason(outcome: &Outcome) -> Option<String> {
    let word = word_of(outcome);
    match why_of(outcome) {
        Some(why) => Some(format!("{word}, {why}")),
        None => is_inexact(outcome.kind).then(|| word.to_owned()),
    }
}

fn is_name(root: &Root) -> bool {
    root.kind == RootKind::Name
}

/// Whether it is other session state that was restored and is worth mentioning.
fn is_other(outcome: &Outcome) -> bool {
    let is_back = matches!(outcome.kind, OutcomeKind::Restored | OutcomeKind::Rerun) && outcome.why.is_none();
    is_back && !is_name(&outcome.root) && is_telling(&outcome.root)
}

/// Formats a root.
pub(crate) fn title(root: &Root) -> String {
    match root.kind {
        RootKind::Name | RootKind::Out => root.to_string(),
        RootKind::Definition => "a class of the notebook".to_owned(),
        RootKind::ModuleAttribute => root.key.clone(),
        RootKind::Random => format!("random state of {}", root.key),
        RootKind::Directory => "working directory".to_owned(),
        RootKind::Environment => format!("environment variable {}", root.key),
        RootKind::Path => "sys.path".to_owned(),
        RootKind::Option => format!("option {}", root.key),
        RootKind::Setting => format!("setting {}", root.key),
        RootKind::Figures => "pyplot's figures".to_owned(),
    }
}

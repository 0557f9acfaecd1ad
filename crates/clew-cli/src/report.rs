//! What a mover says: one line first, then the exceptions.

use clew_core::id::{Root, RootKind};
use clew_core::plan::{Outcome, Report, Word};
use serde::Serialize;

use crate::changes::is_telling;
use crate::page::Page;
use crate::problem::Exit;
use crate::surroundings::Surroundings;
use crate::text;

/// A report as a page.
#[derive(Debug, Serialize)]
pub struct ReportPage<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Whether every root is exactly what it was in the target state.
    is_exact: bool,
}

impl<'a> ReportPage<'a> {
    /// The page of a report.
    pub fn of(report: &'a Report) -> Self {
        Self {
            report,
            is_exact: report.is_exact(),
        }
    }
}

/// How many names of one outcome are named in the first line.
const NAMED: usize = 4;
/// How many roots of one sort are named in a line of their own.
const LISTED: usize = 6;

impl Page for ReportPage<'_> {
    fn text(&self, surroundings: &Surroundings) -> String {
        let report = self.report;
        let mut text = format!("{}{}\n", first_sentence(report, surroundings), counts(report));
        if report.at != report.to && !report.dry_run {
            let line = format!(" You are at {}: {}.\n", report.at, what_at_means(report));
            text.truncate(text.trim_end().len());
            text += &line;
        }
        for line in exceptions(report) {
            text += &format!("  {}\n", text::clean(&line));
        }
        text
    }

    fn exit(&self) -> Exit {
        if self.is_exact { Exit::Done } else { Exit::Inexact }
    }
}

fn first_sentence(report: &Report, surroundings: &Surroundings) -> String {
    let what = if report.dry_run {
        planned(report)
    } else {
        performed(report)
    };
    let what = surroundings.style.strong(&what);
    if report.dry_run {
        format!("{what} ({} to read). Nothing was changed. ", text::bytes(report.bytes))
    } else {
        format!("{what} in {}. ", text::duration(report.move_nanoseconds))
    }
}

fn performed(report: &Report) -> String {
    match report.action.as_str() {
        "undo" => format!("Undid {}", runs(report)),
        "redo" => format!("Redid {}", runs(report)),
        "restore" => format!("Restored {} from {}", names(report), report.to),
        "resume" => format!("Resumed at {}", target(report)),
        "fresh" => format!("Started fresh at {}", report.to),
        "op restore" => format!("Went back to {}", target(report)),
        _ => format!("Switched to {}", target(report)),
    }
}

fn planned(report: &Report) -> String {
    match report.action.as_str() {
        "undo" => format!("Would undo {}", runs(report)),
        "redo" => format!("Would redo {}", runs(report)),
        "restore" => format!("Would restore {} from {}", names(report), report.to),
        "resume" => format!("Would resume at {}", target(report)),
        "fresh" => format!("Would start fresh at {}", report.to),
        "op restore" => format!("Would go back to {}", target(report)),
        _ => format!("Would switch to {}", target(report)),
    }
}

/// `14`, or `14 (branch forest)`.
fn target(report: &Report) -> String {
    match &report.branch {
        Some(branch) => format!("{} (branch {})", report.to, text::clean(branch)),
        None => report.to.clone(),
    }
}

fn runs(report: &Report) -> String {
    match report.runs.as_slice() {
        [] => format!("a step; you are at {}", report.to),
        [run] => format!("run {run}"),
        runs => format!("runs {}", text::listing(runs, 5)),
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

/// `43 names: 38 kept, 3 loaded, 1 replayed (plot), 1 lost: conn (a live connection).`
fn counts(report: &Report) -> String {
    let names: Vec<&Outcome> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.root.kind == RootKind::Name)
        .collect();
    let mut parts: Vec<String> = Vec::new();
    for word in Word::ALL {
        let with_word: Vec<&&Outcome> = names.iter().filter(|outcome| outcome.word == word).collect();
        if !with_word.is_empty() {
            parts.push(format!(
                "{} {}{}",
                with_word.len(),
                word.text(),
                listed(word, &with_word)
            ));
        }
    }
    if parts.is_empty() {
        return "No names.".to_owned();
    }
    text::clean(&format!("{}: {}.", text::count(names.len(), "name"), parts.join(", ")))
}

/// The names of a word, where that helps: few, or not what was hoped for. Reasons stand here where there is room.
fn listed(word: Word, outcomes: &[&&Outcome]) -> String {
    let is_short = outcomes.len() <= NAMED;
    let one = |outcome: &&&Outcome| match &outcome.why {
        Some(why) if is_short && is_inexact(word) => format!("{} ({why})", outcome.root),
        _ => outcome.root.to_string(),
    };
    let names: Vec<String> = outcomes.iter().map(one).collect();
    match word {
        Word::Kept => String::new(),
        _ if is_inexact(word) => format!(": {}", text::listing(&names, NAMED)),
        _ if is_short => format!(" ({})", names.join(", ")),
        _ => String::new(),
    }
}

fn is_inexact(word: Word) -> bool {
    matches!(word, Word::Differs | Word::Lost)
}

/// `14 without conn`, `14 with another geo`: how the run of its own differs from the target.
fn what_at_means(report: &Report) -> String {
    if report.action == "restore" {
        return format!("what was live, with these names from {}", report.to);
    }
    let of = |word: Word| -> Vec<String> {
        let roots = report
            .outcomes
            .iter()
            .filter(|outcome| outcome.word == word && is_telling(&outcome.root));
        roots.map(|outcome| text::clean(&outcome.root.to_string())).collect()
    };
    let (lost, differs) = (of(Word::Lost), of(Word::Differs));
    let mut means = report.to.clone();
    if !lost.is_empty() {
        means += &format!(" without {}", text::listing(&lost, NAMED));
    }
    if !differs.is_empty() {
        means += &format!(
            "{} with another {}",
            if lost.is_empty() { "" } else { "," },
            text::listing(&differs, NAMED)
        );
    }
    if lost.is_empty() && differs.is_empty() {
        means += " as far as it could be reached";
    }
    means
}

/// Lines that the first one has no room for: what could not be exact, who holds old objects, what is uncertain, and
/// state that is no name. Roots of which the same is to be said share a line.
fn exceptions(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(outside) = &report.outside {
        lines.push(format!(
            "What changed outside any cell was recorded first, as run {outside}"
        ));
    }
    lines.extend(reasons(report));
    if let Some(uncertain) = uncertain(report) {
        lines.push(format!(
            "Uncertain, since nobody looked when run {} ended: {uncertain}",
            report.to
        ));
    }
    let others = titles(report, is_other);
    if !others.is_empty() {
        let what = if report.dry_run {
            "Would also put back"
        } else {
            "Also put back"
        };
        lines.push(format!("{what}: {}", text::listing(&others, LISTED)));
    }
    lines
}

/// `df, view and 10 other roots`; the JSON has every one.
fn uncertain(report: &Report) -> Option<String> {
    let mut roots = titles(report, |outcome| outcome.uncertain && is_name(&outcome.root));
    let others = titles(report, |outcome| outcome.uncertain && !is_name(&outcome.root));
    match others.as_slice() {
        [] => {}
        [only] => roots.push(only.clone()),
        several => roots.push(text::count(several.len(), "other root")),
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

/// `c1, c2: lost, a live connection`.
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

/// Whether the first line names the root and its reason already.
fn is_said(outcome: &Outcome, report: &Report) -> bool {
    let with_word = report
        .outcomes
        .iter()
        .filter(|other| other.word == outcome.word && is_name(&other.root));
    is_inexact(outcome.word) && is_name(&outcome.root) && with_word.count() <= NAMED
}

fn reason(outcome: &Outcome) -> Option<String> {
    let word = outcome.word.text();
    match &outcome.why {
        Some(why) => Some(format!("{word}, {why}")),
        None => is_inexact(outcome.word).then(|| word.to_owned()),
    }
}

fn is_name(root: &Root) -> bool {
    root.kind == RootKind::Name
}

/// State that is no name, was not kept, and says something to people.
fn is_other(outcome: &Outcome) -> bool {
    let is_back = matches!(outcome.word, Word::Loaded | Word::Replayed) && outcome.why.is_none();
    is_back && !is_name(&outcome.root) && is_telling(&outcome.root)
}

/// A root in words.
fn title(root: &Root) -> String {
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

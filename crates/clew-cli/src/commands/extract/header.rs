//! The comment at the top of a script: its variables, its origin, and its requirements.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clew_core::format::{Ending, Run};
use clew_core::history::flow::{GapKind, Slice};
use clew_core::id::{Root, RootKind, RunId};
use serde::Serialize;

use super::Extract;
use super::cell::ScriptCell;
use super::python::{imports, names};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::input_files::is_folder;
use crate::text;

/// The most packages and files that are listed.
const MOST: usize = 20;

/// A package that the script imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImportedPackage {
    /// The name of its module.
    pub name: String,
    /// The recorded version.
    pub version: String,
}

/// Adds the requirements and side effects of a slice's cells to a page.
pub(super) fn describe(page: &mut Extract, slice: &Slice, cells: &[ScriptCell], at: RunId, place: &HistoryView<'_>) {
    let runs = runs_of(slice, place);
    page.packages = packages(cells, at, place);
    (page.reads, page.writes) = files(&runs);
    note(page, slice, cells, &runs);
}

fn runs_of<'p>(slice: &Slice, place: &HistoryView<'p>) -> Vec<&'p Run> {
    let steps = slice.steps.iter();
    steps.filter_map(|step| place.history.run(&step.run)).collect()
}

/// Returns the files that runs may have read and written.
fn files(runs: &[&Run]) -> (Vec<String>, Vec<String>) {
    let written: BTreeSet<String> = runs
        .iter()
        .flat_map(|run| &run.evidence.files_written)
        .filter(|file| !file.is_of_environment())
        .map(|file| file.path.clone())
        .collect();
    let read = runs.iter().flat_map(|run| &run.evidence.files_read);
    let read = read.filter(|file| !file.is_of_environment() && file.size.is_some() && !is_folder(&file.path));
    let read: BTreeSet<String> = read.map(|file| file.path.clone()).collect();
    (
        read.difference(&written).cloned().collect(),
        written.into_iter().collect(),
    )
}

/// Adds notes about possible differences in the results, and about side effects of the script.
fn note(page: &mut Extract, slice: &Slice, cells: &[ScriptCell], runs: &[&Run]) {
    for gap in slice.gaps.iter().filter(|gap| gap.kind == GapKind::NotSeeded) {
        page.notes.push(format!(
            "random numbers of `{}` were drawn before it was seeded: the script draws other numbers",
            gap.root.key
        ));
    }
    for cell in cells {
        if cell.ending == Ending::Interrupted {
            let note = format!("run {} was interrupted; the script runs it to the end", cell.run);
            page.notes.push(note);
        }
        let reads_outputs =
            slice.steps.iter().zip(runs).any(|(step, run)| {
                run.label() == cell.run && step.inputs.keys().any(|root| root.kind == RootKind::Out)
            });
        if reads_outputs {
            page.notes.push(format!(
                "run {} uses `Out` or `_`, which a script does not have: replace it by a variable",
                cell.run
            ));
        }
    }
    page.may_differ = !page.notes.is_empty();
    let sockets: BTreeSet<&String> = runs.iter().flat_map(|run| &run.evidence.sockets).collect();
    if !sockets.is_empty() {
        let sockets: Vec<String> = sockets.into_iter().cloned().collect();
        page.notes.push(format!(
            "it connects to {}: the result may be different today",
            text::listing(&sockets, 3)
        ));
    }
    let programs: BTreeSet<&String> = runs.iter().flat_map(|run| &run.evidence.processes).collect();
    if !programs.is_empty() {
        let programs: Vec<String> = programs.into_iter().cloned().collect();
        page.notes.push(format!("it starts {}", text::listing(&programs, 3)));
    }
}

/// Returns the comment.
pub(super) fn comment(page: &Extract, slice: &Slice, at: RunId, place: &HistoryView<'_>, context: &Context) -> String {
    let started = place.history.run(&at).map_or(0, |run| run.started);
    let mut lines = vec![
        format!(
            "{} as after run {} of {} ({})",
            text::listing(&page.variables, 6),
            page.at,
            place.name(),
            text::moment(started, &context.zone)
        ),
        format!(
            "{} of {}, written by `clew extract {} --at {}`",
            page.runs.len(),
            text::count(page.cells, "cell"),
            page.variables.join(" "),
            page.at
        ),
    ];
    let python = &place.description.kernel.version;
    let packages = page.packages.iter();
    let packages = packages.map(|package| format!("{} {}", package.name, package.version));
    let python = (!python.is_empty()).then(|| format!("Python {python}"));
    let needed: Vec<String> = python.into_iter().chain(packages).collect();
    for (word, items) in [("needs", &needed), ("reads", &page.reads), ("writes", &page.writes)] {
        if !items.is_empty() {
            lines.push(format!("{word}: {}", text::listing(items, MOST)));
        }
    }
    let directory = directory(&runs_of(slice, place), slice, place);
    lines.extend(directory.map(|directory| format!("run it in {directory}")));
    if page.needs_ipython {
        lines.push("some cells use IPython's syntax: save the script as .ipy and run it with `ipython`".to_owned());
    }
    lines.extend(page.notes.iter().map(|note| format!("note: {note}")));
    // A file name may contain a line break, and the text after it would be executed.
    let comment = |line: &String| format!("# {}\n", text::clean(line).replace(['\n', '\r'], " "));
    lines.iter().map(comment).collect()
}

/// Returns the directory of the first cell that accesses files.
fn directory(runs: &[&Run], slice: &Slice, place: &HistoryView<'_>) -> Option<String> {
    let touches = |run: &&Run| !(run.evidence.files_read.is_empty() && run.evidence.files_written.is_empty());
    let own = |run: &&Run| {
        let files = run.evidence.files_read.iter().chain(&run.evidence.files_written);
        files
            .into_iter()
            .any(|file| !file.is_of_environment() && !is_folder(&file.path))
    };
    runs.iter().find(|run| touches(run) && own(run))?;
    let before = place.history.run(&slice.steps.first()?.run)?.parent?;
    let root = Root::new(RootKind::Directory, "cwd");
    let state = place.history.state(before);
    let found = super::super::vars::variable(&root, before, &state, place)?;
    let told = found.value.trim_matches('\'');
    if told.is_empty() {
        return None;
    }
    // A relative directory is relative to the notebook's folder.
    let folder = place.description.folder().unwrap_or(Path::new(""));
    let whole: PathBuf = folder.join(told).components().collect();
    Some(whole.display().to_string())
}

/// Returns the packages that the cells import, with the versions recorded by any run on the branch.
fn packages(cells: &[ScriptCell], at: RunId, place: &HistoryView<'_>) -> Vec<ImportedPackage> {
    let runs = place.history.line(at);
    let modules = runs.flat_map(|(_, run)| &run.evidence.modules);
    let versions: BTreeMap<&str, &str> = modules
        .filter_map(|module| Some((module.name.as_str(), module.version.as_deref()?)))
        // Excludes imports that failed.
        .filter(|(_, version)| !version.is_empty())
        .collect();
    let imported: BTreeSet<String> = cells.iter().flat_map(|cell| imports(&cell.source)).collect();
    let named = imported
        .iter()
        .filter(|name| cells.iter().any(|cell| names(&cell.source, name)));
    named
        .filter_map(|name| {
            Some(ImportedPackage {
                name: name.clone(),
                version: (*versions.get(name.as_str())?).to_owned(),
            })
        })
        .collect()
}

//! `clew stale`: cells whose inputs changed since they ran.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clew_core::format::{FileEvidence, Run};
use clew_core::history::flow::{Flow, Reason, StaleRun};
use clew_core::history::{Environments, History, State};
use clew_core::id::{Root, RunId};
use serde::Serialize;

use super::vars::variable;
use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::file_marks::is_marked;
use crate::history_view::HistoryView;
use crate::input_files::{is_as_seen, is_listed};
use crate::page::Page;
use crate::problem::Problem;
use crate::run_page::RunPage;
use crate::table::TextTable;
use crate::text;

/// List cells whose inputs changed since they ran, and why.
///
/// These cells would find other inputs if you ran all cells again from top to bottom. The command runs no cell.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Use the state after this run
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "stale",
    examples: &[("stale", "cells whose inputs changed since they ran")],
    calls: &[CommandCall::new("stale", "stale()", "Stale")],
    names_notebook: true,
    ..CommandInfo::DEFAULT
};

/// Why a cell is stale.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StaleReason {
    /// The run `by` changed an input, which now has this type.
    Changed {
        /// The input.
        root: Root,
        /// Its type now.
        type_name: String,
        /// The run that changed it.
        by: String,
    },
    /// The run `by` removed an input.
    Removed {
        /// The input.
        root: Root,
        /// The run that removed it.
        by: String,
    },
    /// A file is `changed`, `gone` or `new`.
    File {
        /// Its path.
        path: String,
        /// `changed`, `gone` or `new`.
        change: &'static str,
    },
    /// The same for a module of your own.
    Code {
        /// The path of its file.
        path: String,
        /// `changed`, `gone` or `new`.
        change: &'static str,
    },
    /// An input comes from a stale cell, which ran as `run`.
    StaleInput {
        /// The input.
        root: Root,
        /// The run of that cell.
        run: String,
    },
}

/// A stale cell.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StaleCell {
    /// Its last run.
    #[serde(flatten)]
    run: RunPage,
    /// The number of runs before the first run of the cell.
    runs_before: usize,
    /// Why the cell is stale.
    reasons: Vec<StaleReason>,
}

/// The stale cells.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StalePage {
    /// The run whose state was checked.
    at: String,
    /// The number of cells.
    cells: usize,
    /// The last runs of stale cells, in the order in which they ran.
    stale: Vec<StaleCell>,
    /// Runs that may have read any variable, so that Clew cannot determine whether they are stale.
    unknown: Vec<String>,
    /// A run whose record is missing. Its effects and the runs before it are unknown.
    missing: Option<String>,
}

/// Returns the number of runs on the branch of `at` before the first run of the same cell.
fn before_first(run: RunId, at: RunId, history: &History) -> usize {
    let cell = history.run(&run).and_then(|run| run.cell.as_ref());
    let is_its = |id: RunId, other: &Run| id == run || (cell.is_some() && other.cell.as_ref() == cell);
    let line: Vec<bool> = history.line(at).map(|(id, other)| is_its(id, other)).collect();
    line.iter().rev().position(|is_its| *is_its).unwrap_or_default()
}

/// Returns the last runs of stale cells in the current state, in order.
pub(crate) fn stale_runs(place: &HistoryView<'_>) -> Vec<RunId> {
    let stale = place
        .at
        .map(|at| find_stale(&place.flow(), at, place))
        .unwrap_or_default();
    stale.into_iter().map(|stale| stale.run).collect()
}

fn find_stale(flow: &Flow<'_>, at: RunId, place: &HistoryView<'_>) -> Vec<StaleRun> {
    let environments = Environments::of(place.history);
    flow.stale(at, &environments, &|file| {
        is_as_it_was(file, place.description.folder())
    })
}

/// Lists the stale cells.
pub fn stale(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Result<StalePage, Problem> {
    let at = place.resolve(&arguments.revision, context)?;
    let flow = place.flow();
    let cells = flow.cells(at);
    let is_unknown = |id: &&RunId| place.history.run(id).is_some_and(|run| run.evidence.reads_all());
    let state = place.history.state(at);
    let found = find_stale(&flow, at, place).into_iter().filter_map(|stale| {
        let reasons = stale.reasons.into_iter().map(|reason| why(reason, at, &state, place));
        Some(StaleCell {
            run: RunPage::of(stale.run, place.history.run(&stale.run)?, place),
            runs_before: before_first(stale.run, at, place.history),
            reasons: reasons.collect(),
        })
    });
    Ok(StalePage {
        at: place.history.label(&at),
        stale: found.collect(),
        unknown: cells
            .iter()
            .filter(is_unknown)
            .map(|id| place.history.label(id))
            .collect(),
        cells: cells.len(),
        missing: place.missing_in_line(at),
    })
}

/// Returns the files of the user's own modules that were edited since a run ended. Files that cannot be compared are omitted: missing ones,
/// and ones recorded by another user.
pub fn edited_modules(history: &History, run: RunId) -> Vec<String> {
    let is_edited = |file: &&FileEvidence| {
        let path = Path::new(&file.path);
        let mark = file.mark.as_deref();
        file.is_edited_since() || mark.and_then(|mark| is_marked(path, mark)) == Some(false)
    };
    let environments = Environments::of(history);
    let files = environments.own_modules(&run).flat_map(|module| &module.files);
    let edited: BTreeSet<&str> = files.filter(is_edited).map(|file| file.path.as_str()).collect();
    let name = |path: &str| Some(Path::new(path).file_name()?.to_string_lossy().into_owned());
    edited.into_iter().filter_map(name).collect()
}

fn why(reason: Reason, at: RunId, state: &State, place: &HistoryView<'_>) -> StaleReason {
    let label = |run: RunId| place.history.label(&run);
    match reason {
        Reason::Changed { root, by } => {
            let now = variable(&root, at, state, place);
            StaleReason::Changed {
                type_name: now.map(|it| it.type_name).unwrap_or_default(),
                root,
                by: label(by),
            }
        }
        Reason::Removed { root, by } => StaleReason::Removed { root, by: label(by) },
        Reason::Through { root, run } => StaleReason::StaleInput { root, run: label(run) },
        Reason::Code(file) => StaleReason::Code {
            change: change_of(&file),
            path: file.path,
        },
        Reason::File(file) => StaleReason::File {
            change: change_of(&file),
            path: file.path,
        },
    }
}

/// Returns the kind of change: `changed`, `gone` or `new`.
pub(crate) fn change_of(file: &FileEvidence) -> &'static str {
    match (file.size, fs::metadata(&file.path).is_ok()) {
        (None, _) => "new",
        (Some(_), true) => "changed",
        (Some(_), false) => "gone",
    }
}

/// Formats the change of a file: `data/a.csv is gone`.
pub(crate) fn file_changed(path: &str, change: &str) -> String {
    let path = text::clean(path);
    match change {
        "gone" => format!("{path} is gone"),
        "new" => format!("{path} is there now"),
        _ => format!("{path} changed"),
    }
}

/// Whether a file is unchanged, as far as known without reading large files. Files of installed libraries are not checked. `folder` is the
/// notebook's: a file that was moved along with the notebook is found there.
fn is_as_it_was(file: &FileEvidence, folder: Option<&Path>) -> bool {
    if file.of_environment {
        return true;
    }
    let Ok(now) = fs::metadata(&file.path) else {
        let moved = folder.zip(file.given.as_deref()).filter(|_| file.size.is_some());
        return moved.map_or(file.size.is_none(), |(folder, given)| {
            let path = folder.join(given).display().to_string();
            is_as_it_was(&FileEvidence { path, ..file.clone() }, None)
        });
    };
    if now.is_dir() {
        return is_listed(Path::new(&file.path), file);
    }
    is_as_seen(&now, file)
}

impl StaleReason {
    fn text(&self) -> String {
        let quoted = |root: &Root| format!("`{}`", text::clean(&root.to_string()));
        match self {
            Self::Changed { root, type_name, by } => {
                let noun = match type_name.as_str() {
                    "function" => "function ",
                    "type" => "class ",
                    _ => "",
                };
                format!("{noun}{} changed in run {by}", quoted(root))
            }
            Self::Removed { root, by } => format!("{} was removed in run {by}", quoted(root)),
            Self::StaleInput { root, run } => format!("{} comes from run {run}, which is stale", quoted(root)),
            Self::File { path, change } => format!("file {}", file_changed(path, change)),
            Self::Code { path, change } => format!("module {}", file_changed(path, change)),
        }
    }
}

impl Page for StalePage {
    fn text(&self, context: &Context) -> String {
        let mut text = if self.stale.is_empty() && self.missing.is_some() {
            format!("No known cell is stale at run {}.\n", self.at)
        } else if self.stale.is_empty() {
            format!(
                "No cell is stale at run {}: if rerun in order, {} would find the same inputs.\n",
                self.at,
                told(self.cells)
            )
        } else {
            let verb = if self.stale.len() == 1 { "is" } else { "are" };
            format!(
                "{} of {} {verb} stale at run {}:\n",
                self.stale.len(),
                text::count(self.cells, "cell"),
                self.at
            )
        };
        for (causes, cells) in self.by_cause() {
            for cause in causes {
                text += &format!("{cause}:\n");
            }
            text += &table(&cells, context).render(context);
        }
        if !self.unknown.is_empty() {
            text += &format!(
                "Unknown for {}: the code may have read any variable.\n",
                text::runs(&self.unknown)
            );
        }
        if let Some(missing) = &self.missing {
            text += &text::not_known(missing);
        }
        text
    }
}

/// Formats `the cell`, `the 12 cells`.
fn told(cells: usize) -> String {
    match cells {
        1 => "the cell".to_owned(),
        _ => format!("the {}", text::count(cells, "cell")),
    }
}

impl StalePage {
    /// Groups the cells by their causes: their own reasons, or those of the cells that they depend on.
    fn by_cause(&self) -> Vec<(BTreeSet<String>, Vec<&StaleCell>)> {
        let mut of_runs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut groups: Vec<(BTreeSet<String>, Vec<&StaleCell>)> = Vec::new();
        for cell in &self.stale {
            let causes = cell.reasons.iter().flat_map(|reason| match reason {
                StaleReason::StaleInput { run, .. } if of_runs.contains_key(run.as_str()) => {
                    of_runs[run.as_str()].clone()
                }
                reason => BTreeSet::from([reason.text()]),
            });
            let causes: BTreeSet<String> = causes.collect();
            of_runs.insert(&cell.run.run, causes.clone());
            match groups.iter_mut().find(|(known, _)| *known == causes) {
                Some((_, cells)) => cells.push(cell),
                None => groups.push((causes, vec![cell])),
            }
        }
        groups
    }
}

fn table(cells: &[&StaleCell], context: &Context) -> TextTable {
    let mut table = TextTable::default().flexible(2);
    for cell in cells {
        let through = cell.reasons.iter().filter_map(|reason| match reason {
            StaleReason::StaleInput { root, .. } => Some(format!("`{}`", text::clean(&root.to_string()))),
            _ => None,
        });
        let through: Vec<String> = through.collect();
        let mut row = vec![
            format!("  {}", context.style.strong(&cell.run.run)),
            cell.run.origin(),
            cell.run.headline(),
        ];
        row.extend((!through.is_empty()).then(|| format!("through {}", text::listing(&through, 3))));
        table.push(row);
    }
    table
}

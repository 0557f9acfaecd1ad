//! Files that a cell wrote and a later one wrote over. Who wrote first need not run again where the last need not either, and nothing between
//! them does: nobody finds what was there meanwhile.
//!
//! A cell is decided before those behind it, so it is taken for the time being, and the walk looks ahead once: a file whose last writer is not
//! taken, or between whose writers something is executed, is treated so no more.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::FileEvidence;
use clew_core::history::History;
use clew_core::history::flow::{ExternalInputs, ReuseObstacle};
use clew_core::id::RunId;

use super::RunSearch;

/// The overwritten files that a search encountered, decided and undecided.
#[derive(Debug, Default)]
pub(super) struct OverwrittenFiles {
    /// Whether any file is treated so.
    is_allowed: bool,
    /// Those that are not.
    refused: BTreeSet<String>,
    /// Those whose last writer is still to be decided.
    open: Vec<OverwrittenFile>,
    /// The `In [n]` of cells that were taken for the time being, and have to run.
    unsettled: Vec<u64>,
}

/// A file that is as a later run left it.
#[derive(Debug, Clone)]
pub(super) struct OverwrittenFile {
    /// As who was taken for the time being left it.
    left: FileEvidence,
    /// Who wrote it last, and the first run that this one repeats.
    by: RunId,
    /// The cell that was taken.
    cell: u64,
}

impl OverwrittenFiles {
    /// What stands against taking a run of a cell, without files that a later run wrote over; these. What was read of those that are open has to be
    /// what is overlooked, whatever is there now.
    pub fn without(
        &self,
        mut obstacles: Vec<ReuseObstacle>,
        history: &History,
        (run, cell): (RunId, u64),
        outside: &dyn ExternalInputs,
    ) -> (Vec<ReuseObstacle>, Vec<OverwrittenFile>) {
        if !self.is_allowed {
            return (obstacles, Vec::new());
        }
        let read = history.run(&run).into_iter().flat_map(|run| &run.evidence.files_read);
        let others = read.filter(|read| {
            let mut called_so = self
                .open
                .iter()
                .filter(|open| name_of(&open.left.path) == name_of(&read.path));
            called_so.any(|open| !is_same(&open.left, read))
        });
        obstacles.extend(others.cloned().map(ReuseObstacle::FileRead));
        let mut open = Vec::new();
        let mut is_overlooked = |obstacle: &ReuseObstacle| match obstacle {
            ReuseObstacle::FileWritten(left) if !self.refused.contains(&left.path) => {
                let last = last_writer(history, run, &left.path).filter(|(_, now)| outside.has_file(now));
                let by = last.map(|(by, _)| original(history, by));
                open.extend(by.map(|by| OverwrittenFile {
                    left: left.clone(),
                    by,
                    cell,
                }));
                by.is_some()
            }
            ReuseObstacle::FileRead(read) => self.open.iter().any(|open| is_same(&open.left, read)),
            _ => false,
        };
        let left = obstacles
            .into_iter()
            .filter(|obstacle| !is_overlooked(obstacle))
            .collect();
        (left, open)
    }

    /// A run is taken: `open` are files that later ones wrote over.
    pub fn take(&mut self, history: &History, run: RunId, open: Vec<OverwrittenFile>) {
        let run = original(history, run);
        self.open.retain(|open| open.by != run);
        self.open.extend(open);
    }

    /// Goes back to before the first cell.
    pub fn begin_again(&mut self) {
        self.open.clear();
        self.unsettled.clear();
    }
}

impl RunSearch {
    /// Whether several runs wrote one file, of those that are on record.
    pub fn has_overwritten(&mut self) -> bool {
        let mut known: BTreeMap<&str, RunId> = BTreeMap::new();
        let records = self.records.iter();
        let mut written = records.flat_map(|record| {
            let runs = record.history.runs();
            runs.flat_map(move |(id, run)| {
                let original = run.repeats.unwrap_or(*id);
                run.evidence
                    .files_written
                    .iter()
                    .map(move |file| (&*file.path, original))
            })
        });
        written.any(|(path, run)| *known.entry(path).or_insert(run) != run)
    }

    /// Overlooks from now on that a later run wrote over a file; not over code, which counts for more than who reads it.
    pub fn allow_overwritten(&mut self) {
        self.overwritten.is_allowed = true;
        let runs = self.records.iter().flat_map(|record| record.history.runs());
        let modules = runs.flat_map(|(_, run)| run.evidence.modules.iter().chain(&run.evidence.found));
        let files = modules.flat_map(|module| &module.files);
        self.overwritten.refused.extend(files.map(|file| file.path.clone()));
    }

    /// Something is executed now, or nothing follows. Files whose last writers are still to be decided are overlooked no more: false if there are
    /// any, and then the walk has to begin again.
    pub fn settle_overwritten(&mut self) -> bool {
        let open = std::mem::take(&mut self.overwritten.open);
        for one in &open {
            self.overwritten.refused.insert(one.left.path.clone());
            self.overwritten.unsettled.push(one.cell);
        }
        open.is_empty()
    }

    /// The `In [n]` of cells that have to run after all.
    pub fn unsettled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.overwritten.unsettled)
    }
}

/// The run behind `run` that wrote a file last, as it left that.
fn last_writer<'h>(history: &'h History, run: RunId, path: &str) -> Option<(RunId, &'h FileEvidence)> {
    let following = std::iter::successors(history.children(&run).last().copied(), |run| {
        history.children(run).last().copied()
    });
    let written = |id: RunId| {
        let files = &history.run(&id)?.evidence.files_written;
        Some((id, files.iter().find(|file| file.path == path)?))
    };
    following.filter_map(written).last()
}

fn name_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn original(history: &History, run: RunId) -> RunId {
    history.run(&run).and_then(|run| run.repeats).unwrap_or(run)
}

/// Whether what was read is what had been left.
fn is_same(left: &FileEvidence, read: &FileEvidence) -> bool {
    let by_content = |of: fn(&FileEvidence) -> &Option<String>| of(left).is_some() && of(left) == of(read);
    left.path == read.path
        && left.size == read.size
        && (by_content(|file| &file.digest) || by_content(|file| &file.mark) || left.modified == read.modified)
}

//! Files that a cell wrote and a later cell overwrote. The first writer need not run if the last one is reused and no cell between them is
//! executed: then no code sees the file's earlier content.
//!
//! A cell is decided before the later ones, so it is reused provisionally, and the search looks ahead once. If the last writer of a file is
//! not reused, or a cell between its writers is executed, the file is excluded from this treatment.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::FileEvidence;
use clew_core::history::History;
use clew_core::history::flow::{ExternalInputs, ReuseObstacle};
use clew_core::id::RunId;

use super::RunSearch;

/// The overwritten files that a search encountered, decided and undecided.
#[derive(Debug, Default)]
pub(super) struct OverwrittenFiles {
    /// Whether overwritten files are ignored at all.
    is_allowed: bool,
    /// Paths for which they are not.
    refused: BTreeSet<String>,
    /// Files whose last writer is still to be decided.
    open: Vec<OverwrittenFile>,
    /// The `In [n]` of cells that were reused provisionally and must be executed.
    unsettled: Vec<u64>,
}

/// A file whose content comes from a later run.
#[derive(Debug, Clone)]
pub(super) struct OverwrittenFile {
    /// The file as the provisionally reused run left it.
    left: FileEvidence,
    /// The last run that wrote it; its original if that repeats one.
    by: RunId,
    /// The cell that was reused.
    cell: u64,
}

impl OverwrittenFiles {
    /// Separates overwritten files from the obstacles to reusing a run of a cell. A file that the run read must be as the provisionally
    /// reused run left it, regardless of its current content.
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

    /// Records that a run is reused: `open` are files that later runs overwrote.
    pub fn take(&mut self, history: &History, run: RunId, open: Vec<OverwrittenFile>) {
        let run = original(history, run);
        self.open.retain(|open| open.by != run);
        self.open.extend(open);
    }

    /// Starts over before the first cell.
    pub fn begin_again(&mut self) {
        self.open.clear();
        self.unsettled.clear();
    }
}

impl RunSearch {
    /// Whether several recorded runs wrote the same file.
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

    /// Ignores overwritten files from now on, except code, which matters beyond the cells that read it.
    pub fn allow_overwritten(&mut self) {
        self.overwritten.is_allowed = true;
        let runs = self.records.iter().flat_map(|record| record.history.runs());
        let modules = runs.flat_map(|(_, run)| run.evidence.modules.iter().chain(&run.evidence.found));
        let files = modules.flat_map(|module| &module.files);
        self.overwritten.refused.extend(files.map(|file| file.path.clone()));
    }

    /// Records that a cell is executed now, or that no cell follows. Files whose last writer is still undecided are no longer ignored;
    /// returns `false` if there are any, and then the search must start over.
    pub fn settle_overwritten(&mut self) -> bool {
        let open = std::mem::take(&mut self.overwritten.open);
        for one in &open {
            self.overwritten.refused.insert(one.left.path.clone());
            self.overwritten.unsettled.push(one.cell);
        }
        open.is_empty()
    }

    /// Returns the `In [n]` of cells that must be executed after all.
    pub fn unsettled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.overwritten.unsettled)
    }
}

/// Returns the last run after `run` that wrote a file, and the file as it left it.
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

/// Whether the file that was read equals the one that was written.
fn is_same(left: &FileEvidence, read: &FileEvidence) -> bool {
    let by_content = |of: fn(&FileEvidence) -> &Option<String>| of(left).is_some() && of(left) == of(read);
    left.path == read.path
        && left.size == read.size
        && (by_content(|file| &file.digest) || by_content(|file| &file.mark) || left.modified == read.modified)
}

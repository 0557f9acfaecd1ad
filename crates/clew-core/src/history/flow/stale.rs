//! Stale runs: runs that would find other inputs if the cells ran again in order.

use std::collections::{BTreeMap, BTreeSet};

use super::{Flow, RunPosition};
use crate::format::{FileEvidence, RunKind};
use crate::history::environments::Environments;
use crate::id::{Root, RootKind, RunId};

/// The reason why a run is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An input has another value now.
    Changed {
        /// The input.
        root: Root,
        /// The run that changed it.
        by: RunId,
    },
    /// An input was removed.
    Removed {
        /// The input.
        root: Root,
        /// The run that removed it.
        by: RunId,
    },
    /// A file that it may have read has changed.
    File(FileEvidence),
    /// A file of the user's own modules that it may have used has changed.
    Code(FileEvidence),
    /// An input was created by a run that is stale itself.
    Through {
        /// The input.
        root: Root,
        /// The stale run.
        run: RunId,
    },
}

/// A run whose inputs changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleRun {
    /// The run, the last of its cell.
    pub run: RunId,
    /// The reasons.
    pub reasons: Vec<Reason>,
}

impl<'a> Flow<'a> {
    /// Returns the last run of each cell on the line of `at` that would find other inputs if all cells ran again in order. The
    /// result is in that order.
    ///
    /// A run's own changes do not make it stale. `is_as_it_was` returns whether a file is unchanged.
    pub fn stale(
        &self,
        at: RunId,
        environments: &Environments,
        is_as_it_was: &dyn Fn(&FileEvidence) -> bool,
    ) -> Vec<StaleRun> {
        let now = self.place(at);
        let mut found: BTreeSet<RunId> = BTreeSet::new();
        let mut stale = Vec::new();
        for place in last_of_cells(&now) {
            let mut reasons = self.changed_inputs(&place, &now);
            reasons.extend(changed_files(&place, is_as_it_was));
            reasons.extend(self.changed_code(&place, environments, is_as_it_was));
            reasons.extend(self.through(&place, &found));
            if !reasons.is_empty() {
                found.insert(place.run());
                stale.push(StaleRun {
                    run: place.run(),
                    reasons,
                });
            }
        }
        stale
    }

    /// Returns the last run of each cell on the line of `at`, in order.
    pub fn cells(&self, at: RunId) -> Vec<RunId> {
        let cells = last_of_cells(&self.place(at));
        cells.iter().map(RunPosition::run).collect()
    }

    /// Returns the inputs that count: variables and attributes of the user's own modules. The state of a random generator changes
    /// with every draw, and state without a name does not belong to one cell.
    fn read(&self, place: &RunPosition<'a>) -> Vec<Root> {
        let is_told = !place.recorded().evidence.reads_all();
        let inputs = if is_told { self.inputs(place) } else { BTreeSet::new() };
        let counts = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::ModuleAttribute);
        inputs.into_iter().filter(counts).collect()
    }

    fn changed_inputs(&self, place: &RunPosition<'a>, now: &RunPosition<'a>) -> Vec<Reason> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let mut reasons = Vec::new();
        for root in self.read(place) {
            let Some(then) = self.maker(&root, &before) else {
                continue;
            };
            let Some(event) = self.last_event(&root, place, now) else {
                continue;
            };
            if event.depth == then.depth || event.depth == place.depth {
                continue;
            }
            let by = event.run();
            match self.maker(&root, &event) {
                None => reasons.push(Reason::Removed { root, by }),
                Some(_) if self.is_same(&root, &before, &event) => {}
                Some(_) => reasons.push(Reason::Changed { root, by }),
            }
        }
        reasons
    }

    /// Returns the last run that changed or removed the root, among those that count for the run at `place`.
    fn last_event(&self, root: &Root, place: &RunPosition<'a>, now: &RunPosition<'a>) -> Option<RunPosition<'a>> {
        let up_to = |depth: usize| now.line.last_event(self, root, depth).map(|depth| now.at(depth));
        let mut events = std::iter::successors(up_to(now.depth), |event| up_to(event.depth.checked_sub(1)?));
        events.find(|event| event.depth <= place.depth || counts(root, event, place))
    }

    /// Returns whether the root has the same value at both positions, even if it had others in between. `other` is the later one.
    fn is_same(&self, root: &Root, one: &RunPosition<'a>, other: &RunPosition<'a>) -> bool {
        let maker = self.maker(root, other);
        if maker.is_some_and(|maker| maker.recorded().evidence.used.contains(root)) {
            return false;
        }
        match (self.version(root, one), self.version(root, other)) {
            (Some(one), Some(other)) => {
                let is_whole = one.fingerprint == other.fingerprint && one.roots == other.roots;
                is_whole || self.is_alike(root, one, other)
            }
            _ => false,
        }
    }

    /// Returns changed files of modules that the run imported, or to which its inputs belong. If its inputs are unknown, only
    /// modules that it imported count.
    fn changed_code(
        &self,
        place: &RunPosition<'a>,
        environments: &Environments,
        is_as_it_was: &dyn Fn(&FileEvidence) -> bool,
    ) -> Vec<Reason> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let read: BTreeSet<Root> = self.read(place).into_iter().collect();
        let modules = self.modules(place, &before, &read, environments);
        let files = modules.into_iter().flat_map(|module| &module.files);
        let changed = files.filter(|file| !is_as_it_was(file));
        changed.cloned().map(Reason::Code).collect()
    }

    fn through(&self, place: &RunPosition<'a>, stale: &BTreeSet<RunId>) -> Vec<Reason> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let mut reasons = Vec::new();
        for root in self.read(place) {
            let is_stale = |maker: &RunPosition<'a>| stale.contains(&maker.run()) && counts(&root, maker, place);
            if let Some(maker) = self.maker(&root, &before).filter(is_stale) {
                reasons.push(Reason::Through { root, run: maker.run() });
            }
        }
        reasons
    }
}

/// Returns the last run of each cell, in order. A run without a cell id counts as a cell of its own.
fn last_of_cells<'a>(now: &RunPosition<'a>) -> Vec<RunPosition<'a>> {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for place in now.line() {
        let run = place.recorded();
        if run.kind == RunKind::Cell {
            let cell = run.cell.clone().unwrap_or_else(|| format!(" {}", place.depth));
            last.insert(cell, place.depth);
        }
    }
    let depths: BTreeSet<usize> = last.into_values().collect();
    depths.into_iter().map(|depth| now.at(depth)).collect()
}

/// Returns the first run of the same cell.
fn first_of_cell<'a>(place: &RunPosition<'a>) -> RunPosition<'a> {
    let cell = place.recorded().cell.as_ref();
    let mut runs = place.line();
    let first = cell.and_then(|_| runs.find(|run| run.recorded().cell.as_ref() == cell));
    first.unwrap_or_else(|| place.clone())
}

fn changed_files(place: &RunPosition<'_>, is_as_it_was: &dyn Fn(&FileEvidence) -> bool) -> Vec<Reason> {
    let changed = place
        .recorded()
        .evidence
        .files_read
        .iter()
        .filter(|file| !is_as_it_was(file));
    changed.cloned().map(Reason::File).collect()
}

/// Returns whether the effect of a run on the root counts for the run at `place`: whether it would come earlier if the notebook
/// ran again in order. The effect of a cell further down would come later. So `df["a"] = …` in several cells makes none of them
/// stale. Cells are assumed to be in the order of their first runs. A run without a cell id has no position in that order. It
/// counts, unless it may only have used a live object.
fn counts(root: &Root, event: &RunPosition<'_>, place: &RunPosition<'_>) -> bool {
    let run = event.recorded();
    let is_unordered = run.cell.is_none() && !run.evidence.used.contains(root);
    is_unordered || first_of_cell(event).depth < first_of_cell(place).depth
}

//! Checks a store after a crash: whether everything that was reported exists, with the right values.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::Run;
use clew_core::id::{Root, RootKind, RunId};
use clew_core::plan::{Outcome, OutcomeKind};
use clew_core::session::Visit;
use clew_core::store::disk::Disk;
use clew_core::store::{Access, LoadedHistory, Store, StoreError};

use super::{Heard, Lie, Life, open};
use crate::toy::{ToyKernel, World};

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether the store opened.
    pub is_open: bool,
    /// Runs that were loaded and compared.
    pub compared: u64,
    /// Runs that must exist.
    pub expected: u64,
    /// Descriptions of the runs and values among these that are missing.
    pub lost: Vec<String>,
    /// Descriptions of wrong values.
    pub wrong: Vec<String>,
}

impl Found {
    /// Checks the store after the process died, or after a power failure. After a power failure only flushed runs must exist.
    pub fn of(disk: &Arc<dyn Disk>, directory: &Path, lives: &[Heard], is_power_cut: bool) -> Self {
        let mut found = Self::default();
        let opened = open(Arc::clone(disk), directory, Access::ReadOnly).and_then(|store| all(&store));
        match opened {
            Ok((store, loaded)) => {
                found.is_open = true;
                lives
                    .iter()
                    .for_each(|heard| found.look(&store, &loaded, heard, is_power_cut));
            }
            Err(error) => {
                // If nothing was reported as saved, the store may not exist yet.
                found.is_open = lives.iter().all(|heard| must_be(heard, is_power_cut).is_empty());
                found.lost.extend((!found.is_open).then(|| error.to_string()));
            }
        }
        found
    }

    /// Continues to record in a store after a crash, and checks the new runs, too.
    pub fn going_on(disk: &Arc<dyn Disk>, directory: &Path, life: Life) -> Self {
        let mut said = String::new();
        let recorded = open(Arc::clone(disk), directory, Access::ReadWrite).map_err(|error| error.to_string());
        let recorded = recorded.and_then(|store| {
            let mut say = |line: &super::Said| {
                // Writing to a string never fails.
                let _ = writeln!(said, "{line}");
            };
            let recorded = life.record(&store, Lie::None, &mut say);
            recorded.map_err(|error| error.to_string())
        });
        let heard = Heard::read(&said);
        let mut found = Self::of(disk, directory, &heard, false);
        let saved = heard.first().map_or(0, |heard| heard.saved.len() as u64);
        if recorded.is_err() || saved < life.cells {
            found.is_open = false;
            found
                .lost
                .push(format!("recording does not go on: {recorded:?}, {said}"));
        }
        found
    }

    /// Adds the results of another check.
    pub fn add(&mut self, other: Self) {
        self.is_open &= other.is_open;
        self.compared += other.compared;
        self.expected += other.expected;
        self.lost.extend(other.lost);
        self.wrong.extend(other.wrong);
    }

    fn look(&mut self, store: &Store, loaded: &[LoadedHistory], heard: &Heard, is_power_cut: bool) {
        let must = must_be(heard, is_power_cut);
        self.expected += must.len() as u64;
        let worlds = heard.life.worlds();
        let mut met = BTreeSet::new();
        for history in loaded {
            let visit = Visit::new(store.clone(), history);
            for (id, run, cell) in cells_of(history, heard) {
                met.insert(cell);
                let is_must = must.contains(&cell);
                self.compare(&visit, (id, run), &worlds[cell as usize], is_must, heard.life.seed);
            }
        }
        let missing = must.difference(&met);
        self.lost
            .extend(missing.map(|cell| format!("seed {}: the run of cell {cell} is not there", heard.life.seed)));
    }

    fn compare(&mut self, visit: &Visit, (id, run): (RunId, &Run), expected: &World, is_must: bool, seed: u64) {
        let what = format!("seed {seed}, run {}", run.label());
        let mut kernel = ToyKernel::new(1000 + seed);
        let outcomes = match visit.load(&mut kernel, id, None, &BTreeSet::new()) {
            Ok(outcomes) => outcomes,
            Err(error) if is_must => return self.lost.push(format!("{what}: {error}")),
            Err(_) => return,
        };
        self.compared += 1;
        let is_there = |outcome: &&Outcome| {
            matches!(outcome.kind, OutcomeKind::Restored | OutcomeKind::Unchanged) && !outcome.unverified
        };
        let there: BTreeSet<Root> = outcomes.iter().filter(is_there).map(|one| one.root.clone()).collect();
        let there: BTreeSet<Root> = there
            .into_iter()
            .filter(|root| root.kind != RootKind::Definition)
            .collect();
        if let Err(difference) = crate::same(&kernel.world, expected, Some(&there)) {
            self.wrong.push(format!("{what}: {difference}"));
        }
        let missing = expected.bound.keys().find(|root| !there.contains(*root));
        if let Some(root) = missing.filter(|_| is_must) {
            let why = outcomes.iter().find(|outcome| outcome.root == *root);
            self.lost
                .push(format!("{what}: {root} {:?}", why.map(|outcome| &outcome.why)));
        }
    }
}

fn all(store: &Store) -> Result<(Store, Vec<LoadedHistory>), StoreError> {
    let histories = store.histories()?;
    let loaded: Result<Vec<_>, _> = histories.iter().map(|(id, _)| store.load(*id)).collect();
    Ok((store.clone(), loaded?))
}

fn must_be(heard: &Heard, is_power_cut: bool) -> BTreeSet<u64> {
    let count = if is_power_cut { heard.synced } else { heard.saved.len() };
    heard.saved[..count].iter().copied().collect()
}

/// Returns the runs of a recording process, with the numbers of their cells.
fn cells_of<'l>(loaded: &'l LoadedHistory, heard: &Heard) -> Vec<(RunId, &'l Run, u64)> {
    let session = loaded.sessions.get(&heard.session);
    let operations = session.into_iter().flat_map(|session| &session.operations);
    let ids = operations.flat_map(|operation| &operation.operation.runs);
    let run = |id: &RunId| {
        let run = loaded.runs.get(id)?.run()?;
        Some((*id, run, run.execution_count?))
    };
    ids.filter_map(run).collect()
}

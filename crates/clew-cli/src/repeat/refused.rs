//! Runs that were taken for their cells, and whose values turned out not to come back: the walk begins anew without them.

use clew_core::history::flow::Found;
use clew_core::id::Root;

use super::Repeat;

impl Repeat {
    /// Takes no more what made a root last (as people write it), since that can't be brought back; the `In [n]` of the cell that it was taken for.
    /// `None` where it was taken for none.
    pub fn refuse(&mut self, root: &str, why: &str) -> Option<u64> {
        let is_it = |other: &Root| other.to_string() == root;
        let (candidate, cell) = self.taken.iter().rev().find(|(candidate, _)| {
            let run = self.records[candidate.record].history.run(&candidate.run);
            let mut made = run
                .into_iter()
                .flat_map(|run| &run.changed)
                .flat_map(|version| &version.roots);
            made.any(is_it)
        })?;
        let run = self.records[candidate.record].history.run(&candidate.run);
        let original = run.and_then(|run| run.repeats).unwrap_or(candidate.run);
        let cell = *cell;
        self.refused
            .insert(original, format!("`{root}` could not be brought back: {why}"));
        Some(cell)
    }

    /// Goes back to before the first cell, for a kernel that is as new as the first one was.
    pub fn begin_again(&mut self) {
        self.found = Found {
            directory: self.directory.clone(),
            ..Found::default()
        };
        self.pending.clear();
        self.taken.clear();
        self.awaited.clear();
        self.unknown = None;
    }
}

//! Walks that begin again: without runs whose values could not be restored, or because something has to be executed after all.

use clew_core::history::flow::ExecutionContext;
use clew_core::id::Root;

use super::RunSearch;

impl RunSearch {
    /// Has the cell executed for which it took what made a root last (as people write it), since that can't be brought back; its `In [n]`. Each
    /// try of another run of the cell would cost a kernel.
    /// `None` where it was taken for none.
    pub fn refuse(&mut self, root: &str, why: &str) -> Option<u64> {
        let is_it = |other: &Root| other.to_string() == root;
        let (_, cell) = self.taken.iter().rev().find(|(candidate, _)| {
            let run = self.records[candidate.record].history.run(&candidate.run);
            let mut made = run
                .into_iter()
                .flat_map(|run| &run.changed)
                .flat_map(|version| &version.roots);
            made.any(is_it)
        })?;
        self.refused
            .insert(*cell, format!("`{root}` could not be restored: {why}"));
        Some(*cell)
    }

    /// Whether cells set something in libraries that no record holds: such a cell is executed where anything is.
    pub fn has_patches(&mut self) -> bool {
        let mut runs = self.records.iter().flat_map(|record| record.history.runs());
        runs.any(|(_, run)| !run.evidence.patched.is_empty())
    }

    /// Whether cells that set something in libraries are taken for what they left: to know whether anything has to be executed at all.
    pub fn overlook_patches(&mut self, overlooks: bool) {
        self.found.overlooks_patches = overlooks;
    }

    /// Goes back to before the first cell, for a kernel that is as new as the first one was.
    pub fn begin_again(&mut self) {
        self.found = ExecutionContext {
            directory: self.directory.clone(),
            overlooks_patches: self.found.overlooks_patches,
            ..ExecutionContext::default()
        };
        self.pending.clear();
        self.taken.clear();
        self.awaited.clear();
        self.overwritten.begin_again();
        self.unknown = None;
    }
}

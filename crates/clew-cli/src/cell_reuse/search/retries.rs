//! Searches that start over: without runs whose values could not be restored, or because a cell must be executed after all.

use clew_core::history::flow::ExecutionContext;
use clew_core::id::Root;

use super::RunSearch;

impl RunSearch {
    /// Rejects the reused run that last created a root (in display form), since its value cannot be restored; returns its cell's `In [n]`.
    /// The cell is executed, because trying another run of it would cost another kernel. `None` if no reused run created the root.
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

    /// Whether recorded cells changed libraries in ways that no record contains: such a cell is executed if any cell is.
    pub fn has_patches(&mut self) -> bool {
        let mut runs = self.records.iter().flat_map(|record| record.history.runs());
        runs.any(|(_, run)| !run.evidence.patched.is_empty())
    }

    /// Sets whether cells that change libraries may be reused, which shows whether any cell must be executed at all.
    pub fn overlook_patches(&mut self, overlooks: bool) {
        self.found.overlooks_patches = overlooks;
    }

    /// Starts over before the first cell, for a new kernel.
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

//! Repeating the decisions: because one depends on later cells, or because a value could not be restored.

use super::search::RunSearch;
use super::{CellReuse, EnvironmentFacts};

impl CellReuse {
    /// Decides about all cells once if decisions depend on later cells; then returns to the state before the first cell.
    pub fn look_ahead(&mut self, facts: &dyn EnvironmentFacts) {
        if self.wanted.verify {
            return;
        }
        if self.searched(RunSearch::has_overwritten) {
            self.searched(RunSearch::allow_overwritten);
            while !self.is_settled(facts) {
                self.start_over();
            }
            self.start_over();
        }
        if self.searched(RunSearch::has_patches) {
            // A cell that changes libraries is executed only for the sake of other executed cells: if there are none, it need not be.
            self.overlook_patches(true);
            let is_whole = self.numbers().all(|number| self.decide(number, facts).is_restored);
            let is_whole = is_whole && self.searched(RunSearch::settle_overwritten);
            self.overlook_patches(is_whole);
        }
    }

    /// Whether the last writer of each file that several cells write is restored, and no cell between its writers is executed.
    fn is_settled(&mut self, facts: &dyn EnvironmentFacts) -> bool {
        let mut is_settled = true;
        for number in self.numbers() {
            if !self.decide(number, facts).is_restored {
                is_settled &= self.searched(RunSearch::settle_overwritten);
            }
        }
        is_settled & self.searched(RunSearch::settle_overwritten)
    }

    /// Marks cells as to be executed whose runs cannot be restored (`lost`, with the reason), and starts over for a new kernel. Returns the
    /// `In [n]` of these cells. Does nothing if there are none.
    pub fn begin_again(&mut self, lost: &[(String, String)]) -> Vec<u64> {
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        let mut cells: Vec<u64> = lost.iter().filter_map(|(root, why)| search.refuse(root, why)).collect();
        cells.extend(search.unsettled());
        if !cells.is_empty() {
            self.start_over();
            self.compared.clear();
            self.files.borrow_mut().clear();
        }
        cells
    }

    fn start_over(&mut self) {
        self.is_behind_first = false;
        self.searched(RunSearch::begin_again);
    }

    fn overlook_patches(&mut self, overlooks: bool) {
        self.searched(|search| search.overlook_patches(overlooks));
        self.start_over();
    }

    /// Calls `act` with the search if there is one.
    pub(super) fn searched<T: Default>(&mut self, act: impl FnOnce(&mut RunSearch) -> T) -> T {
        self.search.as_mut().map(act).unwrap_or_default()
    }

    fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        let numbers: Vec<u64> = self.notebook.cells.iter().map(|cell| cell.execution_count).collect();
        numbers.into_iter()
    }
}

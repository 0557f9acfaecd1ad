//! How much a store may hold. What would go beyond it is not stored: its cell can make it again.

use crate::store::Store;
use crate::store::layout;

/// How many bytes of packs a store may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many.
    Bytes(u64),
    /// So many hundredths of what would be free on the disk without the store.
    Share(u64),
}

impl Budget {
    /// How many bytes the store may have where it has `used` bytes and the disk `free` ones.
    fn most(self, used: u64, free: Option<u64>) -> Option<u64> {
        match self {
            Self::Bytes(most) => Some(most),
            Self::Share(share) => Some((used + free?) / 100 * share),
        }
    }
}

/// What a store takes and what it may take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What its packs take.
    pub used: u64,
    /// What they may take; `None` where nobody can tell.
    pub most: Option<u64>,
    /// What is free on its disk; `None` where nobody can tell.
    pub free: Option<u64>,
}

impl Usage {
    /// How many bytes may still be added; `None` where nobody can tell.
    pub fn room(self) -> Option<u64> {
        Some(self.most?.saturating_sub(self.used))
    }
}

impl Store {
    /// What it takes, what the budget allows, and what its disk has left.
    pub fn usage(&self, budget: Budget) -> Usage {
        let length = |id| {
            let file = self.disk().open(&layout::pack_path(self.directory(), id));
            file.and_then(|file| file.length()).unwrap_or(0)
        };
        let used = self.packs_here().into_iter().map(length).sum();
        let free = self.disk().free(self.directory()).ok();
        let most = budget.most(used, free);
        Usage { used, most, free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(budget: Budget, used: u64, free: Option<u64>) -> Option<u64> {
        let most = budget.most(used, free);
        Usage { used, most, free }.room()
    }

    #[test]
    fn a_share_is_one_of_what_would_be_free_without_the_store() {
        assert_eq!(room(Budget::Share(10), 0, Some(1000)), Some(100));
        assert_eq!(room(Budget::Share(10), 60, Some(940)), Some(40));
        assert_eq!(room(Budget::Share(10), 500, Some(500)), Some(0));
        assert_eq!(room(Budget::Share(10), 500, None), None);
    }

    #[test]
    fn so_many_bytes_need_no_disk_that_tells() {
        assert_eq!(room(Budget::Bytes(100), 60, None), Some(40));
        assert_eq!(room(Budget::Bytes(100), 101, Some(5)), Some(0));
    }
}

//! How much a store may hold. What would go beyond it is not stored: its cell can make it again.

use super::{Store, pack};

/// How many bytes of packs a store may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many.
    Bytes(u64),
    /// So many hundredths of what would be free on the disk without the store.
    Share(u64),
}

impl Budget {
    /// How many bytes may be added where the store has `used` bytes and the disk `free` ones.
    fn room(self, used: u64, free: Option<u64>) -> Option<u64> {
        Some(self.most(used, free)?.saturating_sub(used))
    }

    /// How many bytes the store may have.
    fn most(self, used: u64, free: Option<u64>) -> Option<u64> {
        match self {
            Self::Bytes(most) => Some(most),
            Self::Share(share) => Some((used + free?) / 100 * share),
        }
    }
}

impl Store {
    /// How many bytes may still be added; `None` where nobody can tell.
    pub fn room(&self, budget: Budget) -> Option<u64> {
        let (used, free) = self.used_and_free();
        budget.room(used, free)
    }

    /// How many bytes there may be; `None` where nobody can tell.
    pub fn most(&self, budget: Budget) -> Option<u64> {
        let (used, free) = self.used_and_free();
        budget.most(used, free)
    }

    fn used_and_free(&self) -> (u64, Option<u64>) {
        let length = |id| {
            let file = self.disk().open(&pack::path(self.directory(), id));
            file.and_then(|file| file.length()).unwrap_or(0)
        };
        let used = self.packs_here().into_iter().map(length).sum();
        (used, self.disk().free(self.directory()).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_of_what_would_be_free_without_the_store() {
        assert_eq!(Budget::Share(10).room(0, Some(1000)), Some(100));
        assert_eq!(Budget::Share(10).room(60, Some(940)), Some(40));
        assert_eq!(Budget::Share(10).room(500, Some(500)), Some(0));
        assert_eq!(Budget::Share(10).room(500, None), None);
    }

    #[test]
    fn so_many_bytes_need_no_disk_that_tells() {
        assert_eq!(Budget::Bytes(100).room(60, None), Some(40));
        assert_eq!(Budget::Bytes(100).room(101, Some(5)), Some(0));
    }
}

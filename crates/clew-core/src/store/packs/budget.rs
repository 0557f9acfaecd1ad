//! The size limit of a store. Data beyond it is not stored, because its cell can recreate it.

use crate::store::Store;
use crate::store::layout;

/// The size limit of the packs of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// A number of bytes.
    Bytes(u64),
    /// A percentage of the space that would be free on the disk without the store.
    Share(u64),
}

impl Budget {
    /// Returns the limit in bytes for a store of size `used` on a disk with `free` bytes.
    fn most(self, used: u64, free: Option<u64>) -> Option<u64> {
        match self {
            Self::Bytes(most) => Some(most),
            Self::Share(share) => Some((used + free?) / 100 * share),
        }
    }
}

/// The size of a store and its limit, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The size of its packs.
    pub used: u64,
    /// The limit; `None` if unknown.
    pub most: Option<u64>,
    /// The free space on its disk; `None` if unknown.
    pub free: Option<u64>,
}

impl Usage {
    /// Returns how many bytes may still be added; `None` if unknown.
    pub fn room(self) -> Option<u64> {
        Some(self.most?.saturating_sub(self.used))
    }
}

impl Store {
    /// Returns its size, its limit, and the free space on its disk.
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

//! The cache of hashes of blocks in files, valid as long as no other process changes the file: each block is hashed once in a session.

use rustc_hash::FxHashMap;

use super::{PackIndex, PackLocation};
use crate::store::disk::Stamp;

/// The most cached hashes of all files: with blocks of 64 KiB they cover 32 GiB, and take about 32 MiB.
const MOST: usize = 1 << 19;

/// Hashes of blocks of one file, by location, which this process verified or wrote.
#[derive(Debug, Default)]
pub(super) struct FileHashCache {
    stamp: Option<Stamp>,
    hashes: FxHashMap<u64, u128>,
}

impl FileHashCache {
    /// Clears the cache if the file changed since this process left it; returns the number of dropped hashes.
    pub fn hold_against(&mut self, stamp: Option<Stamp>) -> usize {
        if self.is_as_left(stamp) {
            return 0;
        }
        self.stamp = stamp;
        self.clear()
    }

    /// Returns whether the file is unchanged since all cached hashes were right.
    pub fn is_as_left(&self, stamp: Option<Stamp>) -> bool {
        stamp.is_some() && self.stamp == stamp
    }

    /// Sets the stamp after this process wrote to the file. The file was unchanged before.
    pub fn leave(&mut self, stamp: Option<Stamp>) {
        self.stamp = stamp;
    }

    /// Clears the cache; returns the number of dropped hashes.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.hashes).len()
    }

    /// Caches the hash (XXH3-128) of the block at an offset; returns whether it is new.
    pub fn add(&mut self, at: u64, hash: u128) -> bool {
        self.hashes.insert(at, hash).is_none()
    }

    pub fn get(&self, at: u64) -> Option<u128> {
        self.hashes.get(&at).copied()
    }
}

impl PackIndex {
    /// Drops the cached hashes of a pack that changed since this process left it.
    pub fn hold_against(&mut self, number: u32, stamp: Option<Stamp>) {
        self.remembered -= self.packs[number as usize].remembered.hold_against(stamp);
    }

    /// Returns whether a pack is unchanged since this process left it.
    pub fn is_held_against(&self, number: u32, stamp: Option<Stamp>) -> bool {
        self.packs[number as usize].remembered.is_as_left(stamp)
    }

    /// Sets the stamp of a pack after this process wrote to it.
    pub fn leave(&mut self, number: u32, stamp: Option<Stamp>) {
        self.packs[number as usize].remembered.leave(stamp);
    }

    /// Caches the hash of the block at a location, in a pack that is unchanged.
    pub fn remember(&mut self, place: &PackLocation, hash: u128) {
        if self.remembered >= MOST {
            self.packs.iter_mut().for_each(|pack| {
                pack.remembered.clear();
            });
            self.remembered = 0;
        }
        let pack = &mut self.packs[place.pack as usize];
        self.remembered += usize::from(pack.remembered.add(place.at, hash));
    }

    /// Returns the cached hash of the block at a location. The stamp of the pack was compared before.
    pub fn remembered(&self, place: &PackLocation) -> Option<u128> {
        self.packs[place.pack as usize].remembered.get(place.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_somebody_else_changed_is_known_no_more() {
        let mut remembered = FileHashCache::default();
        let (first, second) = (Some((1, 0, 10)), Some((1, 5, 10)));
        remembered.hold_against(first);
        assert!(remembered.add(4096, 7));
        remembered.leave(second);
        assert_eq!(remembered.hold_against(second), 0);
        assert_eq!(remembered.get(4096), Some(7));
        assert_eq!(remembered.hold_against(first), 1);
        assert_eq!(remembered.get(4096), None);
    }

    #[test]
    fn where_nothing_tells_changes_nothing_is_remembered() {
        let mut remembered = FileHashCache::default();
        remembered.add(0, 7);
        assert!(!remembered.is_as_left(None));
        assert_eq!(remembered.hold_against(None), 1);
    }
}

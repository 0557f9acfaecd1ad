//! Write tracking of memory in the toy system: which blocks are unchanged since they were hashed.

use std::cell::RefCell;
use std::collections::HashMap;

use clew_core::graph::{Extent, block_cuts};

/// By address, length and column: the hashed bytes, and the hash of each block.
#[derive(Debug, Clone, Default)]
pub struct Watched(RefCell<HashMap<(u64, u64, u64), Seen>>);

#[derive(Debug, Clone)]
struct Seen {
    bytes: Vec<u8>,
    hashes: Vec<u128>,
}

fn key(extent: &Extent) -> (u64, u64, u64) {
    (extent.address, extent.length, extent.column)
}

impl Watched {
    /// Returns the hashes of blocks whose bytes are unchanged.
    pub(super) fn untouched(&self, extent: &Extent, bytes: &[u8]) -> Vec<Option<u128>> {
        let watched = self.0.borrow();
        let Some(seen) = watched.get(&key(extent)) else {
            return Vec::new();
        };
        let cuts = block_cuts(extent.length, extent.column).zip(&seen.hashes);
        let known = cuts.map(|((offset, length), hash)| {
            let block = offset as usize..(offset + length) as usize;
            (bytes[block.clone()] == seen.bytes[block]).then_some(*hash)
        });
        known.collect()
    }

    pub(super) fn remember(&self, extent: &Extent, bytes: &[u8], hashes: &[u128]) {
        let (bytes, hashes) = (bytes.to_vec(), hashes.to_vec());
        self.0.borrow_mut().insert(key(extent), Seen { bytes, hashes });
    }
}

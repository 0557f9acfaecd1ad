//! Computing how much data a value would add, without storing it.

use rustc_hash::FxHashSet;

use super::SessionWriter;
use crate::format::FrameKind;
use crate::graph::block_cuts;
use crate::id::{BlockId, SegmentId};
use crate::store::packs::pieces::{SegmentChunker, StoredSegment};
use crate::store::{Budget, StoreError};

impl SessionWriter {
    /// Returns how many bytes may still be stored; `None` if unknown.
    pub fn room(&self, budget: Budget) -> Option<u64> {
        self.store.usage(budget).room()
    }

    /// Returns the number of bytes of a stream that are not stored yet. `before` is as for [`Self::put_stream`].
    pub fn bytes_new_of_stream(&mut self, plain: &[u8], before: &[StoredSegment]) -> Result<u64, StoreError> {
        let mut new = 0;
        for cut in SegmentChunker::new(plain, before) {
            let id = cut.known.unwrap_or_else(|| SegmentId::of(cut.bytes));
            if !self.is_stored(&id.0, FrameKind::SEGMENT)? {
                new += cut.bytes.len() as u64;
            }
        }
        Ok(new)
    }

    /// Returns the number of bytes of a piece of memory that are not stored yet. `known` is as for [`Self::put_extent`].
    pub fn bytes_new_of_extent(
        &mut self,
        bytes: &[u8],
        column: u64,
        known: &[Option<BlockId>],
    ) -> Result<u64, StoreError> {
        let (mut new, mut met) = (0, FxHashSet::default());
        for (index, (offset, length)) in block_cuts(bytes.len() as u64, column).enumerate() {
            let block = &bytes[offset as usize..(offset + length) as usize];
            let id = known.get(index).copied().flatten();
            let id = id.unwrap_or_else(|| BlockId::of(block));
            if met.insert(id) && !self.is_stored(&id.0, FrameKind::BLOCKS)? {
                new += length;
            }
        }
        Ok(new)
    }
}

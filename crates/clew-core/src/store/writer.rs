//! One session's writer: blocks, then records, then the Operation that makes them visible.

use super::error::StoreError;
use crate::format::{Action, Manifest, Operation, Run, StoredExtent, Timestamp, View};
use crate::id::{BlobId, BlockId, ManifestId, OperationId, RunId, SegmentId};

/// Writes one session's packs and log. What is put becomes visible with the next commit, whole or not at all.
#[derive(Debug)]
pub struct SessionWriter {}

impl SessionWriter {
    /// Stores a part of an object stream, unless it is there already.
    pub fn put_segment(&mut self, _plain: &[u8]) -> Result<SegmentId, StoreError> {
        todo!()
    }

    /// Stores a whole object stream as segments of at most 1 MiB, so that streams with equal beginnings share them.
    pub fn put_stream(&mut self, _plain: &[u8]) -> Result<Vec<SegmentId>, StoreError> {
        todo!()
    }

    /// Stores a piece of memory as blocks. `known` may name blocks, by position, that are known to be unchanged since
    /// this session stored or loaded them: these are not hashed again. It may be shorter than there are blocks.
    pub fn put_extent(
        &mut self,
        _bytes: &[u8],
        _column: u64,
        _known: &[Option<BlockId>],
    ) -> Result<StoredExtent, StoreError> {
        todo!()
    }

    /// Stores a text under a random salt, so that its id confirms no guess.
    pub fn put_blob(&mut self, _text: &str) -> Result<BlobId, StoreError> {
        todo!()
    }

    /// Stores a manifest.
    pub fn put_manifest(&mut self, _manifest: &Manifest) -> Result<ManifestId, StoreError> {
        todo!()
    }

    /// Adds a run to what the next commit makes visible.
    pub fn put_run(&mut self, _run: &Run) -> Result<RunId, StoreError> {
        todo!()
    }

    /// Takes the next run number of the history. A number is never given twice, nor given back.
    pub fn reserve_number(&mut self) -> Result<u64, StoreError> {
        todo!()
    }

    /// Writes everything put since the last commit, then the operation. When it returns the operation is *saved*: it
    /// survives the death of this process.
    pub fn commit(
        &mut self,
        _action: Action,
        _view: View,
        _time: Timestamp,
    ) -> Result<(OperationId, Operation), StoreError> {
        todo!()
    }

    /// Forgets what was put since the last commit.
    pub fn abandon(&mut self) {
        todo!()
    }

    /// Flushes packs, then the log. When it returns everything committed is *synced*: it survives a power cut.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        todo!()
    }

    /// How many operations are saved, and how many of them synced.
    pub fn marks(&self) -> (u64, u64) {
        todo!()
    }
}

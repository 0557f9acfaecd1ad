//! Appending to files that only ever grow.

use std::path::Path;

use super::{DiskFile, write_all_at};
use crate::store::error::StoreError;

/// A failed write of an append-only file.
#[derive(Debug)]
pub(in crate::store) struct WriteError {
    pub error: StoreError,
    /// Whether nothing may be appended any more.
    pub is_stuck: bool,
    /// Whether the file was brought back to its last whole frame, so that nobody need doubt what it holds.
    pub is_whole: bool,
}

impl From<WriteError> for StoreError {
    fn from(failed: WriteError) -> Self {
        failed.error
    }
}

/// Writes `bytes` at `at`. After an error the file is cut back to `end`, so that no half of a frame, and no frame that
/// was not acknowledged, stays where the next one goes. A file that is written once takes no next one there.
pub(in crate::store) fn append(
    file: &dyn DiskFile,
    path: &Path,
    bytes: &[u8],
    at: u64,
    end: u64,
) -> Result<(), WriteError> {
    write_all_at(file, bytes, at).map_err(|source| {
        let is_whole = file.truncate(end).is_ok();
        WriteError {
            error: StoreError::io("write to", path)(source),
            is_stuck: !is_whole || file.is_written_once(),
            is_whole,
        }
    })
}

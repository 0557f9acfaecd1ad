//! Appending to append-only files.

use std::path::Path;

use super::{DiskFile, write_all_at};
use crate::store::error::StoreError;

/// A failed write of an append-only file.
#[derive(Debug)]
pub(in crate::store) struct WriteError {
    pub error: StoreError,
    /// Whether nothing may be appended any more.
    pub is_stuck: bool,
    /// Whether the file was truncated to its last complete frame, so that its content is certain.
    pub is_whole: bool,
}

impl From<WriteError> for StoreError {
    fn from(failed: WriteError) -> Self {
        failed.error
    }
}

/// Writes `bytes` at `at`. After an error the file is truncated to `end`, so that no partial or unacknowledged frame stays where the next
/// one goes. If each offset of the file may be written only once, nothing can be appended after an error.
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

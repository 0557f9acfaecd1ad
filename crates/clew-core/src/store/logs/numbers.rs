//! Run numbers: assigned under the history's lock, so that two kernels on one notebook never get the same one.
//!
//! The file contains the last number assigned and its checksum. It is a shortcut: if it is torn, or older than the logs after a power
//! failure, the logs count. On a file system without locks two runs may get the same number; their hashes distinguish them then.

use std::path::Path;

use crate::id::HistoryId;
use crate::store::disk::checked_number::{read_number, write_number};
use crate::store::disk::{Disk, if_supported};
use crate::store::error::StoreError;
use crate::store::layout;

/// Assigns the number after the last one assigned, and after `floor`.
pub(in crate::store) fn reserve(
    disk: &dyn Disk,
    store: &Path,
    history: HistoryId,
    floor: u64,
) -> Result<u64, StoreError> {
    let path = layout::numbers_path(store, history);
    let Some(lock) = if_supported(disk.lock(&path), &path)? else {
        return Ok(floor.saturating_add(1));
    };
    let last = read_number(lock.file()).unwrap_or(0);
    let number = last.max(floor).saturating_add(1);
    write_number(lock.file(), number).map_err(StoreError::io("write to", &path))?;
    Ok(number)
}

/// Returns the last number assigned according to the file; `None` if the file is missing or torn.
pub(in crate::store) fn last_given(disk: &dyn Disk, store: &Path, history: HistoryId) -> Option<u64> {
    read_number(&*disk.open(&layout::numbers_path(store, history)).ok()?)
}

/// Writes `floor` to the file if its number is smaller or unreadable. Returns whether it was.
pub(in crate::store) fn raise(
    disk: &dyn Disk,
    store: &Path,
    history: HistoryId,
    floor: u64,
) -> Result<bool, StoreError> {
    let path = layout::numbers_path(store, history);
    let lock = disk.lock(&path).map_err(StoreError::io("lock", &path))?;
    let is_wrong = read_number(lock.file()).is_none_or(|number| number < floor);
    if is_wrong {
        write_number(lock.file(), floor).map_err(StoreError::io("write to", &path))?;
    }
    Ok(is_wrong)
}

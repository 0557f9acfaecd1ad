//! Run numbers: given under the history's lock, so that two kernels on one notebook never take the same one.
//!
//! The file holds the last number given and its checksum. It is a shortcut, not the truth: where it is torn, or older
//! than the logs after a power cut, the logs count. On a file system without locks two runs may get one number; they
//! are then told apart by their hashes.

use std::path::Path;

use crate::id::HistoryId;
use crate::store::disk::checked_number::{read_number, write_number};
use crate::store::disk::{Disk, if_supported};
use crate::store::error::StoreError;
use crate::store::layout;

/// Takes the number after the last one given, and after `floor`.
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

/// The last number given, as the file says; `None` where it is not there or torn.
pub(in crate::store) fn last_given(disk: &dyn Disk, store: &Path, history: HistoryId) -> Option<u64> {
    read_number(&*disk.open(&layout::numbers_path(store, history)).ok()?)
}

/// Makes the file say `floor` where it says less, or nothing. Says whether it was so.
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

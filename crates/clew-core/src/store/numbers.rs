//! Run numbers: given under the history's lock, so that two kernels on one notebook never take the same one.
//!
//! The file holds the last number given and its checksum. It is a shortcut, not the truth: where it is torn, or older
//! than the logs after a power cut, the logs count. On a file system without locks two runs may get one number; they
//! are then told apart by their hashes.

use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::disk::{Disk, DiskFile, DiskLock, read_exact_at, write_all_at};
use super::error::StoreError;
use super::log;
use crate::id::HistoryId;

/// Where the last number of a history lies.
pub(super) fn path(store: &Path, history: HistoryId) -> PathBuf {
    log::folder(store, history).join("numbers")
}

/// Takes the number after the last one given, and after `floor`.
pub(super) fn reserve(disk: &dyn Disk, store: &Path, history: HistoryId, floor: u64) -> Result<u64, StoreError> {
    let path = path(store, history);
    let lock = match disk.lock(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(floor.saturating_add(1)),
        Err(error) => return Err(StoreError::io("lock", &path)(error)),
    };
    let number = last(&*lock).max(floor).saturating_add(1);
    write(lock.file(), number).map_err(StoreError::io("write to", &path))?;
    Ok(number)
}

/// The last number given, as the file says; `None` where it is not there or torn.
pub(super) fn last_given(disk: &dyn Disk, store: &Path, history: HistoryId) -> Option<u64> {
    read(&*disk.open(&path(store, history)).ok()?)
}

/// Makes the file say `floor` where it says less, or nothing. Says whether it was so.
pub(super) fn raise(disk: &dyn Disk, store: &Path, history: HistoryId, floor: u64) -> Result<bool, StoreError> {
    let path = path(store, history);
    let lock = disk.lock(&path).map_err(StoreError::io("lock", &path))?;
    let is_wrong = read(lock.file()).is_none_or(|number| number < floor);
    if is_wrong {
        write(lock.file(), floor).map_err(StoreError::io("write to", &path))?;
    }
    Ok(is_wrong)
}

fn last(lock: &dyn DiskLock) -> u64 {
    read(lock.file()).unwrap_or(0)
}

/// The number in a file that holds one; `None` where it is torn.
pub(super) fn read(file: &dyn DiskFile) -> Option<u64> {
    let mut bytes = [0; 16];
    read_exact_at(file, &mut bytes, 0).ok()?;
    let (number, checksum) = bytes.split_at(8);
    let is_sound = xxh3_64(number).to_le_bytes() == checksum;
    is_sound.then(|| u64::from_le_bytes(number.try_into().unwrap_or_default()))
}

/// Writes a number and its checksum.
pub(super) fn write(file: &dyn DiskFile, number: u64) -> io::Result<()> {
    let number = number.to_le_bytes();
    let checksum = xxh3_64(&number).to_le_bytes();
    write_all_at(file, &[number, checksum].concat(), 0)
}

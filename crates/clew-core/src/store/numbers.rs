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

fn last(lock: &dyn DiskLock) -> u64 {
    let mut bytes = [0; 16];
    if read_exact_at(lock.file(), &mut bytes, 0).is_err() {
        return 0;
    }
    let (number, checksum) = bytes.split_at(8);
    if xxh3_64(number).to_le_bytes() != checksum {
        return 0;
    }
    u64::from_le_bytes(number.try_into().unwrap_or_default())
}

fn write(file: &dyn DiskFile, number: u64) -> io::Result<()> {
    let number = number.to_le_bytes();
    let checksum = xxh3_64(&number).to_le_bytes();
    write_all_at(file, &[number, checksum].concat(), 0)
}

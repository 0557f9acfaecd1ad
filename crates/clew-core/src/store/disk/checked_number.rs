//! Files that contain one number and its checksum.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::{DiskFile, read_exact_at, write_all_at};

/// Reads the number; `None` if the file is torn.
pub(in crate::store) fn read_number(file: &dyn DiskFile) -> Option<u64> {
    let mut bytes = [0; 16];
    read_exact_at(file, &mut bytes, 0).ok()?;
    let (number, checksum) = bytes.split_at(8);
    let is_sound = xxh3_64(number).to_le_bytes() == checksum;
    is_sound.then(|| u64::from_le_bytes(number.try_into().unwrap_or_default()))
}

/// Writes a number and its checksum.
pub(in crate::store) fn write_number(file: &dyn DiskFile, number: u64) -> io::Result<()> {
    let number = number.to_le_bytes();
    let checksum = xxh3_64(&number).to_le_bytes();
    write_all_at(file, &[number, checksum].concat(), 0)
}

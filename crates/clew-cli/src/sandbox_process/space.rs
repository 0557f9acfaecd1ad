//! Measures the disk usage of a sandbox process: the system's limits apply to each file, not to their total.

use std::fs;
use std::path::Path;

use crate::platform::{deleted_files, used_space};

/// The most bytes of all its files at any time.
pub(super) const MOST: u64 = 1 << 30;

/// Returns the bytes of the files below a folder, and of deleted files that a process has open.
pub(super) fn taken(folder: &Path, process: u32) -> u64 {
    below(folder).saturating_add(deleted_files(process))
}

fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => below(&entry.path()),
        Ok(found) => used_space(&found),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

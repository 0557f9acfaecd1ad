//! Measures the disk usage of a sandbox process: the system's limits apply to each file, not to their total.

use std::fs;
use std::path::Path;

/// The most bytes of all its files at any time.
pub(super) const MOST: u64 = 1 << 30;

/// Returns the bytes of the files below a folder, and of deleted files that a process has open.
pub(super) fn taken(folder: &Path, process: u32) -> u64 {
    below(folder).saturating_add(nameless(process))
}

fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => below(&entry.path()),
        Ok(found) => on_disk(&found),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

#[cfg(target_os = "linux")]
fn nameless(process: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let sizes = open.map(|entry| {
        let path = entry.path();
        let has_no_name = fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().ends_with(" (deleted)"));
        let found = has_no_name.then(|| fs::metadata(&path).ok()).flatten();
        found.map_or(0, |found| on_disk(&found))
    });
    sizes.fold(0, u64::saturating_add)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: u32) -> u64 {
    0
}

#[cfg(unix)]
fn on_disk(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(found).saturating_mul(512)
}

#[cfg(not(unix))]
fn on_disk(found: &fs::Metadata) -> u64 {
    found.len()
}

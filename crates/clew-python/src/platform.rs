//! What differs between operating systems outside of memory (`raw`) and the sandbox.

use std::fs::Metadata;

/// The state of a file: device, inode, length, and when its content and its metadata last changed.
pub(crate) type FileStamp = (u64, u64, u64, i64, i64);

/// Returns a stamp that differs after every change of the file; `None` if the system provides none.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // one signature on every platform
pub(crate) fn file_stamp(file: &Metadata) -> Option<FileStamp> {
    use std::os::unix::fs::MetadataExt;
    let changed = file.ctime().wrapping_mul(1_000_000_000).wrapping_add(file.ctime_nsec());
    let modified = file.mtime().wrapping_mul(1_000_000_000).wrapping_add(file.mtime_nsec());
    Some((file.dev(), file.ino(), file.len(), modified, changed))
}

/// Programs can set all times of a file here.
#[cfg(not(unix))]
pub(crate) fn file_stamp(_file: &Metadata) -> Option<FileStamp> {
    None
}

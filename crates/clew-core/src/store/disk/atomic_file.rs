//! Small files that are written as a whole: new ones, and atomic replacements.

use std::path::Path;

use super::{Disk, write_all_at};
use crate::format::{FrameEncoder, FrameKind};
use crate::store::error::StoreError;

/// Encodes a file of a few frames.
pub(in crate::store) fn framed(frames: &[(FrameKind, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, plain) in frames {
        FrameEncoder::default().frame(*kind, [0; 32], b"", plain, &mut bytes);
    }
    bytes
}

/// Creates a file and waits until its content, but not its name, would survive a power failure.
pub(in crate::store) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let file = disk.create_new(path).map_err(StoreError::io("make", path))?;
    let written = write_all_at(&*file, bytes, 0).map_err(StoreError::io("write to", path));
    let synced = written.and_then(|()| file.sync().map_err(StoreError::io("sync", path)));
    if synced.is_err() {
        // Half a file has no use; if it cannot be deleted, readers ignore it.
        disk.unlink(path).ok();
    }
    synced
}

/// Replaces the file called `name` atomically. The new file survives a power failure when this returns.
pub(in crate::store) fn replace(disk: &dyn Disk, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = folder.join(disk.temporary_name(name));
    let path = folder.join(name);
    write_new(disk, &temporary, bytes)?;
    if let Err(error) = disk.rename(&temporary, &path) {
        disk.unlink(&temporary).ok();
        return Err(StoreError::io("make", &path)(error));
    }
    disk.sync_folder(folder)
}

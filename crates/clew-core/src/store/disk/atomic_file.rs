//! Small files that are written whole: a new one, or one that takes another's place in one step.

use std::path::Path;

use super::{Disk, write_all_at};
use crate::format::{FrameEncoder, FrameKind};
use crate::store::error::StoreError;

/// A file of a few frames, as bytes.
pub(in crate::store) fn framed(frames: &[(FrameKind, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, plain) in frames {
        FrameEncoder::default().frame(*kind, [0; 32], b"", plain, &mut bytes);
    }
    bytes
}

/// Makes a file and waits until it would survive a power cut (its name apart).
pub(in crate::store) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let file = disk.create_new(path).map_err(StoreError::io("make", path))?;
    let written = write_all_at(&*file, bytes, 0).map_err(StoreError::io("write to", path));
    let synced = written.and_then(|()| file.sync().map_err(StoreError::io("sync", path)));
    if synced.is_err() {
        // Half a file is worth nothing; if it can't be taken away readers pass over it.
        disk.unlink(path).ok();
    }
    synced
}

/// Puts a file in the place of the one called `name`: whole, or not at all. It would survive a power cut when this returns.
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

//! The abstraction of a disk: every effect on files goes through it, so that a simulated disk can crash at each of them.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

pub(super) mod append;
pub(super) mod atomic_file;
mod bundle_disk;
pub(super) mod checked_number;
mod encrypted_disk;
mod overlay;
mod part;
mod real;
mod store_key;

use super::error::StoreError;
pub use bundle_disk::BundledDisk;
pub(super) use bundle_disk::BundledRange;
pub use encrypted_disk::EncryptedDisk;
pub(super) use encrypted_disk::key_of;
pub use overlay::OverlayDisk;
pub use part::{FilePart, MemoryFile};
pub(super) use real::private;
pub use real::{RealDisk, private_folder};
pub use store_key::{Keyring, StoreKey};

/// An open file. Offsets are bytes from the start.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at most `buffer.len()` bytes; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at least one byte, maybe not all of them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Waits until everything written to the file so far would survive a power failure.
    fn sync(&self) -> io::Result<()>;

    /// Returns its length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Truncates the file. A writer only uses this for the torn end of its own file.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns a value that differs after every change of the file by any process; `None` if the system provides none.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// Returns the operating system's file, if there is one: it can be mapped.
    fn system_file(&self) -> Option<&File> {
        None
    }

    /// Returns its current path, if the system provides it: folders can be moved while their files are open.
    fn present_path(&self) -> Option<PathBuf> {
        self.beneath()?.present_path()
    }

    /// Returns whether the range contains only zeros, as a power failure leaves for bytes that were not synced.
    fn is_blank(&self, range: Range<u64>) -> io::Result<bool> {
        let mut buffer = vec![0; BLANK.min(range.end.saturating_sub(range.start)) as usize];
        let mut at = range.start;
        while at < range.end {
            let count = (range.end - at).min(BLANK) as usize;
            read_exact_at(self, &mut buffer[..count], at)?;
            if buffer[..count].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }

    /// Returns whether each offset may be written only once, even after a truncation.
    fn is_written_once(&self) -> bool {
        false
    }

    /// Returns the file that contains this one, if there is one.
    fn beneath(&self) -> Option<&dyn DiskFile> {
        None
    }
}

/// Bytes that are checked at once.
const BLANK: u64 = 64 * 1024;

/// The time of a file's last change according to the system, in seconds and nanoseconds, and its length.
pub type Stamp = (i64, i64, u64);

/// A lock between processes, held until it is dropped.
pub trait DiskLock: Debug + Send {
    /// The locked file, open for reading and writing.
    fn file(&self) -> &dyn DiskFile;
}

/// A file system. Files are created readable and writable by their owner only (0600, folders 0700).
pub trait Disk: Debug + Send + Sync {
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a file for writing; fails with `AlreadyExists` if it exists.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a folder and its parents. An existing folder is not an error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// It is not empty, or the disk has no real folders.
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Renames a file, or a folder with its contents, atomically, and replaces an existing target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Returns the names in a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Waits until the names in a folder would survive a power failure.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Waits for the exclusive lock on a file, which is created if it does not exist.
    ///
    /// # Errors
    /// `Unsupported` if the file system has no locks.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Waits for a shared lock, which excludes only [`Disk::lock`].
    ///
    /// # Errors
    /// `Unsupported` if the file system has no locks.
    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Takes the exclusive lock on a file if it is free; returns `None` if it is held.
    ///
    /// # Errors
    /// `NotFound` if the file does not exist, `Unsupported` if the file system has no locks.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;

    /// Returns whether `path` is still the name of a file that was opened or created under it; `true` if that is unknown.
    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        let _ = (path, file);
        true
    }

    /// Returns the free space for `path`, in bytes.
    ///
    /// # Errors
    /// `Unsupported` if the system does not provide it.
    fn free(&self, path: &Path) -> io::Result<u64> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns whether others than the owner may read or write the file. `false` if the system has no such permissions.
    fn is_open_to_others(&self, path: &Path) -> io::Result<bool>;

    /// Fills `bytes` with random ones. Part of this trait so that a simulated disk makes whole stores reproducible.
    fn random(&self, bytes: &mut [u8]);
}

/// Reads exactly `buffer.len()` bytes at `offset`.
///
/// # Errors
/// `UnexpectedEof` if the file ends before.
pub fn read_exact_at<F: DiskFile + ?Sized>(file: &F, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
pub fn write_all_at(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Operations of the store on its disk that return the store's errors.
impl dyn Disk + '_ {
    /// Creates a folder and its parents.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.create_dir(path).map_err(StoreError::io("make", path))
    }

    /// Waits until the names in a folder would survive a power failure.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.sync_dir(path).map_err(StoreError::io("sync", path))
    }

    /// Opens a file for reading; `None` if it does not exist.
    pub(super) fn open_existing(&self, path: &Path) -> Result<Option<Box<dyn DiskFile>>, StoreError> {
        if_exists(self.open(path)).map_err(StoreError::io("read", path))
    }

    /// Returns the names in a folder, sorted; none if it does not exist.
    pub(super) fn list_existing(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let names = if_exists(self.list(path)).map_err(StoreError::io("list", path))?;
        Ok(names.unwrap_or_default())
    }

    /// Returns random bytes.
    pub(super) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random(&mut bytes);
        bytes
    }

    /// Returns a temporary name that begins with `name`, for a file until it is complete.
    pub(super) fn temporary_name(&self, name: &str) -> String {
        format!("{name}.{:016x}", u64::from_le_bytes(self.random_bytes()))
    }

    /// Reads a file of the user's own completely, if it exists; `refuse` creates the error if the file is unusable.
    pub(super) fn read_private(
        &self,
        path: &Path,
        lengths: RangeInclusive<u64>,
        refuse: impl Fn(PrivateFileFault) -> StoreError,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_existing(path)? else {
            return Ok(None);
        };
        if self.is_open_to_others(path).map_err(StoreError::io("read", path))? {
            return Err(refuse(PrivateFileFault::OpenToOthers));
        }
        let length = file.length().map_err(StoreError::io("read", path))?;
        if !lengths.contains(&length) {
            return Err(refuse(PrivateFileFault::Length));
        }
        read_range(&*file, path, 0..length).map(Some)
    }
}

/// Why a file of the user's own is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrivateFileFault {
    OpenToOthers,
    Length,
}

/// Returns `None` if the error is that the file does not exist.
pub(super) fn if_exists<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Returns a lock; `None` if the file system has none.
pub(super) fn if_supported(
    lock: io::Result<Box<dyn DiskLock>>,
    path: &Path,
) -> Result<Option<Box<dyn DiskLock>>, StoreError> {
    match lock {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        lock => lock.map(Some).map_err(StoreError::io("lock", path)),
    }
}

/// Reads all bytes of the file at a path.
pub(super) fn read_whole(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, StoreError> {
    read_all(&*disk.open(path).map_err(StoreError::io("read", path))?, path)
}

/// Reads all bytes of a file.
pub(super) fn read_all(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = file.length().map_err(StoreError::io("read", path))?;
    read_range(file, path, 0..length)
}

/// Reads a range of a file.
pub(super) fn read_range(file: &dyn DiskFile, path: &Path, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(file, &mut bytes, range.start).map_err(StoreError::io("read", path))?;
    Ok(bytes)
}

//! The seam to a disk: every effect on files goes through here, so that a simulated disk can crash at each of them.

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
pub use real::{RealDisk, private_folder};
pub use store_key::{Keyring, StoreKey};

/// An open file. Positions are bytes from the start.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at most `buffer.len()` bytes; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at least one byte, maybe not all of them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Waits until everything written to the file so far would survive a power cut.
    fn sync(&self) -> io::Result<()>;

    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Cuts it off. Only ever used by a writer on the torn end of its own file.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// What is another one after every change of the file, whoever makes it; `None` where nothing tells.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// The system's own file, where it is one: that can be mapped.
    fn system_file(&self) -> Option<&File> {
        None
    }

    /// Where it lies now, as far as the system tells: folders are moved while their files are open.
    fn present_path(&self) -> Option<PathBuf> {
        self.beneath()?.present_path()
    }

    /// Whether nothing but zeros lies there: what a power cut leaves of bytes that nobody synced.
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

    /// Whether no place in it may be written a second time, also after it was cut off.
    fn is_written_once(&self) -> bool {
        false
    }

    /// The file in which this one lies, where it lies in another.
    fn beneath(&self) -> Option<&dyn DiskFile> {
        None
    }
}

/// So many bytes are looked at together.
const BLANK: u64 = 64 * 1024;

/// When a file was last changed, as the system says: seconds, nanoseconds and length.
pub type Stamp = (i64, i64, u64);

/// A lock between processes, held until it is dropped.
pub trait DiskLock: Debug + Send {
    /// The locked file, open for reading and writing.
    fn file(&self) -> &dyn DiskFile;
}

/// A file system. Files are made readable and writable by their owner only (0600, folders 0700).
pub trait Disk: Debug + Send + Sync {
    /// Opens a file to read.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a file to write; fails with `AlreadyExists` if it is there.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a folder and those above it. No error if it is there.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes an empty folder away.
    ///
    /// # Errors
    /// It is not empty, or the disk has no folders of its own.
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file, or a folder with all in it, another name in one step, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Waits until the names in a folder would survive a power cut.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Waits for the lock on a file, which is made if it is not there.
    ///
    /// # Errors
    /// `Unsupported` where the file system has no locks.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// The same for one of several who only keep [`Disk::lock`] out.
    ///
    /// # Errors
    /// `Unsupported` where the file system has no locks.
    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Takes the lock on a file if nobody holds it; `None` where somebody does.
    ///
    /// # Errors
    /// `NotFound` if the file is not there, `Unsupported` where the file system has no locks.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;

    /// Whether `path` is still the name of a file that was opened or made under it; `true` where nobody can tell.
    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        let _ = (path, file);
        true
    }

    /// How many bytes may still be written where `path` lies.
    ///
    /// # Errors
    /// `Unsupported` where the system does not tell.
    fn free(&self, path: &Path) -> io::Result<u64> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether others than the owner may read or write the file. `false` where there are no such rights.
    fn is_open_to_others(&self, path: &Path) -> io::Result<bool>;

    /// Fills `bytes` with random ones. Here because a simulated disk makes whole stores repeatable.
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

/// Writes all of `bytes` at `offset`. After an error any part of them may be there.
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

/// What the store does with its disk and says in its own errors.
impl dyn Disk + '_ {
    /// Makes a folder and those above it.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.create_dir(path).map_err(StoreError::io("make", path))
    }

    /// Waits until the names in a folder would survive a power cut.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.sync_dir(path).map_err(StoreError::io("sync", path))
    }

    /// Opens a file to read; `None` if it is not there.
    pub(super) fn open_existing(&self, path: &Path) -> Result<Option<Box<dyn DiskFile>>, StoreError> {
        if_exists(self.open(path)).map_err(StoreError::io("read", path))
    }

    /// The names in a folder, sorted; none if it is not there.
    pub(super) fn list_existing(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let names = if_exists(self.list(path)).map_err(StoreError::io("list", path))?;
        Ok(names.unwrap_or_default())
    }

    /// Random bytes.
    pub(super) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random(&mut bytes);
        bytes
    }

    /// Another name that begins with `name`, for a file until it is whole.
    pub(super) fn temporary_name(&self, name: &str) -> String {
        format!("{name}.{:016x}", u64::from_le_bytes(self.random_bytes()))
    }

    /// A whole file of the user's own, if it is there; `refuse` says so where it is none that can be used.
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

/// `None` where something is not there.
pub(super) fn if_exists<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// A lock; `None` where the file system has none.
pub(super) fn if_supported(
    lock: io::Result<Box<dyn DiskLock>>,
    path: &Path,
) -> Result<Option<Box<dyn DiskLock>>, StoreError> {
    match lock {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        lock => lock.map(Some).map_err(StoreError::io("lock", path)),
    }
}

/// All bytes of the file at a path.
pub(super) fn read_whole(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, StoreError> {
    read_all(&*disk.open(path).map_err(StoreError::io("read", path))?, path)
}

/// All bytes of a file.
pub(super) fn read_all(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = file.length().map_err(StoreError::io("read", path))?;
    read_range(file, path, 0..length)
}

/// Bytes of a file.
pub(super) fn read_range(file: &dyn DiskFile, path: &Path, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(file, &mut bytes, range.start).map_err(StoreError::io("read", path))?;
    Ok(bytes)
}

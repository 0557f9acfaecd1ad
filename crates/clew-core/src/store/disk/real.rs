//! The disk of the machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

#[cfg(unix)]
use super::Stamp;
use super::{Disk, DiskFile, DiskLock};

/// The disk of the machine, through the standard library. If a platform lacks a feature (permissions, syncing of folders), it is silently
/// omitted.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl DiskFile for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    /// Uses the time of the last change (ctime), which programs cannot set.
    #[cfg(unix)]
    fn stamp(&self) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let metadata = self.metadata().ok()?;
        Some((metadata.ctime(), metadata.ctime_nsec(), metadata.len()))
    }

    fn system_file(&self) -> Option<&File> {
        Some(self)
    }

    #[cfg(target_os = "linux")]
    fn present_path(&self) -> Option<PathBuf> {
        use std::os::fd::AsRawFd;
        std::fs::read_link(format!("/proc/self/fd/{}", self.as_raw_fd())).ok()
    }
}

/// The system releases the lock when the file is closed, also when the process dies.
#[derive(Debug)]
struct RealLock(File);

impl DiskLock for RealLock {
    fn file(&self) -> &dyn DiskFile {
        &self.0
    }
}

/// Returns options that create files accessible to their owner only.
pub(in crate::store) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(private().create_new(true).open(path)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        private_folder(path)
    }

    #[cfg(unix)]
    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        use std::os::unix::fs::MetadataExt;
        let Some(Ok(open)) = file.system_file().map(File::metadata) else {
            return true;
        };
        match std::fs::metadata(path) {
            Ok(named) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            // Files of a store have UTF-8 names.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    #[cfg(unix)]
    fn free(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail * found.f_frsize)
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = private().create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(Box::new(RealLock(file)))
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = private().create(true).truncate(false).open(path)?;
        file.lock_shared()?;
        Ok(Box::new(RealLock(file)))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let file = private().open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    #[cfg(unix)]
    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        let metadata = std::fs::metadata(path)?;
        Ok(std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0)
    }

    #[cfg(not(unix))]
    fn is_open_to_others(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has random bytes");
    }
}

/// Creates a folder that only its owner can access, and its missing parents.
///
/// # Errors
/// A file system operation failed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

//! A real folder in which every lock is granted, as on a file system without working locks.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use clew_core::store::disk::{Disk, DiskFile, DiskLock, RealDisk};

/// The real disk, with locks that exclude no other process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LyingDisk;

#[derive(Debug)]
struct NoLock(File);

impl DiskLock for NoLock {
    fn file(&self) -> &dyn DiskFile {
        &self.0
    }
}

fn opened(path: &Path, is_made: bool) -> io::Result<NoLock> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(is_made)
        .truncate(false)
        .open(path)?;
    Ok(NoLock(file))
}

impl Disk for LyingDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create_new(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        RealDisk.unlink(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(opened(path, true)?))
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(opened(path, true)?))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        Ok(Some(Box::new(opened(path, false)?)))
    }

    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        RealDisk.names(path, file)
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_open_to_others(path)
    }

    fn random(&self, bytes: &mut [u8]) {
        RealDisk.random(bytes);
    }
}

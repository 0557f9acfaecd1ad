//! The gate between who records and who takes packs away.
//!
//! The file `generation` holds a number that is another one whenever packs were taken away. Whoever records is inside, with a shared lock on it, from
//! the first thing that it finds stored or stores until the operation is written; whoever takes packs away holds it alone
//! while it looks for the last time at what operations reach, and unlinks. So nothing that a recorder found stored can go
//! before the operation that refers to it is written, and nothing can be referred to that has gone: who enters and finds
//! another generation goes over the packs again first.
//!
//! Packs that are being written are out of reach besides: their writer holds a lock on a file beside them, which the
//! system lets go of when the writer dies. Where a file system has no locks nothing is taken away at all.
//!
//! Locks may hold on each machine and not between two, which no machine can find out by itself. So both sides go on as if
//! nobody had kept out anybody: who takes away says which packs and counts the generation up *before* it looks for the
//! last time, and who recorded reads the generation *after* the operation is written ([`super::writer`], decision 23). One
//! of them sees the other.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::checked_number::{read_number, write_number};
use super::disk::{Disk, DiskFile, DiskLock, if_exists, if_supported};
use super::error::StoreError;
use super::layout;
use crate::id::PackId;

fn path(store: &Path) -> PathBuf {
    store.join("generation")
}

/// Goes in to record: packs stay where they are until the guard is dropped, where there are locks.
pub(super) fn enter(disk: &dyn Disk, store: &Path) -> Result<SharedGcLock, StoreError> {
    let path = path(store);
    let lock = if_supported(disk.lock_shared(&path), &path)?;
    let generation = match &lock {
        Some(lock) => number(lock.file()),
        None => generation(disk, store),
    };
    Ok(SharedGcLock {
        generation,
        _lock: lock,
    })
}

/// The generation as it is now, whoever holds the gate. The file is opened anew: only then do network file systems ask
/// whether it is another one.
pub(super) fn generation(disk: &dyn Disk, store: &Path) -> Option<u64> {
    match disk.open(&path(store)) {
        Ok(file) => number(&*file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(0),
        Err(_) => None,
    }
}

/// 0 where packs were never taken away.
fn number(file: &dyn DiskFile) -> Option<u64> {
    match file.length() {
        Ok(0) => Some(0),
        _ => read_number(file),
    }
}

/// Has the store to itself while it is made; `None` where there are no locks.
pub(super) fn making(disk: &dyn Disk, store: &Path) -> Result<Option<Box<dyn DiskLock>>, StoreError> {
    let path = path(store);
    if_supported(disk.lock(&path), &path)
}

/// Keeps others from making histories; `None` where somebody else makes one. Its file holds nothing.
pub(super) fn hold_histories(disk: &dyn Disk, store: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
    let path = store.join("histories.lock");
    match disk.try_lock(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.lock(&path).map(Some),
        held => held,
    }
}

/// The shared lock that a recording session holds against garbage collection.
#[derive(Debug)]
pub(super) struct SharedGcLock {
    /// Another number whenever packs were taken away; `None` where that can't be read.
    pub generation: Option<u64>,
    _lock: Option<Box<dyn DiskLock>>,
}

/// The exclusive lock of garbage collection: no session records meanwhile.
#[derive(Debug)]
pub(super) struct ExclusiveGcLock {
    path: PathBuf,
    lock: Box<dyn DiskLock>,
}

impl ExclusiveGcLock {
    /// Says that packs may be gone from now on, for sure, before the first of them is.
    pub fn tell(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        // Any number: no other machine that does the same now writes this one, and none comes again that a recorder may
        // know, even where the file was lost.
        let generation = u64::from_le_bytes(disk.random_bytes());
        write_number(self.lock.file(), generation).map_err(StoreError::io("write to", &self.path))?;
        self.lock.file().sync().map_err(StoreError::io("sync", &self.path))
    }
}

/// Waits until nobody records; after each try in vain `again` says whether to try once more.
pub(super) fn close(
    disk: &dyn Disk,
    store: &Path,
    again: &mut dyn FnMut() -> bool,
) -> Result<ExclusiveGcLock, StoreError> {
    let path = path(store);
    let lock = alone(disk, &path, again)?.ok_or(StoreError::Busy {
        who: "A kernel is recording",
    })?;
    Ok(ExclusiveGcLock { path, lock })
}

/// Whether a lock that is held keeps others out: there are folders in which every lock is given to everybody.
///
/// # Errors
/// It does not, so that nobody can tell what others are writing.
pub(super) fn check_kept_out(disk: &dyn Disk, path: &Path, _held: &dyn DiskLock) -> Result<(), StoreError> {
    match disk.try_lock(path) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(StoreError::NoLocks { path: path.to_owned() }),
        Err(error) => Err(refused(path)(error)),
    }
}

/// The lock on a file, which is made where it is not there; `None` where others hold it.
pub(super) fn alone(
    disk: &dyn Disk,
    path: &Path,
    again: &mut dyn FnMut() -> bool,
) -> Result<Option<Box<dyn DiskLock>>, StoreError> {
    loop {
        match disk.try_lock(path) {
            Ok(None) if again() => {}
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                drop(disk.lock_shared(path).map_err(refused(path))?);
            }
            Err(error) => return Err(refused(path)(error)),
        }
    }
}

fn refused(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| match error.kind() {
        io::ErrorKind::Unsupported => StoreError::NoLocks { path },
        _ => StoreError::io("lock", &path)(error),
    }
}

/// Held by who writes a pack. It is there before the pack is, so that no pack is seen without it.
#[derive(Debug)]
pub(super) struct Lease {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    process: u32,
    _lock: Box<dyn DiskLock>,
}

impl Lease {
    /// Takes it; `None` where there are no locks.
    pub fn take(disk: &Arc<dyn Disk>, store: &Path, pack: PackId) -> Result<Option<Self>, StoreError> {
        let path = lease_path(store, pack);
        let lock = if_supported(disk.lock(&path), &path)?;
        Ok(lock.map(|lock| Self {
            disk: Arc::clone(disk),
            path,
            process: std::process::id(),
            _lock: lock,
        }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The child of a fork holds a copy, and writes nothing.
        if self.process == std::process::id() {
            self.disk.unlink(&self.path).ok();
        }
    }
}

fn lease_path(store: &Path, pack: PackId) -> PathBuf {
    layout::packs_folder(store).join(format!("{pack}.lease"))
}

/// Whether somebody writes the pack.
pub(super) fn is_written(disk: &dyn Disk, store: &Path, pack: PackId) -> Result<bool, StoreError> {
    let path = lease_path(store, pack);
    let lock = if_exists(disk.try_lock(&path)).map_err(refused(&path))?;
    Ok(matches!(lock, Some(None)))
}

/// Takes away what writers left beside their packs that were killed. Leases are taken inside the gate only, so none is being
/// taken while somebody has it alone.
pub(super) fn clear_leases(disk: &dyn Disk, store: &Path, _: &ExclusiveGcLock) {
    let folder = layout::packs_folder(store);
    for name in disk.list(&folder).unwrap_or_default() {
        let Some(pack) = name.strip_suffix(".lease").and_then(|pack| pack.parse().ok()) else {
            continue;
        };
        let path = lease_path(store, pack);
        if matches!(disk.try_lock(&path), Ok(Some(_))) {
            disk.unlink(&path).ok();
        }
    }
}

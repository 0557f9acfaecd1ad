//! The gate between recorders and processes that delete packs.
//!
//! The file `generation` contains a random number that changes whenever packs are deleted. A recorder holds a shared lock on it from the
//! moment it first finds or stores data until its operation is written. A process that deletes packs holds the lock exclusively while it
//! checks a last time which data operations need, and unlinks. So data that a recorder found stored is not deleted before the operation
//! that refers to it is written, and no operation refers to deleted data: a recorder that finds another generation scans the packs again
//! first.
//!
//! Packs that are being written are protected in addition: their writer holds a lock on a file next to the pack, and the system releases it
//! when the writer dies. On a file system without locks nothing is deleted at all.
//!
//! Locks may work within each machine and not between machines, and no machine can detect that alone. So both sides also work as if the
//! lock had stopped no one. The deleting side records the packs and changes the generation *before* its last check. The recording side
//! reads the generation *after* its operation is written ([`super::writer`], decision 23). One of them sees the other.

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

/// Enters the gate to record: if there are locks, no pack is deleted until the guard is dropped.
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

/// Reads the current generation, without a lock. The file is opened again, because network file systems check for changes only then.
pub(super) fn generation(disk: &dyn Disk, store: &Path) -> Option<u64> {
    match disk.open(&path(store)) {
        Ok(file) => number(&*file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(0),
        Err(_) => None,
    }
}

/// Returns 0 if packs were never deleted.
fn number(file: &dyn DiskFile) -> Option<u64> {
    match file.length() {
        Ok(0) => Some(0),
        _ => read_number(file),
    }
}

/// Takes an exclusive lock for the creation of the store; `None` if there are no locks.
pub(super) fn making(disk: &dyn Disk, store: &Path) -> Result<Option<Box<dyn DiskLock>>, StoreError> {
    let path = path(store);
    if_supported(disk.lock(&path), &path)
}

/// Prevents others from creating histories; `None` if another process creates one. The lock file is empty.
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
    /// A number that changes whenever packs are deleted; `None` if it cannot be read.
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
    /// Changes the generation and syncs it, before the first pack is deleted.
    pub fn tell(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        // The number is random, so that it differs from the number of another machine that does the same now, and from every number that a
        // recorder may know, even if the file was lost.
        let generation = u64::from_le_bytes(disk.random_bytes());
        write_number(self.lock.file(), generation).map_err(StoreError::io("write to", &self.path))?;
        self.lock.file().sync().map_err(StoreError::io("sync", &self.path))
    }
}

/// Waits until no session records. After each failed attempt `again` decides whether to retry.
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

/// Checks that a held lock excludes others: some file systems grant every lock.
///
/// # Errors
/// It excludes no one, so it is unknown what others are writing.
pub(super) fn check_kept_out(disk: &dyn Disk, path: &Path, _held: &dyn DiskLock) -> Result<(), StoreError> {
    match disk.try_lock(path) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(StoreError::NoLocks { path: path.to_owned() }),
        Err(error) => Err(refused(path)(error)),
    }
}

/// Takes the lock on a file, which is created if it does not exist; `None` if others hold it.
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

/// The lock that the writer of a pack holds. Its file exists before the pack does, so no pack is ever seen without it.
#[derive(Debug)]
pub(super) struct Lease {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    process: u32,
    _lock: Box<dyn DiskLock>,
}

impl Lease {
    /// Takes the lease; `None` if there are no locks.
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
        // A forked child process holds a copy, and does not write.
        if self.process == std::process::id() {
            self.disk.unlink(&self.path).ok();
        }
    }
}

fn lease_path(store: &Path, pack: PackId) -> PathBuf {
    layout::packs_folder(store).join(format!("{pack}.lease"))
}

/// Returns whether the pack is being written.
pub(super) fn is_written(disk: &dyn Disk, store: &Path, pack: PackId) -> Result<bool, StoreError> {
    let path = lease_path(store, pack);
    let lock = if_exists(disk.try_lock(&path)).map_err(refused(&path))?;
    Ok(matches!(lock, Some(None)))
}

/// Removes the lease files of writers that were killed. Leases are taken only inside the gate, so none is taken while the gate is locked
/// exclusively.
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

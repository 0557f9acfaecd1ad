//! The connection between a store and a remote.

use clew_core::format::Timestamp;
use clew_core::store::disk::{Disk, DiskLock, RealDisk};

use super::speed::measured;
use super::{RemoteCache, Speed, SyncError};
use crate::backend::Backend;

/// The target size of one bundle in bytes, before compression: an interruption can cost this much per parallel transfer.
const PORTION: u64 = 32 << 20;
/// How long a measured speed is valid, in nanoseconds.
const HOUR: Timestamp = 3600 * 1_000_000_000;

/// A remote with which a store is synchronized.
#[derive(Debug, Clone)]
pub struct SyncTarget<'w> {
    /// The remote. Wrap it in [`crate::Patient`] for retries.
    pub backend: &'w dyn Backend,
    /// The local cache about the remote, for this store.
    pub memory: RemoteCache,
    /// The target size of one bundle in bytes, before compression.
    pub portion: u64,
}

impl<'w> SyncTarget<'w> {
    /// Creates a target with bundles of the usual size.
    pub fn new(backend: &'w dyn Backend, memory: RemoteCache) -> Self {
        Self {
            backend,
            memory,
            portion: PORTION,
        }
    }

    /// Locks the connection on this machine, if the file system has locks: two processes fetching a bundle into the same file would corrupt
    /// it.
    pub(super) fn alone(&self) -> Result<Option<Box<dyn DiskLock>>, SyncError> {
        let path = self.memory.staging()?.join("lock");
        if !path.exists() {
            drop(RealDisk.lock_shared(&path));
        }
        match RealDisk.try_lock(&path) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(SyncError::Busy {
                place: self.backend.place(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the transfer speed: measured within the last hour, else now.
///
/// # Errors
/// A probe could not be written or read.
pub fn speed(way: &SyncTarget<'_>, now: Timestamp) -> Result<Speed, SyncError> {
    let known = way.memory.speed();
    let is_fresh = |known: &Speed| (0..HOUR).contains(&now.saturating_sub(known.measured));
    if let Some(known) = known.filter(is_fresh) {
        return Ok(known);
    }
    let speed = measured(way.backend, now)?;
    way.memory.keep_speed(&speed);
    Ok(speed)
}

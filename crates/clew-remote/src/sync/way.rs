//! The way between a store and a place.

use clew_core::format::Timestamp;
use clew_core::store::disk::{Disk, DiskLock, RealDisk};

use super::speed::measured;
use super::{RemoteCache, Speed, SyncError};
use crate::backend::Backend;

/// So many bytes go into one bundle, before compression: as much as a cut can cost, times how many go at once.
const PORTION: u64 = 32 << 20;
/// What was measured counts for so long, in nanoseconds.
const HOUR: Timestamp = 3600 * 1_000_000_000;

/// A remote with which a store is synchronized.
#[derive(Debug, Clone)]
pub struct SyncTarget<'w> {
    /// The place. Who wants calls tried again wraps it in [`crate::Patient`].
    pub backend: &'w dyn Backend,
    /// What is remembered of it for this store.
    pub memory: RemoteCache,
    /// About how many bytes go into one bundle, before compression.
    pub portion: u64,
}

impl<'w> SyncTarget<'w> {
    /// A way with bundles of the usual size.
    pub fn new(backend: &'w dyn Backend, memory: RemoteCache) -> Self {
        Self {
            backend,
            memory,
            portion: PORTION,
        }
    }

    /// Has the way to itself on this machine, where there are locks: two that fetch one bundle into one file would spoil it.
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

/// How fast the way is: as measured within the last hour, else now.
///
/// # Errors
/// The place takes no probe, or does not give it back.
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

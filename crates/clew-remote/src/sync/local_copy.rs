//! Bundles on this machine's disk, during transfers.

use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clew_core::id::{BundleHasher, BundleId};

use super::{ProgressCallback, SyncError, SyncProgress};

/// A file that is deleted on drop.
#[derive(Debug)]
pub(super) struct TemporaryFile(pub PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

/// Computes the name of a bundle from its bytes, and returns its length.
pub(super) fn named(path: &Path) -> Result<(BundleId, u64), SyncError> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer, mut length) = (BundleHasher::default(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hasher.finish(), length)),
            count => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}

/// Counts the transferred bytes of all threads.
pub(super) struct Meter<'w> {
    moved: AtomicU64,
    of: u64,
    telling: ProgressCallback<'w>,
}

impl<'w> Meter<'w> {
    pub fn new(of: u64, telling: ProgressCallback<'w>) -> Self {
        Self {
            moved: AtomicU64::new(0),
            of,
            telling,
        }
    }

    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub fn add(&self, bytes: u64) -> ControlFlow<()> {
        let moved = self.moved.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.telling)(SyncProgress {
            moved,
            of: self.of.max(moved),
        })
    }
}

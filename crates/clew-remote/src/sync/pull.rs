//! Pulling a history from a remote.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::Timestamp;
use clew_core::id::HistoryId;
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Bundle, BundleFault, Store, StoreError, TransferSummary};

use super::at_once::{AT_ONCE, SMALL_AT_ONCE, at_once};
use super::head::{HistoryHead, RemoteBundle};
use super::local_copy::{Meter, TemporaryFile, named};
use super::memory::HAD;
use super::{ProgressCallback, RemoteCache, SyncError, SyncTarget, index};
use crate::backend::{Backend, unwatched};
use crate::error::RemoteError;
use crate::transfer;

/// The result of a pull.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullSummary {
    /// Bundles that were fetched.
    pub bundles: u64,
    /// Bytes that came over the network.
    pub bytes: u64,
    /// What was imported from them.
    pub carried: TransferSummary,
}

/// Imports what the remote has of a history and the store lacks. `None`: the remote does not have the history.
///
/// # Errors
/// The remote or this machine's disk failed, an object is corrupted or not validly signed, or the user cancelled. The store then contains
/// none of the import, or its earlier part. The next pull does not fetch the same data again.
pub fn pull(
    store: &Store,
    history: HistoryId,
    way: &SyncTarget<'_>,
    now: Timestamp,
    telling: ProgressCallback<'_>,
) -> Result<Option<PullSummary>, SyncError> {
    let (backend, memory) = (way.backend, &way.memory);
    let _alone = way.alone()?;
    let Some((mut head, _)) = HistoryHead::read(backend, history)? else {
        return Ok(None);
    };
    for _ in 0..ATTEMPTS {
        let pulled = take_in_behind(store, &head, (backend, memory), now, telling);
        let Err(SyncError::Remote(RemoteError::NotFound { .. })) = &pulled else {
            return pulled.map(Some);
        };
        // Bundles were merged during the pull.
        match HistoryHead::read(backend, history)? {
            Some((newer, _)) if newer != head => {
                forget_fetched(memory, &head, &newer);
                head = newer;
            }
            _ => return pulled.map(Some),
        }
    }
    Err(SyncError::Crowded { place: backend.place() })
}

/// Attempts, in case bundles are merged while they are fetched.
const ATTEMPTS: usize = 10;

/// Removes fetched bundles that are no longer in the head.
fn forget_fetched(memory: &RemoteCache, head: &HistoryHead, newer: &HistoryHead) {
    let gone = head.bundles.iter().filter(|sent| !newer.bundles.contains(sent));
    if let Ok(staging) = memory.staging() {
        for sent in gone {
            fs::remove_file(path_in(&staging, *sent)).ok();
        }
    }
}

fn path_in(staging: &Path, sent: RemoteBundle) -> PathBuf {
    staging.join(format!("{}.clew", sent.bundle))
}

fn take_in_behind(
    store: &Store,
    head: &HistoryHead,
    (backend, memory): (&dyn Backend, &RemoteCache),
    now: Timestamp,
    telling: ProgressCallback<'_>,
) -> Result<PullSummary, SyncError> {
    let had = memory.bundles(head.history, HAD);
    // Earlier fetches count only while the store has the history.
    let had = if store.load(head.history).is_ok() {
        had
    } else {
        BTreeSet::new()
    };
    match take_in(store, head, &had, (backend, memory), now, telling) {
        // The logs are gone from the store: fetch everything.
        Err(SyncError::Store(StoreError::Bundle {
            why: BundleFault::Behind,
            ..
        })) if !had.is_empty() => take_in(store, head, &BTreeSet::new(), (backend, memory), now, telling),
        taken => taken,
    }
}

fn take_in(
    store: &Store,
    head: &HistoryHead,
    had: &BTreeSet<RemoteBundle>,
    (backend, memory): (&dyn Backend, &RemoteCache),
    now: Timestamp,
    telling: ProgressCallback<'_>,
) -> Result<PullSummary, SyncError> {
    let wanted: Vec<RemoteBundle> = head
        .bundles
        .iter()
        .filter(|sent| !had.contains(sent))
        .copied()
        .collect();
    if wanted.is_empty() {
        return Ok(PullSummary::default());
    }
    let staging = memory.staging()?;
    let meter = Meter::new(wanted.iter().map(|sent| sent.length).sum(), telling);
    let pull = PullTask {
        backend,
        staging,
        meter,
    };
    let paths = pull.fetch_all(&wanted)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut carried = TransferSummary::default();
    for (wanted, paths) in wanted.chunks(TOGETHER).zip(paths.chunks(TOGETHER)) {
        let bundles: Result<Vec<Bundle>, StoreError> =
            paths.iter().map(|staged| Bundle::open(&disk, &staged.0)).collect();
        let bundles = bundles?;
        let came = store.receive_all(&bundles, now, &mut unwatched)?;
        if came.damage.is_empty() {
            memory.note(head.history, HAD, wanted);
            // The indexes save a later push from this machine the request.
            for (sent, bundle) in wanted.iter().zip(&bundles) {
                index::keep(memory, sent.bundle, &bundle.ids());
            }
        }
        carried.add(came);
    }
    Ok(PullSummary {
        bundles: wanted.len() as u64,
        bytes: pull.meter.moved(),
        carried,
    })
}

/// Bundles that are open at once, since the number of open files is limited.
const TOGETHER: usize = 128;

/// A pull in progress.
pub(super) struct PullTask<'p> {
    pub backend: &'p dyn Backend,
    /// The folder that bundles are fetched into.
    pub staging: PathBuf,
    pub meter: Meter<'p>,
}

impl PullTask<'_> {
    /// Fetches bundles in parallel; returns them in order.
    pub fn fetch_all(&self, wanted: &[RemoteBundle]) -> Result<Vec<TemporaryFile>, SyncError> {
        let (small, large): (Vec<RemoteBundle>, Vec<RemoteBundle>) = wanted.iter().partition(|sent| sent.is_small());
        at_once(SMALL_AT_ONCE, small, |sent| self.fetch(sent))?;
        at_once(AT_ONCE, large, |sent| self.fetch(sent))?;
        Ok(wanted.iter().map(|sent| TemporaryFile(self.path(*sent))).collect())
    }

    fn path(&self, sent: RemoteBundle) -> PathBuf {
        path_in(&self.staging, sent)
    }

    /// Fetches one bundle, resuming an earlier attempt.
    fn fetch(&self, sent: RemoteBundle) -> Result<(), SyncError> {
        let path = self.path(sent);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut arrived = file.metadata()?.len().min(sent.length);
        let name = index::bundle_name(sent.bundle)?;
        let mut watch = |bytes| self.meter.add(bytes);
        transfer::fetch(self.backend, &name, sent.length, &mut arrived, &mut file, &mut watch)?;
        drop(file);
        if named(&path)? == (sent.bundle, sent.length) {
            return Ok(());
        }
        // The corruption may be in the part fetched earlier, so the next attempt starts over.
        fs::remove_file(&path).ok();
        let why = "its contents do not match its name";
        Err(RemoteError::damaged(self.backend.place(), &name, why).into())
    }
}

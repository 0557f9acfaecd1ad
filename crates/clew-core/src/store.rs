//! The store: append-only packs and logs with one writer each, and the signatures over them.
//!
//! A [`SessionWriter`] accepts segments, memory, texts, manifests and runs, and commits them with one operation. [`Store::load`] reads what
//! operations made visible; [`Store::segment`], [`Store::extent`] and similar methods return [`VerifiedValue`] bytes. Readers take no lock
//! and write nothing, so a store can be read while it is read-only, full, or written by ten kernels.
//!
//! ```text
//! STORE/format                                    the version of the format
//!       generation                                a random number that changes when packs are deleted; its lock is the gate of recorders
//!       garbage                                   unneeded data that gc found, with times
//!       removed/                                  notes of deleted packs
//!       packs/PACK.pack                           blocks, segments, blobs, manifests; one writer each
//!       histories/HISTORY/SESSION.log             runs, operations; one writer each (SESSION.2.log: after a disk failure)
//!                         WRITER.description      the notebook of the history
//!                         left-out                values that the sender left out
//!                         numbers                 the last run number assigned; its lock is the history's lock
//!       live/SESSION.begun                        the cell that a kernel runs, until its run is recorded
//! ```

mod bundles;
mod damage;
mod derived_data;
pub mod disk;
mod error;
mod format_file;
mod gc;
mod gc_lock;
mod in_flight;
mod layout;
mod logs;
mod packs;
mod scan;
mod tasks;
mod transfer;
mod verify;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

pub use bundles::{Bundle, BundleMaker, InputBytes, OutgoingHistory, TransferPortion};
pub use damage::{Damage, Fault, FileFault};
pub use disk::{Keyring, StoreKey};
pub use error::{BundleFault, KeyFault, LastSeenFault, StoreError, StoreKeyFault, TrustFault};
pub use gc::{Collection, CollectionReport, DroppedValue, HistoryRetention, RecreatableValue, RetentionRequest, Tally};
pub use in_flight::{InFlightFile, LeftoverMarker};
pub use logs::{
    End, Ends, KeyTrust, LastSeen, LoadedHistory, LoadedOperation, LoadedSession, LogEnds, LogIndex, LogRollback,
    OmissionTimes, PublicKey, SigningKey, StoredRun, Trust, TrustEntry, Verdict, sort_operations,
};
pub use packs::{Budget, Check, Job, LEAST_MAPPED, Manifests, PendingExtent, StoredSegment, Usage, VerifiedValue};
pub use tasks::{TaskFault, TaskResult, doubts_any};
pub use transfer::{CopyCallback, FrameLengths, TransferSummary};
pub use verify::Verification;
pub use writer::{SessionWriter, SyncJob};

use crate::format::{FileDescription, FrameKind, HistoryDescription, Timestamp, encode_record};
use crate::id::{HistoryId, KeyId, ManifestId, SessionId};
use disk::{Disk, DiskLock, EncryptedDisk, atomic_file};
pub use format_file::{ENCRYPTED_FORMAT, STORE_FORMAT};
use logs::load::MissingPacks;
use packs::index::PackIndex;
use packs::pack_reader::PackFrameCache;

/// The purpose for which a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading: nothing is ever written, not even a lock.
    ReadOnly,
    /// Recording. A missing store is created.
    ReadWrite,
}

/// Packs, logs and keys of many histories. Clones are handles to the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    trust: Arc<Trust>,
    log_index: Option<Arc<LogIndex>>,
    /// Manifests that are not returned any more, and since when.
    forgotten: Arc<Mutex<FxHashMap<ManifestId, Timestamp>>>,
    /// Manifests with data that may be missing, and why.
    excused: Arc<Mutex<FxHashMap<ManifestId, Excuse>>>,
}

/// Why data of a value may be missing, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excuse {
    /// A retention rule of gc dropped it.
    Dropped(Timestamp),
    /// The sender of its history left it out.
    LeftOut(Timestamp),
}

impl Excuse {
    fn error(self) -> StoreError {
        match self {
            Self::Dropped(time) => StoreError::Dropped { time },
            Self::LeftOut(time) => StoreError::LeftOut { time },
        }
    }
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    access: Access,
    key: Option<KeyId>,
    made_key: Option<PathBuf>,
    was_made: bool,
    /// Hides ids of an encrypted store's operations where they are noted outside it.
    mask: Option<[u8; 32]>,
    index: Mutex<PackIndex>,
    at_hand: PackFrameCache,
    missing: Mutex<Option<MissingPacks>>,
}

impl Store {
    /// Opens the store in `directory`, which is not encrypted.
    ///
    /// # Errors
    /// As for [`Store::open_with`].
    pub fn open(disk: Arc<dyn Disk>, directory: impl AsRef<Path>, access: Access) -> Result<Self, StoreError> {
        Self::open_with(disk, directory, access, &Keyring::default())
    }

    /// Opens the store in `directory`, with its key from `keys` if it is encrypted.
    ///
    /// # Errors
    /// There is no store (read only), its format is newer, or its key is missing. Corruption is not an error here: it is reported when the
    /// data is read.
    pub fn open_with(
        disk: Arc<dyn Disk>,
        directory: impl AsRef<Path>,
        access: Access,
        keys: &Keyring,
    ) -> Result<Self, StoreError> {
        let directory = directory.as_ref().to_owned();
        let found = format_file::read(&*disk, &directory)?;
        let was_made = found.is_none();
        let (encryption, made_key) = match found {
            Some(found) => (found.encryption, None),
            None if access == Access::ReadWrite => format_file::create(&*disk, &directory, keys)?,
            None => return Err(StoreError::NoStore { path: directory }),
        };
        let key = match &encryption {
            Some(encryption) => Some(keys.find(&*disk, &directory, encryption.key)?),
            None => None,
        };
        let (key_id, mask) = (key.as_ref().map(StoreKey::id), key.as_ref().map(StoreKey::mask));
        let inner = Inner {
            disk: match key {
                Some(key) => Arc::new(EncryptedDisk::new(disk, key)),
                None => disk,
            },
            directory,
            access,
            key: key_id,
            made_key,
            was_made,
            mask,
            index: Mutex::default(),
            at_hand: PackFrameCache::default(),
            missing: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            trust: Arc::default(),
            log_index: None,
            forgotten: Arc::default(),
            excused: Arc::default(),
        })
    }

    /// Returns the key with which it is encrypted, if it is.
    pub fn key(&self) -> Option<KeyId> {
        self.inner.key
    }

    /// Returns the path of the key that was created together with the store by this handle.
    pub fn made_key(&self) -> Option<&Path> {
        self.inner.made_key.as_deref()
    }

    /// Returns whether this handle created the store.
    pub fn was_made(&self) -> bool {
        self.inner.was_made
    }

    /// Returns the same store with an index over its logs. An encrypted store gets none, because the index contains data of the logs.
    #[must_use]
    pub fn with_index(mut self, index: LogIndex) -> Self {
        if self.key().is_some() {
            return self;
        }
        self.log_index = Some(Arc::new(index));
        self
    }

    /// Returns the index over its logs, if there is one.
    pub fn log_index(&self) -> Option<&LogIndex> {
        self.log_index.as_deref()
    }

    /// Returns the same store, which judges signatures by `trust`. Without it every key is untrusted.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Arc::new(trust);
        self
    }

    /// Returns the keys that this handle trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Refuses to return these manifests from now on, through this handle and its clones: operations of their history forgot them.
    pub fn forget(&self, manifests: impl IntoIterator<Item = (ManifestId, Timestamp)>) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.extend(manifests);
    }

    /// Returns when a manifest was forgotten, if it was.
    pub fn forgotten(&self, manifest: ManifestId) -> Option<Timestamp> {
        let forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.get(&manifest).copied()
    }

    /// Marks values that a retention rule of gc dropped, according to operations of their history, in this handle and its clones: missing
    /// data of these values does not count as missing.
    pub fn excuse(&self, manifests: impl IntoIterator<Item = (ManifestId, Timestamp)>) {
        let dropped = manifests
            .into_iter()
            .map(|(value, time)| (value, Excuse::Dropped(time)));
        self.excuses().extend(dropped);
    }

    /// Like [`Self::excuse`], for values that the sender of a history left out according to its note.
    fn excuse_left_out(&self, history: HistoryId, names: &[String]) {
        if !names.iter().any(|name| name == logs::omissions::NAME) {
            return;
        }
        let left = self.left_out(history);
        let mut excuses = self.excuses();
        for (value, time) in left {
            excuses.entry(value).or_insert(Excuse::LeftOut(time));
        }
    }

    fn excuse_of(&self, manifest: ManifestId) -> Option<Excuse> {
        self.excuses().get(&manifest).copied()
    }

    fn excuses(&self) -> MutexGuard<'_, FxHashMap<ManifestId, Excuse>> {
        self.excused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why a value cannot be read, given the `error` of reading it: missing data of a dropped or left-out value is reported as
    /// dropped or left out.
    #[must_use]
    pub fn excused(&self, manifest: ManifestId, error: StoreError) -> StoreError {
        match (self.excuse_of(manifest), error) {
            (Some(excuse), StoreError::Missing { .. }) => excuse.error(),
            (_, error) => error,
        }
    }

    /// Returns the folder of the store.
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Returns all histories, with their newest descriptions.
    pub fn histories(&self) -> Result<Vec<(HistoryId, HistoryDescription)>, StoreError> {
        let folder = layout::histories_folder(self.directory());
        let names = self.disk().list_existing(&folder)?;
        let ids = names.iter().filter_map(|name| name.parse::<HistoryId>().ok());
        Ok(ids.map(|id| (id, self.description(id))).collect())
    }

    /// Returns the newest description of a history.
    pub fn description(&self, history: HistoryId) -> HistoryDescription {
        self.descriptions(history).0.pop().unwrap_or_default()
    }

    /// Prevents other processes from creating histories until the lock is dropped: of two kernels that start for one notebook at once, the
    /// second finds the history of the first. Returns `None` while another process holds the lock, possibly for long; the caller decides
    /// whether to retry.
    ///
    /// # Errors
    /// The file system has no locks, or the store cannot be written.
    pub fn hold_histories(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        gc_lock::hold_histories(self.disk(), self.directory())
    }

    /// Creates a new history. It survives a power failure from the start.
    pub fn create_history(&self, description: &HistoryDescription) -> Result<HistoryId, StoreError> {
        let id = HistoryId(self.disk().random_bytes());
        self.write_description(id, description)?;
        Ok(id)
    }

    /// Describes a history that is new in this store and already has an id.
    ///
    /// # Errors
    /// The store was opened read-only, or a disk operation failed.
    pub fn describe_new(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        self.write_description(history, description)
    }

    /// Describes an existing history again: it was renamed or moved, or another kernel resumed it.
    pub fn describe_history(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        self.names_in(history)?;
        self.write_description(history, description)
    }

    fn write_description(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        self.check_writable()?;
        let folder = layout::history_folder(self.directory(), history);
        let writer = self.new_session();
        let path = layout::description_path(self.directory(), history, writer);
        let file = FileDescription::Log {
            history,
            session: writer,
        };
        let frames = [
            (FrameKind::FILE, encode_record(&file)),
            (FrameKind::DESCRIPTION, encode_record(description)),
        ];
        self.disk().make_folder(&folder)?;
        atomic_file::write_new(self.disk(), &path, &atomic_file::framed(&frames))?;
        for folder in [&folder, &layout::histories_folder(self.directory()), self.directory()] {
            self.disk().sync_folder(folder)?;
        }
        Ok(())
    }

    /// Returns a new random id for a session.
    pub fn new_session(&self) -> SessionId {
        SessionId(self.disk().random_bytes())
    }

    /// Returns a writer for a session that has not written before.
    pub fn writer(
        &self,
        history: HistoryId,
        session: SessionId,
        key: &SigningKey,
    ) -> Result<SessionWriter, StoreError> {
        SessionWriter::create(self, history, session, key)
    }

    fn disk(&self) -> &dyn Disk {
        &*self.inner.disk
    }

    fn index(&self) -> MutexGuard<'_, PackIndex> {
        // Entries are only ever added to the index, so it is sound even if a thread panicked while it held the lock.
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The store: append-only packs and logs, one writer each, and the seals over them.
//!
//! On the way in a [`SessionWriter`] takes segments, memory, texts, manifests and runs, and commits them with one
//! operation. On the way back [`Store::load`] reads what operations made visible, and [`Store::segment`],
//! [`Store::extent`] and their like hand out [`VerifiedValue`] bytes. Readers take no lock and write nothing: a store that
//! is read-only, full, or being written by ten kernels can be read.
//!
//! ```text
//! STORE/format                          which format this is
//!       generation                      how often packs were taken away; its lock is the gate of who records
//!       garbage                         what gc found dead, and when
//!       removed/                        which packs were taken away
//!       packs/PACK.pack                 blocks, segments, blobs, manifests; one writer each
//!       histories/HISTORY/SESSION.log   runs, operations; one writer each (SESSION.2.log: after the disk failed)
//!                         WRITER.description   what the history is called
//!                         left-out             values that who sent it left out
//!       live/SESSION.begun              the cell that a kernel runs, as long as nothing of it is recorded
//!                         numbers       the last run number given; its lock is the history's lock
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

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looking: nothing is ever written, not even a lock.
    ReadOnly,
    /// Recording. The store is made if there is none.
    ReadWrite,
}

/// Packs, logs and keys of many histories. Clones are handles on the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    trust: Arc<Trust>,
    log_index: Option<Arc<LogIndex>>,
    /// Manifests that are not handed out, and since when.
    forgotten: Arc<Mutex<FxHashMap<ManifestId, Timestamp>>>,
    /// Manifests of which parts may be missing, and why.
    excused: Arc<Mutex<FxHashMap<ManifestId, Excuse>>>,
}

/// Why parts of a value may be missing, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excuse {
    /// A keep rule of gc dropped it.
    Dropped(Timestamp),
    /// Who sent its history left it out.
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
    /// Hides ids of what an encrypted store holds where they are noted.
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
    /// There is none (to read only), or it is of a newer format, or its key is not there. Damage is no error: it is found
    /// when it matters.
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

    /// The key with which it is encrypted, if it is.
    pub fn key(&self) -> Option<KeyId> {
        self.inner.key
    }

    /// The key that was made for it when this handle made the store, and where it lies.
    pub fn made_key(&self) -> Option<&Path> {
        self.inner.made_key.as_deref()
    }

    /// Whether this handle made the store: there was none.
    pub fn was_made(&self) -> bool {
        self.inner.was_made
    }

    /// The same store, whose logs are read with an index. One that is encrypted gets none: an index holds what logs say.
    #[must_use]
    pub fn with_index(mut self, index: LogIndex) -> Self {
        if self.key().is_some() {
            return self;
        }
        self.log_index = Some(Arc::new(index));
        self
    }

    /// The index with which its logs are read, if there is one.
    pub fn log_index(&self) -> Option<&LogIndex> {
        self.log_index.as_deref()
    }

    /// The same store, in which seals are judged by `trust`. Without it every key is foreign.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Arc::new(trust);
        self
    }

    /// Whom this handle trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Hands these manifests out no more, through this handle and its clones: their history's operations say that they
    /// were forgotten.
    pub fn forget(&self, manifests: impl IntoIterator<Item = (ManifestId, Timestamp)>) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.extend(manifests);
    }

    /// When a manifest was forgotten, if it was.
    pub fn forgotten(&self, manifest: ManifestId) -> Option<Timestamp> {
        let forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.get(&manifest).copied()
    }

    /// Tells this handle and its clones of values that a keep rule of gc dropped, as their history's operations say: what
    /// is missing of them is no damage.
    pub fn excuse(&self, manifests: impl IntoIterator<Item = (ManifestId, Timestamp)>) {
        let dropped = manifests
            .into_iter()
            .map(|(value, time)| (value, Excuse::Dropped(time)));
        self.excuses().extend(dropped);
    }

    /// The same of values that were left out by who sent a history, as its note says.
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

    /// Why a value can't be read, where `error` is what reading it came to: what is missing of one that was dropped was
    /// dropped, and of one that was left out never came.
    #[must_use]
    pub fn excused(&self, manifest: ManifestId, error: StoreError) -> StoreError {
        match (self.excuse_of(manifest), error) {
            (Some(excuse), StoreError::Missing { .. }) => excuse.error(),
            (_, error) => error,
        }
    }

    /// The folder it lies in.
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// All histories, with their newest descriptions.
    pub fn histories(&self) -> Result<Vec<(HistoryId, HistoryDescription)>, StoreError> {
        let folder = layout::histories_folder(self.directory());
        let names = self.disk().list_existing(&folder)?;
        let ids = names.iter().filter_map(|name| name.parse::<HistoryId>().ok());
        Ok(ids.map(|id| (id, self.description(id))).collect())
    }

    /// The newest description of a history.
    pub fn description(&self, history: HistoryId) -> HistoryDescription {
        self.descriptions(history).0.pop().unwrap_or_default()
    }

    /// Keeps others from making histories until it is dropped, so that of two kernels that begin on one notebook at once the second finds
    /// what the first made. `None` where somebody else makes one, who may be stopped: whether to try again is the caller's.
    ///
    /// # Errors
    /// The file system has no locks, or the store can't be written.
    pub fn hold_histories(&self) -> io::Result<Option<Box<dyn DiskLock>>> {
        gc_lock::hold_histories(self.disk(), self.directory())
    }

    /// Makes a new history. It survives a power cut from the start.
    pub fn create_history(&self, description: &HistoryDescription) -> Result<HistoryId, StoreError> {
        let id = HistoryId(self.disk().random_bytes());
        self.write_description(id, description)?;
        Ok(id)
    }

    /// Describes a history that is not here yet and has its id from elsewhere.
    ///
    /// # Errors
    /// The store was opened to read only, or its disk refuses.
    pub fn describe_new(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        self.write_description(history, description)
    }

    /// Describes a history anew: it was renamed, moved, or taken up by another kernel.
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

    /// A new random id for a session.
    pub fn new_session(&self) -> SessionId {
        SessionId(self.disk().random_bytes())
    }

    /// A writer for a session that never wrote before.
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
        // The index is only ever added to, so it is sound even where a thread that held it panicked.
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

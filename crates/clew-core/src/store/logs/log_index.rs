//! The index over logs: decoded content of logs in SQLite, so that a long history need not be read again.
//!
//! It is local and derived (decision 9). It is in the user's cache folder, never in a store, and contains only data of the logs. Each piece
//! is authenticated with a key derived from the user's own, and is used only if the log still has the last operation of the piece at the
//! same offset. If the index has any fault, the logs are read instead: a missing, torn, stale or forged index costs only time.

mod database;
mod piece;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use super::signatures::SigningKey;
use crate::id::{HistoryId, SessionId};

pub(in crate::store) use piece::{Entry, IndexPiece};

/// The number of new bytes of a log from which they are indexed, by default.
const LEAST: u64 = 64 << 10;
/// The context for deriving the key that authenticates pieces. A change of their format needs another one.
const PURPOSE: &str = "clew 2026-11-20 index of logs v1";

/// The index over the logs of one store.
pub struct LogIndex {
    path: PathBuf,
    key: [u8; 32],
    least: u64,
    is_wrong: AtomicBool,
}

impl std::fmt::Debug for LogIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "LogIndex({})", self.path.display())
    }
}

impl LogIndex {
    /// Creates the index over the store in the folder `store`, in the folder `cache`, authenticated with `key`. Nothing is read or created
    /// before it is needed.
    pub fn new(cache: &Path, store: &Path, key: &SigningKey) -> Self {
        let store = fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
        let name = blake3::hash(store.as_os_str().as_encoded_bytes()).to_hex();
        Self {
            path: cache.join("index").join(format!("{}.sqlite", &name[..32])),
            key: key.derive(PURPOSE),
            least: LEAST,
            is_wrong: AtomicBool::new(false),
        }
    }

    /// Returns the same index with another minimum number of new bytes that are indexed.
    #[must_use]
    pub fn keeping_from(mut self, least: u64) -> Self {
        self.least = least;
        self
    }

    /// Returns whether this number of new bytes is indexed.
    pub(in crate::store) fn pays(&self, bytes: u64) -> bool {
        bytes >= self.least
    }

    /// Returns the path of the index.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a path that prevents the index: something that is not a file at its path, or not a folder where its folder should be.
    pub fn obstacle(&self) -> Option<&Path> {
        let there = self.path.ancestors().find(|path| fs::symlink_metadata(path).is_ok())?;
        let is_right = if there == self.path {
            self.path.is_file()
        } else {
            there.is_dir()
        };
        (!is_right).then_some(there)
    }

    /// Returns whether an entry turned out to be wrong. Results that used the index must be computed again without it.
    pub fn is_wrong(&self) -> bool {
        self.is_wrong.load(Ordering::Relaxed)
    }

    /// Marks the index as wrong. It is removed, because other entries may be wrong too.
    pub(in crate::store) fn distrust(&self) {
        self.is_wrong.store(true, Ordering::Relaxed);
        self.remove().ok();
    }

    /// Removes the index. The next reader recreates it.
    ///
    /// # Errors
    /// A file system operation failed.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the pieces for a history by session, each from the start of the log and without gaps. Empty if they cannot be read.
    pub(in crate::store) fn pieces(&self, history: HistoryId) -> BTreeMap<SessionId, Vec<IndexPiece>> {
        // Reading something that is not a file may block forever.
        let is_file = fs::metadata(&self.path).is_ok_and(|found| found.is_file());
        if !is_file {
            return BTreeMap::new();
        }
        match database::read(self, history) {
            Ok(pieces) => pieces,
            Err(database::IndexFault::Busy) => BTreeMap::new(),
            Err(database::IndexFault::Wrong) => {
                self.remove().ok();
                BTreeMap::new()
            }
        }
    }

    /// Stores pieces, and removes those of sessions that are not `present`. A failure is harmless and ignored.
    pub(in crate::store) fn keep(
        &self,
        history: HistoryId,
        pieces: &[(SessionId, IndexPiece)],
        present: &BTreeSet<SessionId>,
    ) {
        let is_something_else = fs::metadata(&self.path).is_ok_and(|found| !found.is_file());
        if pieces.is_empty() || self.is_wrong() || is_something_else {
            return;
        }
        if let Err(database::IndexFault::Wrong) = database::write(self, history, pieces, present) {
            self.remove().ok();
        }
    }

    /// Returns the authentication code of a stored piece. `numbers` are its start and end in its log, and its uncompressed length.
    fn seal(&self, history: HistoryId, session: SessionId, numbers: [u64; 3], content: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&history.0).update(&session.0);
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        *hasher.update(content).finalize().as_bytes()
    }
}

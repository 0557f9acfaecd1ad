//! The index: what the reading of logs came to, kept in SQLite, so that a long history need not be read again.
//!
//! It is local and derived (decision 9). It lies in the user's own cache folder, never in a store; nothing is in it that
//! the logs don't say, each piece is sealed with a key made from the user's own, and it is taken only where the log
//! still holds, in the place where it was, the operation that the piece ends in. Whatever is wrong with it, the logs
//! are read instead: a missing, torn, stale or forged index costs time and nothing else.

mod database;
mod piece;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use super::signatures::SigningKey;
use crate::id::{HistoryId, SessionId};

pub(in crate::store) use piece::{Entry, IndexPiece};

/// So many bytes of a log must be new before they are kept, if nobody says otherwise.
const LEAST: u64 = 64 << 10;
/// What the key that seals pieces is made for; another version of what they hold gets another.
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
    /// The index over the store in the folder `store`, in the folder `cache`, sealed by `key`. Nothing is read or made
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

    /// The same, which keeps what is read of a log from so many new bytes on.
    #[must_use]
    pub fn keeping_from(mut self, least: u64) -> Self {
        self.least = least;
        self
    }

    /// Whether so many new bytes are worth being kept.
    pub(in crate::store) fn pays(&self, bytes: u64) -> bool {
        bytes >= self.least
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lies where it should and is no file, or no folder where its folder should be. While that is there, no index
    /// is kept.
    pub fn obstacle(&self) -> Option<&Path> {
        let there = self.path.ancestors().find(|path| fs::symlink_metadata(path).is_ok())?;
        let is_right = if there == self.path {
            self.path.is_file()
        } else {
            there.is_dir()
        };
        (!is_right).then_some(there)
    }

    /// Whether something in it turned out not to be so. What was answered from it is to be answered again without it.
    pub fn is_wrong(&self) -> bool {
        self.is_wrong.load(Ordering::Relaxed)
    }

    /// Says that something in it is not so. It is removed, since nobody knows what else is wrong.
    pub(in crate::store) fn distrust(&self) {
        self.is_wrong.store(true, Ordering::Relaxed);
        self.remove().ok();
    }

    /// Removes it; it is made again by whoever looks next.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What it holds of a history, by session, each from the start of the log on and without a gap. Empty where it
    /// can't be read.
    pub(in crate::store) fn pieces(&self, history: HistoryId) -> BTreeMap<SessionId, Vec<IndexPiece>> {
        // What is no file may never end.
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

    /// Keeps what was read. `present` are the sessions that the history has; what it holds of others goes. That it can't
    /// be kept is no loss.
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

    /// The seal over a piece as it lies: where it starts and ends in its log, and how long it is plain.
    fn seal(&self, history: HistoryId, session: SessionId, numbers: [u64; 3], content: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&history.0).update(&session.0);
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        *hasher.update(content).finalize().as_bytes()
    }
}

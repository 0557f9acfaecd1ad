//! The last seen ends of the logs of the user's own sessions: one file for each store, in the user's settings folder.
//!
//! Anyone with write access to a store can truncate a log at an earlier operation, which is signed like the last one, or remove a whole
//! log: the rest verifies. Only a record of the later state reveals this, and this file is that record. It is written when Clew records and
//! when it reads the ends of logs, and names only operations that a power failure cannot undo. So a log with an earlier end was changed by
//! others and never by Clew, which only appends to logs.

mod note;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::id::{HistoryId, OperationId, SessionId};
use crate::limits;
use crate::store::disk::atomic_file;
use crate::store::disk::{Disk, DiskLock, PrivateFileFault};
use crate::store::error::{LastSeenFault, StoreError};
use crate::store::layout;
use crate::store::{LoadedHistory, LoadedSession, Store, Verdict};

const FOLDER: &str = "last-seen";
const LOCK_FILE: &str = "lock";
/// The context for deriving the names of these files.
const NAME: &str = "clew 2026 name of what was last seen of a store v1";

/// The last operation of a session that is known to survive a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The history.
    pub history: HistoryId,
    /// The session.
    pub session: SessionId,
    /// The operation's number in its session; the first one is 0.
    pub number: u64,
    /// The operation's id, as returned by [`Store::ends`].
    pub operation: OperationId,
}

/// How the log of a session lags behind its last seen state. The operations that exist are not damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogRollback {
    /// Its log is missing.
    #[error("Session {} is missing, and had {} when it was last seen", session.short(), operations(*seen))]
    Gone {
        /// The session.
        session: SessionId,
        /// The number of operations that were seen.
        seen: u64,
    },
    /// Its log is shorter.
    #[error("Session {} has {}, and had {seen} when it was last seen", session.short(), operations(*left))]
    Shorter {
        /// The session.
        session: SessionId,
        /// The number of operations that were seen.
        seen: u64,
        /// The number of operations that exist.
        left: u64,
    },
    /// Its log has another operation at the same place.
    #[error("Session {} has a different operation {} than when it was last seen", session.short(), seen.saturating_sub(1))]
    Other {
        /// The session.
        session: SessionId,
        /// The number of operations that were seen.
        seen: u64,
    },
}

fn operations(count: u64) -> String {
    match count {
        1 => "1 operation".to_owned(),
        _ => format!("{count} operations"),
    }
}

/// The file with the last seen ends of a store's logs.
#[derive(Debug, Clone)]
pub struct LastSeen {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    name: String,
    store: PathBuf,
}

impl LastSeen {
    /// Refers to the file for the store `store` on the machine `machine`, in the settings folder `config`. Nothing is read or created yet.
    ///
    /// A store is identified by its path as given, with links not followed: neither the content of a store nor a link that others insert in
    /// the path makes another store of it. The machine's name is included because settings are copied to other machines, and stores are
    /// not.
    pub fn new(disk: Arc<dyn Disk>, config: &Path, store: &Path, machine: &str) -> Self {
        let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
        let called = [store.as_os_str().as_encoded_bytes(), b"\0", machine.as_bytes()].concat();
        let name = blake3::Hash::from_bytes(blake3::derive_key(NAME, &called)).to_hex();
        Self {
            disk,
            folder: config.join(FOLDER),
            name: format!("{}.ends", &name[..32]),
            store,
        }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Reads the recorded ends; none if there is no file. Call this before reading the logs, which need not contain operations that are
    /// recorded later.
    ///
    /// # Errors
    /// The file cannot be used. It is ignored then, and not written to.
    pub fn read(&self) -> Result<Ends, StoreError> {
        let path = self.path();
        let refuse = |why| StoreError::LastSeen {
            path: path.clone(),
            why,
        };
        let unusable = |fault| match fault {
            PrivateFileFault::OpenToOthers => refuse(LastSeenFault::Open),
            PrivateFileFault::Length => refuse(LastSeenFault::Damaged),
        };
        let Some(bytes) = self.disk.read_private(&path, 0..=limits::LAST_SEEN, unusable)? else {
            return Ok(Ends::default());
        };
        note::parse(&bytes).map(Ends).map_err(refuse)
    }

    /// Records ends that are further than the recorded ones. Does nothing if another process is writing: a later call records them.
    ///
    /// # Errors
    /// The file cannot be used or written. It is unchanged then.
    pub fn advance(&self, ends: &[End]) -> Result<(), StoreError> {
        if ends.is_empty() {
            return Ok(());
        }
        let Some(alone) = self.alone()? else { return Ok(()) };
        let mut noted = self.read()?;
        let news = ends.iter().filter(|end| noted.advance(**end)).count();
        if news == 0 {
            return Ok(());
        }
        self.write(&noted, &alone)
    }

    /// Replaces all recorded ends by these.
    ///
    /// # Errors
    /// The file cannot be written. It is unchanged then.
    pub fn replace(&self, ends: &[End]) -> Result<(), StoreError> {
        let Some(alone) = self.alone()? else {
            return Err(StoreError::Busy {
                who: "Another process records what was seen",
            });
        };
        let mut noted = Ends::default();
        for end in ends {
            noted.advance(*end);
        }
        self.write(&noted, &alone)
    }

    /// Takes the lock for writing; `None` if it is held. This does not wait, because the holder may be stopped.
    fn alone(&self) -> Result<Option<Alone>, StoreError> {
        let config = self.folder.parent().unwrap_or(&self.folder);
        self.disk
            .create_dir(&self.folder)
            .map_err(StoreError::io("make", config))?;
        let path = self.folder.join(LOCK_FILE);
        match self.disk.try_lock(&path) {
            Ok(held) => Ok(held.map(|lock| Alone(Some(lock)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Alone(self.disk.lock(&path).ok()))),
            // Without locks the last writer wins.
            Err(_) => Ok(Some(Alone(None))),
        }
    }

    fn write(&self, ends: &Ends, alone: &Alone) -> Result<(), StoreError> {
        if alone.0.is_some() {
            self.tidy();
        }
        atomic_file::replace(&*self.disk, &self.folder, &self.name, &note::text(&self.store, &ends.0))
    }

    /// Removes temporary files of writers that were killed.
    fn tidy(&self) {
        for name in self.disk.list(&self.folder).unwrap_or_default() {
            let is_left = name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('.'));
            if is_left {
                self.disk.unlink(&self.folder.join(name)).ok();
            }
        }
    }
}

/// The lock of a writer; empty if the file system has no locks.
#[derive(Debug)]
struct Alone(Option<Box<dyn DiskLock>>);

/// The recorded ends, with the most recently recorded one last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends(Vec<End>);

impl Ends {
    /// Returns whether no ends are recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of sessions with recorded ends.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns all recorded ends.
    pub fn iter(&self) -> impl Iterator<Item = &End> {
        self.0.iter()
    }

    /// Adds an end that is further than the recorded one of its session. Returns whether it is.
    fn advance(&mut self, end: End) -> bool {
        if let Some(at) = self.0.iter().position(|noted| noted.session == end.session) {
            if self.0[at].number >= end.number {
                return false;
            }
            self.0.remove(at);
        }
        self.0.push(end);
        let surplus = self.0.len().saturating_sub(limits::SESSIONS_SEEN);
        self.0.drain(..surplus);
        true
    }

    /// Returns those of `ends` that are further than the recorded ones of their sessions. It adds unrecorded sessions only as far as there
    /// is room, and prefers the most recently active ones, so that reading a store never displaces recorded ends.
    #[must_use]
    pub fn news(&self, ends: Vec<End>) -> Vec<End> {
        let noted: BTreeMap<SessionId, u64> = self.0.iter().map(|end| (end.session, end.number)).collect();
        let (known, unknown): (Vec<End>, Vec<End>) = ends.into_iter().partition(|end| noted.contains_key(&end.session));
        let room = limits::SESSIONS_SEEN.saturating_sub(noted.len());
        let passed = unknown.len().saturating_sub(room);
        let further = known.into_iter().filter(|end| end.number > noted[&end.session]);
        unknown.into_iter().skip(passed).chain(further).collect()
    }

    /// Returns the recorded ends of a history that are not in its logs any more. Damaged logs are not included, because their damage is
    /// reported already.
    pub fn setbacks(&self, store: &Store, history: HistoryId, loaded: &LoadedHistory) -> Vec<LogRollback> {
        let damaged: BTreeSet<SessionId> = loaded
            .damage
            .iter()
            .filter_map(|damage| layout::session_of_log(&damage.path))
            .collect();
        let own = self
            .0
            .iter()
            .filter(|end| end.history == history && !damaged.contains(&end.session));
        own.filter_map(|end| {
            let has_log = loaded.parts().any(|(session, _)| session == end.session);
            setback(store, end, loaded.sessions.get(&end.session), has_log)
        })
        .collect()
    }

    /// Returns the recorded histories that are not in `here`, with their recorded ends.
    pub fn gone(&self, here: &BTreeSet<HistoryId>) -> BTreeMap<HistoryId, Vec<LogRollback>> {
        let mut gone: BTreeMap<HistoryId, Vec<LogRollback>> = BTreeMap::new();
        for end in self.0.iter().filter(|end| !here.contains(&end.history)) {
            gone.entry(end.history).or_default().push(end.gone());
        }
        gone
    }
}

impl End {
    fn seen(&self) -> u64 {
        self.number.saturating_add(1)
    }

    fn gone(&self) -> LogRollback {
        let (session, seen) = (self.session, self.seen());
        LogRollback::Gone { session, seen }
    }
}

fn setback(store: &Store, end: &End, found: Option<&LoadedSession>, has_log: bool) -> Option<LogRollback> {
    if !has_log {
        return Some(end.gone());
    }
    let operations = found.map(|found| found.operations.as_slice()).unwrap_or_default();
    let at = operations.partition_point(|loaded| loaded.operation.number < end.number);
    let (session, seen) = (end.session, end.seen());
    match operations.get(at) {
        Some(found) if found.operation.number == end.number && store.mark_of(found.id) == end.operation => None,
        Some(_) => Some(LogRollback::Other { session, seen }),
        None => Some(LogRollback::Shorter {
            session,
            seen,
            left: operations
                .last()
                .map_or(0, |last| last.operation.number.saturating_add(1)),
        }),
    }
}

impl Store {
    /// Returns the ends of the user's own sessions of a history, as far as they survive a power failure, with the most recently active
    /// session last.
    pub fn ends(&self, history: HistoryId, loaded: &LoadedHistory) -> Vec<End> {
        let mut ends: Vec<_> = loaded
            .sessions
            .iter()
            .filter_map(|(session, content)| {
                let synced = content
                    .operations
                    .iter()
                    .take_while(|found| found.operation.number < content.synced);
                let last = synced.last().filter(|last| last.verdict == Verdict::Own)?;
                Some((
                    last.operation.time,
                    self.end_of(history, *session, last.operation.number, last.id),
                ))
            })
            .collect();
        ends.sort_by_key(|(time, end)| (*time, end.session));
        ends.into_iter().map(|(_, end)| end).collect()
    }

    pub(in crate::store) fn end_of(&self, history: HistoryId, session: SessionId, number: u64, id: OperationId) -> End {
        End {
            history,
            session,
            number,
            operation: self.mark_of(id),
        }
    }

    /// Returns the id by which an operation is recorded. Ids of an encrypted store are masked, so that not even these are stored
    /// unencrypted.
    fn mark_of(&self, id: OperationId) -> OperationId {
        match &self.inner.mask {
            Some(mask) => OperationId(*blake3::keyed_hash(mask, &id.0).as_bytes()),
            None => id,
        }
    }
}

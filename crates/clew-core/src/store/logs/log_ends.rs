//! Where the logs of one's own sessions ended when they were last seen: a file a store, in the user's own folder of settings.
//!
//! Whoever may write to a store can cut a log at an earlier operation, which was sealed like the last one, or take a whole
//! log away: all that is left verifies. Only somebody who remembers more can tell, and that is this file. It is written by
//! whoever records and by whoever looks at the ends of logs, and names only what a power cut can't take back. So a log that
//! ends before was changed by somebody, and never by Clew: logs are only ever appended to.

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
/// What names of files are made for.
const NAME: &str = "clew 2026 name of what was last seen of a store v1";

/// The last operation of a session that is known to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The history.
    pub history: HistoryId,
    /// The session.
    pub session: SessionId,
    /// The operation's number in its session; the first one is 0.
    pub number: u64,
    /// The operation, as [`Store::ends`] names it.
    pub operation: OperationId,
}

/// How the log of a session is behind what was seen of it before. The operations that exist are not damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogRollback {
    /// Its log is not there.
    #[error("Session {} is missing, and had {} when it was last seen", session.short(), operations(*seen))]
    Gone {
        /// The session.
        session: SessionId,
        /// How many operations were seen.
        seen: u64,
    },
    /// Its log ends earlier.
    #[error("Session {} has {}, and had {seen} when it was last seen", session.short(), operations(*left))]
    Shorter {
        /// The session.
        session: SessionId,
        /// How many operations were seen.
        seen: u64,
        /// How many there are.
        left: u64,
    },
    /// Its log went another way.
    #[error("Session {} has a different operation {} than when it was last seen", session.short(), seen.saturating_sub(1))]
    Other {
        /// The session.
        session: SessionId,
        /// How many operations were seen.
        seen: u64,
    },
}

fn operations(count: u64) -> String {
    match count {
        1 => "1 operation".to_owned(),
        _ => format!("{count} operations"),
    }
}

/// Where the ends of a store's logs are noted.
#[derive(Debug, Clone)]
pub struct LastSeen {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    name: String,
    store: PathBuf,
}

impl LastSeen {
    /// Of the store that is called `store` on the machine `machine`, in the folder `config`. Nothing is read or made yet.
    ///
    /// A store is known by the path that names it, links and all: nothing that lies in it, and no link that others put on
    /// the way, makes another store of it. The machine's name is part of it, since settings are carried to other machines
    /// where stores are not.
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

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// What is noted; nothing where there is no file. To be read before the logs are: what was noted later they need not hold.
    ///
    /// # Errors
    /// The file can't be used. It counts for nothing then, and is not written to.
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

    /// Notes ends that lie further than those that are noted. Where somebody else is writing at this moment nothing is done:
    /// there will be another time, and nobody waits for it.
    ///
    /// # Errors
    /// The file can't be used or written. It is as it was.
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

    /// Notes these ends and no others, whatever was noted.
    ///
    /// # Errors
    /// The file can't be written. It is as it was.
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

    /// The lock under which it is written; `None` where somebody has it. Nobody waits for it: who has it may be stopped.
    fn alone(&self) -> Result<Option<Alone>, StoreError> {
        let config = self.folder.parent().unwrap_or(&self.folder);
        self.disk
            .create_dir(&self.folder)
            .map_err(StoreError::io("make", config))?;
        let path = self.folder.join(LOCK_FILE);
        match self.disk.try_lock(&path) {
            Ok(held) => Ok(held.map(|lock| Alone(Some(lock)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Alone(self.disk.lock(&path).ok()))),
            // Without locks who writes last counts.
            Err(_) => Ok(Some(Alone(None))),
        }
    }

    fn write(&self, ends: &Ends, alone: &Alone) -> Result<(), StoreError> {
        if alone.0.is_some() {
            self.tidy();
        }
        atomic_file::replace(&*self.disk, &self.folder, &self.name, &note::text(&self.store, &ends.0))
    }

    /// Takes away what writers left that were killed half-way.
    fn tidy(&self) {
        for name in self.disk.list(&self.folder).unwrap_or_default() {
            let is_left = name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('.'));
            if is_left {
                self.disk.unlink(&self.folder.join(name)).ok();
            }
        }
    }
}

/// Held by who writes; nothing where the file system has no locks.
#[derive(Debug)]
struct Alone(Option<Box<dyn DiskLock>>);

/// The ends that are noted, the one that was noted last at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends(Vec<End>);

impl Ends {
    /// Whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of how many sessions ends are noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &End> {
        self.0.iter()
    }

    /// Takes an end that lies further than the one that is noted of its session. Says whether it does.
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

    /// Those of `ends` that lie further than what is noted of their sessions. Of sessions of which nothing is noted as many
    /// as there is room for, those that did something last: what is noted makes room for nobody who only looks.
    #[must_use]
    pub fn news(&self, ends: Vec<End>) -> Vec<End> {
        let noted: BTreeMap<SessionId, u64> = self.0.iter().map(|end| (end.session, end.number)).collect();
        let (known, unknown): (Vec<End>, Vec<End>) = ends.into_iter().partition(|end| noted.contains_key(&end.session));
        let room = limits::SESSIONS_SEEN.saturating_sub(noted.len());
        let passed = unknown.len().saturating_sub(room);
        let further = known.into_iter().filter(|end| end.number > noted[&end.session]);
        unknown.into_iter().skip(passed).chain(further).collect()
    }

    /// What was seen of a history and is not in its logs any more. Where a log is damaged that is all there is to say of it.
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

    /// Histories that were seen and are none of those that are `here`, with what was seen of them.
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
    /// Where the user's own sessions of a history end, as far as that would survive a power cut; the one that did something
    /// last at the end.
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

    /// What an operation is noted by. Of an encrypted store not even ids of what it holds lie anywhere plain.
    fn mark_of(&self, id: OperationId) -> OperationId {
        match &self.inner.mask {
            Some(mask) => OperationId(*blake3::keyed_hash(mask, &id.0).as_bytes()),
            None => id,
        }
    }
}

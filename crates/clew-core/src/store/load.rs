//! Reading a history back from its logs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::scan::{Payloads, ScannedFrame, scan};
use super::seal::{PublicKey, Verdict};
use super::{Store, log, pack};
use crate::format::{
    FileDescription, FrameKind, HistoryDescription, Operation, PackMention, Run, SignedOperation, decode_record,
};
use crate::id::{HistoryId, OperationId, PackId, RunId, SessionId};

/// One operation as it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedOperation {
    /// Its id.
    pub id: OperationId,
    /// What it says.
    pub operation: Operation,
    /// Who sealed it.
    pub key: PublicKey,
    /// What the seal is worth. Operations with a bad seal are not listed at all; they are in the damage.
    pub verdict: Verdict,
}

/// One session's operations, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedSession {
    /// Its operations, oldest first.
    pub operations: Vec<LoadedOperation>,
    /// How many of them are known to survive a power cut: those with a lower number.
    pub synced: u64,
}

/// Something in a store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, for people.
    pub what: String,
}

/// What the logs of one history say. Only what an operation made visible is in here.
#[derive(Debug, Clone, Default)]
pub struct LoadedHistory {
    /// What it is called and where its notebook is: the newest, after all before it.
    pub descriptions: Vec<HistoryDescription>,
    /// Its sessions.
    pub sessions: BTreeMap<SessionId, LoadedSession>,
    /// Its runs.
    pub runs: HashMap<RunId, Run>,
    /// What is missing or damaged. Everything else is here all the same.
    pub damage: Vec<Damage>,
    /// How far each part of each log was read.
    tails: BTreeMap<(SessionId, u32), Tail>,
    chains: BTreeMap<SessionId, Chain>,
    packs: BTreeSet<PackId>,
}

/// Where the reading of one part of a log goes on.
#[derive(Debug, Clone, Default)]
struct Tail {
    end: u64,
    /// Runs that no operation made visible yet.
    waiting: HashMap<RunId, Run>,
    /// Where each operation lies.
    offsets: Vec<u64>,
    /// So many bytes are known to have been synced.
    synced: u64,
}

/// Where a session's chain of operations goes on.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    previous: Option<OperationId>,
    next: u64,
}

impl LoadedHistory {
    /// The newest description.
    pub fn description(&self) -> HistoryDescription {
        self.descriptions.last().cloned().unwrap_or_default()
    }

    /// All operations in the order of their times.
    pub fn operations(&self) -> Vec<&LoadedOperation> {
        let mut all: Vec<_> = self.sessions.values().flat_map(|session| &session.operations).collect();
        all.sort_by_key(|loaded| (loaded.operation.time, loaded.operation.number));
        all
    }

    /// Packs that its logs name.
    pub(super) fn packs(&self) -> &BTreeSet<PackId> {
        &self.packs
    }

    /// The parts of all logs.
    pub(super) fn parts(&self) -> impl Iterator<Item = (SessionId, u32)> {
        self.tails.keys().copied()
    }

    /// Forgets what was read of a session.
    fn forget(&mut self, session: SessionId) {
        self.tails.retain(|(other, _), _| *other != session);
        self.chains.remove(&session);
        self.sessions.remove(&session);
    }

    /// How many operations of the session are known to be synced: those before the first that is not.
    fn count_synced(&mut self, session: SessionId) {
        let mut count = 0;
        for tail in self
            .tails
            .range((session, 0)..=(session, u32::MAX))
            .map(|(_, tail)| tail)
        {
            let here = tail.offsets.iter().take_while(|offset| **offset < tail.synced).count();
            count += here as u64;
            if here < tail.offsets.len() {
                break;
            }
        }
        if let Some(session) = self.sessions.get_mut(&session) {
            session.synced = count;
        }
    }

    fn report(&mut self, path: &Path, what: String) {
        let damage = Damage {
            path: path.to_owned(),
            what,
        };
        if !self.damage.contains(&damage) {
            self.damage.push(damage);
        }
    }
}

impl Store {
    /// Reads a history's logs. Never fails for damage: that is listed.
    ///
    /// # Errors
    /// The history is not there.
    pub fn load(&self, history: HistoryId) -> Result<LoadedHistory, StoreError> {
        let mut loaded = LoadedHistory::default();
        self.refresh(history, None, &mut loaded)?;
        Ok(loaded)
    }

    /// Adds what was written since `loaded` was read, by all sessions but `except`. Says whether there was anything.
    ///
    /// Reads the new ends of the logs only.
    pub fn refresh(
        &self,
        history: HistoryId,
        except: Option<SessionId>,
        loaded: &mut LoadedHistory,
    ) -> Result<bool, StoreError> {
        let names = self
            .disk()
            .list(&log::folder(self.directory(), history))
            .map_err(|_| StoreError::NoHistory(history))?;
        let before = loaded
            .sessions
            .values()
            .map(|session| session.operations.len())
            .sum::<usize>();
        let parts: BTreeSet<(SessionId, u32)> = names.iter().filter_map(|name| log::part_of(name)).collect();
        let sessions: BTreeSet<SessionId> = parts.iter().map(|(session, _)| *session).collect();
        for session in sessions.into_iter().filter(|session| Some(*session) != except) {
            let parts: Vec<u32> = parts
                .range((session, 0)..=(session, u32::MAX))
                .map(|(_, part)| *part)
                .collect();
            self.refresh_session(history, session, &parts, loaded);
        }
        loaded.descriptions = self.descriptions(history);
        self.report_missing_packs(loaded);
        let after = loaded
            .sessions
            .values()
            .map(|session| session.operations.len())
            .sum::<usize>();
        Ok(before != after)
    }

    /// All descriptions of a history, the newest last. What can't be read is passed over.
    pub(super) fn descriptions(&self, history: HistoryId) -> Vec<HistoryDescription> {
        let folder = log::folder(self.directory(), history);
        let mut descriptions = Vec::new();
        for name in self.disk().list(&folder).unwrap_or_default() {
            if !log::is_description(&name) {
                continue;
            }
            let Ok(file) = self.disk().open(&folder.join(name)) else {
                continue;
            };
            // An error here is a description less.
            let _ = scan(&*file, 0, Payloads::Read, |frame| {
                if frame.header.kind == FrameKind::DESCRIPTION {
                    descriptions.extend(decode_record::<HistoryDescription>(&frame.payload));
                }
            });
        }
        descriptions.sort_by_key(|description| description.time);
        descriptions
    }

    fn refresh_session(&self, history: HistoryId, session: SessionId, parts: &[u32], loaded: &mut LoadedHistory) {
        let has_shrunk = |part: &u32| {
            let end = loaded.tails.get(&(session, *part)).map_or(0, |tail| tail.end);
            let file = self.disk().open(&log::path(self.directory(), history, session, *part));
            file.and_then(|file| file.length()).is_ok_and(|length| length < end)
        };
        // Its writer took back what it could not finish.
        if parts.iter().any(has_shrunk) {
            loaded.forget(session);
        }
        for part in parts {
            self.refresh_log(history, session, *part, loaded);
        }
        loaded.count_synced(session);
    }

    fn refresh_log(&self, history: HistoryId, session: SessionId, part: u32, loaded: &mut LoadedHistory) {
        let path = log::path(self.directory(), history, session, part);
        let mut tail = loaded.tails.remove(&(session, part)).unwrap_or_default();
        let mut frames = Vec::new();
        let scanned = self
            .disk()
            .open(&path)
            .and_then(|file| scan(&*file, tail.end, Payloads::Read, |frame| frames.push(frame)));
        match scanned {
            Ok(scanned) => {
                tail.end = scanned.end;
                for gap in scanned.gaps {
                    loaded.report(
                        &path,
                        format!("Bytes {} to {} can't be read: {}", gap.from, gap.to, gap.why),
                    );
                }
            }
            Err(error) => loaded.report(&path, format!("It can't be read: {error}")),
        }
        let chain = loaded.chains.get(&session).copied().unwrap_or_default();
        let mut reading = LogReading {
            path: &path,
            history,
            session,
            part,
            loaded,
            tail,
            chain,
            met: Vec::new(),
        };
        for frame in frames {
            reading.frame(&frame);
        }
        reading.finish(self);
    }

    fn report_missing_packs(&self, loaded: &mut LoadedHistory) {
        let here = self.packs_here();
        for pack in loaded.packs.clone() {
            if !here.contains(&pack) {
                let path = pack::path(self.directory(), pack);
                let what = format!(
                    "Pack {} is missing; what lies only in it can't come back, all else can",
                    pack.short()
                );
                loaded.report(&path, what);
            }
        }
    }

    fn packs_here(&self) -> BTreeSet<PackId> {
        let names = self.disk().list(&pack::folder(self.directory())).unwrap_or_default();
        names.iter().filter_map(|name| pack::id_of(name)).collect()
    }

    /// Packs that any log names and the store has not.
    pub(super) fn missing_packs(&self) -> Vec<PackId> {
        let mut named = BTreeSet::new();
        for history in self
            .disk()
            .list(&log::histories_folder(self.directory()))
            .unwrap_or_default()
        {
            let Ok(history) = history.parse::<HistoryId>() else {
                continue;
            };
            let mut loaded = LoadedHistory::default();
            if self.refresh(history, None, &mut loaded).is_ok() {
                named.append(&mut loaded.packs);
            }
        }
        let here = self.packs_here();
        named.into_iter().filter(|pack| !here.contains(pack)).collect()
    }
}

/// An operation that was met and whose seal was not judged yet.
struct Met {
    id: OperationId,
    operation: Operation,
    signed: SignedOperation,
    offset: u64,
}

/// The reading of one log's new frames.
struct LogReading<'l> {
    path: &'l Path,
    history: HistoryId,
    session: SessionId,
    part: u32,
    loaded: &'l mut LoadedHistory,
    tail: Tail,
    chain: Chain,
    met: Vec<Met>,
}

impl LogReading<'_> {
    fn frame(&mut self, frame: &ScannedFrame) {
        match frame.header.kind {
            FrameKind::RUN => self.run(&frame.payload),
            FrameKind::OPERATION => self.operation(frame),
            FrameKind::PACK => {
                let mention = decode_record::<PackMention>(&frame.payload);
                self.loaded.packs.extend(mention.map(|mention| mention.pack));
            }
            FrameKind::MARK => {
                if let Ok(bytes) = frame.payload.as_slice().try_into() {
                    let synced = u64::from_le_bytes(bytes);
                    self.tail.synced = self.tail.synced.max(synced.min(frame.offset));
                }
            }
            FrameKind::FILE => self.file(&frame.payload),
            // A kind of record that came later, or is reserved.
            _ => {}
        }
    }

    fn file(&mut self, payload: &[u8]) {
        let expected = FileDescription::Log {
            history: self.history,
            session: self.session,
        };
        if decode_record::<FileDescription>(payload) != Ok(expected) {
            self.report("It says that it is another file".to_owned());
        }
    }

    fn run(&mut self, payload: &[u8]) {
        let id = RunId::of(payload);
        match decode_record::<Run>(payload) {
            Ok(run) => {
                self.tail.waiting.insert(id, run);
            }
            Err(error) => self.report(format!("Run {} can't be read: {error}", id.short())),
        }
    }

    fn operation(&mut self, frame: &ScannedFrame) {
        let signed = match decode_record::<SignedOperation>(&frame.payload) {
            Ok(signed) => signed,
            Err(error) => return self.report(format!("An operation at byte {} can't be read: {error}", frame.offset)),
        };
        let id = OperationId::of(&signed.bytes);
        match decode_record::<Operation>(&signed.bytes) {
            Ok(operation) => self.met.push(Met {
                id,
                operation,
                signed,
                offset: frame.offset,
            }),
            Err(error) => self.report(format!("Operation {} can't be read: {error}", id.short())),
        }
    }

    /// Judges the seals and makes visible what they vouch for.
    fn finish(mut self, store: &Store) {
        let met = std::mem::take(&mut self.met);
        let sound = judge(&met);
        for (met, is_sound) in met.into_iter().zip(sound) {
            if is_sound {
                self.admit(met, store);
            } else {
                self.report(format!(
                    "Operation {} is not sealed by the key that it names; it is left out",
                    met.id.short()
                ));
            }
        }
        self.loaded.chains.insert(self.session, self.chain);
        self.loaded.tails.insert((self.session, self.part), self.tail);
    }

    /// The first operation of a later part takes the place of one that the part before it could not take back: it was
    /// written and never acknowledged, since the disk failed.
    fn supersede(&mut self, number: u64) {
        if self.part == 1 || !self.tail.offsets.is_empty() || number >= self.chain.next {
            return;
        }
        let Some(session) = self.loaded.sessions.get_mut(&self.session) else {
            return;
        };
        let kept = session
            .operations
            .partition_point(|loaded| loaded.operation.number < number);
        for dropped in session.operations.split_off(kept) {
            for run in dropped.operation.runs {
                self.loaded.runs.remove(&run);
            }
        }
        self.chain = Chain {
            previous: session.operations.last().map(|loaded| loaded.id),
            next: session
                .operations
                .last()
                .map_or(0, |loaded| loaded.operation.number.saturating_add(1)),
        };
    }

    fn admit(&mut self, met: Met, store: &Store) {
        let operation = &met.operation;
        if (operation.history, operation.session) != (self.history, self.session) {
            return self.report(format!(
                "Operation {} belongs to another session; it is left out",
                met.id.short()
            ));
        }
        self.supersede(operation.number);
        if operation.number < self.chain.next {
            return self.report(format!(
                "Operation {} is a second one numbered {}; it is left out",
                met.id.short(),
                operation.number
            ));
        }
        if operation.number > self.chain.next || operation.previous != self.chain.previous {
            self.report(format!(
                "Operations before {} of session {} are missing",
                operation.number,
                self.session.short()
            ));
        }
        self.chain = Chain {
            previous: Some(met.id),
            next: operation.number.saturating_add(1),
        };
        self.tail.offsets.push(met.offset);
        for id in &operation.runs {
            self.reveal(*id);
        }
        let key = PublicKey(met.signed.key);
        let session = self.loaded.sessions.entry(self.session).or_default();
        session.operations.push(LoadedOperation {
            id: met.id,
            operation: met.operation,
            key,
            verdict: store.trust().verdict(key),
        });
    }

    fn reveal(&mut self, id: RunId) {
        if let Some(run) = self.tail.waiting.remove(&id) {
            self.loaded.runs.insert(id, run);
        } else if !self.loaded.runs.contains_key(&id) {
            self.report(format!("Run {} is missing", id.short()));
        }
    }

    fn report(&mut self, what: String) {
        self.loaded.report(self.path, what);
    }
}

/// Which operations are sealed. The last one's seal vouches for all that it leads back to under the same key, so a log
/// costs one signature check, however long it is.
fn judge(met: &[Met]) -> Vec<bool> {
    let mut sound = vec![false; met.len()];
    let mut vouched: Option<(OperationId, [u8; 32])> = None;
    for (met, sound) in met.iter().zip(&mut sound).rev() {
        *sound = vouched == Some((met.id, met.signed.key)) || PublicKey::has_signed(&met.signed);
        vouched = if *sound {
            met.operation.previous.map(|previous| (previous, met.signed.key))
        } else {
            None
        };
    }
    sound
}

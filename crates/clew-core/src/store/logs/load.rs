//! Loading a history from its logs.

mod content;
mod index_lookup;
mod latest;
mod order;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use rustc_hash::FxHashMap;

use super::log_index::IndexPiece;
use super::signatures::PublicKey;
use super::stored_run::StoredRun;
use super::trust::Verdict;
use crate::format::{FrameKind, HistoryDescription, Operation, Timestamp, decode_record};
use crate::id::{HistoryId, ManifestId, OperationId, PackId, RunId, SessionId};
use crate::store::error::StoreError;
use crate::store::layout;
use crate::store::packs::removals;
use crate::store::scan::{Payloads, UnreadableRange, scan};
use crate::store::{Damage, FileFault, Store};
use content::contents;
use index_lookup::IndexPieceBuilder;
use reading::LogReading;

pub use order::sort_operations;

/// The length of each part of each log, in bytes.
pub type LogEnds = BTreeMap<(SessionId, u32), u64>;

/// One operation with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedOperation {
    /// Its id.
    pub id: OperationId,
    /// The operation.
    pub operation: Operation,
    /// The key that signed it.
    pub key: PublicKey,
    /// The trust in its key. Operations with a wrong signature are not listed at all; they are in the damage.
    pub verdict: Verdict,
}

/// One session's operations, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedSession {
    /// Its operations, oldest first.
    pub operations: Vec<LoadedOperation>,
    /// The number of operations known to survive a power failure: those with a lower number.
    pub synced: u64,
}

/// The content of the logs of one history, as far as operations made it visible.
#[derive(Debug, Clone, Default)]
pub struct LoadedHistory {
    /// Its descriptions, newest last.
    pub descriptions: Vec<HistoryDescription>,
    /// Its sessions.
    pub sessions: BTreeMap<SessionId, LoadedSession>,
    /// Its runs.
    pub runs: FxHashMap<RunId, Arc<StoredRun>>,
    /// Faults of its files. Everything else is loaded nevertheless.
    pub damage: Vec<Damage>,
    /// The read position in each part of each log.
    tails: BTreeMap<(SessionId, u32), Tail>,
    chains: BTreeMap<SessionId, Chain>,
    packs: BTreeSet<PackId>,
    /// Damage that a power failure may have left, if it is after the last MARK of its log.
    torn: Vec<Torn>,
    /// Entries of `damage` that are not damage: data of a later version of Clew.
    later: Vec<Damage>,
    /// Entries of `damage` for missing packs: the logs themselves are complete.
    lacking: Vec<Damage>,
}

/// Damage of a kind that a power failure leaves.
#[derive(Debug, Clone)]
struct Torn {
    session: SessionId,
    part: u32,
    offset: u64,
    damage: Damage,
}

/// The state in which the reading of a part of a log continues.
#[derive(Debug, Clone, Default)]
struct Tail {
    end: u64,
    /// Runs that no operation has made visible yet.
    waiting: FxHashMap<RunId, Arc<StoredRun>>,
    /// The offset of each operation.
    offsets: Vec<u64>,
    /// The number of bytes known to be synced.
    synced: u64,
    /// Packs that the log names, in order.
    packs: Vec<PackId>,
}

/// The state in which a session's chain of operations continues.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    previous: Option<OperationId>,
    next: u64,
}

impl LoadedHistory {
    /// Returns the newest description.
    pub fn description(&self) -> HistoryDescription {
        self.descriptions.last().cloned().unwrap_or_default()
    }

    /// Returns all operations in the order in which they were done.
    pub fn operations(&self) -> Vec<&LoadedOperation> {
        let mut all: Vec<_> = self.all_operations().collect();
        let number = |run: &RunId| self.runs.get(run)?.outline().given_number();
        sort_operations(&mut all, |loaded| &loaded.operation, number, Timestamp::MAX);
        all
    }

    /// Returns all operations, session by session.
    pub(in crate::store) fn all_operations(&self) -> impl Iterator<Item = &LoadedOperation> {
        self.sessions.values().flat_map(|session| &session.operations)
    }

    /// Returns the manifests that were forgotten, with the earliest time.
    pub fn forgotten(&self) -> FxHashMap<ManifestId, Timestamp> {
        let forgetting = |operation: &Operation| operation.forgetting.as_ref().map(|it| it.manifests.clone());
        self.first_told(forgetting)
    }

    /// Returns the values that a retention rule of gc dropped, with the earliest time.
    pub fn dropped(&self) -> FxHashMap<ManifestId, Timestamp> {
        let dropping = |operation: &Operation| operation.dropping.as_ref().map(|it| it.manifests.clone());
        self.first_told(dropping)
    }

    fn first_told(&self, told: impl Fn(&Operation) -> Option<Vec<ManifestId>>) -> FxHashMap<ManifestId, Timestamp> {
        let mut first = FxHashMap::default();
        for loaded in self.operations() {
            for manifest in told(&loaded.operation).into_iter().flatten() {
                first.entry(manifest).or_insert(loaded.operation.time);
            }
        }
        first
    }

    /// Returns the packs that its logs name, with those of the most recently active session last: they are the most likely to be needed
    /// first.
    fn packs_by_recency(&self) -> Vec<PackId> {
        let mut parts: Vec<_> = self.tails.iter().collect();
        parts.sort_by_key(|((session, part), _)| {
            let last = self.sessions.get(session).and_then(|session| session.operations.last());
            (last.map(|loaded| loaded.operation.time), *part)
        });
        parts
            .into_iter()
            .flat_map(|(_, tail)| tail.packs.iter().copied())
            .collect()
    }

    /// Returns the packs that its logs name.
    pub(in crate::store) fn packs(&self) -> &BTreeSet<PackId> {
        &self.packs
    }

    /// Returns the parts of all logs.
    pub(in crate::store) fn parts(&self) -> impl Iterator<Item = (SessionId, u32)> {
        self.tails.keys().copied()
    }

    /// Returns the read position in each part of each log: after the last complete frame.
    pub(in crate::store) fn ends(&self) -> impl Iterator<Item = ((SessionId, u32), u64)> {
        self.tails.iter().map(|(part, tail)| (*part, tail.end))
    }

    /// Returns the offset of the last operation of each part of each log.
    pub(in crate::store) fn last_operations(&self) -> impl Iterator<Item = ((SessionId, u32), u64)> {
        let parts = self.tails.iter();
        parts.filter_map(|(part, tail)| Some((*part, *tail.offsets.last()?)))
    }

    /// Discards everything that was read of a session.
    fn forget(&mut self, session: SessionId) {
        self.tails.retain(|(other, _), _| *other != session);
        self.chains.remove(&session);
        self.sessions.remove(&session);
    }

    /// Counts the operations of the session that are known to be synced: those before the first that is not.
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

    /// Returns the damage of logs that a power failure cannot have left, because the bytes were synced.
    pub(in crate::store) fn doubts(&self) -> impl Iterator<Item = &Damage> {
        let is_other = |damage: &Damage| self.later.contains(damage) || self.lacking.contains(damage);
        // No data is needed only because of a description.
        let is_beside = |damage: &Damage| {
            let extension = damage.path.extension();
            extension.is_some_and(|extension| extension == "description")
        };
        let is_doubt = move |damage: &&Damage| !self.is_lost(damage) && !is_other(damage) && !is_beside(damage);
        self.damage.iter().filter(is_doubt)
    }

    /// Returns data of a later version of Clew.
    pub(in crate::store) fn later(&self) -> &[Damage] {
        &self.later
    }

    fn is_lost(&self, damage: &Damage) -> bool {
        let synced = |torn: &Torn| self.tails.get(&(torn.session, torn.part)).map_or(0, |tail| tail.synced);
        let mut torn = self.torn.iter().filter(|torn| torn.damage == *damage);
        torn.any(|torn| torn.offset >= synced(torn))
    }

    fn report_gap(&mut self, path: &Path, gap: &UnreadableRange, (session, part): (SessionId, u32)) {
        if gap.may_be_torn() {
            self.report_torn(path, gap.flaw(), (session, part, gap.from));
        } else {
            self.report_later(path, gap.flaw());
        }
    }

    fn report_later(&mut self, path: &Path, flaw: FileFault) {
        let damage = Damage::of(path, flaw);
        damage.clone().join(&mut self.later);
        damage.join(&mut self.damage);
    }

    fn report_torn(&mut self, path: &Path, flaw: FileFault, (session, part, offset): (SessionId, u32, u64)) {
        let damage = Damage::of(path, flaw);
        self.torn.push(Torn {
            session,
            part,
            offset,
            damage: damage.clone(),
        });
        damage.join(&mut self.damage);
    }

    fn report(&mut self, path: &Path, flaw: FileFault) {
        Damage::of(path, flaw).join(&mut self.damage);
    }
}

/// The packs that logs name and that do not exist, valid as long as the set of existing packs is the same.
#[derive(Debug)]
pub(in crate::store) struct MissingPacks {
    here: BTreeSet<PackId>,
    packs: Vec<PackId>,
}

/// Up to this number of packs, each is checked by name.
const FEW: usize = 8;

impl Store {
    /// Loads a history from its logs. Damage is not an error: it is listed in the result.
    ///
    /// # Errors
    /// The history does not exist.
    pub fn load(&self, history: HistoryId) -> Result<LoadedHistory, StoreError> {
        let mut loaded = LoadedHistory::default();
        self.refresh(history, None, &mut loaded)?;
        Ok(loaded)
    }

    /// Adds records that were written since `loaded` was read, by all sessions except `except`. Returns whether there were any.
    ///
    /// Reads only the new ends of the logs.
    pub fn refresh(
        &self,
        history: HistoryId,
        except: Option<SessionId>,
        loaded: &mut LoadedHistory,
    ) -> Result<bool, StoreError> {
        let names = self.names_in(history)?;
        self.excuse_left_out(history, &names);
        let count = |loaded: &LoadedHistory| loaded.all_operations().count();
        let before = count(loaded);
        let parts: BTreeSet<(SessionId, u32)> = names.iter().filter_map(|name| layout::log_part(name)).collect();
        let sessions: BTreeSet<SessionId> = parts.iter().map(|(session, _)| *session).collect();
        let index = self.log_index.as_ref();
        let mut known = index
            .filter(|_| loaded.tails.is_empty())
            .map(|index| index.pieces(history))
            .unwrap_or_default();
        let mut kept = Vec::new();
        for session in sessions.iter().copied().filter(|session| Some(*session) != except) {
            let parts: Vec<u32> = parts
                .range((session, 0)..=(session, u32::MAX))
                .map(|(_, part)| *part)
                .collect();
            let pieces = known.remove(&session).unwrap_or_default();
            let piece = self.refresh_session(history, session, &parts, pieces, loaded);
            kept.extend(piece.map(|piece| (session, piece)));
        }
        if let Some(index) = index {
            index.keep(history, &kept, &sessions);
        }
        let (descriptions, damage) = self.descriptions(history);
        loaded.descriptions = descriptions;
        for damage in damage {
            damage.join(&mut loaded.damage);
        }
        self.report_missing_packs(loaded);
        self.index().expect(loaded.packs_by_recency());
        Ok(before != count(loaded))
    }

    /// Returns the names of the files of a history.
    ///
    /// # Errors
    /// The history does not exist.
    pub(in crate::store) fn names_in(&self, history: HistoryId) -> Result<Vec<String>, StoreError> {
        let folder = layout::history_folder(self.directory(), history);
        self.disk().list(&folder).map_err(|_| StoreError::NoHistory(history))
    }

    /// Returns the lengths of a history's logs, including unfinished writes: to detect new records without reading. Empty if the history
    /// does not exist.
    pub fn log_ends(&self, history: HistoryId) -> LogEnds {
        let names = self.names_in(history).unwrap_or_default();
        let parts = names.iter().filter_map(|name| layout::log_part(name));
        let length = |(session, part)| {
            let file = self
                .disk()
                .open(&layout::log_path(self.directory(), history, session, part));
            file.and_then(|file| file.length()).unwrap_or(0)
        };
        parts.map(|log| (log, length(log))).collect()
    }

    /// Returns all descriptions of a history, the valid one last, and the damage of their files.
    pub(in crate::store) fn descriptions(&self, history: HistoryId) -> (Vec<HistoryDescription>, Vec<Damage>) {
        let folder = layout::history_folder(self.directory(), history);
        let (mut descriptions, mut damage) = (Vec::new(), Vec::new());
        for name in self.disk().list(&folder).unwrap_or_default() {
            if !layout::is_description(&name) {
                continue;
            }
            let path = folder.join(name);
            let Ok(file) = self.disk().open(&path) else {
                continue;
            };
            // Missing or incomplete files are ignored.
            let scanned = scan(&*file, 0, Payloads::Read, |frame| {
                if frame.header.kind == FrameKind::DESCRIPTION {
                    descriptions.extend(decode_record::<HistoryDescription>(&frame.payload));
                }
            });
            let gaps = scanned.map(|scanned| scanned.gaps).unwrap_or_default();
            damage.extend(gaps.iter().map(|gap| Damage::of(&path, gap.flaw())));
        }
        // A description without a path came with an exported state, and does not override the notebook's own.
        descriptions.sort_by_key(|description| (description.path.is_some(), description.time));
        (descriptions, damage)
    }

    /// Reads the new records of a session's log. `pieces` are the index's content for it. Returns a new piece for the index, if any.
    fn refresh_session(
        &self,
        history: HistoryId,
        session: SessionId,
        parts: &[u32],
        pieces: Vec<IndexPiece>,
        loaded: &mut LoadedHistory,
    ) -> Option<IndexPiece> {
        let has_shrunk = |part: &u32| {
            let end = loaded.tails.get(&(session, *part)).map_or(0, |tail| tail.end);
            let file = self
                .disk()
                .open(&layout::log_path(self.directory(), history, session, *part));
            file.and_then(|file| file.length()).is_ok_and(|length| length < end)
        };
        // Its writer truncated an incomplete write.
        if parts.iter().any(has_shrunk) {
            loaded.forget(session);
        }
        let piece = match parts {
            [1] => self.refresh_log(history, session, 1, pieces, loaded),
            // The disk failed during writing: such logs are rare, and are not indexed.
            several => {
                for part in several {
                    self.refresh_log(history, session, *part, Vec::new(), loaded);
                }
                None
            }
        };
        loaded.count_synced(session);
        piece
    }

    fn refresh_log(
        &self,
        history: HistoryId,
        session: SessionId,
        part: u32,
        pieces: Vec<IndexPiece>,
        loaded: &mut LoadedHistory,
    ) -> Option<IndexPiece> {
        let path = layout::log_path(self.directory(), history, session, part);
        let mut tail = loaded.tails.remove(&(session, part)).unwrap_or_default();
        let damage = loaded.damage.len();
        let mut known = Vec::new();
        if let Some(index) = &self.log_index
            && let Some((contents, end)) = index_lookup::contents(self, index, &path, pieces)
        {
            tail.end = end;
            known = contents;
        }
        let from = tail.end;
        let mut frames = Vec::new();
        let scanned = self
            .disk()
            .open(&path)
            .and_then(|file| scan(&*file, from, Payloads::Stored, |frame| frames.push(frame)));
        match scanned {
            Ok(scanned) => {
                tail.end = scanned.end;
                scanned
                    .gaps
                    .iter()
                    .for_each(|gap| loaded.report_gap(&path, gap, (session, part)));
            }
            Err(error) => loaded.report(&path, FileFault::Unreadable(error.to_string())),
        }
        let ends: Vec<u64> = frames.iter().map(|frame| frame.header.end(frame.offset)).collect();
        let mut gathering = IndexPieceBuilder::begin(self, from, tail.end, damage);
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
        for (offset, content) in known {
            reading.take(offset, content);
        }
        for ((offset, content), end) in contents(frames).into_iter().zip(ends) {
            if let Some(gathering) = &mut gathering {
                gathering.take(offset, end, &content);
            }
            reading.take(offset, content);
        }
        reading.finish(self.trust());
        gathering?.piece(session, loaded)
    }

    fn report_missing_packs(&self, loaded: &mut LoadedHistory) {
        for pack in self.missing_of(&loaded.packs) {
            let path = layout::pack_path(self.directory(), pack);
            let damage = Damage::of(&path, FileFault::PackMissing { id: pack.short() });
            damage.clone().join(&mut loaded.lacking);
            damage.join(&mut loaded.damage);
        }
    }

    /// Returns those of `named` that are missing and were not deleted, and missing replacements of deleted packs.
    fn missing_of(&self, named: &BTreeSet<PackId>) -> Vec<PackId> {
        // Avoids listing all packs for each history when all histories of a store are read.
        let is_here = |id: &PackId| self.disk().open(&layout::pack_path(self.directory(), *id)).is_ok();
        if named.len() <= FEW && named.iter().all(is_here) {
            return Vec::new();
        }
        let here = self.packs_here();
        let missing: Vec<PackId> = named.difference(&here).copied().collect();
        if missing.is_empty() {
            return missing;
        }
        removals::without_removed(self.disk(), self.directory(), missing, &here)
    }

    pub(in crate::store) fn packs_here(&self) -> BTreeSet<PackId> {
        let names = self
            .disk()
            .list(&layout::packs_folder(self.directory()))
            .unwrap_or_default();
        names.iter().filter_map(|name| layout::pack_id(name)).collect()
    }

    /// Returns the packs that any log names and that are missing. This reads all logs, and the result is cached while the set of existing
    /// packs stays the same, because every value in a lost pack needs it.
    pub(in crate::store) fn missing_packs(&self) -> Vec<PackId> {
        let here = self.packs_here();
        let mut known = self.inner.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.here == here) {
            return known.packs.clone();
        }
        let packs = self.find_missing_packs();
        *known = Some(MissingPacks {
            here,
            packs: packs.clone(),
        });
        packs
    }

    /// Discards the cached list of missing packs.
    pub(in crate::store) fn forget_missing(&self) {
        *self.inner.missing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn find_missing_packs(&self) -> Vec<PackId> {
        let mut named = BTreeSet::new();
        for history in self
            .disk()
            .list(&layout::histories_folder(self.directory()))
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
        self.missing_of(&named)
    }
}

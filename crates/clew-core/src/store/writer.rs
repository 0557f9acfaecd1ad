//! One session's writer: blocks, then records, then the Operation that makes them visible.
//!
//! Small things are gathered in memory and written with the commit; memory goes to the disk as it is put. After a
//! failed write the files are cut back to their last whole frame. Where even that fails, or a sync fails (the system
//! forgets which pages were lost), or the file is encrypted (no place of it is written twice), nothing is appended to them any more: the session goes on in a new part of its log and
//! a new pack.

mod measure;
mod memory;
mod names;
mod reliance;
mod sync;

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustc_hash::FxHashSet;

use super::disk::append::WriteError;
use super::error::StoreError;
use super::gc_lock::SharedGcLock;
use super::logs::log_writer::LogWriter;
use super::logs::numbers;
use super::logs::signatures::SigningKey;
use super::packs::blob;
use super::packs::index::PackLocation;
use super::packs::pack_writer::{FrameBuffer, PackWriter};
use super::packs::pieces::{SegmentChunker, StoredSegment};
use super::{End, Store, layout};
use crate::format::{
    Action, Body, Dropping, Encoding, Forgetting, FrameKind, IDS_AT_HAND, Lists, Manifest, Naming, Operation,
    PackMention, Proof, RECORD_VERSION, Run, SegmentList, StoredManifest, Timestamp, View, encode_ids, encode_memory,
    encode_record, lists_of,
};
use crate::id::{BlobId, HistoryId, ManifestId, OperationId, RunId, SegmentId, SessionId};

use reliance::Reliance;
pub use sync::SyncJob;

/// Writes one session's packs and log. What is put becomes visible with the next commit, whole or not at all.
#[derive(Debug)]
pub struct SessionWriter {
    store: Store,
    history: HistoryId,
    session: SessionId,
    key: SigningKey,
    log: LogWriter,
    /// Which part of the session's log is written; a new one after the disk failed.
    part: u32,
    pack: Option<PackWriter>,
    /// What was gathered for a pack that could not be written on.
    carried: FrameBuffer,
    runs: Vec<(RunId, Vec<u8>)>,
    manifests: Vec<ManifestId>,
    previous: Option<OperationId>,
    saved: u64,
    synced: u64,
    /// The last operation that is synced.
    synced_end: Option<End>,
    /// The largest run number known so far.
    floor: Option<u64>,
    /// Packs of others that hold what this session refers to, not known to be synced.
    foreign: BTreeSet<u32>,
    /// Logs of others that were not known to be synced when this session began.
    other_logs: Vec<PathBuf>,
    /// What was found whole by reading it.
    checked: FxHashSet<[u8; 32]>,
    has_new_names: bool,
    /// Whether something saved can never be called synced, since a flush of it failed.
    is_doubtful: bool,
    /// Held from the first thing put or found until the operation is written.
    inside: Option<SharedGcLock>,
    /// The generation of packs that the index knows.
    generation: u64,
    /// What this session relies on, and what it knows of packs that go.
    reliance: Reliance,
    forgetting: Option<Forgetting>,
    dropping: Option<Dropping>,
    proofs: Vec<Proof>,
    /// Why nothing more is written to its files.
    stopped: Option<String>,
    /// Whether these files are whole all the same: they were cut back, and take no more.
    is_whole: bool,
    /// Why something that was saved is gone.
    lost: Option<String>,
}

impl SessionWriter {
    pub(super) fn create(
        store: &Store,
        history: HistoryId,
        session: SessionId,
        key: &SigningKey,
    ) -> Result<Self, StoreError> {
        store.check_writable()?;
        let disk = store.disk();
        store.names_in(history)?;
        let path = layout::log_path(store.directory(), history, session, 1);
        Ok(Self {
            log: LogWriter::create(disk, path, history, session)?,
            store: store.clone(),
            history,
            session,
            key: key.share(),
            part: 1,
            pack: None,
            carried: FrameBuffer::default(),
            runs: Vec::new(),
            manifests: Vec::new(),
            previous: None,
            saved: 0,
            synced: 0,
            synced_end: None,
            floor: None,
            foreign: BTreeSet::new(),
            other_logs: Vec::new(),
            checked: FxHashSet::default(),
            has_new_names: true,
            is_doubtful: false,
            inside: None,
            generation: 0,
            reliance: Reliance::default(),
            forgetting: None,
            dropping: None,
            proofs: Vec::new(),
            stopped: None,
            is_whole: false,
            lost: None,
        })
    }

    /// Where it writes.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// With what it signs.
    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The session it writes for.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The history it writes to.
    pub fn history(&self) -> HistoryId {
        self.history
    }

    /// Stores a whole object stream, or what is stored like one, as pieces that are cut where its content says. Those that
    /// are like a piece of `before`, the same of an earlier version, are known again without being hashed for their ids.
    pub fn put_stream(&mut self, plain: &[u8], before: &[StoredSegment]) -> Result<Vec<StoredSegment>, StoreError> {
        let mut pieces = Vec::new();
        for cut in SegmentChunker::new(plain, before) {
            let known = match cut.known {
                Some(id) if self.is_stored(&id.0, FrameKind::SEGMENT)? => Some(id),
                _ => None,
            };
            pieces.push(StoredSegment {
                id: match known {
                    Some(id) => id,
                    None => self.put_segment(cut.bytes)?,
                },
                length: cut.bytes.len() as u32,
                hash: cut.hash,
            });
        }
        Ok(pieces)
    }

    fn put_segment(&mut self, plain: &[u8]) -> Result<SegmentId, StoreError> {
        let id = SegmentId::of(plain);
        if !self.is_stored(&id.0, FrameKind::SEGMENT)? {
            self.pack()?.put_segment(id, plain);
            self.flush_if_due()?;
        }
        Ok(id)
    }

    /// Whether a manifest and everything it names are stored and readable. What lies in packs of others is synced with
    /// the next sync, so that it may be referred to like what this session stored itself.
    pub fn holds(&mut self, manifest: ManifestId, encoding: &Encoding) -> Result<bool, StoreError> {
        self.reliance.clear_open();
        let holds = self.has_all(manifest, encoding);
        match &holds {
            Ok(true) => self.reliance.close(Some(manifest)),
            _ => self.reliance.clear_open(),
        }
        holds
    }

    fn has_all(&mut self, manifest: ManifestId, encoding: &Encoding) -> Result<bool, StoreError> {
        if !self.is_stored(&manifest.0, FrameKind::MANIFEST)? {
            return Ok(false);
        }
        // What the manifest names where it lies: lists, and what they name.
        let Ok(stored) = self.store.stored_manifest(manifest) else {
            return Ok(false);
        };
        for listed in stored.lists.iter() {
            let Ok((lists, pieces)) = self.store.expand(listed) else {
                return Ok(false);
            };
            let named = lists.iter().chain(&pieces).map(|id| (id.0, FrameKind::SEGMENT));
            if !self.are_stored(named)? {
                return Ok(false);
            }
        }
        self.are_stored(encoding.parts())
    }

    fn are_stored(&mut self, parts: impl Iterator<Item = ([u8; 32], FrameKind)>) -> Result<bool, StoreError> {
        for (id, kind) in parts {
            if !self.is_stored(&id, kind)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stores a text under a random salt, so that its id confirms no guess.
    pub fn put_blob(&mut self, text: &str) -> Result<BlobId, StoreError> {
        let salted = blob::salted(self.store.disk(), text);
        let id = BlobId::of(&salted);
        self.reliance.clear_open();
        self.put(FrameKind::BLOB, id.0, &salted)?;
        self.reliance.close(None);
        Ok(id)
    }

    /// Stores a manifest, and adds it to what the next commit makes visible.
    pub fn put_manifest(&mut self, manifest: Manifest) -> Result<ManifestId, StoreError> {
        if manifest.encoding().is_none() {
            self.reliance.clear_open();
        }
        let mut stored = self.with_lists(manifest)?;
        let mut bytes = encode_record(&stored);
        let mut id = ManifestId::of(&bytes);
        if self.store.forgotten(id).is_some() {
            // The value came again after it was forgotten: that is another version, and is kept.
            stored.again = Some(u64::from_le_bytes(self.store.disk().random_bytes()));
            bytes = encode_record(&stored);
            id = ManifestId::of(&bytes);
        }
        self.put(FrameKind::MANIFEST, id.0, &bytes)?;
        self.reliance.close(Some(id));
        self.manifests.push(id);
        Ok(id)
    }

    fn with_lists(&mut self, manifest: Manifest) -> Result<StoredManifest, StoreError> {
        let mut stored = StoredManifest {
            manifest,
            lists: Lists::default(),
            again: None,
        };
        let Body::Encoded(encoding) = &mut stored.manifest.body else {
            return Ok(stored);
        };
        let lists = &mut stored.lists;
        for (ids, list) in [
            (&mut encoding.stream, &mut lists.stream),
            (&mut encoding.asides, &mut lists.asides),
        ] {
            if ids.len() > IDS_AT_HAND {
                *list = Some(self.put_ids(std::mem::take(ids))?);
            }
        }
        let blocks: usize = encoding.extents.iter().map(|extent| extent.blocks.len()).sum();
        if blocks + encoding.extents.len() + encoding.mentions.len() > IDS_AT_HAND {
            let pieces = self.put_stream(&encode_memory(encoding), &[])?;
            lists.memory = Some(self.put_ids(pieces.iter().map(|piece| piece.id).collect())?);
            (encoding.extents, encoding.mentions) = (Vec::new(), Vec::new());
        }
        Ok(stored)
    }

    /// Stores lists of ids, and lists of these lists, until few ids are left.
    fn put_ids(&mut self, ids: Vec<SegmentId>) -> Result<SegmentList, StoreError> {
        let mut listed = SegmentList { levels: 0, ids };
        while listed.ids.len() > IDS_AT_HAND {
            let lists: Result<Vec<SegmentId>, StoreError> = lists_of(&listed.ids)
                .map(|ids| self.put_segment(&encode_ids(ids)))
                .collect();
            listed = SegmentList {
                levels: listed.levels + 1,
                ids: lists?,
            };
        }
        Ok(listed)
    }

    /// Adds a run to what the next commit makes visible.
    pub fn put_run(&mut self, run: &Run) -> Result<RunId, StoreError> {
        let bytes = encode_record(run);
        let id = RunId::of(&bytes);
        self.floor = self.floor.max(Some(run.number));
        self.runs.push((id, bytes));
        Ok(id)
    }

    /// Takes the next run number of the history. A number is never given twice, nor given back.
    pub fn reserve_number(&mut self) -> Result<u64, StoreError> {
        self.ready()?;
        let floor = match self.floor {
            Some(floor) => floor,
            None => self.take_up_history()?,
        };
        let number = numbers::reserve(self.store.disk(), self.store.directory(), self.history, floor)?;
        self.floor = Some(number);
        Ok(number)
    }

    /// Reads what other sessions wrote. What they did not sync is flushed with the next sync: runs of this session come
    /// after theirs and mean nothing without them. Gives the largest run number.
    fn take_up_history(&mut self) -> Result<u64, StoreError> {
        let loaded = self.store.load(self.history)?;
        let has_unsynced = |session: &SessionId| {
            let content = loaded.sessions.get(session);
            content.is_some_and(|content| content.synced < content.operations.len() as u64)
        };
        for (session, part) in loaded.parts() {
            if session != self.session && has_unsynced(&session) {
                self.other_logs
                    .push(layout::log_path(self.store.directory(), self.history, session, part));
            }
        }
        let mut index = self.store.index();
        index.read(self.store.disk(), self.store.directory())?;
        self.foreign.extend(index.unsynced(loaded.packs()));
        drop(index);
        Ok(loaded.runs.values().map(|run| run.outline().number).max().unwrap_or(0))
    }

    /// Writes everything put since the last commit, then the operation. When it returns the operation is *saved*: it
    /// survives the death of this process.
    ///
    /// # Errors
    /// Nothing became visible, and runs and manifests put since the last commit are forgotten. Segments, blocks and
    /// texts stay stored, or go with the next commit.
    pub fn commit(
        &mut self,
        action: Action,
        naming: Vec<Naming>,
        view: View,
        time: Timestamp,
    ) -> Result<(OperationId, Operation), StoreError> {
        let committed = self.commit_inside(action, naming, view, time);
        self.inside = None;
        self.reliance.give_up();
        committed
    }

    fn commit_inside(
        &mut self,
        action: Action,
        naming: Vec<Naming>,
        view: View,
        time: Timestamp,
    ) -> Result<(OperationId, Operation), StoreError> {
        let (runs, manifests) = (std::mem::take(&mut self.runs), std::mem::take(&mut self.manifests));
        let (forgetting, dropping) = (self.forgetting.take(), self.dropping.take());
        let proofs = std::mem::take(&mut self.proofs);
        // Before, so that nothing is made visible that may not be there; and after, when a gc would see it.
        self.prove_if_moved()?;
        let named = self.check_names();
        if self.inside.is_some() {
            // What was put since may have gone to a file that nobody finds. The next run tries again, in new ones.
            named?;
        }
        self.ready()?;
        self.flush()?;
        let operation = Operation {
            version: RECORD_VERSION,
            history: self.history,
            session: self.session,
            number: self.saved,
            previous: self.previous,
            time,
            action,
            runs: runs.iter().map(|(id, _)| *id).collect(),
            manifests,
            naming,
            forgetting,
            dropping,
            proofs,
            view,
        };
        let bytes = encode_record(&operation);
        let id = OperationId::of(&bytes);
        let sealed = encode_record(&self.key.sign(bytes));
        let mut records: Vec<_> = runs
            .iter()
            .map(|(id, bytes)| (FrameKind::RUN, id.0, bytes.as_slice()))
            .collect();
        records.push((FrameKind::OPERATION, id.0, &sealed));
        let appended = self.log.append(&records);
        self.outcome(appended)?;
        self.previous = Some(id);
        self.saved += 1;
        self.prove_if_moved()?;
        self.reliance.take(operation.number);
        Ok((id, operation))
    }

    /// Forgets runs and manifests put since the last commit.
    pub fn abandon(&mut self) {
        self.runs.clear();
        self.manifests.clear();
        self.forgetting = None;
        self.dropping = None;
        self.inside = None;
        self.reliance.give_up();
    }

    /// The engine panicked while it worked here: what was put is given up, and the session goes on in new files, since nobody
    /// can say how far what was being written came. What was saved is kept and flushed with the next sync.
    pub fn recover(&mut self) {
        self.abandon();
        self.stop_writing(StoreError::Panicked.to_string(), true);
    }

    /// Adds what is forgotten to what the next commit says.
    pub fn put_forgetting(&mut self, forgetting: Forgetting) {
        self.forgetting = Some(forgetting);
    }

    /// Adds what is dropped to what the next commit says.
    pub fn put_dropping(&mut self, dropping: Dropping) {
        self.dropping = Some(dropping);
    }

    /// Adds what was proved to what the next commit says. A commit that fails forgets it: it can be proved again.
    pub fn put_proofs(&mut self, proofs: impl IntoIterator<Item = Proof>) {
        self.proofs.extend(proofs);
    }

    /// Syncs, and leaves the pack that it wrote, so that others may take it away; what comes goes into a new one. Only
    /// right after a commit.
    pub fn leave_pack(&mut self) -> Result<(), StoreError> {
        self.sync()?;
        if let Some(pack) = self.pack.take() {
            self.store.index().release(pack.number, pack.end);
        }
        Ok(())
    }

    /// Takes note of what others forgot in this history: a value that comes again is another version, and is kept. Gives
    /// the values that were forgotten, dropped, or never came.
    fn note_forgotten(&self) -> FxHashSet<ManifestId> {
        // What can't be read now is told by whoever reads it.
        let Ok(loaded) = self.store.load(self.history) else {
            return FxHashSet::default();
        };
        let forgotten = loaded.forgotten();
        let went = loaded
            .dropped()
            .into_keys()
            .chain(self.store.left_out(self.history).into_keys());
        let gone = forgotten.keys().copied().chain(went).collect();
        self.store.forget(forgotten);
        gone
    }

    /// The last operation that is synced.
    pub fn synced_end(&self) -> Option<End> {
        self.synced_end
    }

    /// How many operations are saved, and how many of them synced.
    pub fn marks(&self) -> (u64, u64) {
        (self.saved, self.synced)
    }

    fn put(&mut self, kind: FrameKind, id: [u8; 32], plain: &[u8]) -> Result<(), StoreError> {
        if self.is_stored(&id, kind)? {
            return Ok(());
        }
        self.pack()?.put(kind, id, plain);
        self.flush_if_due()
    }

    /// Whether `id` is stored and whole. What another session wrote and nobody synced is read and compared once, since a
    /// power cut may have left a table without its blocks.
    fn is_stored(&mut self, id: &[u8; 32], kind: FrameKind) -> Result<bool, StoreError> {
        // First, since after a failure what the old pack holds is not relied on any more.
        self.ready()?;
        self.enter()?;
        self.reliance.add(*id, kind);
        let is_gathered = self.pack.as_ref().is_some_and(|pack| pack.gathered.holds(id));
        if is_gathered || self.carried.holds(id) {
            return Ok(true);
        }
        let mut index = self.store.index();
        index.read(self.store.disk(), self.store.directory())?;
        let Some(place) = index.best(id) else { return Ok(false) };
        let (is_whole, is_synced) = (index.is_whole(&place), index.is_synced(&place));
        let is_own = self.pack.as_ref().is_some_and(|pack| pack.number == place.pack);
        drop(index);
        let is_stored = is_whole || self.checked.contains(id) || self.store.read_place(&place, id, kind).is_ok();
        if is_stored && !is_whole {
            self.checked.insert(*id);
        }
        if is_stored && !is_synced && !is_own {
            self.foreign.insert(place.pack);
        }
        Ok(is_stored)
    }

    fn pack(&mut self) -> Result<&mut PackWriter, StoreError> {
        self.ready()?;
        let pack = match self.pack.take() {
            Some(pack) => pack,
            None => self.new_pack()?,
        };
        self.store.index().hold_against(pack.number, pack.file.stamp());
        Ok(self.pack.insert(pack))
    }

    fn new_pack(&mut self) -> Result<PackWriter, StoreError> {
        let mut pack = PackWriter::create(&self.store, self.session)?;
        self.store.index().own(pack.number);
        self.log
            .put(FrameKind::PACK, [0; 32], &encode_record(&PackMention { pack: pack.id }));
        self.has_new_names = true;
        pack.gathered = std::mem::take(&mut self.carried);
        Ok(pack)
    }

    fn flush_if_due(&mut self) -> Result<(), StoreError> {
        if self.pack.as_ref().is_some_and(PackWriter::is_due) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.pack.is_none() && self.carried.is_empty() {
            return Ok(());
        }
        let written = self.pack()?.flush();
        self.publish(written)
    }

    fn publish(&mut self, written: Result<Vec<([u8; 32], PackLocation)>, WriteError>) -> Result<(), StoreError> {
        let written = self.outcome(written)?;
        let mut index = self.store.index();
        index.publish(written);
        if let Some(pack) = &self.pack {
            index.leave(pack.number, pack.file.stamp());
        }
        Ok(())
    }

    fn outcome<T>(&mut self, outcome: Result<T, WriteError>) -> Result<T, StoreError> {
        outcome.map_err(|failed| {
            if failed.is_stuck {
                self.stop_writing(failed.error.to_string(), failed.is_whole);
            }
            failed.error
        })
    }

    /// Says that nothing more is written to these files, which hold whole frames and nothing else, or may not.
    fn stop_writing(&mut self, why: String, is_whole: bool) {
        self.is_whole = is_whole && (self.stopped.is_none() || self.is_whole);
        self.stopped.get_or_insert(why);
    }

    /// Goes on in a new part of the log, and a new pack, where the disk failed under the old ones: nobody can say what
    /// they hold behind their last whole frame. Where that can be said, what they hold is flushed with the next sync, like
    /// what others wrote.
    fn ready(&mut self) -> Result<(), StoreError> {
        let Some(why) = self.stopped.clone() else { return Ok(()) };
        // A part that could not be made may have left its name.
        self.part += 1;
        let path = layout::log_path(self.store.directory(), self.history, self.session, self.part);
        let session = self.session;
        let log = LogWriter::create(self.store.disk(), path, self.history, session)
            .map_err(|_| StoreError::Stopped { session, why })?;
        let old = std::mem::replace(&mut self.log, log);
        if let Some(pack) = self.pack.take() {
            let mut index = self.store.index();
            if self.is_whole {
                index.release(pack.number, pack.end);
                self.foreign.insert(pack.number);
            } else {
                index.doubt(pack.number, pack.end);
            }
            drop(index);
            self.carried = pack.gathered;
        }
        if self.is_whole {
            self.other_logs.push(old.path);
        }
        self.has_new_names = true;
        self.is_doubtful |= self.synced < self.saved && !self.is_whole;
        self.stopped = None;
        Ok(())
    }
}

//! The writer of one session: data first, then records, then the operation that makes them visible.
//!
//! Small items are buffered in memory and written with the commit; large memory is written to the disk at once. After a failed write the
//! files are truncated to their last complete frame. Nothing more is appended to them if that fails too, if a sync failed (the system
//! forgets which pages were lost), or if the file is encrypted (no offset is written twice). The session then continues in a new part of
//! its log and a new pack.

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

/// The writer of a session's packs and log. Data becomes visible with the next commit, completely or not at all.
#[derive(Debug)]
pub struct SessionWriter {
    store: Store,
    history: HistoryId,
    session: SessionId,
    key: SigningKey,
    log: LogWriter,
    /// The part of the session's log that is written; a new one after a disk failure.
    part: u32,
    pack: Option<PackWriter>,
    /// The buffer of a pack that could not be written any more.
    carried: FrameBuffer,
    runs: Vec<(RunId, Vec<u8>)>,
    manifests: Vec<ManifestId>,
    previous: Option<OperationId>,
    saved: u64,
    synced: u64,
    /// The last synced operation.
    synced_end: Option<End>,
    /// The largest run number known so far.
    floor: Option<u64>,
    /// Packs of other sessions with data that this session needs, not known to be synced.
    foreign: BTreeSet<u32>,
    /// Logs of other sessions that were not known to be synced when this session began.
    other_logs: Vec<PathBuf>,
    /// Data that was read and found complete.
    checked: FxHashSet<[u8; 32]>,
    has_new_names: bool,
    /// Whether a flush of saved data failed, so that it never counts as synced.
    is_doubtful: bool,
    /// Held from the first use of stored data until the operation is written.
    inside: Option<SharedGcLock>,
    /// The generation of the packs in the index.
    generation: u64,
    /// The data on which this session relies, and the packs that gc deletes.
    reliance: Reliance,
    forgetting: Option<Forgetting>,
    dropping: Option<Dropping>,
    proofs: Vec<Proof>,
    /// Why nothing more is written to its files.
    stopped: Option<String>,
    /// Whether these files are complete nevertheless: they were truncated, and nothing is appended any more.
    is_whole: bool,
    /// Why saved data is lost.
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

    /// Returns the store.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the signing key.
    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Returns the session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the history.
    pub fn history(&self) -> HistoryId {
        self.history
    }

    /// Stores a whole object stream, or data stored like one, as pieces that are cut by their content. Pieces that equal a piece of
    /// `before`, the earlier version, are recognized without hashing them for their ids.
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

    /// Returns whether a manifest and everything to which it refers is stored and readable. Data in packs of other sessions is synced with
    /// the next sync, so that this session may refer to it like to its own.
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
        // The lists of the stored manifest, and the pieces in them.
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

    /// Stores a text with a random salt, so that its id cannot be used to confirm a guess of the text.
    pub fn put_blob(&mut self, text: &str) -> Result<BlobId, StoreError> {
        let salted = blob::salted(self.store.disk(), text);
        let id = BlobId::of(&salted);
        self.reliance.clear_open();
        self.put(FrameKind::BLOB, id.0, &salted)?;
        self.reliance.close(None);
        Ok(id)
    }

    /// Stores a manifest. The next commit makes it visible.
    pub fn put_manifest(&mut self, manifest: Manifest) -> Result<ManifestId, StoreError> {
        if manifest.encoding().is_none() {
            self.reliance.clear_open();
        }
        let mut stored = self.with_lists(manifest)?;
        let mut bytes = encode_record(&stored);
        let mut id = ManifestId::of(&bytes);
        if self.store.forgotten(id).is_some() {
            // The value occurs again after it was forgotten: that is another version, and is kept.
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

    /// Adds a run to the next commit, which makes it visible.
    pub fn put_run(&mut self, run: &Run) -> Result<RunId, StoreError> {
        let bytes = encode_record(run);
        let id = RunId::of(&bytes);
        self.floor = self.floor.max(Some(run.number));
        self.runs.push((id, bytes));
        Ok(id)
    }

    /// Assigns the next run number of the history. A number is never assigned twice, even if its run is not written.
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

    /// Reads the records of other sessions. Their unsynced files are flushed with the next sync, because runs of this session follow theirs
    /// and depend on them. Returns the largest run number.
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

    /// Writes everything since the last commit, then the operation. When this returns, the operation is *saved*: it survives the death of
    /// this process.
    ///
    /// # Errors
    /// Nothing became visible, and runs and manifests since the last commit are discarded. Segments, blocks and texts stay stored, or are
    /// written with the next commit.
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
        // Before the operation, so that it does not refer to data that is gone; and after it, when a gc would see it.
        self.prove_if_moved()?;
        let named = self.check_names();
        if self.inside.is_some() {
            // The data may have been written to a file without a name. The next run tries again, in new files.
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

    /// Discards runs and manifests since the last commit.
    pub fn abandon(&mut self) {
        self.runs.clear();
        self.manifests.clear();
        self.forgetting = None;
        self.dropping = None;
        self.inside = None;
        self.reliance.give_up();
    }

    /// Recovers from a panic during recording: discards the data since the last commit, and continues in new files, because it is unknown
    /// how much was written. Saved data is kept and flushed with the next sync.
    pub fn recover(&mut self) {
        self.abandon();
        self.stop_writing(StoreError::Panicked.to_string(), true);
    }

    /// Adds forgotten values to the next commit.
    pub fn put_forgetting(&mut self, forgetting: Forgetting) {
        self.forgetting = Some(forgetting);
    }

    /// Adds dropped values to the next commit.
    pub fn put_dropping(&mut self, dropping: Dropping) {
        self.dropping = Some(dropping);
    }

    /// Adds results of tests to the next commit. A failed commit discards them: the tests can be repeated.
    pub fn put_proofs(&mut self, proofs: impl IntoIterator<Item = Proof>) {
        self.proofs.extend(proofs);
    }

    /// Syncs, and stops using its pack, so that gc may delete it; later data is written to a new one. Call this only right after a commit.
    pub fn leave_pack(&mut self) -> Result<(), StoreError> {
        self.sync()?;
        if let Some(pack) = self.pack.take() {
            self.store.index().release(pack.number, pack.end);
        }
        Ok(())
    }

    /// Reads what other sessions forgot in this history: such a value, if it occurs again, is another version, and is kept. Returns the
    /// values that were forgotten, dropped or left out.
    fn note_forgotten(&self) -> FxHashSet<ManifestId> {
        // Unreadable data is reported when it is needed.
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

    /// Returns the last synced operation.
    pub fn synced_end(&self) -> Option<End> {
        self.synced_end
    }

    /// Returns the number of saved operations, and of synced operations.
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

    /// Returns whether `id` is stored and complete. Unsynced data of another session is read and compared once, because a power failure may
    /// have left a table without its blocks.
    fn is_stored(&mut self, id: &[u8; 32], kind: FrameKind) -> Result<bool, StoreError> {
        // First, because after a failure the data in the old pack is not relied on any more.
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

    /// Stops writing to the current files. `is_whole` states whether they contain only complete frames.
    fn stop_writing(&mut self, why: String, is_whole: bool) {
        self.is_whole = is_whole && (self.stopped.is_none() || self.is_whole);
        self.stopped.get_or_insert(why);
    }

    /// Continues in a new part of the log, and a new pack, after a disk failure: the content of the old files after their last complete
    /// frame is unknown. If the old files are known to be complete, they are flushed with the next sync, like files of other sessions.
    fn ready(&mut self) -> Result<(), StoreError> {
        let Some(why) = self.stopped.clone() else { return Ok(()) };
        // A failed creation may have left a file with that name.
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

//! Using the index over logs: entries are used if the log confirms them, and newly read entries are collected.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::content::{FrameContent, UnverifiedOperation};
use super::{LoadedHistory, LoadedOperation};
use crate::format::{FrameKind, Operation, SignedRecord, decode_record};
use crate::id::{OperationId, SessionId};
use crate::store::Store;
use crate::store::logs::log_index::{Entry, IndexPiece, LogIndex};
use crate::store::logs::stored_run::{IndexedLog, StoredRun, payload_at};
use crate::store::logs::trust::Verdict;

/// Returns the content of a log according to pieces of the index, each with the offset of its frame, and the offset at which reading the
/// log continues. Returns `None` if the log does not match the pieces: it was truncated, or is another one.
pub(super) fn contents(
    store: &Store,
    index: &Arc<LogIndex>,
    path: &Path,
    pieces: Vec<IndexPiece>,
) -> Option<(Vec<(u64, FrameContent)>, u64)> {
    let last = pieces.last()?;
    let (offset, id) = last.last_operation()?;
    let end = last.end;
    let file = store.disk().open(path).ok()?;
    let signed: SignedRecord = decode_record(&payload_at(&*file, offset, FrameKind::OPERATION)?).ok()?;
    if OperationId::of(&signed.bytes) != id {
        return None;
    }
    let log = Arc::new(IndexedLog {
        disk: Arc::clone(&store.inner.disk),
        path: path.to_owned(),
        index: Arc::clone(index),
        file: OnceLock::new(),
    });
    let entries = pieces.into_iter().flat_map(|piece| piece.entries);
    let contents: Option<Vec<_>> = entries.map(|entry| content(entry, &log)).collect();
    Some((contents?, end))
}

fn content(entry: Entry, log: &Arc<IndexedLog>) -> Option<(u64, FrameContent)> {
    Some(match entry {
        Entry::Run(offset, id, outline) => {
            let run = StoredRun::in_log(id, *outline, log, offset);
            (offset, FrameContent::Run(id, Ok(Arc::new(run))))
        }
        Entry::Operation(offset, id, signed) => {
            let operation: Operation = decode_record(&signed.bytes).ok()?;
            let signed = *signed;
            (
                offset,
                FrameContent::Operation(Box::new(UnverifiedOperation { id, operation, signed })),
            )
        }
        Entry::Pack(pack) => (0, FrameContent::Pack(pack)),
        Entry::Mark(offset, synced) => (offset, FrameContent::Mark(synced)),
    })
}

/// Collects the entries of a log for a piece of the index.
pub(super) struct IndexPieceBuilder {
    start: u64,
    /// The end of the collected entries, after the last operation; `None` before the first.
    end: Option<u64>,
    entries: Vec<Entry>,
    /// The number of entries up to the last operation.
    whole: usize,
    /// The number of damage entries before the collection.
    damage: usize,
}

impl IndexPieceBuilder {
    /// Starts a collection, if there is an index and there are enough new bytes. `damage` is the number of damage entries so far.
    pub fn begin(store: &Store, from: u64, to: u64, damage: usize) -> Option<Self> {
        let index = store.log_index.as_ref()?;
        index.pays(to.saturating_sub(from)).then(|| Self {
            start: from,
            end: None,
            entries: Vec::new(),
            whole: 0,
            damage,
        })
    }

    /// Adds the content of a frame; `end` is the end of the frame.
    pub fn take(&mut self, offset: u64, end: u64, content: &FrameContent) {
        let entry = match content {
            FrameContent::Run(id, Ok(run)) => Entry::Run(offset, *id, Box::new(run.outline().clone())),
            FrameContent::Operation(met) => {
                self.seal_by(met);
                Entry::Operation(offset, met.id, Box::new(met.signed.clone()))
            }
            FrameContent::Pack(pack) => Entry::Pack(*pack),
            FrameContent::Mark(synced) => Entry::Mark(offset, *synced),
            _ => return,
        };
        let is_operation = matches!(entry, Entry::Operation(..));
        self.entries.push(entry);
        if is_operation {
            self.end = Some(end);
            self.whole = self.entries.len();
        }
    }

    /// Removes the signature of the previous operation: the signature of this one covers it through the chain.
    fn seal_by(&mut self, met: &UnverifiedOperation) {
        let Some(last) = self.whole.checked_sub(1) else { return };
        if let Entry::Operation(_, id, signed) = &mut self.entries[last]
            && met.operation.previous == Some(*id)
            && met.signed.key == signed.key
        {
            signed.signature.clear();
        }
    }

    /// Returns the piece, if the log may be indexed: it has no damage, all of it is the user's own, and every run up to the last operation
    /// was made visible.
    pub fn piece(mut self, session: SessionId, loaded: &LoadedHistory) -> Option<IndexPiece> {
        let end = self.end?;
        self.entries.truncate(self.whole);
        let is_sound = loaded.damage.len() == self.damage;
        let operations = &loaded.sessions.get(&session)?.operations;
        let is_own = |loaded: &LoadedOperation| loaded.verdict == Verdict::Own;
        let is_visible = |entry: &Entry| match entry {
            Entry::Run(_, id, _) => loaded.runs.contains_key(id),
            _ => true,
        };
        let fits = is_sound && operations.iter().all(is_own) && self.entries.iter().all(is_visible);
        fits.then_some(IndexPiece {
            start: self.start,
            end,
            entries: self.entries,
        })
    }
}

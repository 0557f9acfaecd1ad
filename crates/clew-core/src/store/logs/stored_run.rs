//! A run in a log: hashed when the log is read, and decoded when the whole run is requested.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::log_index::LogIndex;
use super::trust::Verdict;
use crate::cores::with_each;
use crate::format::{
    FrameDecoder, FrameHeader, FrameKind, HEADER_LENGTH, Outline, RecordDecodeError, Run, decode_record,
};
use crate::id::RunId;
use crate::store::disk::{Disk, DiskFile, read_exact_at};

/// A run whose bytes match the id in an operation. Its outline is available at once; the rest is decoded once, on demand, because a history
/// of ten thousand runs is often opened to show twenty.
#[derive(Debug)]
pub struct StoredRun {
    outline: Outline,
    stored: Stored,
    run: OnceLock<Option<Box<Run>>>,
}

/// Where the bytes of a run are.
#[derive(Debug)]
enum Stored {
    /// There are none: the run was created in this process.
    Made,
    /// In memory: the payload as stored in the log.
    Read(FrameHeader, Vec<u8>),
    /// In the log, according to the index: the offset of its frame.
    InLog(Arc<IndexedLog>, u64, RunId),
}

impl StoredRun {
    /// Creates a run from its outline and its stored payload.
    pub(in crate::store) fn new(outline: Outline, header: FrameHeader, stored: Vec<u8>) -> Self {
        Self {
            outline,
            stored: Stored::Read(header, stored),
            run: OnceLock::new(),
        }
    }

    /// Creates a run from an entry of the index: its bytes are read from the log, and hashed, on demand.
    pub(in crate::store) fn in_log(id: RunId, outline: Outline, log: &Arc<IndexedLog>, offset: u64) -> Self {
        Self {
            outline,
            stored: Stored::InLog(Arc::clone(log), offset, id),
            run: OnceLock::new(),
        }
    }

    /// Returns its outline.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Returns the whole run. `None` if its bytes are malformed: the run counts as missing then. This happens only if the user's own Clew
    /// signed such bytes; runs signed by others are decoded when they are read.
    pub fn run(&self) -> Option<&Run> {
        self.run.get_or_init(|| self.decode().ok().map(Box::new)).as_deref()
    }

    /// Decodes those that are not decoded yet, on several processors if there are many.
    pub fn decode_all<'r>(runs: impl IntoIterator<Item = &'r Self>) {
        let open = runs.into_iter().filter(|run| run.run.get().is_none());
        with_each(open.collect(), || (), |(), run| run.run().is_some());
    }

    /// Returns whether the bytes contain `text`, as they do if the run names it anywhere. This excludes most other runs without decoding
    /// them.
    pub fn may_name(&self, text: &str) -> bool {
        self.plain()
            .is_none_or(|plain| memchr::memmem::find(&plain, text.as_bytes()).is_some())
    }

    /// Decodes it at once, unless the user's own Clew wrote it.
    pub(in crate::store) fn check(&self, verdict: Verdict) -> Result<(), RecordDecodeError> {
        if verdict == Verdict::Own || self.run.get().is_some() {
            return Ok(());
        }
        let run = self.decode()?;
        self.run.get_or_init(|| Some(Box::new(run)));
        Ok(())
    }

    fn decode(&self) -> Result<Run, RecordDecodeError> {
        let plain = self.plain();
        let plain = plain.ok_or_else(|| RecordDecodeError::Malformed("it does not decompress".to_owned()))?;
        decode_record(&plain)
    }

    fn plain(&self) -> Option<Vec<u8>> {
        match &self.stored {
            Stored::Made => None,
            Stored::Read(header, stored) => plain(header, stored.clone()),
            Stored::InLog(log, offset, id) => log.run(*offset, *id, &self.outline),
        }
    }
}

/// A log whose content is in the index. It is opened when the first of its runs is requested.
#[derive(Debug)]
pub(in crate::store) struct IndexedLog {
    pub disk: Arc<dyn Disk>,
    pub path: PathBuf,
    pub index: Arc<LogIndex>,
    pub file: OnceLock<Option<Box<dyn DiskFile>>>,
}

impl IndexedLog {
    /// Returns the plain bytes of the run whose frame starts at `offset`. If they do not match the index, the index counts as wrong from
    /// then on.
    fn run(&self, offset: u64, id: RunId, outline: &Outline) -> Option<Vec<u8>> {
        let file = self.file.get_or_init(|| self.disk.open(&self.path).ok());
        let plain = file
            .as_deref()
            .and_then(|file| payload_at(file, offset, FrameKind::RUN))
            .filter(|plain| RunId::of(plain) == id && Outline::parse(plain).as_ref() == Ok(outline));
        if plain.is_none() {
            self.index.distrust();
        }
        plain
    }
}

/// Returns the plain payload of the frame that starts at `offset`; `None` if there is no sound one of that kind.
pub(in crate::store) fn payload_at(file: &dyn DiskFile, offset: u64, kind: FrameKind) -> Option<Vec<u8>> {
    let mut header = [0; HEADER_LENGTH];
    read_exact_at(file, &mut header, offset).ok()?;
    let header = FrameHeader::parse(&header).ok().filter(|header| header.kind == kind)?;
    let is_inside = file.length().ok()? >= header.end(offset);
    let mut stored = vec![0; usize::try_from(header.stored_length).ok().filter(|_| is_inside)?];
    read_exact_at(file, &mut stored, header.payload_at(offset)).ok()?;
    header.check_payload(&stored).ok()?;
    plain(&header, stored)
}

/// Decompresses with the thread's decompressor: creating one for each run would be a third of the cost of reading it.
fn plain(header: &FrameHeader, stored: Vec<u8>) -> Option<Vec<u8>> {
    thread_local! {
        static DECODER: RefCell<FrameDecoder> = RefCell::default();
    }
    DECODER.with_borrow_mut(|decoder| decoder.plain(header, stored).ok())
}

impl From<Run> for StoredRun {
    fn from(run: Run) -> Self {
        Self {
            outline: Outline::from(&run),
            stored: Stored::Made,
            run: OnceLock::from(Some(Box::new(run))),
        }
    }
}

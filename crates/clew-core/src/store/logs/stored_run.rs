//! A run as it lies in a log: hashed when the log is read, decoded when somebody asks for all of it.

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

/// A run whose bytes are what an operation names. Its outline is at hand; the rest is decoded once, when asked for: a
/// history of ten thousand runs is opened to look at twenty of them.
#[derive(Debug)]
pub struct StoredRun {
    outline: Outline,
    stored: Stored,
    run: OnceLock<Option<Box<Run>>>,
}

/// Where the bytes of a run are.
#[derive(Debug)]
enum Stored {
    /// There are none: it was made here.
    Made,
    /// At hand: the payload as it lies in the log.
    Read(FrameHeader, Vec<u8>),
    /// In the log, as the index says: where its frame starts.
    InLog(Arc<IndexedLog>, u64, RunId),
}

impl StoredRun {
    /// A run from its outline and its payload as it is stored.
    pub(in crate::store) fn new(outline: Outline, header: FrameHeader, stored: Vec<u8>) -> Self {
        Self {
            outline,
            stored: Stored::Read(header, stored),
            run: OnceLock::new(),
        }
    }

    /// A run that the index tells of: its bytes are read from the log, and hashed, when they are asked for.
    pub(in crate::store) fn in_log(id: RunId, outline: Outline, log: &Arc<IndexedLog>, offset: u64) -> Self {
        Self {
            outline,
            stored: Stored::InLog(Arc::clone(log), offset, id),
            run: OnceLock::new(),
        }
    }

    /// What puts it in its place.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// All of it. `None` where its bytes are no run after all: it counts as missing then. That can only be where the
    /// user's own engine sealed such bytes; what others sealed was decoded when it was read.
    pub fn run(&self) -> Option<&Run> {
        self.run.get_or_init(|| self.decode().ok().map(Box::new)).as_deref()
    }

    /// Decodes those that nobody asked for before, on several processors where they are many.
    pub fn decode_all<'r>(runs: impl IntoIterator<Item = &'r Self>) {
        let open = runs.into_iter().filter(|run| run.run.get().is_none());
        with_each(open.collect(), || (), |(), run| run.run().is_some());
    }

    /// Whether the bytes hold `text`, as they do where the run names it anywhere. Tells most runs that don't without
    /// decoding them.
    pub fn may_name(&self, text: &str) -> bool {
        self.plain()
            .is_none_or(|plain| memchr::memmem::find(&plain, text.as_bytes()).is_some())
    }

    /// Decodes it at once, unless the user's own engine wrote it.
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

/// A log of which an index tells what it holds. Opened when the first of its runs is asked for.
#[derive(Debug)]
pub(in crate::store) struct IndexedLog {
    pub disk: Arc<dyn Disk>,
    pub path: PathBuf,
    pub index: Arc<LogIndex>,
    pub file: OnceLock<Option<Box<dyn DiskFile>>>,
}

impl IndexedLog {
    /// The plain bytes of the run whose frame starts at `offset`. Where they are not what the index says, the index
    /// counts as wrong from then on.
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

/// The plain payload of the frame that starts at `offset`; `None` if there is no sound one of that kind.
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

/// Decompresses with what the thread keeps for it: to make that anew for every run is a third of what reading one costs.
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

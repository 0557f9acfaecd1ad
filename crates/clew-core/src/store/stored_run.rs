//! A run as it lies in a log: hashed when the log is read, decoded when somebody asks for all of it.

use std::sync::OnceLock;

use super::seal::Verdict;
use crate::format::{FrameDecoder, FrameHeader, Outline, RecordError, Run, decode_record};

/// A run whose bytes are what an operation names. Its outline is at hand; the rest is decoded once, when asked for: a
/// history of ten thousand runs is opened to look at twenty of them.
#[derive(Debug)]
pub struct StoredRun {
    outline: Outline,
    /// The payload as it lies in the log; `None` for a run that was made here.
    stored: Option<(FrameHeader, Vec<u8>)>,
    run: OnceLock<Option<Box<Run>>>,
}

impl StoredRun {
    /// A run from its outline and its payload as it is stored.
    pub(super) fn new(outline: Outline, header: FrameHeader, stored: Vec<u8>) -> Self {
        Self {
            outline,
            stored: Some((header, stored)),
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

    /// Whether the bytes hold `text`, as they do where the run names it anywhere. Tells most runs that don't without
    /// decoding them.
    pub fn may_name(&self, text: &str) -> bool {
        self.plain()
            .is_none_or(|plain| memchr::memmem::find(&plain, text.as_bytes()).is_some())
    }

    /// Decodes it at once, unless the user's own engine wrote it.
    pub(super) fn check(&self, verdict: Verdict) -> Result<(), RecordError> {
        if verdict == Verdict::Own || self.run.get().is_some() {
            return Ok(());
        }
        let run = self.decode()?;
        self.run.get_or_init(|| Some(Box::new(run)));
        Ok(())
    }

    fn decode(&self) -> Result<Run, RecordError> {
        let plain = self.plain();
        let plain = plain.ok_or_else(|| RecordError::Malformed("it does not decompress".to_owned()))?;
        decode_record(&plain)
    }

    fn plain(&self) -> Option<Vec<u8>> {
        let (header, stored) = self.stored.as_ref()?;
        FrameDecoder::default().plain(header, stored.clone()).ok()
    }
}

impl From<Run> for StoredRun {
    fn from(run: Run) -> Self {
        Self {
            outline: Outline::from(&run),
            stored: None,
            run: OnceLock::from(Some(Box::new(run))),
        }
    }
}

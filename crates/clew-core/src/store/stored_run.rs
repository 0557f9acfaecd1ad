//! A run as it lies in a log: hashed when the log is read, decoded when somebody asks for all of it.

use std::sync::OnceLock;

use super::seal::Verdict;
use crate::format::{Outline, RecordError, Run, decode_record};

/// A run whose bytes are what an operation names. Its outline is at hand; the rest is decoded once, when asked for: a
/// history of ten thousand runs is opened to look at twenty of them.
#[derive(Debug)]
pub struct StoredRun {
    outline: Outline,
    bytes: Vec<u8>,
    run: OnceLock<Option<Box<Run>>>,
}

impl StoredRun {
    /// A run from its bytes.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, RecordError> {
        Ok(Self {
            outline: Outline::parse(&bytes)?,
            bytes,
            run: OnceLock::new(),
        })
    }

    /// What puts it in its place.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// All of it. `None` where its bytes are no run after all: it counts as missing then. That can only be where the
    /// user's own engine sealed such bytes; what others sealed was decoded when it was read.
    pub fn run(&self) -> Option<&Run> {
        let decode = || decode_record(&self.bytes).ok().map(Box::new);
        self.run.get_or_init(decode).as_deref()
    }

    /// Whether the bytes hold `text`, as they do where the run names it anywhere. Tells most runs that don't without
    /// decoding them.
    pub fn may_name(&self, text: &str) -> bool {
        self.bytes.is_empty() || memchr::memmem::find(&self.bytes, text.as_bytes()).is_some()
    }

    /// Decodes it at once, unless the user's own engine wrote it.
    pub(super) fn check(&self, verdict: Verdict) -> Result<(), RecordError> {
        match verdict {
            Verdict::Own => Ok(()),
            _ => decode_record::<Run>(&self.bytes).map(|run| {
                self.run.get_or_init(|| Some(Box::new(run)));
            }),
        }
    }
}

impl From<Run> for StoredRun {
    fn from(run: Run) -> Self {
        Self {
            outline: Outline::from(&run),
            bytes: Vec::new(),
            run: OnceLock::from(Some(Box::new(run))),
        }
    }
}

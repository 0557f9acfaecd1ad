//! Heads: the description of a history in a remote.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::{
    FrameEncoder, FrameHeader, FrameKind, HEADER_LENGTH, RECORD_VERSION, Timestamp, decode_record, encode_record,
};
use clew_core::id::{BundleId, HistoryId, SessionId};
use clew_core::store::LogEnds;
use serde::{Deserialize, Serialize};

use super::SyncError;
use crate::backend::{Backend, Token};
use crate::name::Name;

/// The head of a history: its bundles in a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryHead {
    /// The record's version.
    pub version: u16,
    /// Unique in each version of the head: no two may have the same bytes.
    pub nonce: u64,
    /// When it was last written.
    pub time: Timestamp,
    /// The history.
    pub history: HistoryId,
    /// Its bundles, oldest first: a bundle refers only to contents of itself and of earlier ones.
    pub bundles: Vec<RemoteBundle>,
    /// The end of each log in the bundles.
    pub logs: Vec<LogEnd>,
    /// Bundles that were merged into another one and are removed after a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<ReplacedBundle>,
}

/// A bundle that was merged into another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedBundle {
    /// Its name.
    pub bundle: BundleId,
    /// Its length in bytes.
    pub length: u64,
    /// When it was replaced.
    pub time: Timestamp,
}

/// A bundle in a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RemoteBundle {
    /// Its name.
    pub bundle: BundleId,
    /// Its length in bytes.
    pub length: u64,
}

/// Transfers of bundles up to this size are dominated by latency, as those of a push after each run. They have no index, since fetching the
/// bundle is as fast.
pub(super) const SMALL: u64 = 256 << 10;

impl RemoteBundle {
    /// Whether its transfer is dominated by latency.
    pub(super) fn is_small(&self) -> bool {
        self.length <= SMALL
    }
}

/// The end of one part of a session's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEnd {
    /// The session.
    pub session: SessionId,
    /// The part of its log.
    pub part: u32,
    /// The end in bytes.
    pub end: u64,
}

/// The most bytes of a head that are read.
const MOST: u64 = 64 << 20;

impl HistoryHead {
    /// Returns the head of a history that the remote does not have.
    pub fn new(history: HistoryId) -> Self {
        Self {
            version: RECORD_VERSION,
            nonce: 0,
            time: 0,
            history,
            bundles: Vec::new(),
            logs: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// Returns the end of each log.
    pub fn ends(&self) -> LogEnds {
        self.logs.iter().map(|log| ((log.session, log.part), log.end)).collect()
    }

    /// Whether a bundle was merged into another one.
    pub fn has_replaced(&self, sent: &RemoteBundle) -> bool {
        self.replaced.iter().any(|replaced| replaced.bundle == sent.bundle)
    }

    /// Replaces several adjacent bundles by one; `false` if they are no longer in the head or not adjacent.
    pub fn replace(&mut self, several: &[RemoteBundle], by: RemoteBundle, now: Timestamp) -> bool {
        let first = several.first();
        let at = self.bundles.iter().position(|sent| Some(sent) == first);
        let Some(at) = at.filter(|at| self.bundles[*at..].starts_with(several)) else {
            return false;
        };
        self.bundles.splice(at..at + several.len(), [by]);
        self.replaced.extend(several.iter().map(|sent| ReplacedBundle {
            bundle: sent.bundle,
            length: sent.length,
            time: now,
        }));
        true
    }

    /// Adds bundles that are neither in the head nor replaced, and advances the ends of the logs.
    pub fn add(&mut self, bundles: &[RemoteBundle], ends: &LogEnds) {
        let mut known: BTreeSet<RemoteBundle> = self.bundles.iter().copied().collect();
        known.extend(bundles.iter().filter(|sent| self.has_replaced(sent)));
        self.bundles.extend(bundles.iter().filter(|sent| !known.contains(sent)));
        let mut all: BTreeMap<_, u64> = self.ends();
        for (log, end) in ends {
            let known = all.entry(*log).or_default();
            *known = (*known).max(*end);
        }
        let end = |((session, part), end)| LogEnd { session, part, end };
        self.logs = all.into_iter().map(end).collect();
    }

    fn name(history: HistoryId) -> Result<Name, SyncError> {
        Ok(format!("heads/{history}").parse()?)
    }

    /// Reads a head and its token; `None` if the remote does not have the history.
    pub(super) fn read(backend: &dyn Backend, history: HistoryId) -> Result<Option<(Self, Token)>, SyncError> {
        let Some(found) = backend.head(&Self::name(history)?)? else {
            return Ok(None);
        };
        let head = parse(&found.bytes).and_then(|head| {
            let is_meant = head.history == history;
            is_meant
                .then_some(head)
                .ok_or_else(|| "it belongs to another history".to_owned())
        });
        let head = head.map_err(|why| SyncError::Unreadable {
            place: backend.place(),
            history: history.short(),
            why,
        })?;
        Ok(Some((head, found.token)))
    }

    /// Replaces the version that was read.
    pub(super) fn swap(&self, backend: &dyn Backend, expected: Option<&Token>) -> Result<Token, SyncError> {
        let mut bytes = Vec::new();
        FrameEncoder::default().frame(FrameKind::HEAD, [0; 32], b"", &encode_record(self), &mut bytes);
        Ok(backend.swap(&Self::name(self.history)?, expected, &bytes)?)
    }
}

fn parse(bytes: &[u8]) -> Result<HistoryHead, String> {
    let plain = plain(bytes, FrameKind::HEAD)?;
    decode_record(&plain).map_err(|error| error.to_string())
}

/// Returns the payload of `bytes`, which must be a single frame.
pub(super) fn plain(bytes: &[u8], kind: FrameKind) -> Result<Vec<u8>, String> {
    let none = || "it is not a valid record".to_owned();
    if bytes.len() as u64 > MOST {
        return Err("it is too long".to_owned());
    }
    let header = FrameHeader::parse(bytes.first_chunk::<HEADER_LENGTH>().ok_or_else(none)?);
    let header = header.map_err(|error| error.to_string())?;
    let range = header.payload_at(0) as usize..header.end(0) as usize;
    let stored = bytes.get(range).filter(|_| header.kind == kind).ok_or_else(none)?;
    header.check_payload(stored).map_err(|error| error.to_string())?;
    header.decode(stored.to_vec()).map_err(|error| error.to_string())
}

/// Lists the histories in a remote.
pub fn heads(backend: &dyn Backend) -> Result<Vec<HistoryId>, SyncError> {
    let folder: Name = "heads".parse()?;
    let listed = backend.list(&folder)?;
    let ids = listed
        .iter()
        .filter_map(|listed| listed.name.as_str().strip_prefix("heads/")?.parse().ok());
    Ok(ids.collect())
}

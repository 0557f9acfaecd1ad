//! Heads: what a place has of a history.

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

/// The head of a history: what a remote has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryHead {
    /// The record's version.
    pub version: u16,
    /// Another one in each version of the head: no two may be the same bytes.
    pub nonce: u64,
    /// When it was written last.
    pub time: Timestamp,
    /// The history.
    pub history: HistoryId,
    /// Its bundles, oldest first: what one refers to lies in it or in one before it.
    pub bundles: Vec<RemoteBundle>,
    /// How far its logs are told.
    pub logs: Vec<LogEnd>,
    /// Bundles in whose place another one came, which are taken away after a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<ReplacedBundle>,
}

/// A bundle that another one replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedBundle {
    /// Its name.
    pub bundle: BundleId,
    /// Its length in bytes.
    pub length: u64,
    /// When the other came.
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

/// Bundles up to so many bytes take no longer than the wait for an answer: what a push after each run leaves. They have no index,
/// since whoever wants to know what lies in one fetches it as quickly.
pub(super) const SMALL: u64 = 256 << 10;

impl RemoteBundle {
    /// Whether it takes no longer than the wait for an answer.
    pub(super) fn is_small(&self) -> bool {
        self.length <= SMALL
    }
}

/// How far a part of a session's log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEnd {
    /// The session.
    pub session: SessionId,
    /// The part of its log.
    pub part: u32,
    /// So many bytes.
    pub end: u64,
}

/// The most bytes of a head that are read.
const MOST: u64 = 64 << 20;

impl HistoryHead {
    /// That of a history of which nothing is there.
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

    /// How far each log is told.
    pub fn ends(&self) -> LogEnds {
        self.logs.iter().map(|log| ((log.session, log.part), log.end)).collect()
    }

    /// Whether another bundle came in the place of this one.
    pub fn has_replaced(&self, sent: &RemoteBundle) -> bool {
        self.replaced.iter().any(|replaced| replaced.bundle == sent.bundle)
    }

    /// Puts a bundle in the place of several that lie one after another; `false` where they do not, any more.
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

    /// Adds bundles that are not in it, nor another in their place, and logs as far as they go by them.
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

    /// Reads it with its token; `None` for a history of which nothing is there.
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

    /// Puts it in the place of the version that was read.
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

/// The payload of the one frame that `bytes` are.
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

/// The histories of which a place has something.
pub fn heads(backend: &dyn Backend) -> Result<Vec<HistoryId>, SyncError> {
    let folder: Name = "heads".parse()?;
    let listed = backend.list(&folder)?;
    let ids = listed
        .iter()
        .filter_map(|listed| listed.name.as_str().strip_prefix("heads/")?.parse().ok());
    Ok(ids.collect())
}

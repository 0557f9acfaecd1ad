//! Operation: the commit. The last record of anything that changes a history; makes what came before it visible.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{HistoryId, ManifestId, OperationId, RunId, SessionId};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A session began.
    Start,
    /// A run was recorded (a cell, or a change from outside).
    Run,
    /// Went back by this many steps.
    Undo(u64),
    /// Went forward again by this many steps.
    Redo(u64),
    /// Went to a run.
    Switch,
    /// Brought back some names.
    Restore,
    /// Took up a history in a new kernel.
    Resume,
    /// Set or removed a tag, branch or description.
    Name,
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The run whose state is live.
    pub run: RunId,
}

/// What names point at, after an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Where this session is; `None` before its first run.
    pub at: Option<Position>,
    /// Tags and branches.
    pub names: BTreeMap<String, RunId>,
    /// A run whose state everything still had when all was looked at just before this operation.
    pub confirmed: Option<RunId>,
}

/// The commit of a change to a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The record's version.
    pub version: u16,
    /// The history it changes.
    pub history: HistoryId,
    /// The session that did it.
    pub session: SessionId,
    /// Its place in the session's chain, counted from 0.
    pub number: u64,
    /// The operation before it in this session; `None` for the first.
    pub previous: Option<OperationId>,
    /// When.
    pub time: Timestamp,
    /// What was done.
    pub action: Action,
    /// Runs that this operation makes visible.
    pub runs: Vec<RunId>,
    /// Manifests that this operation makes visible.
    pub manifests: Vec<ManifestId>,
    /// Where things are afterwards.
    pub view: View,
}

/// An operation's bytes as they lie, with the signature over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOperation {
    /// The MessagePack bytes of the [`Operation`].
    #[serde(with = "serde_bytes_vec")]
    pub bytes: Vec<u8>,
    /// The Ed25519 public key.
    pub key: [u8; 32],
    /// The Ed25519 signature over a domain tag and `bytes`: 64 bytes.
    #[serde(with = "serde_bytes_vec")]
    pub signature: Vec<u8>,
}

mod serde_bytes_vec {
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Vec<u8>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

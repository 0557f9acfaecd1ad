//! Operation: the commit. The last record of anything that changes a history; makes what came before it visible.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{BlobId, HistoryId, ManifestId, OperationId, Root, RunId, SessionId};

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
    /// Went to where the n-th operation of the history led, with the names that were then.
    Operation(u64),
    /// Recorded again after a pause: what changed meanwhile is a step of its own.
    Unpause,
    /// Set or removed tags, branches or descriptions.
    Name,
    /// Forgot values.
    Forget,
    /// Dropped values that a keep rule does not keep.
    Gc,
    /// Wrote down a state for others: in a bundle.
    Export,
    /// Looked at everything between two runs and found it as the last run left it.
    Check,
}

impl Action {
    /// Whether it restores a state.
    pub fn is_move(&self) -> bool {
        matches!(
            self,
            Self::Undo(_) | Self::Redo(_) | Self::Switch | Self::Restore | Self::Resume | Self::Operation(_)
        )
    }

    /// What people call it: the command that does it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Run => "run",
            Self::Undo(_) => "undo",
            Self::Redo(_) => "redo",
            Self::Switch => "switch",
            Self::Restore => "restore",
            Self::Resume => "resume",
            Self::Operation(_) => "op restore",
            Self::Unpause => "resume-recording",
            Self::Name => "name",
            Self::Forget => "forget",
            Self::Gc => "gc",
            Self::Export => "export",
            Self::Check => "check",
        }
    }
}

/// Where a session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The run whose state is live.
    pub run: RunId,
    /// The branch that follows the session, where it is on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// One change of what people call runs. Names of all sessions follow from these in the order of their times, so that a
/// session which has not heard of a name yet takes none away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// A branch begins at a run.
    Branch {
        /// Its name.
        name: String,
        /// The run.
        run: RunId,
    },
    /// A run has a tag.
    Tag {
        /// Its name.
        name: String,
        /// The run.
        run: RunId,
    },
    /// A branch or tag is none any more.
    Remove {
        /// Its name.
        name: String,
    },
    /// A branch is called otherwise.
    Rename {
        /// What it was called.
        from: String,
        /// What it is called now.
        to: String,
    },
    /// What a run did, in the user's words.
    Describe {
        /// The run.
        run: RunId,
        /// The words, as a salted blob; `None` for none any more.
        text: Option<BlobId>,
    },
}

/// What is not to be had again: from this operation on nobody loads it or shows words about it, and what lies only for it
/// is taken out of the packs. Told by manifest, so that a value which a name gets later is another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forgetting {
    /// What the user named.
    pub roots: Vec<Root>,
    /// Every version of a co-variable with one of these roots that was recorded so far, sorted.
    pub manifests: Vec<ManifestId>,
}

/// What gc no longer keeps, by a rule of the user's: the records of these values stay, with all that is said of them, and
/// what they lie in may be missing from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropping {
    /// The values, sorted.
    pub manifests: Vec<ManifestId>,
}

/// What came of building a stored value again in another process, while the value was still live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The value.
    pub manifest: ManifestId,
    /// Why what was built is not what was stored, or nothing was; `None`: it was built and has its fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Where things are after an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Where this session is; `None` before its first run.
    pub at: Option<Position>,
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
    /// What it changed of the names of runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub naming: Vec<Naming>,
    /// What it forgot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgetting: Option<Forgetting>,
    /// What it dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropping: Option<Dropping>,
    /// Which values were proved to be had again, or not, since the operation before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// Where things are afterwards.
    pub view: View,
}

/// The bytes of a record, with the signature over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRecord {
    /// The MessagePack bytes of the record.
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

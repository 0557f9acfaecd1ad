//! Operation: the commit. The last record of each change of a history; it makes the records before it visible.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{BlobId, HistoryId, ManifestId, OperationId, Root, RunId, SessionId};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A session began.
    Start,
    /// A run was recorded (a cell, or an external change).
    Run,
    /// Went back by this many steps.
    Undo(u64),
    /// Went forward again by this many steps.
    Redo(u64),
    /// Restored the state of a run.
    Switch,
    /// Restored some variables.
    Restore,
    /// Resumed a history in a new kernel.
    Resume,
    /// Restored the state after the n-th operation of the history, with the branches and tags of that time.
    Operation(u64),
    /// Resumed recording after a pause: the changes meanwhile are a run of their own.
    Unpause,
    /// Set or removed tags, branches or descriptions.
    Name,
    /// Forgot values.
    Forget,
    /// Dropped values that a retention rule does not keep.
    Gc,
    /// Wrote a state to a bundle.
    Export,
    /// Checked everything between two runs and found it as the last run left it.
    Check,
}

impl Action {
    /// Returns whether it restores a state.
    pub fn is_move(&self) -> bool {
        matches!(
            self,
            Self::Undo(_) | Self::Redo(_) | Self::Switch | Self::Restore | Self::Resume | Self::Operation(_)
        )
    }

    /// Returns the name of the command.
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

/// The position of a session in its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The run whose state is live.
    pub run: RunId,
    /// The branch that follows the session, if it is on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// One change of the branches, tags and descriptions of runs. All sessions compute them from these changes in the order of their times, so
/// a session that has not read a name yet does not remove it.
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
    /// A branch or tag is removed.
    Remove {
        /// Its name.
        name: String,
    },
    /// A branch is renamed.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// The user's description of a run.
    Describe {
        /// The run.
        run: RunId,
        /// The text, as a salted blob; `None` removes the description.
        text: Option<BlobId>,
    },
}

/// Forgotten values: from this operation on, no reader loads them or shows their summaries, and data that is stored only for them is
/// removed from the packs. They are given by manifest, so a later value of the same variable is not affected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forgetting {
    /// The roots that the user named.
    pub roots: Vec<Root>,
    /// Every version of a co-variable with one of these roots that was recorded so far, sorted.
    pub manifests: Vec<ManifestId>,
}

/// Values that a retention rule no longer keeps. Their records and summaries stay; their data may be missing from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropping {
    /// The values, sorted.
    pub manifests: Vec<ManifestId>,
}

/// The result of a test that built a stored value in another process while the value was still live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The value.
    pub manifest: ManifestId,
    /// Why the result differs from the stored value, or could not be built; `None` if it has the fingerprint of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The state after an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// The position of this session; `None` before its first run.
    pub at: Option<Position>,
    /// A run whose state was still complete when Clew checked everything just before this operation.
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
    /// Its position in the session's chain, from 0.
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
    /// Changes of branches, tags and descriptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub naming: Vec<Naming>,
    /// What it forgot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgetting: Option<Forgetting>,
    /// What it dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropping: Option<Dropping>,
    /// Results of tests whether stored values can be built again, since the operation before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The state afterwards.
    pub view: View,
}

/// The bytes of a record, with their signature.
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

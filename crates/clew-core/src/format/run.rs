//! Run: one change of state, and what was seen after it.

use serde::{Deserialize, Serialize};

use super::{Evidence, Timestamp};
use crate::id::{BlobId, Fingerprint, ManifestId, Root, RunId, SessionId};

/// Where a run comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// What was there when the session began.
    #[default]
    Start,
    /// A cell.
    Cell,
    /// A change that no cell made.
    Outside,
    /// A move whose Outcomes were not all exact: holds what is really there.
    Moved,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// To its end.
    #[default]
    Done,
    /// With an exception.
    Failed {
        /// Its type's name.
        exception: String,
    },
    /// By the user.
    Interrupted,
}

/// One version of one co-variable, in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The co-variable's roots, sorted.
    pub roots: Vec<Root>,
    /// What it hashed to; for values that have no fingerprint, a hash no other value has.
    pub fingerprint: Fingerprint,
    /// How to get it back.
    pub manifest: ManifestId,
}

/// The roots that a look after the run checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckedRoots {
    /// All of them.
    #[default]
    All,
    /// Only these; the others stay as last seen and may be uncertain.
    Only(Vec<Root>),
}

/// How a run ended of which only that is known: its kernel died while it ran, or just then. Nothing that it did was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The session that died. Who found it wrote the run.
    pub session: SessionId,
    /// When it was found.
    pub found: Timestamp,
    /// Whether the cell had come to its end: its kernel died before anybody looked at what it left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub had_ended: bool,
}

/// One change of state. Its id is the hash of its bytes. The default has no version yet: who writes one gives it its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The record's version.
    pub version: u16,
    /// Its number in the history; what no cell made is numbered too.
    pub number: u64,
    /// Distinguishes runs that share a number: `a`, `b` ... of moved runs; empty else.
    pub suffix: String,
    /// The run it came after; `None` for the start of a session.
    pub parent: Option<RunId>,
    /// Where it comes from.
    pub kind: RunKind,
    /// The run that it repeats: its cell did not run, what that run left was taken for what it would leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RunId>,
    /// The source that ran, as a salted blob.
    pub source: Option<BlobId>,
    /// What it printed, as a salted blob, where kept.
    pub output: Option<BlobId>,
    /// Cells that define functions and classes of the state, as salted blobs: of a state that was sent without its runs. They are
    /// what another version of Python compiles these from; they did not run here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defining: Vec<BlobId>,
    /// The front end's cell id, where known.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it started.
    pub started: Timestamp,
    /// How long it ran, in nanoseconds; how long at least, where its kernel died.
    pub duration: u64,
    /// How it ended.
    pub ending: Ending,
    /// That its kernel died before anything of it was recorded, if it did; unless it had ended, its ending is [`Ending::Interrupted`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<Death>,
    /// What it may have touched.
    pub evidence: Evidence,
    /// Which roots were looked at.
    pub looked: CheckedRoots,
    /// Whether everything was looked at between the parent and this run, and found to be as the parent's state says.
    #[serde(default)]
    pub parent_confirmed: bool,
    /// Whether the session came to the parent by a move: what it found then was restored, and tells nothing about what the parent left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_move: bool,
    /// Co-variables that are new or differ from the parent's state.
    pub changed: Vec<Version>,
    /// Of their roots those that have the value that they had in the parent's state, sorted: what changed is another root, or only which
    /// roots share something. Where that was not compared a root is not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<Root>,
    /// Of these the variables that share an object or memory with another one now, and did not before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Root>,
    /// Whether nothing but outputs differs from the parent's state: neither values nor what variables share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_outputs: bool,
    /// Roots that the parent's state had and this one has not.
    pub removed: Vec<Root>,
    /// Every 64 runs: the whole state, so that none takes more than 64 steps to derive.
    pub full: Option<Vec<Version>>,
    /// What could not be recorded, for people.
    pub warnings: Vec<String>,
}

impl Run {
    /// The versions that it names: what changed, and the whole state where it holds that.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.changed.iter().chain(self.full.iter().flatten())
    }

    /// The roots of what changed.
    pub fn changed_roots(&self) -> impl Iterator<Item = &Root> + Clone {
        self.changed.iter().flat_map(|version| &version.roots)
    }

    /// All texts that it names.
    pub fn texts(&self) -> impl Iterator<Item = &BlobId> {
        self.source.iter().chain(&self.output).chain(&self.defining)
    }

    /// The number as people write it: `14`, `14a`.
    pub fn label(&self) -> String {
        format!("{}{}", self.number, self.suffix)
    }
}

//! Run: one change of the state, and what was observed after it.

use serde::{Deserialize, Serialize};

use super::{Evidence, Timestamp};
use crate::id::{BlobId, Fingerprint, ManifestId, Root, RunId, SessionId};

/// The origin of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The state when the session began.
    #[default]
    Start,
    /// A cell.
    Cell,
    /// An external change: no cell made it.
    Outside,
    /// A restore that was not exact: the run has the actual state.
    Moved,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It completed.
    #[default]
    Done,
    /// It raised an exception.
    Failed {
        /// The name of the exception's type.
        exception: String,
    },
    /// The user interrupted it.
    Interrupted,
}

/// The value of one co-variable, in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The co-variable's roots, sorted.
    pub roots: Vec<Root>,
    /// The hash of the value. A value without a fingerprint gets a hash that no other value has.
    pub fingerprint: Fingerprint,
    /// How to restore it.
    pub manifest: ManifestId,
}

/// The roots that were checked after the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckedRoots {
    /// All of them.
    #[default]
    All,
    /// Only these; the others stay as last seen and may be unverified.
    Only(Vec<Root>),
}

/// The death of the kernel during a run, or when the run had just ended. Nothing that the run did was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The session that died. The session that found the in-flight marker wrote the run.
    pub session: SessionId,
    /// When the marker was found.
    pub found: Timestamp,
    /// Whether the cell had ended: the kernel died before its effects were recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub had_ended: bool,
}

/// One change of the state. Its id is the hash of its bytes. The default has version 0: the writer sets the version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The record's version.
    pub version: u16,
    /// Its number in the history. Runs that are not cells have numbers too.
    pub number: u64,
    /// Distinguishes runs that share a number: `a`, `b`, … for moved runs, otherwise empty.
    pub suffix: String,
    /// The run it came after; `None` for the start of a session.
    pub parent: Option<RunId>,
    /// The origin of the run.
    pub kind: RunKind,
    /// The run that it repeats: its cell was not executed, the result of that run was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RunId>,
    /// The source that ran, as a salted blob.
    pub source: Option<BlobId>,
    /// Its output, as a salted blob, if it is stored.
    pub output: Option<BlobId>,
    /// Cells that define functions and classes of the state, as salted blobs: for a state that was exported without its runs. Another
    /// version of Python compiles the definitions from them; they did not run here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defining: Vec<BlobId>,
    /// The front end's cell id, if known.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it started.
    pub started: Timestamp,
    /// How long it ran, in nanoseconds. If the kernel died: how long at least.
    pub duration: u64,
    /// How it ended.
    pub ending: Ending,
    /// Set if the kernel died before the run was recorded. Unless the cell had ended, `ending` is [`Ending::Interrupted`] then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<Death>,
    /// What it may have used.
    pub evidence: Evidence,
    /// The roots that were checked after it.
    pub looked: CheckedRoots,
    /// Whether everything between the parent and this run was checked and found to be the state of the parent.
    #[serde(default)]
    pub parent_confirmed: bool,
    /// Whether the session came to the parent by a restore. The state before the run then reveals nothing about the effects of the parent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_move: bool,
    /// Co-variables that are new or differ from the parent's state.
    pub changed: Vec<Version>,
    /// Those roots of `changed` that kept their values, sorted: another root changed, or only which roots share something. Roots that were
    /// not compared are not in this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<Root>,
    /// Those variables of `unchanged` that now share an object or memory with another variable, and did not before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Root>,
    /// Whether only outputs differ from the parent's state: neither values nor sharing between variables.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_outputs: bool,
    /// Roots that the parent's state had and this one does not have.
    pub removed: Vec<Root>,
    /// The whole state, every 64 runs, so that a state is derived in at most 64 steps.
    pub full: Option<Vec<Version>>,
    /// What could not be recorded, for people.
    pub warnings: Vec<String>,
}

impl Run {
    /// Returns the versions that it names: the changes, and the whole state if it has that.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.changed.iter().chain(self.full.iter().flatten())
    }

    /// Returns the roots that changed.
    pub fn changed_roots(&self) -> impl Iterator<Item = &Root> + Clone {
        self.changed.iter().flat_map(|version| &version.roots)
    }

    /// Returns the ids of all texts that it names.
    pub fn texts(&self) -> impl Iterator<Item = &BlobId> {
        self.source.iter().chain(&self.output).chain(&self.defining)
    }

    /// Returns the number as shown to people: `14`, `14a`.
    pub fn label(&self) -> String {
        format!("{}{}", self.number, self.suffix)
    }
}

//! In-flight markers: the cell that a process runs, written before the cell starts.

use serde::{Deserialize, Serialize};

use super::{Ending, Timestamp};
use crate::id::{BlobId, HistoryId, SessionId};

/// A process, identified well enough to check later whether it still runs. Unknown fields are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// The name of its machine.
    pub host: String,
    /// The id that the machine got when it was set up.
    pub machine: String,
    /// The id of the boot of the machine during which it runs.
    pub boot: String,
    /// The pid namespace: a container has its own.
    pub space: String,
    /// Its process id.
    pub pid: u32,
    /// When it started, in ticks since boot: this distinguishes processes with a reused pid. 0 if unknown.
    pub began: u64,
}

/// A cell that a kernel started to run. The marker exists until the run is recorded. A marker that remains after the kernel's end names the
/// cell during which it died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightMarker {
    /// The record's version.
    pub version: u16,
    /// The history that the session records in.
    pub history: HistoryId,
    /// The session.
    pub session: SessionId,
    /// Its process.
    pub process: Process,
    /// The source, as a salted blob in the same file, if it may be stored.
    pub source: Option<BlobId>,
    /// What was removed from the source, for people.
    pub masked: Vec<String>,
    /// The front end's cell id, where known.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it began.
    pub started: Timestamp,
    /// How the cell ended, if it did: its run was not recorded yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<CellEnd>,
}

/// How long a cell ran, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellEnd {
    /// How long it ran, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub ending: Ending,
}

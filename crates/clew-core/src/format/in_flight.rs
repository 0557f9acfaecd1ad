//! In-flight markers: a cell that runs, noted before it does, and the process that runs it.

use serde::{Deserialize, Serialize};

use super::{Ending, Timestamp};
use crate::id::{BlobId, HistoryId, SessionId};

/// A process, as told well enough to know later whether it is still there. What is not known is left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// The name of its machine.
    pub host: String,
    /// The id that was given to the machine when it was set up.
    pub machine: String,
    /// Which start of the machine it is of.
    pub boot: String,
    /// Within which numbering of processes it has its number: a container has one of its own.
    pub space: String,
    /// Its number.
    pub pid: u32,
    /// When it began, as the system counts it: a number given again names another process. 0 where unknown.
    pub began: u64,
}

/// A cell that a kernel began to run. The note lies in the store as long as nothing of the run is recorded; what is left
/// when the kernel is gone says which cell it died in.
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
    /// The source, as a salted blob in the same file, where it may be kept.
    pub source: Option<BlobId>,
    /// What was taken out of the source, for people.
    pub masked: Vec<String>,
    /// The front end's cell id, where known.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it began.
    pub started: Timestamp,
    /// How it ended, where it did: what it left was still to be recorded.
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

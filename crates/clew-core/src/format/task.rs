//! `TaskEntry`: the result of a task of a distributed computation.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{TaskKey, TaskResultId};

/// The result of a task, according to the process that ran it. The entry is stored signed, and the bytes of the result separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// The record's version.
    pub version: u16,
    /// The task.
    pub key: TaskKey,
    /// Its result.
    pub result: TaskResultId,
    /// The length of the result in bytes.
    pub length: u64,
    /// The encoding of its bytes (`pickle 5`).
    pub codec: String,
    /// How long the task ran, in nanoseconds.
    pub nanoseconds: u64,
    /// The machine that ran it.
    pub host: String,
    /// When it ended.
    pub time: Timestamp,
}

//! `TaskEntry`: what a task of a distributed computation came to.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::id::{TaskKey, TaskResultId};

/// What a task came to, as whoever ran it says. It lies signed; the result's bytes lie beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// The record's version.
    pub version: u16,
    /// The task.
    pub key: TaskKey,
    /// Its result.
    pub result: TaskResultId,
    /// How long that is, in bytes.
    pub length: u64,
    /// How its bytes are to be read (`pickle 5`).
    pub codec: String,
    /// How long the task ran, in nanoseconds.
    pub nanoseconds: u64,
    /// The machine that ran it.
    pub host: String,
    /// When it ended.
    pub time: Timestamp,
}

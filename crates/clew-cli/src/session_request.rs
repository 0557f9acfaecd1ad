//! Requests of commands to a recording kernel.

use std::collections::BTreeSet;

use clew_core::id::Root;
use clew_core::session::{NameRequest, Request, RestoreOptions};

use crate::path_maps::PathMaps;

/// A request to a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRequest {
    /// Restore a state, with path maps, and except these roots.
    Move(Request, RestoreOptions, PathMaps, BTreeSet<Root>),
    /// Exclude variables from now on; without any, list the exclusions.
    Exclude(Vec<String>),
    /// Include variables again.
    Include(Vec<String>),
    /// Report the current history.
    History,
    /// Continue in the history with this name.
    Join(String),
    /// Start a new history with this name.
    Begin(String),
    /// Change branches, tags or descriptions.
    Name(NameRequest),
    /// Pause recording.
    Pause,
    /// Resume recording.
    ResumeRecording,
}

//! What a command asks of the kernel that records.

use std::collections::BTreeSet;

use clew_core::id::Root;
use clew_core::session::{NameRequest, Request, RestoreOptions};

use crate::path_maps::PathMaps;

/// A request to a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRequest {
    /// To move, with files of another machine where they lie on this one, and all but these names.
    Move(Request, RestoreOptions, PathMaps, BTreeSet<Root>),
    /// To leave names out from now on; without any, to list them.
    Exclude(Vec<String>),
    /// To record them again.
    Include(Vec<String>),
    /// To say which history it is in.
    History,
    /// To go on in the history that is called so.
    Join(String),
    /// To begin a history of that name.
    Begin(String),
    /// To give or take a name or words for a run.
    Name(NameRequest),
    /// To stop recording for a while.
    Pause,
    /// To record again.
    ResumeRecording,
}

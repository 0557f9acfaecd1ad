//! The requests that a session can perform.

use std::collections::BTreeSet;

use crate::id::Root;

/// A request to restore a state, or some variables of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Undo this number of steps of the session.
    Undo(u64),
    /// Redo this number of steps.
    Redo(u64),
    /// Switch to a revision.
    Switch(String),
    /// Switch to a revision, but leave large values in the store that code naming only these roots cannot read. They still belong
    /// to the session's state, and the next restore of any kind loads them.
    SwitchFor {
        /// The revision.
        revision: String,
        /// The roots that the code may read.
        needed: BTreeSet<Root>,
        /// Smaller values are always loaded (plain bytes).
        at_least: u64,
    },
    /// Restore variables from a revision.
    Restore {
        /// The revision.
        revision: String,
        /// The variables.
        names: Vec<Root>,
        /// Whether to restore each co-variable as a whole.
        with_shared: bool,
    },
    /// Continue the history where another session left it, or at a revision.
    Resume(Option<String>),
    /// Restore the state at the start of this session.
    Fresh,
    /// Restore the state and the names after an operation (`op:7`).
    Operation(String),
}

impl Request {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Undo(_) => "undo",
            Self::Redo(_) => "redo",
            Self::Switch(_) | Self::SwitchFor { .. } => "switch",
            Self::Restore { .. } => "restore",
            Self::Resume(_) => "resume",
            Self::Fresh => "fresh",
            Self::Operation(_) => "op restore",
        }
    }
}

/// Options of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Only plan it.
    pub dry_run: bool,
    /// Permit reruns of cells.
    pub replay: bool,
}

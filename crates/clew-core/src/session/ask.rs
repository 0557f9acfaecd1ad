//! What a session can be asked to do.

use std::collections::BTreeSet;

use crate::id::Root;

/// A mover, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Take back this session's last steps.
    Undo(u64),
    /// Take them again.
    Redo(u64),
    /// Go to a revision.
    Switch(String),
    /// Go to a revision, and leave in the store what is large and can't be read by code that names these roots only. The session has it all
    /// the same, and whichever mover comes next brings it.
    SwitchFor {
        /// The revision.
        revision: String,
        /// What the code may read.
        needed: BTreeSet<Root>,
        /// What is smaller is brought in any case (plain bytes).
        at_least: u64,
    },
    /// Bring back names as they were at a revision.
    Restore {
        /// The revision.
        revision: String,
        /// The names.
        names: Vec<Root>,
        /// Whether all of each co-variable comes along.
        with_shared: bool,
    },
    /// Take up the history where another session left it, or at a revision.
    Resume(Option<String>),
    /// Go back to what was there when this session began.
    Fresh,
    /// Go to where an operation led (`op:7`), with the names that were then.
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

/// How a mover is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Only plan.
    pub dry_run: bool,
    /// Consent to run cells again.
    pub replay: bool,
}

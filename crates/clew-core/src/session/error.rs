//! Errors of sessions.

use crate::history::{NameError, RevisionError};
use crate::id::RunId;
use crate::kernel::KernelError;
use crate::record::RecordError;
use crate::restore::RestoreError;
use crate::store::StoreError;

/// The reason why a session could not perform a request. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Access to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The look at the session failed.
    #[error("Clew could not check the session's variables: {0}")]
    Kernel(KernelError),
    /// The revision matches no run, or several.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// A name cannot be assigned, or does not exist.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There are fewer steps to undo than requested.
    #[error("{}", too_few("There is nothing to undo", "undone", *asked, *available))]
    NothingToUndo {
        /// The requested number of steps.
        asked: u64,
        /// The available number of steps.
        available: u64,
    },
    /// There are fewer steps to redo than requested.
    #[error(
        "{}{}",
        too_few("There is nothing to redo", "redone", *asked, *available),
        undone_before(*available, left_behind.as_deref())
    )]
    NothingToRedo {
        /// The requested number of steps.
        asked: u64,
        /// The available number of steps.
        available: u64,
        /// The end of the runs that could be redone before a new step cleared the redo stack.
        left_behind: Option<String>,
    },
    /// No other session has recorded anything in this history.
    #[error("There is nothing to resume: no earlier session of this history has recorded a run")]
    NothingToResume,
    /// The target state does not have a name.
    #[error("Run {run} has no {}", names.join(" and no "))]
    NoSuchName {
        /// The target run.
        run: String,
        /// The requested names.
        names: Vec<String>,
    },
    /// Names to keep do not exist.
    #[error("There is no {} to keep", names.join(" and no "))]
    NothingToKeep {
        /// The requested names.
        names: Vec<String>,
    },
    /// A name to keep shares objects with names that are not kept.
    #[error("`{name}` shares objects with {}, which would not be kept", others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", "))]
    KeepShared {
        /// The name to keep.
        name: String,
        /// The other names.
        others: Vec<String>,
    },
    /// The state after a run is unknown, since the record of an ancestor is missing or corrupted.
    #[error("The state after run {run} is only partly known: the record of run {missing} before it is missing")]
    Unreachable {
        /// The run.
        run: String,
        /// The missing run.
        missing: String,
        /// Variables that were changed after the missing run, so that their values are known.
        names: Vec<String>,
    },
    /// The restore did not happen; the session is unchanged.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The session has not recorded its starting state.
    #[error("Recording has not started")]
    NotStarted,
}

impl SessionError {
    /// Creates the error for a missing record of a run.
    pub(super) fn missing(run: RunId) -> Self {
        Self::Store(StoreError::Missing {
            kind: "Run",
            id: run.short(),
            packs: Vec::new(),
        })
    }
}

fn too_few(none: &str, done: &str, asked: u64, available: u64) -> String {
    match available {
        0 => none.to_owned(),
        _ => format!("Only {available} of {asked} steps can be {done}"),
    }
}

/// Describes the end of the undone runs.
fn undone_before(available: u64, left_behind: Option<&str>) -> String {
    match left_behind.filter(|_| available == 0) {
        Some(run) => format!(": something changed after the undo. The undone branch ended at run {run}"),
        None => String::new(),
    }
}

impl From<RecordError> for SessionError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => Self::Store(error),
            RecordError::Kernel(error) => Self::Kernel(error),
        }
    }
}

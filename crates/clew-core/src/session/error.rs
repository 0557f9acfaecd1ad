//! Why a session could not do what was asked.

use crate::history::{NameError, RevisionError};
use crate::id::RunId;
use crate::kernel::KernelError;
use crate::record::RecordError;
use crate::restore::RestoreError;
use crate::store::StoreError;

/// Why a session could not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session could not be looked at.
    #[error("Clew could not check the session's variables: {0}")]
    Kernel(KernelError),
    /// The revision names nothing, or several runs.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// A name can't be given, or is not there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is less to undo than asked.
    #[error("{}", too_few("undo", "undone", *asked, *available))]
    NothingToUndo {
        /// Steps asked for.
        asked: u64,
        /// Steps there are.
        available: u64,
    },
    /// There is less to redo than asked.
    #[error("{}{}", too_few("redo", "redone", *asked, *available), undone_before(*available, left_behind.as_deref()))]
    NothingToRedo {
        /// Steps asked for.
        asked: u64,
        /// Steps there are.
        available: u64,
        /// The run where the line ended that could be redone before a new step began another.
        left_behind: Option<String>,
    },
    /// No other session has recorded anything in this history.
    #[error("There is nothing to resume: no earlier session of this history has recorded a run")]
    NothingToResume,
    /// A name that the target state does not have.
    #[error("Run {run} has no {}", names.join(" and no "))]
    NoSuchName {
        /// The target run.
        run: String,
        /// What was asked for.
        names: Vec<String>,
    },
    /// Names to keep that are not there.
    #[error("There is no {} to keep", names.join(" and no "))]
    NothingToKeep {
        /// What was asked for.
        names: Vec<String>,
    },
    /// A name to keep shares objects with names that are not to be kept.
    #[error("`{name}` shares objects with {}, which would not be kept", others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", "))]
    KeepShared {
        /// The name to keep.
        name: String,
        /// The others.
        others: Vec<String>,
    },
    /// Nobody can tell what a run left, since the record of one before it is missing or damaged.
    #[error("The state after run {run} is only partly known: the record of run {missing} before it is missing")]
    Unreachable {
        /// The run.
        run: String,
        /// The one that is missing.
        missing: String,
        /// Variables that runs since then changed: their values are known.
        names: Vec<String>,
    },
    /// The move did not happen; the session is as it was.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The session has not recorded its starting state.
    #[error("Recording has not started")]
    NotStarted,
}

impl SessionError {
    /// The record of a run is missing.
    pub(super) fn missing(run: RunId) -> Self {
        Self::Store(StoreError::Missing {
            kind: "Run",
            id: run.short(),
            packs: Vec::new(),
        })
    }
}

fn too_few(word: &str, done: &str, asked: u64, available: u64) -> String {
    match available {
        0 => format!("There is nothing to {word}"),
        _ => format!("Only {available} of {asked} steps can be {done}"),
    }
}

/// What became of what was undone.
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

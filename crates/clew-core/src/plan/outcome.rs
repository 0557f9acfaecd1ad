//! The outcome of a restore: exactly one for each root.

use serde::{Deserialize, Serialize};

use crate::id::Root;

/// The outcome of a restore for one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The live object had the recorded value and was not touched.
    Unchanged,
    /// The value was built from the store, and its fingerprint equals the recorded one.
    Restored,
    /// The value was recreated by rerunning cells, and its fingerprint equals the recorded one.
    Rerun,
    /// There is a value, but it does not equal the recorded one.
    NotIdentical,
    /// The variable did not exist in the target state and was removed.
    Removed,
    /// The variable existed in the target state and cannot be restored. Its name is unbound.
    Lost,
}

impl OutcomeKind {
    /// All kinds, in the order in which they are counted.
    pub const ALL: [Self; 6] = [
        Self::Unchanged,
        Self::Restored,
        Self::Rerun,
        Self::NotIdentical,
        Self::Removed,
        Self::Lost,
    ];

    /// Returns the kind in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Restored => "restored",
            Self::Rerun => "rerun",
            Self::NotIdentical => "not identical",
            Self::Removed => "removed",
            Self::Lost => "lost",
        }
    }

    /// Returns the kind in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIdentical => "not_identical",
            other => other.text(),
        }
    }
}

/// The outcome of a restore for one root, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The variable, or other session state.
    pub root: Root,
    /// The outcome.
    #[serde(rename = "outcome")]
    pub kind: OutcomeKind,
    /// Whether Clew had not finished checking the run for background changes.
    pub unverified: bool,
    /// The reason.
    pub why: Option<String>,
    /// Whether another live object still refers to the object that this one replaces ([`crate::cause::Cause::NotAttached`]).
    #[serde(skip)]
    pub is_detached: bool,
}

/// Changes that a run may have made and that Clew cannot restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnrestoredEffects {
    /// The run.
    pub run: String,
    /// The state that it may have changed.
    pub what: Vec<String>,
}

/// A step that was undone or redone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenStep {
    /// `run`, `switch`, `restore`, `resume` and so on.
    pub action: String,
    /// The run or branch that the session was at after it.
    pub to: String,
}

/// The report of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The command.
    pub action: String,
    /// The run at which the session was before.
    pub from: String,
    /// The run whose state was requested.
    pub to: String,
    /// The branch on which the session is now.
    pub branch: Option<String>,
    /// The run at which the session is now: `to`, or a new run such as `14a` if the session's state differs from that of `to`.
    pub at: String,
    /// `undo`, `redo`: runs that were undone or redone, newest first.
    pub runs: Vec<String>,
    /// `undo`, `redo`: the steps.
    pub steps: Vec<TakenStep>,
    /// `undo`, `redo`: the number of skipped runs, which changed only outputs.
    pub skipped: u64,
    /// Variables that `--keep` left as they are.
    pub keep: Vec<Root>,
    /// `resume`: the run at which this kernel was, if its variables were removed or replaced.
    pub left_run: Option<String>,
    /// `resume`: the current runs of other kernels that worked in parallel, newest first.
    pub other_kernels: Vec<String>,
    /// `resume`: the last run of a later `clew run`, whose state is not restored.
    pub batch_run: Option<String>,
    /// `resume`: the last run of the last session, if an older state is restored because a record is missing.
    pub unreachable: Option<String>,
    /// `resume`: the run whose record is missing: `unreachable` itself, or one before it.
    pub missing: Option<String>,
    /// The run of external changes that Clew recorded before the restore.
    pub external_change: Option<String>,
    /// `undo`, `redo`: runs of external changes that were undone or redone with the steps.
    pub included_changes: Vec<String>,
    /// Runs that may have changed state that Clew cannot restore.
    pub unrestored: Vec<UnrestoredEffects>,
    /// State that only imported libraries set.
    pub set_by_imports: Vec<Root>,
    /// One outcome for each root.
    pub outcomes: Vec<Outcome>,
    /// Whether this is only the plan (`--dry-run`).
    pub dry_run: bool,
    /// The number of bytes that were, or would be, read from the store.
    pub bytes: u64,
    /// The time for the comparison with the recorded state, in nanoseconds.
    pub compare_nanoseconds: u64,
    /// The time for the restore, in nanoseconds.
    pub restore_nanoseconds: u64,
}

impl Report {
    /// Returns the number of roots with this outcome.
    pub fn count(&self, word: OutcomeKind) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.kind == word).count()
    }

    /// Returns whether every root is exactly as in the target state.
    pub fn is_exact(&self) -> bool {
        self.outcomes
            .iter()
            .all(|outcome| !matches!(outcome.kind, OutcomeKind::NotIdentical | OutcomeKind::Lost))
    }
}

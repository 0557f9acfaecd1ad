//! Outcome: what became of one root. One for each, never fewer.

use serde::{Deserialize, Serialize};

use crate::format::is_zero;
use crate::id::Root;

/// The outcome of a restore for one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    /// The kind in words.
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

    /// The kind in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIdentical => "not_identical",
            other => other.text(),
        }
    }
}

/// What became of one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The root.
    pub root: Root,
    /// The outcome.
    #[serde(rename = "outcome")]
    pub kind: OutcomeKind,
    /// Whether Clew had not finished checking the target run for background changes of this value.
    pub unverified: bool,
    /// Why, where that is not plain: untrusted, excluded, not recorded, no codec; who holds the old object.
    pub why: Option<String>,
    /// Whether a live object goes on with the object that it replaces ([`crate::cause::Cause::NotAttached`]).
    #[serde(skip)]
    pub is_detached: bool,
}

/// What a run may have changed that no move puts back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrestored {
    /// The run, as people write it.
    pub run: String,
    /// What it was, for people.
    pub what: Vec<String>,
}

/// A step that an undo took back, or a redo took again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenStep {
    /// `run`, `switch`, `restore`, `resume` and so on.
    pub action: String,
    /// The run, or the branch, that it led to, as people write it.
    pub to: String,
}

/// What a move did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `undo`, `redo`, `switch`, `restore`, `resume`.
    pub action: String,
    /// Where the session was, as people write it.
    pub from: String,
    /// Where it was to go.
    pub to: String,
    /// The branch that it is on then.
    pub branch: Option<String>,
    /// Where it is now: `to`, or a moved run if not everything is exact.
    pub at: String,
    /// The runs whose effects went or came (undo, redo), newest first.
    pub runs: Vec<String>,
    /// The steps that were taken back or again (undo, redo), in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<TakenStep>,
    /// How many runs were gone over beside them, since they changed nothing but outputs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Names that were to be left as they are, with the values that they had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<Root>,
    /// The run at which the kernel was, where a resume removes or replaces variables that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_run: Option<String>,
    /// Where other kernels are that worked beside the one that is taken up (resume), the newest first.
    pub other_kernels: Vec<String>,
    /// Where a later `clew run` ended, whose state is not the one that is taken up (resume).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_run: Option<String>,
    /// Where the last session ended, if a record on the way there is missing, so that its state can't be taken up (resume).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// Changes that no cell made, recorded just before the move.
    pub external_change: Option<String>,
    /// Runs of such changes that went or came with the steps that were asked for (undo, redo), the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_changes: Vec<String>,
    /// Runs among those whose effects went or came that may have changed what no move puts back, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrestored: Vec<Unrestored>,
    /// State beside variables that only a library set when it was imported, in all runs whose effects went or came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_by_imports: Vec<Root>,
    /// One for each root.
    pub outcomes: Vec<Outcome>,
    /// Whether nothing was done but planning.
    pub dry_run: bool,
    /// Bytes that were, or would be, read from the store.
    pub bytes: u64,
    /// Time spent looking, in nanoseconds.
    pub compare_nanoseconds: u64,
    /// Time spent moving, in nanoseconds.
    pub restore_nanoseconds: u64,
}

impl Report {
    /// How many roots had this outcome.
    pub fn count(&self, word: OutcomeKind) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.kind == word).count()
    }

    /// Whether every root is exactly what it was in the target state.
    pub fn is_exact(&self) -> bool {
        self.outcomes
            .iter()
            .all(|outcome| !matches!(outcome.kind, OutcomeKind::NotIdentical | OutcomeKind::Lost))
    }
}

//! Carrying a state to another place: what of a history is sent there, and what is made there by replaying runs.
//!
//! In: a history, a run, what is stored here ([`Stock`]), what the place has ([`Target`]), how fast things are ([`Rates`]).
//! Out: a [`CarryPlan`], data that can be shown and performed.
//!
//! ```text
//!   runs of the line ──► versions and when each root had which (line.rs)
//!                             │  from what is wanted back: who left it, and what that run needs (layout.rs)
//!   manifests, pieces ──► what it takes to send each (transfer_cost.rs)     evidence ──► what may be replayed (rerun_rules.rs)
//!                             └──────────────► Choice ──► cut ──► Decision ──► CarryPlan (decision.rs)
//! ```
//!
//! All roots of a co-variable are one value and travel as one. Versions that were replaced are values too: a run that read
//! one may need it. Forgotten and withheld values are neither sent nor made, by no way.

mod decision;
mod layout;
mod line;
mod rates;
mod rerun_rules;
mod transfer_cost;

use crate::format::FileEvidence;
use crate::history::History;
use crate::history::flow::Flow;
use crate::id::{ManifestId, RunId};

pub use decision::{CarryObstacle, CarryPlan, PlanAlternative, ReplayedRun, SentVersion, UnattainableCoVariable};
pub use layout::{
    ChoiceLayout, IncludedVersion, IndexedChoice, SendableManifest, StoredVersion, TransferCosts, VersionTransfer,
};
pub use rates::{LinkSpeed, LoadingSpeed, Rates};

/// What is stored here.
pub trait Stock {
    /// What is known of versions, in their order; of each that was forgotten or is missing that it can't be sent.
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest>;

    /// How many bytes each piece takes as it is stored; `None` for what is not here.
    fn sizes(&self, ids: &[[u8; 32]]) -> Vec<Option<u64>>;
}

/// What the place has that a state is carried to.
pub trait Target {
    /// Whether it has a piece: a segment or a block, by its id.
    fn has(&self, id: &[u8; 32]) -> bool;

    /// Whether it has an input file that a run read, as far as that can be told. Nobody asks of what belongs to the environment.
    fn has_file(&self, file: &FileEvidence) -> bool;
}

/// A target that has no data yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyTarget;

impl Target for EmptyTarget {
    fn has(&self, _: &[u8; 32]) -> bool {
        false
    }

    fn has_file(&self, _: &FileEvidence) -> bool {
        false
    }
}

/// The state to transfer, with the data that is needed to plan the transfer.
#[derive(Clone, Copy)]
pub struct CarryRequest<'a> {
    /// The history.
    pub history: &'a History,
    /// Its flow.
    pub flow: &'a Flow<'a>,
    /// The run whose state is wanted.
    pub run: RunId,
    /// What is stored here.
    pub stock: &'a dyn Stock,
    /// What is there.
    pub target: &'a dyn Target,
    /// How fast things are.
    pub rates: &'a Rates,
}

//! Transfers of a state to another place: which values are sent there, and which are recreated there by rerunning cells.
//!
//! The input is a history, a run, the data stored here ([`Stock`]), the data at the target ([`Target`]), and measured speeds
//! ([`Rates`]). The output is a [`CarryPlan`], which can be shown and performed.
//!
//! ```text
//!   runs of the line ──► versions, and when each root had which (line.rs)
//!                             │  back from the wanted values: the run that left each, and its inputs (layout.rs)
//!   manifests, pieces ──► cost to send each (transfer_cost.rs)     evidence ──► runs that may be rerun (rerun_rules.rs)
//!                             └──────────────► Choice ──► cut ──► Decision ──► CarryPlan (decision.rs)
//! ```
//!
//! All roots of a co-variable are one value and are sent together. Replaced versions are values, too: a run that read one may
//! need it. Forgotten and excluded values are neither sent nor recreated.

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

/// The data stored here.
pub trait Stock {
    /// Returns manifests, in the order of `ids`; for a version that was forgotten or is missing, the reason why it cannot be sent.
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest>;

    /// Returns the stored size of each piece in bytes; `None` for missing pieces.
    fn sizes(&self, ids: &[[u8; 32]]) -> Vec<Option<u64>>;
}

/// The data at the place to which a state is transferred.
pub trait Target {
    /// Returns whether the target has a piece: a segment or a block, by its id.
    fn has(&self, id: &[u8; 32]) -> bool;

    /// Returns whether the target has an input file that a run read, as far as that can be determined. Not called for files of
    /// the environment.
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
    /// The data flow of the history.
    pub flow: &'a Flow<'a>,
    /// The run whose state is transferred.
    pub run: RunId,
    /// The data stored here.
    pub stock: &'a dyn Stock,
    /// The data at the target.
    pub target: &'a dyn Target,
    /// The measured speeds.
    pub rates: &'a Rates,
}

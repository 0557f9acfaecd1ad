//! The decision as plain data: `--dry-run` prints it, and its execution needs no other data.

use serde::{Deserialize, Serialize};

use super::{Cost, ReplayProhibition, SendObstacle};

/// The values that are sent and the runs that are rerun, with the cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The values to send, by position.
    pub sent: Vec<usize>,
    /// The runs to rerun, by position, in this order. Each must find its inputs in the recorded versions.
    pub replayed: Vec<usize>,
    /// Wanted values that are unattainable, with the obstacles. The others are planned as if these had not been requested.
    pub out_of_reach: Vec<UnattainableValue>,
    /// The expected time, with nothing in parallel.
    pub cost: Cost,
    /// The number of bytes to send.
    pub bytes: u64,
    /// The known quality of the decision.
    pub proof: Optimality,
    /// The alternative to send all wanted values.
    pub send_all: Alternative,
    /// The alternative to send nothing.
    pub replay_all: Alternative,
}

/// How close to the optimum a decision is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimality {
    /// No plan costs less.
    Optimal,
    /// No plan costs less than this; the search for a better plan was stopped. This can only happen with pieces that are shared
    /// between wanted values and values for reruns.
    Bound(Cost),
    /// A plan within a budget, found by a heuristic. No plan costs less than this, even without a budget.
    Budget(Cost),
}

impl Optimality {
    /// Returns a lower bound for the cost of any plan, for a decision that costs `cost`.
    pub fn bound(self, cost: Cost) -> Cost {
        match self {
            Self::Optimal => cost,
            Self::Bound(bound) | Self::Budget(bound) => bound,
        }
    }
}

/// An alternative plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// The alternative is possible.
    Possible {
        /// The expected time.
        cost: Cost,
        /// The number of bytes to send.
        bytes: u64,
    },
    /// A wanted value cannot be sent.
    NotSent {
        /// The first of them, by position.
        value: usize,
        /// The reason.
        why: SendObstacle,
    },
    /// A wanted value cannot be recreated by reruns alone.
    NotReplayed {
        /// The first of them, by position.
        value: usize,
        /// The reason.
        why: ReplayObstacle,
    },
}

/// A wanted value that can be neither sent nor recreated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattainableValue {
    /// Its position.
    pub value: usize,
    /// Why it cannot be sent.
    pub not_sent: SendObstacle,
    /// Why it cannot be recreated.
    pub not_replayed: ReplayObstacle,
}

/// Why a value cannot be recreated by reruns: the first obstacle on the way back from the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayObstacle {
    /// No run created this value, which is either the requested one or required for it.
    NoMaker {
        /// Its position.
        value: usize,
    },
    /// A run that would have to be rerun may not be.
    Run {
        /// Its position.
        run: usize,
        /// The reason.
        why: ReplayProhibition,
    },
}

/// The budget is too small for any decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A budget of {budget} bytes is too small: the values that cannot be recreated take {least}")]
pub struct BudgetError {
    /// The budget in bytes.
    pub budget: u64,
    /// The fewest bytes of any plan that was found.
    pub least: u64,
}

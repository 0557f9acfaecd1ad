//! What was chosen, as plain data: `--dry-run` prints it, and whoever performs it needs nothing else.

use serde::{Deserialize, Serialize};

use super::{Cost, ReplayProhibition, SendObstacle};

/// What is sent and what is replayed, and what that costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Values to send, by position.
    pub sent: Vec<usize>,
    /// Runs to replay, by position, in the order in which that is done. Each has to find what it read in the version that it read.
    pub replayed: Vec<usize>,
    /// Wanted values that can't be had, with what stands in the way. All others are planned as if nobody had asked for these.
    pub out_of_reach: Vec<UnattainableValue>,
    /// Expected time: everything one after the other.
    pub cost: Cost,
    /// Bytes to send.
    pub bytes: u64,
    /// How good it is.
    pub proof: Optimality,
    /// What it would be to send everything that is wanted.
    pub send_all: Alternative,
    /// What it would be to send nothing.
    pub replay_all: Alternative,
}

/// How close to the optimum a decision is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimality {
    /// No plan costs less.
    Optimal,
    /// No plan costs less than this; the search for a better one was given up. Only pieces that are shared between
    /// wanted values and values for replays lead there.
    Bound(Cost),
    /// A plan that keeps to a budget, found by a heuristic. No plan, whatever it sends, costs less than this.
    Budget(Cost),
}

impl Optimality {
    /// What no plan costs less than, for a decision that costs `cost`.
    pub fn bound(self, cost: Cost) -> Cost {
        match self {
            Self::Optimal => cost,
            Self::Bound(bound) | Self::Budget(bound) => bound,
        }
    }
}

/// What another plan would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// It would do.
    Possible {
        /// Expected time.
        cost: Cost,
        /// Bytes to send.
        bytes: u64,
    },
    /// A wanted value can't be sent.
    NotSent {
        /// The first of them, by position.
        value: usize,
        /// Why.
        why: SendObstacle,
    },
    /// A wanted value can't be made by replays alone.
    NotReplayed {
        /// The first of them, by position.
        value: usize,
        /// Why.
        why: ReplayObstacle,
    },
}

/// A wanted value that can be neither sent nor recreated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattainableValue {
    /// Its position.
    pub value: usize,
    /// Why it can't be sent.
    pub not_sent: SendObstacle,
    /// Why it can't be made.
    pub not_replayed: ReplayObstacle,
}

/// Why a value cannot be recreated by reruns: the first obstacle on the way back from the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayObstacle {
    /// No run made this value, which is the one asked for or is needed to make it.
    NoMaker {
        /// Its position.
        value: usize,
    },
    /// A run that would have to be replayed may not be.
    Run {
        /// Its position.
        run: usize,
        /// Why.
        why: ReplayProhibition,
    },
}

/// Why there is no decision that keeps to a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A budget of {budget} bytes is too small: the values that cannot be recreated take {least}")]
pub struct BudgetError {
    /// Bytes that were allowed.
    pub budget: u64,
    /// The fewest bytes that were found to do.
    pub least: u64,
}

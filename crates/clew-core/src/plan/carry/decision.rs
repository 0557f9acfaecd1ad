//! The decision in terms of runs and roots, for display and for its execution.

use serde::{Deserialize, Serialize};

use super::layout::{ChoiceLayout, IndexedChoice};
use super::transfer_cost::RemoteTransferCosts;
use super::{CarryRequest, rerun_rules};
use crate::id::{ManifestId, Root, RunId};
use crate::plan::cut::{
    Alternative, BudgetError, Charges, Cost, Decision, Optimality, ReplayObstacle, ReplayProhibition, SendObstacle,
    SharedPiece,
};

/// The versions that are sent to a place and the runs that are rerun there, beside the alternatives to send all and to rerun all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarryPlan {
    /// The run whose state is transferred.
    pub run: RunId,
    /// The versions that are sent. First those that every plan sends: state other than values that existed before any cell, and
    /// classes. Then the others, in the order in which runs left them.
    pub sent: Vec<SentVersion>,
    /// The runs that are rerun, in this order.
    pub replayed: Vec<ReplayedRun>,
    /// The parts that cannot be transferred. The rest is planned as if they had not been requested.
    pub unattainable: Vec<UnattainableCoVariable>,
    /// The expected time.
    pub cost: Cost,
    /// The number of bytes to send.
    pub bytes: u64,
    /// The known quality of the plan.
    pub proof: Optimality,
    /// The budget in bytes.
    pub budget: Option<u64>,
    /// The alternative to send everything.
    pub send_all: PlanAlternative,
    /// The alternative to send nothing.
    pub replay_all: PlanAlternative,
}

/// A version that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentVersion {
    /// Its roots.
    pub roots: Vec<Root>,
    /// The run that recorded it.
    pub run: RunId,
    /// Its manifest.
    pub manifest: ManifestId,
    /// Its bytes that the target lacks. Bytes shared by several versions count for each.
    pub bytes: u64,
    /// Whether it is a part of the state; otherwise only a rerun reads it.
    pub is_wanted: bool,
}

/// A run whose cell is executed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedRun {
    /// The run.
    pub run: RunId,
    /// Its expected time.
    pub cost: Cost,
    /// The roots of the state that it recreates; empty if only other reruns need it.
    pub roots: Vec<Root>,
}

/// A part of the state that the target can neither receive nor recreate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattainableCoVariable {
    /// Its roots.
    pub roots: Vec<Root>,
    /// Why it cannot be sent.
    pub not_sent: SendObstacle,
    /// Why it cannot be recreated there.
    pub not_made: CarryObstacle,
}

/// The cost of an alternative plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAlternative {
    /// The alternative is possible.
    Possible {
        /// The expected time.
        cost: Cost,
        /// The number of bytes to send.
        bytes: u64,
    },
    /// Not all roots can be transferred in this way.
    Impossible {
        /// The roots of the first co-variable that cannot be transferred.
        roots: Vec<Root>,
        /// The reason.
        why: CarryObstacle,
    },
}

/// The reason why a version can be neither sent nor recreated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryObstacle {
    /// It cannot be sent.
    NotSent(SendObstacle),
    /// No run created these roots: they existed when recording began, or came from an external change or a restore.
    NoMaker(Vec<Root>),
    /// A run that would have to be rerun may not be.
    NotReplayed {
        /// The run.
        run: RunId,
        /// The reason.
        why: ReplayProhibition,
    },
}

impl<'a> CarryRequest<'a> {
    /// Returns the cheapest plan that sends at most `budget` bytes.
    ///
    /// # Errors
    /// Fails if the values that cannot be recreated take more bytes.
    pub fn plan(&self, budget: Option<u64>) -> Result<CarryPlan, BudgetError> {
        let laid = self.lay_out();
        let along = laid.along_takes.bytes;
        let decision = match budget {
            Some(budget) => {
                let within = laid
                    .choice
                    .decide_within(budget.saturating_sub(along), self.charges(&laid));
                // The versions that every plan sends may exceed the budget themselves.
                if budget < along {
                    within.and(Err(BudgetError { budget, least: 0 }))
                } else {
                    within
                }
            }
            None => Ok(laid.choice.decide_charged(self.charges(&laid))),
        };
        let decision = decision.map_err(|over| BudgetError {
            budget: budget.unwrap_or(over.budget),
            least: over.least.saturating_add(along),
        })?;
        Ok(self.told(&laid, &decision, budget))
    }

    /// Lays out the choice.
    pub fn lay_out(&self) -> IndexedChoice<'a> {
        let ways = RemoteTransferCosts {
            carry: *self,
            differing: rerun_rules::differing(self.history),
        };
        let mut laid = ChoiceLayout::of(self.flow, self.run, &ways, &|_| true);
        laid.along_takes = self.along(&laid);
        laid
    }

    /// The process in which cells are rerun repeats the imports of the session.
    fn charges(&self, laid: &IndexedChoice<'_>) -> Charges {
        Charges {
            sending: self.rates.link.round_trip,
            replaying: self.rates.start.plus(laid.importing),
        }
    }

    /// Returns the cost of everything that every plan sends.
    fn along(&self, laid: &IndexedChoice<'_>) -> SharedPiece {
        let records = self.rates.records;
        let takes = [self.rates.link.time(records), laid.importing, laid.along_takes.cost];
        SharedPiece {
            cost: takes.into_iter().sum(),
            bytes: laid.along_takes.bytes.saturating_add(records),
            is_there: false,
        }
    }

    fn charged(&self, laid: &IndexedChoice<'_>, cost: Cost, sends: bool, replays: bool) -> Cost {
        let charges = self.charges(laid).of(sends, replays);
        cost.plus(charges).plus(laid.along_takes.cost)
    }

    fn told(&self, laid: &IndexedChoice<'_>, decision: &Decision, budget: Option<u64>) -> CarryPlan {
        let makes_any = laid.choice.values().iter().any(|value| value.is_wanted);
        let sent = decision.sent.iter().map(|value| laid.sent(*value));
        CarryPlan {
            run: self.run,
            cost: self.charged(laid, decision.cost, decision.bytes > 0, !decision.replayed.is_empty()),
            bytes: decision.bytes.saturating_add(laid.along_takes.bytes),
            proof: decision.proof,
            budget,
            send_all: self.instead(laid, &decision.send_all, false),
            replay_all: self.instead(laid, &decision.replay_all, makes_any),
            unattainable: decision
                .out_of_reach
                .iter()
                .map(|out| UnattainableCoVariable {
                    roots: laid.values[out.value].0.roots.clone(),
                    not_sent: out.not_sent.clone(),
                    not_made: laid.why(&out.not_replayed),
                })
                .collect(),
            replayed: decision.replayed.iter().map(|run| laid.made(*run, decision)).collect(),
            sent: laid.sent_along().chain(sent).collect(),
        }
    }

    fn instead(&self, laid: &IndexedChoice<'_>, other: &Alternative, replays: bool) -> PlanAlternative {
        let (value, why) = match other {
            Alternative::Possible { cost, bytes } => {
                return PlanAlternative::Possible {
                    cost: self.charged(laid, *cost, *bytes > 0, replays),
                    bytes: bytes.saturating_add(laid.along_takes.bytes),
                };
            }
            Alternative::NotSent { value, why } => (value, CarryObstacle::NotSent(why.clone())),
            Alternative::NotReplayed { value, why } => (value, laid.why(why)),
        };
        PlanAlternative::Impossible {
            roots: laid.values[*value].0.roots.clone(),
            why,
        }
    }
}

impl IndexedChoice<'_> {
    fn why(&self, obstacle: &ReplayObstacle) -> CarryObstacle {
        match obstacle {
            ReplayObstacle::NoMaker { value } => CarryObstacle::NoMaker(self.values[*value].0.roots.clone()),
            ReplayObstacle::Run { run, why } => CarryObstacle::NotReplayed {
                run: self.runs[*run],
                why: why.clone(),
            },
        }
    }

    fn sent(&self, value: usize) -> SentVersion {
        let (version, run) = &self.values[value];
        let found = &self.choice.values()[value];
        let bytes = found.sending.as_ref().map_or(0, |sending| {
            let pieces = sending.pieces.iter().map(|piece| &self.choice.pieces()[*piece]);
            let lacking = pieces.filter(|piece| !piece.is_there).map(|piece| piece.bytes);
            lacking.fold(sending.bytes, u64::saturating_add)
        });
        SentVersion {
            roots: version.roots.clone(),
            run: *run,
            manifest: version.manifest,
            bytes,
            is_wanted: found.is_wanted,
        }
    }

    fn sent_along(&self) -> impl Iterator<Item = SentVersion> {
        self.along.iter().map(|along| SentVersion {
            roots: along.version.roots.clone(),
            run: along.run,
            manifest: along.version.manifest,
            bytes: along.bytes,
            is_wanted: along.is_wanted,
        })
    }

    fn made(&self, run: usize, decision: &Decision) -> ReplayedRun {
        let values = self.choice.values().iter().enumerate();
        let made = values.filter(|(at, value)| {
            value.maker == Some(run) && value.is_wanted && decision.sent.binary_search(at).is_err()
        });
        let cost = self.choice.runs()[run].cost.as_ref().copied().unwrap_or_default();
        ReplayedRun {
            run: self.runs[run],
            cost,
            roots: made.flat_map(|(at, _)| self.values[at].0.roots.clone()).collect(),
        }
    }
}

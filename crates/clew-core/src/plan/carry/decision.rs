//! What was decided, in terms of runs and roots: what is shown, and what whoever performs it needs.

use serde::{Deserialize, Serialize};

use super::layout::{ChoiceLayout, IndexedChoice};
use super::transfer_cost::RemoteTransferCosts;
use super::{CarryRequest, rerun_rules};
use crate::id::{ManifestId, Root, RunId};
use crate::plan::cut::{
    Alternative, BudgetError, Charges, Cost, Decision, Optimality, ReplayObstacle, ReplayProhibition, SendObstacle,
    SharedPiece,
};

/// What is sent to a place and which runs are replayed there, beside sending all and replaying all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarryPlan {
    /// The run whose state is carried.
    pub run: RunId,
    /// What is sent: first what goes along in any plan, state around the values that was there before any cell, and classes; then the
    /// others in the order in which they were left.
    pub sent: Vec<SentVersion>,
    /// What is replayed, in the order in which that is done.
    pub replayed: Vec<ReplayedRun>,
    /// What can't be had there. All else is planned as if nobody had asked for it.
    pub unattainable: Vec<UnattainableCoVariable>,
    /// Expected time.
    pub cost: Cost,
    /// Bytes to send.
    pub bytes: u64,
    /// How good the plan is known to be.
    pub proof: Optimality,
    /// The bytes that were allowed.
    pub budget: Option<u64>,
    /// What it would be to send everything.
    pub send_all: PlanAlternative,
    /// What it would be to send nothing.
    pub replay_all: PlanAlternative,
}

/// A version that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentVersion {
    /// Its roots.
    pub roots: Vec<Root>,
    /// The run that left it.
    pub run: RunId,
    /// What is stored of it.
    pub manifest: ManifestId,
    /// Bytes of it that the place lacks. What several versions share counts with each.
    pub bytes: u64,
    /// Whether it is a part of the state; else only a replay reads it.
    pub is_wanted: bool,
}

/// A run whose cell is executed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedRun {
    /// The run.
    pub run: RunId,
    /// How long it takes.
    pub cost: Cost,
    /// What of the state comes of it; nothing where only other replays need it.
    pub roots: Vec<Root>,
}

/// A part of the state that the target can neither receive nor recreate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnattainableCoVariable {
    /// Its roots.
    pub roots: Vec<Root>,
    /// Why it can't be sent.
    pub not_sent: SendObstacle,
    /// What stands in the way of making it there.
    pub not_made: CarryObstacle,
}

/// The cost of doing it another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAlternative {
    /// It would do.
    Possible {
        /// Expected time.
        cost: Cost,
        /// Bytes to send.
        bytes: u64,
    },
    /// Not all can be had that way.
    Impossible {
        /// The first that can't be.
        roots: Vec<Root>,
        /// Why.
        why: CarryObstacle,
    },
}

/// Why a version can be neither sent nor recreated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryObstacle {
    /// It can't be sent.
    NotSent(SendObstacle),
    /// No run made these: they were there when recording began, came from outside or by a move.
    NoMaker(Vec<Root>),
    /// A run that would have to be replayed may not be.
    NotReplayed {
        /// The run.
        run: RunId,
        /// Why.
        why: ReplayProhibition,
    },
}

impl<'a> CarryRequest<'a> {
    /// The cheapest way to carry the state, of those that send no more than `budget` bytes.
    ///
    /// # Errors
    /// What can't be replayed takes more bytes.
    pub fn plan(&self, budget: Option<u64>) -> Result<CarryPlan, BudgetError> {
        let laid = self.lay_out();
        let along = laid.along_takes.bytes;
        let decision = match budget {
            Some(budget) => {
                let within = laid
                    .choice
                    .decide_within(budget.saturating_sub(along), self.charges(&laid));
                // What goes along may be too much by itself.
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

    /// What there is to choose between.
    pub fn lay_out(&self) -> IndexedChoice<'a> {
        let ways = RemoteTransferCosts {
            carry: *self,
            differing: rerun_rules::differing(self.history),
        };
        let mut laid = ChoiceLayout::of(self.flow, self.run, &ways, &|_| true);
        laid.along_takes = self.along(&laid);
        laid
    }

    /// The process in which runs are replayed imports what the session imports.
    fn charges(&self, laid: &IndexedChoice<'_>) -> Charges {
        Charges {
            sending: self.rates.link.round_trip,
            replaying: self.rates.start.plus(laid.importing),
        }
    }

    /// What any plan takes.
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

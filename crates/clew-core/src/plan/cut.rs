//! Send or rerun: finds the cheapest way to bring values to another place, as a minimum cut.
//!
//! The input is a [`Choice`]: the cost to send each value and to rerun each run, the values that each run read and left, and the
//! wanted values. The output is a [`Decision`]: the values to send and the runs to rerun, beside the alternatives to send all and
//! to rerun all. Nothing is performed here.
//!
//! **The idea** is from `ElasticNotebook` (Li, Gor, Prabhu, Yu, Gao and Park, "`ElasticNotebook`: Enabling Live Migration for
//! Computational Notebooks", PVLDB 17(2), 2024): a value is either sent, or recreated by the run that left it, which needs the
//! values that it read. That is a closure problem (Picard, "Maximal closure of a graph and applications to combinatorial
//! problems", Management Science 22, 1976), and its optimal solution is a minimum cut (`relaxation.rs` builds the network). This
//! module adds:
//! - *Replaced versions* may be sent, too, for a run that reads them.
//! - *Pieces* that several values share are paid once, and pieces that the target has cost nothing.
//! - *Impossible options* are infinite arcs, which no large number represents. A value that can neither be sent nor recreated is
//!   removed first and reported with its obstacle, so a finite cut always exists.
//! - *Ties* are resolved in favour of sending: of all minimum cuts the one with the fewest reruns is taken.
//!
//! **The cut is exact** if costs add up, nothing happens in parallel, a rerun gives the recorded values, and no piece is shared
//! between wanted values and values that only reruns need. A piece that is shared both ways cannot be represented by a cut: it is
//! paid unless *every* wanted user is recreated and *no* read user is sent. With such pieces alone, the maximum directed cut of
//! any graph can be expressed (`docs/decisions/0024-send-or-rerun.md`), which is NP-hard. In this case the cut is a bound, and
//! cases are split (branch and bound) until the best plan meets it. The result is then still exact. Otherwise its [`Optimality`]
//! states that the search was stopped, and how far from the optimum the plan may be. A budget in bytes is a knapsack problem,
//! solved by a heuristic over the same cut.

mod budget;
mod choice;
mod cost;
mod decision;
mod flow;
mod problem;
mod reach;
mod relaxation;
mod search;
mod sure;

use std::cell::OnceCell;

pub use choice::{Choice, ChoiceValue, Replay, ReplayProhibition, SendObstacle, SharedPiece, ValueTransfer};
pub use cost::Cost;
pub use decision::{Alternative, BudgetError, Decision, Optimality, ReplayObstacle, UnattainableValue};

use self::problem::{CutProblem, Solution};
use self::reach::Feasibility;
use self::search::{SearchResult, search};
use self::sure::ProblemReduction;

impl Choice {
    /// Returns the cheapest way to obtain all attainable wanted values.
    pub fn decide(&self) -> Decision {
        let decider = Decider::new(self);
        let (problem, found) = decider.free();
        decider.decision(&problem, &found.way, found.proof())
    }

    /// Does the same with fixed charges, each paid once for any amount that is sent or rerun. A cut cannot represent them. But an
    /// optimal plan either pays both charges, and is then optimal without them as well, or it sends nothing, or it reruns
    /// nothing. The cost of the decision does not include the charges.
    pub fn decide_charged(&self, charges: Charges) -> Decision {
        let decider = Decider::new(self);
        let (problem, found) = decider.free();
        let (problem, way) = decider.cheaper((&problem, &found.way), charges, u64::MAX);
        decider.decision(problem, way, found.proof())
    }

    /// Returns a cheap way that sends at most `budget` bytes. It is the cheapest one if that fits into the budget. Otherwise it
    /// comes from a heuristic, and the decision contains a lower bound of the cost without a budget.
    ///
    /// # Errors
    /// Fails if the values that cannot be recreated take more bytes.
    pub fn decide_within(&self, budget: u64, charges: Charges) -> Result<Decision, BudgetError> {
        let decider = Decider::new(self);
        let (problem, free) = decider.free();
        if free.way.price.bytes <= budget {
            let (problem, way) = decider.cheaper((&problem, &free.way), charges, budget);
            return Ok(decider.decision(problem, way, free.proof()));
        }
        // Choices that are certain with a price of time alone are not certain with a price of bytes.
        let problem = &decider.plain().problem;
        let way = budget::within(problem, budget).map_err(|least| BudgetError { budget, least })?;
        let proof = if way.price.cost == free.bound {
            Optimality::Optimal
        } else {
            Optimality::Budget(Cost::of_sum(free.bound))
        };
        let (problem, way) = decider.cheaper((problem, &way), charges, budget);
        Ok(decider.decision(problem, way, proof))
    }
}

/// Charges that are paid once: by a plan that sends anything, and by one that reruns anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charges {
    /// The wait for the first response.
    pub sending: Cost,
    /// The start of the process in which cells are rerun.
    pub replaying: Cost,
}

impl Charges {
    /// Returns the charges of a plan.
    #[must_use]
    pub fn of(&self, sends: bool, replays: bool) -> Cost {
        let charge = |is_paid: bool, charge: Cost| if is_paid { charge } else { Cost::ZERO };
        charge(sends, self.sending).plus(charge(replays, self.replaying))
    }

    /// Returns the cost of a solution with the charges, in microseconds.
    fn whole(&self, way: &Solution) -> u64 {
        let replays = way.is_replayed.contains(&true);
        let charge = self.of(way.price.bytes > 0, replays);
        way.price.cost.saturating_add(charge.microseconds())
    }
}

impl SearchResult {
    fn proof(&self) -> Optimality {
        if self.way.price.cost == self.bound {
            Optimality::Optimal
        } else {
            Optimality::Bound(Cost::of_sum(self.bound))
        }
    }
}

struct Decider<'a> {
    choice: &'a Choice,
    reach: Feasibility<'a>,
    /// Computed on first use.
    plain: OnceCell<Plain>,
}

/// The solutions that need no search: sending everything, and sending only values that cannot be recreated, as far as they are
/// possible.
struct Plain {
    /// All parts of the choice that matter at any prices.
    problem: CutProblem,
    ways: Vec<Solution>,
}

impl<'a> Decider<'a> {
    fn new(choice: &'a Choice) -> Self {
        let reach = Feasibility::of(choice, true);
        let plain = OnceCell::new();
        Self { choice, reach, plain }
    }

    fn plain(&self) -> &Plain {
        self.plain.get_or_init(|| {
            let problem = CutProblem::of(self.choice, &self.reach, &ProblemReduction::nothing(self.choice));
            let ways = [false, true].map(|is_replayed| problem.way(&vec![is_replayed; problem.runs.len()]));
            let ways = ways.into_iter().flatten().collect();
            Plain { problem, ways }
        })
    }

    /// Returns the optimal plan, without a budget. If the search is stopped, the plan is at least as good as sending everything,
    /// and as sending only values that cannot be recreated.
    fn free(&self) -> (CutProblem, SearchResult) {
        let problem = CutProblem::of(
            self.choice,
            &self.reach,
            &ProblemReduction::of(self.choice, &self.reach),
        );
        let found = search(&problem);
        if found.proof() == Optimality::Optimal {
            return (problem, found);
        }
        let (problem, way) = self.cheaper((&problem, &found.way), Charges::default(), u64::MAX);
        let (problem, way) = (problem.clone(), way.clone());
        (problem, SearchResult { way, ..found })
    }

    /// Returns the given solution, or sending everything, or sending only values that cannot be recreated, whichever is the
    /// cheapest. The latter two must send at most `most` bytes.
    fn cheaper<'p>(
        &'p self,
        (problem, way): (&'p CutProblem, &'p Solution),
        charges: Charges,
        most: u64,
    ) -> (&'p CutProblem, &'p Solution) {
        let plain = self.plain();
        let allowed = plain.ways.iter().filter(|way| way.price.bytes <= most);
        let best = allowed.min_by_key(|way| charges.whole(way));
        match best.filter(|other| charges.whole(other) < charges.whole(way)) {
            Some(way) => (&plain.problem, way),
            None => (problem, way),
        }
    }

    fn decision(&self, problem: &CutProblem, way: &Solution, proof: Optimality) -> Decision {
        let chosen = |holds: &[bool], at: &dyn Fn(usize) -> usize| {
            let places = (0..holds.len()).filter(|index| holds[*index]);
            places.map(at).collect()
        };
        Decision {
            sent: chosen(&way.is_sent, &|value| problem.values[value].at),
            replayed: chosen(&way.is_replayed, &|run| problem.runs[run].at),
            out_of_reach: self.reach.out_of_reach(),
            cost: Cost::of_sum(way.price.cost),
            bytes: way.price.bytes,
            proof,
            send_all: self.send_all(),
            replay_all: self.replay_all(),
        }
    }

    fn send_all(&self) -> Alternative {
        let (mut cost, mut bytes) = (Cost::ZERO, 0_u64);
        let mut is_paid: Vec<bool> = self.choice.pieces().iter().map(|piece| piece.is_there).collect();
        for value in self.wanted() {
            let sending = match &self.choice.values()[value].sending {
                Ok(sending) => sending,
                Err(why) => {
                    let why = why.clone();
                    return Alternative::NotSent { value, why };
                }
            };
            cost = cost.plus(sending.cost);
            bytes = bytes.saturating_add(sending.bytes);
            for piece in &sending.pieces {
                if !std::mem::replace(&mut is_paid[*piece], true) {
                    cost = cost.plus(self.choice.pieces()[*piece].cost);
                    bytes = bytes.saturating_add(self.choice.pieces()[*piece].bytes);
                }
            }
        }
        Alternative::Possible { cost, bytes }
    }

    fn replay_all(&self) -> Alternative {
        let reach = Feasibility::of(self.choice, false);
        if let Some(value) = self.wanted().find(|value| !reach.has_value(*value)) {
            let why = reach.obstacle(value);
            return Alternative::NotReplayed { value, why };
        }
        let problem = CutProblem::of(self.choice, &reach, &ProblemReduction::nothing(self.choice));
        let cost = problem.runs.iter().map(|run| Cost::of_microseconds(run.cost)).sum();
        Alternative::Possible { cost, bytes: 0 }
    }

    fn wanted(&self) -> impl Iterator<Item = usize> {
        (0..self.choice.values().len()).filter(|value| self.choice.values()[*value].is_wanted)
    }
}

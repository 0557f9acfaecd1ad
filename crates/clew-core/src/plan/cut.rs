//! Sending or replaying: the cheapest way to bring values to another place, as a minimum cut.
//!
//! In: a [`Choice`], what it takes to send each value and to replay each run, what each run read and left, and which values are wanted.
//! Out: a [`Decision`], what is sent and what is replayed, beside sending all and replaying all. Nothing is performed here.
//!
//! **The idea** is `ElasticNotebook`'s (Li, Gor, Prabhu, Yu, Gao and Park, "`ElasticNotebook`: Enabling Live Migration for
//! Computational Notebooks", PVLDB 17(2), 2024): a value is either sent, or made by the run that left it, which needs what it
//! read. That is a problem of closures (Picard, "Maximal closure of a graph and applications to combinatorial problems",
//! Management Science 22, 1976), and its best solution is a minimum cut (`relaxation.rs` draws the network). Beyond it:
//! - *versions that were replaced* may be sent too, for a run that reads them;
//! - *pieces* that several values share are paid once, and what the target has costs nothing;
//! - *what is impossible* is an infinite arc, without any large number standing for it. A value that can neither be sent nor
//!   made is taken out first, and named with what stands in the way; so a finite cut is always there;
//! - *ties* go to sending: of all minimum cuts the one with the fewest replays is taken.
//!
//! **Exact** is the cut where costs add up, one thing is done after the other, a replay leaves what the run left, and no
//! piece is shared between wanted values and values that only replays need. A piece that is shared both ways is no cut any
//! more: it is paid unless *every* wanted user is made and *no* read user is sent, and with these alone every directed cut of any graph can be
//! asked for as large as possible (`docs/decisions/0024-send-or-rerun.md`), which is NP-hard. There the cut is a bound,
//! and cases are split (branch and bound) until the best plan meets it: so the answer is still exact, or says in its [`Optimality`] that the search
//! was given up, and how far from the best the plan may be. A budget in bytes is a knapsack: a heuristic over the same cut.

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
    /// The cheapest way to have everything that is wanted and can be had.
    pub fn decide(&self) -> Decision {
        let decider = Decider::new(self);
        let (problem, found) = decider.free();
        decider.decision(&problem, &found.way, found.proof())
    }

    /// The same where something is paid once, however much is sent or replayed. That is in no cut; but a best plan either pays both, then
    /// it is the best that there is without them, or it sends nothing, or replays nothing. The decision's cost is without the charges.
    pub fn decide_charged(&self, charges: Charges) -> Decision {
        let decider = Decider::new(self);
        let (problem, found) = decider.free();
        let (problem, way) = decider.cheaper((&problem, &found.way), charges, u64::MAX);
        decider.decision(problem, way, found.proof())
    }

    /// A cheap way that sends no more than `budget` bytes. It is the cheapest one where that keeps to the budget; else it comes from a
    /// heuristic, and the decision says what no plan costs less than, whatever it sends.
    ///
    /// # Errors
    /// What can't be replayed takes more bytes.
    pub fn decide_within(&self, budget: u64, charges: Charges) -> Result<Decision, BudgetError> {
        let decider = Decider::new(self);
        let (problem, free) = decider.free();
        if free.way.price.bytes <= budget {
            let (problem, way) = decider.cheaper((&problem, &free.way), charges, budget);
            return Ok(decider.decision(problem, way, free.proof()));
        }
        // What is sure at the price of time is not where bytes have a price, too.
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

/// What is paid once: by a plan that sends anything, and by one that replays anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charges {
    /// The wait for the first answer.
    pub sending: Cost,
    /// The start of the process in which runs are replayed.
    pub replaying: Cost,
}

impl Charges {
    /// What a plan pays.
    #[must_use]
    pub fn of(&self, sends: bool, replays: bool) -> Cost {
        let charge = |is_paid: bool, charge: Cost| if is_paid { charge } else { Cost::ZERO };
        charge(sends, self.sending).plus(charge(replays, self.replaying))
    }

    /// What a way takes with them, in microseconds.
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
    /// Once it was asked for.
    plain: OnceCell<Plain>,
}

/// What needs no search: sending everything, and sending only what can't be made, as far as either can be done.
struct Plain {
    /// All of the choice that matters at any prices.
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

    /// The best plan, whatever it sends. Where the search for it is given up, one at least that is no worse than sending
    /// everything, or than sending only what can't be made.
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

    /// A way, or else sending everything, or sending only what can't be made, where that costs less and sends no more than `most` bytes.
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

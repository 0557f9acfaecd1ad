//! The search for the optimal plan if a single cut is not exact (branch and bound): shares that are used in both ways are assumed
//! to be paid, then not sent, most promising case first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::problem::{CutProblem, Solution};
use super::relaxation::{RelaxationResult, ShareDecision, relax};

/// The number of nodes and arcs that are processed before the search stops. It is counted since the engine has no clock: enough
/// for a few cuts of the longest histories, and for all cases of short ones.
const MOST_WORK: usize = 1 << 17;

/// The result of a search: the best solution, and a lower bound for the cost of any solution.
#[derive(Debug)]
pub(super) struct SearchResult {
    /// The best solution found.
    pub way: Solution,
    /// A lower bound for the cost of any solution, in microseconds.
    pub bound: u64,
}

/// A case: its assumptions and the result of the relaxation.
struct Case {
    fates: Vec<ShareDecision>,
    relaxed: RelaxationResult,
}

struct Search<'a> {
    problem: &'a CutProblem,
    /// Cases by bound, lowest first; of equal ones, the first found.
    open: BinaryHeap<Reverse<(u64, usize)>>,
    cases: Vec<Option<Case>>,
    best: Option<Solution>,
    work: usize,
}

/// Returns the best solution of a problem whose values are all attainable.
pub(super) fn search(problem: &CutProblem) -> SearchResult {
    let mut search = Search {
        problem,
        open: BinaryHeap::new(),
        cases: Vec::new(),
        best: None,
        work: 0,
    };
    search.add(vec![ShareDecision::Open; problem.shares.len()]);
    let bound = search.run();
    let way = search
        .best
        .expect("what can be had is sent, or made from what can be had");
    SearchResult { way, bound }
}

impl Search<'_> {
    /// Splits cases until none can improve the best solution, or the search takes too long. Returns a lower bound for the cost of
    /// any solution.
    fn run(&mut self) -> u64 {
        while let Some(Reverse((bound, case))) = self.open.pop() {
            let cost = self.cost();
            if bound >= cost {
                return cost;
            }
            if self.work >= MOST_WORK {
                return bound;
            }
            if let Some(case) = self.cases[case].take() {
                self.split(&case);
            }
        }
        self.cost()
    }

    fn split(&mut self, case: &Case) {
        if let Some(share) = self.doubtful(case) {
            for fate in [ShareDecision::Paid, ShareDecision::Unsent] {
                let mut fates = case.fates.clone();
                fates[share] = fate;
                self.add(fates);
            }
        }
    }

    fn cost(&self) -> u64 {
        self.best.as_ref().map_or(u64::MAX, |way| way.price.cost)
    }

    /// Returns the most expensive share that the case's plan sends and its bound does not include.
    fn doubtful(&self, case: &Case) -> Option<usize> {
        let way = self.problem.way(&case.relaxed.is_replayed)?;
        let is_doubtful = |share: &usize| {
            case.fates[*share] == ShareDecision::Open && way.is_paid[*share] && !case.relaxed.is_charged[*share]
        };
        let shares = (0..case.fates.len()).filter(is_doubtful);
        shares.max_by_key(|share| (self.problem.shares[*share].price.cost, Reverse(*share)))
    }

    fn add(&mut self, fates: Vec<ShareDecision>) {
        let Some(relaxed) = relax(self.problem, &fates) else {
            return;
        };
        self.work += relaxed.size;
        self.meet(&relaxed.is_replayed);
        if relaxed.bound < self.cost() {
            self.open.push(Reverse((relaxed.bound, self.cases.len())));
            self.cases.push(Some(Case { fates, relaxed }));
        }
    }

    /// Keeps the solution that reruns these runs if it is the best so far.
    fn meet(&mut self, is_replayed: &[bool]) {
        if let Some(way) = self.problem.way(is_replayed)
            && way.price.cost < self.cost()
        {
            self.best = Some(way);
        }
    }
}

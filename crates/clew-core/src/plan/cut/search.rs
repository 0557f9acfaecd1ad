//! The best plan where a cut alone does not tell: shares that are used both ways are taken as paid, then as not sent, the
//! most promising case first (branch and bound).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::problem::{CutProblem, Solution};
use super::relaxation::{RelaxationResult, ShareDecision, relax};

/// Nodes and arcs that may be looked at before the search is given up. Counted, since the engine has no clock: a few cuts of the
/// longest histories, all cases of small ones.
const MOST_WORK: usize = 1 << 17;

/// The result of a search: the best solution, and a lower bound for the cost of any solution.
#[derive(Debug)]
pub(super) struct SearchResult {
    /// The best way met.
    pub way: Solution,
    /// What no way costs less than, in microseconds.
    pub bound: u64,
}

/// A case: what is taken for granted, and what comes of it.
struct Case {
    fates: Vec<ShareDecision>,
    relaxed: RelaxationResult,
}

struct Search<'a> {
    problem: &'a CutProblem,
    /// Cases by their bounds, the lowest first, the first found of equal ones first.
    open: BinaryHeap<Reverse<(u64, usize)>>,
    cases: Vec<Option<Case>>,
    best: Option<Solution>,
    work: usize,
}

/// The best way through a problem all of whose values can be had.
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
    /// Splits cases until none can be better than the best way, or it takes too long. Returns what no way costs less than.
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

    /// The dearest share that the case's plan sends and its bound does not have.
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

    /// Keeps the way that replays these runs if it is better than all before.
    fn meet(&mut self, is_replayed: &[bool]) {
        if let Some(way) = self.problem.way(is_replayed)
            && way.price.cost < self.cost()
        {
            self.best = Some(way);
        }
    }
}

//! The network of a problem. Its minimum cut is the optimal plan if no share is used by values of both kinds; otherwise it is a
//! lower bound.
//!
//! ```text
//!   source ─ time to send ─► run that made a wanted value ─ time to rerun ─► sink
//!                                        │ infinite
//!                                        ▼
//!                            value that it read ─ time to send ─► run that made that ─ ...
//! ```
//!
//! A run on the source side is rerun. A value on the source side is needed, and it is sent if its maker is on the other side:
//! that arc is cut. An infinite arc means that one node entails the other. A value that cannot be sent has an infinite arc to its
//! maker; one that cannot be recreated has its arc to the sink.
//!
//! **Shares.** The price of a share is saved if none of its users is sent. For a wanted user this means that its maker is rerun.
//! The users that this run read are then needed and not sent either, so *their* makers are rerun, and so on. The price is saved
//! only if all these runs are rerun: source ─ price ─► share ─ infinite ─► each of them. That is exact if every user is wanted,
//! or needed by others in this way, such as versions of one table that was edited repeatedly. If one of these users cannot be
//! recreated, the share is always paid. If no user is wanted, the same applies to the last user, if it is needed: value ─ price
//! ─► share ─ infinite ─► runs; or, for users that cannot be recreated: value ─ infinite ─► share ─ price ─► sink.
//!
//! The remaining case cannot be represented by a cut (see [`super`]): a piece of a wanted value is shared with the input of a run
//! from which the value was not made. There, the network underestimates the price.

use rustc_hash::FxHashMap;

use super::flow::{INFINITE, Network};
use super::problem::{CutProblem, Share};

/// The assumption about a share in a branch of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShareDecision {
    /// No assumption: it is paid if it is sent.
    Open,
    /// It is paid, so its users may be sent without paying it again.
    Paid,
    /// Neither it nor any of its users is sent.
    Unsent,
}

/// The solution of a relaxed problem.
#[derive(Debug)]
pub(super) struct RelaxationResult {
    /// A lower bound for the cost of any plan, in microseconds.
    pub bound: u64,
    /// The runs on the source side.
    pub is_replayed: Vec<bool>,
    /// The shares that are included in the bound.
    pub is_charged: Vec<bool>,
    /// The number of nodes and arcs of the network.
    pub size: usize,
}

const SOURCE: usize = 0;
const SINK: usize = 1;
const FIRST: usize = 2;

/// Computes the minimum cut of a problem's network; returns `None` if some wanted value is unattainable under these assumptions.
pub(super) fn relax(problem: &CutProblem, fates: &[ShareDecision]) -> Option<RelaxationResult> {
    let builder = Builder::new(problem, fates)?;
    let (network, constant, nodes) = builder.build(fates);
    let cut = network.minimum_cut(SOURCE, SINK);
    let is_replayed = (0..problem.runs.len())
        .map(|run| cut.is_source_side[FIRST + run])
        .collect();
    let is_charged = nodes
        .iter()
        .map(|charge| charge.is_charged(&cut.is_source_side))
        .collect();
    Some(RelaxationResult {
        bound: constant.saturating_add(cut.capacity),
        is_replayed,
        is_charged,
        size: network.size(),
    })
}

/// The condition under which the bound includes a share.
#[derive(Debug, Clone, Copy)]
enum Charge {
    Always,
    Never,
    /// The arc between these nodes is cut.
    Crosses(usize, usize),
}

impl Charge {
    fn is_charged(self, is_source_side: &[bool]) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Crosses(from, to) => is_source_side[from] && !is_source_side[to],
        }
    }
}

struct Builder<'a> {
    problem: &'a CutProblem,
    network: Network,
    /// The cost of every cut.
    constant: u64,
    /// The price of sending each value, if that is allowed.
    sendable: Vec<Option<u64>>,
    is_possible: Vec<bool>,
    /// Nodes that represent several runs.
    joined: FxHashMap<(Option<usize>, usize), usize>,
}

impl<'a> Builder<'a> {
    fn new(problem: &'a CutProblem, fates: &[ShareDecision]) -> Option<Self> {
        let mut sendable: Vec<Option<u64>> = problem.values.iter().map(|value| Some(value.own?.cost)).collect();
        for (share, _) in problem
            .shares
            .iter()
            .zip(fates)
            .filter(|(_, fate)| **fate == ShareDecision::Unsent)
        {
            share.users.iter().for_each(|user| sendable[*user] = None);
        }
        let mut builder = Self {
            problem,
            network: Network::new(FIRST + problem.runs.len() + problem.values.len()),
            constant: 0,
            sendable,
            is_possible: Vec::with_capacity(problem.runs.len()),
            joined: FxHashMap::default(),
        };
        for run in &problem.runs {
            let is_possible = run.reads.iter().all(|value| builder.has_value(*value));
            builder.is_possible.push(is_possible);
        }
        let wanted = (0..problem.values.len()).filter(|value| problem.values[*value].is_wanted);
        wanted
            .into_iter()
            .all(|value| builder.has_value(value))
            .then_some(builder)
    }

    fn has_value(&self, value: usize) -> bool {
        self.sendable[value].is_some() || self.maker(value).is_some()
    }

    fn maker(&self, value: usize) -> Option<usize> {
        self.problem.values[value].maker.filter(|run| self.is_possible[*run])
    }

    /// Returns the node of a value. Wanted values are always needed, so theirs is the source.
    fn node(&self, value: usize) -> usize {
        if self.problem.values[value].is_wanted {
            SOURCE
        } else {
            FIRST + self.problem.runs.len() + value
        }
    }

    fn build(mut self, fates: &[ShareDecision]) -> (Network, u64, Vec<Charge>) {
        for (index, run) in self
            .problem
            .runs
            .iter()
            .enumerate()
            .filter(|(index, _)| self.is_possible[*index])
        {
            self.network.add_arc(FIRST + index, SINK, run.cost);
            for read in &run.reads {
                let node = self.node(*read);
                if node != SOURCE {
                    self.network.add_arc(FIRST + index, node, INFINITE);
                }
            }
        }
        for value in 0..self.problem.values.len() {
            self.add_value(value);
        }
        let mut marks = Marks::new(self.problem.values.len());
        let mut charges = Vec::with_capacity(fates.len());
        for (share, fate) in self.problem.shares.iter().zip(fates) {
            charges.push(match fate {
                ShareDecision::Open => self.add_share(share, &mut marks),
                ShareDecision::Paid => self.always(share),
                ShareDecision::Unsent => Charge::Never,
            });
        }
        (self.network, self.constant, charges)
    }

    fn add_value(&mut self, value: usize) {
        let node = self.node(value);
        match (self.sendable[value], self.maker(value)) {
            (cost, Some(run)) => self.network.add_arc(node, FIRST + run, cost.unwrap_or(INFINITE)),
            (Some(cost), None) => self.add_cost(node, cost),
            // No possible run reads it.
            (None, None) => {}
        }
    }

    /// Adds a cost that is paid if a node is on the source side.
    fn add_cost(&mut self, node: usize, cost: u64) {
        if node == SOURCE {
            self.constant = self.constant.saturating_add(cost);
        } else {
            self.network.add_arc(node, SINK, cost);
        }
    }

    fn always(&mut self, share: &Share) -> Charge {
        self.add_cost(SOURCE, share.price.cost);
        Charge::Always
    }

    fn add_share(&mut self, share: &Share, marks: &mut Marks) -> Charge {
        let is_wanted = |user: &usize| self.problem.values[*user].is_wanted;
        let fixed = self.fixed(share, marks);
        if fixed.iter().any(is_wanted) {
            return self.always(share);
        }
        if share.users.iter().any(is_wanted) {
            let runs = self.entailed(share, marks, is_wanted);
            return self.saved_by(SOURCE, share, runs);
        }
        if !fixed.is_empty() {
            let node = self.network.add_node();
            for user in fixed {
                self.network.add_arc(self.node(user), node, INFINITE);
            }
            self.network.add_arc(node, SINK, share.price.cost);
            return Charge::Crosses(node, SINK);
        }
        match share.users.iter().copied().rfind(|user| self.has_value(*user)) {
            Some(last) => {
                let runs = self.entailed(share, marks, |user| *user == last);
                self.saved_by(self.node(last), share, runs)
            }
            None => Charge::Never,
        }
    }

    /// Adds a share that is paid if `top` is on the source side, unless all these runs are, too.
    fn saved_by(&mut self, top: usize, share: &Share, runs: Vec<usize>) -> Charge {
        let all = runs.into_iter().fold(None, |before, run| Some(self.both(before, run)));
        let node = self.network.add_node();
        self.network.add_arc(top, node, share.price.cost);
        all.into_iter()
            .for_each(|all| self.network.add_arc(node, all, INFINITE));
        Charge::Crosses(top, node)
    }

    /// Returns a node that is on the source side only together with a run and the node before. Shares of consecutive versions
    /// begin with the same runs, so they have these nodes in common.
    fn both(&mut self, before: Option<usize>, run: usize) -> usize {
        if let Some(node) = self.joined.get(&(before, run)) {
            return *node;
        }
        let node = before.map_or(FIRST + run, |before| {
            let node = self.network.add_node();
            self.network.add_arc(node, before, INFINITE);
            self.network.add_arc(node, FIRST + run, INFINITE);
            node
        });
        self.joined.insert((before, run), node);
        node
    }

    /// Returns users that imply sending the share if they are needed: they cannot be recreated, or only from such users.
    fn fixed(&self, share: &Share, marks: &mut Marks) -> Vec<usize> {
        let fixed = marks.begin();
        let mut users = Vec::new();
        // In order: the inputs of a user come before it.
        for user in share.users.iter().copied().filter(|user| self.has_value(*user)) {
            let reads_fixed = |run: usize| self.problem.runs[run].reads.iter().any(|read| marks.has(*read, fixed));
            if self.maker(user).is_none_or(reads_fixed) {
                marks.set(user, fixed);
                users.push(user);
            }
        }
        users
    }

    /// Returns the runs that are rerun if the tops are needed and no user is sent.
    fn entailed(&self, share: &Share, marks: &mut Marks, is_top: impl Fn(&usize) -> bool) -> Vec<usize> {
        let needed = marks.begin();
        let mut runs = Vec::new();
        for user in share.users.iter().rev() {
            if is_top(user) || marks.has(*user, needed) {
                let run = self.maker(*user).into_iter();
                run.clone()
                    .for_each(|run| marks.set_all(&self.problem.runs[run].reads, needed));
                runs.extend(run);
            }
        }
        runs
    }
}

/// Marks on values that need not be cleared.
struct Marks {
    marks: Vec<u32>,
    last: u32,
}

impl Marks {
    fn new(values: usize) -> Self {
        Self {
            marks: vec![0; values],
            last: 0,
        }
    }

    /// Returns a new mark that no value has.
    fn begin(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    fn has(&self, value: usize, mark: u32) -> bool {
        self.marks[value] == mark
    }

    fn set(&mut self, value: usize, mark: u32) {
        self.marks[value] = mark;
    }

    fn set_all(&mut self, values: &[usize], mark: u32) {
        values.iter().for_each(|value| self.set(*value, mark));
    }
}

//! The network of a problem. Its minimum cut is the best plan where no share is used by values of both kinds, and what no
//! plan costs less than where one is.
//!
//! ```text
//!   source ─ time to send ─► run that made a wanted value ─ time to replay ─► sink
//!                                        │ infinite
//!                                        ▼
//!                            value that it read ─ time to send ─► run that made that ─ ...
//! ```
//!
//! A run on the source's side is replayed. A value on the source's side is needed, and is sent if its maker is on the other
//! side: that arc is cut. An infinite arc says that one thing entails the other. A value that can't be sent has an infinite arc to its maker, one
//! that can't be made has its arc to the sink.
//!
//! **Shares.** What a share costs is saved where no user of it is sent. Of a wanted user that means that its maker is replayed; so
//! the users which that one read are needed, are not sent either, and *their* makers are replayed, and so on. It is saved only if
//! all these runs are: source ─ price ─► share ─ infinite ─► each of them. That is exact where every user is wanted or
//! needed by others in that way: versions of one table that was edited again and again. Where one of these users can't be made, the share is
//! paid anyhow. Where no user is wanted the same holds of the last user, if that is needed: value ─ price ─► share ─ infinite ─► runs; or, of users
//! that can't be made, value ─ infinite ─► share ─ price ─► sink.
//! What remains (a piece of a wanted value in the input of a run of which it was not made) is no cut (see [`super`]): there
//! the network has less than what is paid.

use rustc_hash::FxHashMap;

use super::flow::{INFINITE, Network};
use super::problem::{CutProblem, Share};

/// The assumption about a share in a branch of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShareDecision {
    /// No assumption: it is paid if it is sent.
    Open,
    /// It is paid, so whoever has it may be sent without paying it again.
    Paid,
    /// It is not sent, and nothing that has it.
    Unsent,
}

/// The solution of a relaxed problem.
#[derive(Debug)]
pub(super) struct RelaxationResult {
    /// What no plan costs less than, in microseconds.
    pub bound: u64,
    /// Runs on the source's side.
    pub is_replayed: Vec<bool>,
    /// Shares that the bound has in it.
    pub is_charged: Vec<bool>,
    /// Nodes and arcs of the network.
    pub size: usize,
}

const SOURCE: usize = 0;
const SINK: usize = 1;
const FIRST: usize = 2;

/// Cuts the network of a problem; `None` where with these fates not everything can be had.
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

/// When the bound has a share in it.
#[derive(Debug, Clone, Copy)]
enum Charge {
    Always,
    Never,
    /// Where a node is on the other side than the source or the sink that it is tied to.
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
    /// What every cut costs.
    constant: u64,
    /// What it takes to send each value, where that is allowed.
    sendable: Vec<Option<u64>>,
    is_possible: Vec<bool>,
    /// Nodes that stand for several runs.
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

    /// The node of a value: what is wanted is needed anyhow.
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
            // Nothing that is possible reads it.
            (None, None) => {}
        }
    }

    /// A cost that is paid if a node is on the source's side.
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

    /// A share that is paid if the top is on the source's side, unless all these runs are.
    fn saved_by(&mut self, top: usize, share: &Share, runs: Vec<usize>) -> Charge {
        let all = runs.into_iter().fold(None, |before, run| Some(self.both(before, run)));
        let node = self.network.add_node();
        self.network.add_arc(top, node, share.price.cost);
        all.into_iter()
            .for_each(|all| self.network.add_arc(node, all, INFINITE));
        Charge::Crosses(top, node)
    }

    /// A node that is on the source's side only with a run and with what came before it. Shares of one line of versions begin with the
    /// same runs, so they have these nodes in common.
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

    /// Users with which the share is sent if they are needed: they can't be made, or only from such.
    fn fixed(&self, share: &Share, marks: &mut Marks) -> Vec<usize> {
        let fixed = marks.begin();
        let mut users = Vec::new();
        // In order: what a user was made of comes before it.
        for user in share.users.iter().copied().filter(|user| self.has_value(*user)) {
            let reads_fixed = |run: usize| self.problem.runs[run].reads.iter().any(|read| marks.has(*read, fixed));
            if self.maker(user).is_none_or(reads_fixed) {
                marks.set(user, fixed);
                users.push(user);
            }
        }
        users
    }

    /// Runs that are replayed if the tops are needed and no user is sent.
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

/// Marks on values that need not be wiped off.
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

    /// A mark that no value has.
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

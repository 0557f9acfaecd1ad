//! A choice reduced to the parts that affect plans: without values that no wanted value needs, runs that may not be rerun, and
//! pieces that the target has. Pieces shared by the same values are merged, and pieces of a single value become the value's own.

use rustc_hash::FxHashMap;

use super::Choice;
use super::reach::Feasibility;
use super::sure::ProblemReduction;

/// The price of sending something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Price {
    /// In microseconds.
    pub cost: u64,
    pub bytes: u64,
}

impl Price {
    fn add(&mut self, other: Self) {
        self.cost = self.cost.saturating_add(other.cost);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A value that a solution may contain.
#[derive(Debug, Clone)]
pub(super) struct ValueCandidate {
    /// Its position in the choice.
    pub at: usize,
    /// The price of sending its own data; `None` if it cannot be sent.
    pub own: Option<Price>,
    /// The run that can recreate it.
    pub maker: Option<usize>,
    pub is_wanted: bool,
}

/// A run that can be rerun.
#[derive(Debug, Clone)]
pub(super) struct RunSlot {
    /// Its position in the choice.
    pub at: usize,
    pub cost: u64,
    pub reads: Vec<usize>,
}

/// Data that several values share.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub price: Price,
    /// The values, in order; at least two.
    pub users: Vec<usize>,
}

/// A reduced choice. Values and runs are in the order of the choice, so the inputs of a run come before the values that it leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct CutProblem {
    pub values: Vec<ValueCandidate>,
    pub runs: Vec<RunSlot>,
    pub shares: Vec<Share>,
}

/// One solution of a [`CutProblem`], with its actual price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Solution {
    pub price: Price,
    pub is_replayed: Vec<bool>,
    pub is_sent: Vec<bool>,
    /// The shares that are sent.
    pub is_paid: Vec<bool>,
}

impl CutProblem {
    /// Reduces a choice. Wanted values that are unattainable are omitted.
    pub fn of(choice: &Choice, reach: &Feasibility<'_>, sure: &ProblemReduction) -> Self {
        let maker = |value: usize| reach.maker(value).filter(|run| sure.may_replay(*run));
        let (is_needed, is_used) = relevant(choice, reach, &maker);
        let (value_slots, run_slots) = (Slots::of(&is_needed), Slots::of(&is_used));
        let value = |at: &usize| ValueCandidate {
            at: *at,
            own: own_price(choice, *at).filter(|_| sure.may_send(*at)),
            maker: maker(*at).map(|run| run_slots.slots[run]),
            is_wanted: choice.values()[*at].is_wanted,
        };
        let run = |at: &usize| {
            let run = &choice.runs()[*at];
            RunSlot {
                at: *at,
                cost: run.cost.as_ref().map_or(0, |cost| cost.microseconds()),
                reads: run.reads.iter().map(|value| value_slots.slots[*value]).collect(),
            }
        };
        let mut problem = Self {
            values: value_slots.places.iter().map(value).collect(),
            runs: run_slots.places.iter().map(run).collect(),
            shares: Vec::new(),
        };
        problem.add_pieces(choice);
        problem
    }

    fn add_pieces(&mut self, choice: &Choice) {
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); choice.pieces().len()];
        for (slot, value) in self.values.iter().enumerate().filter(|(_, value)| value.own.is_some()) {
            let sending = choice.values()[value.at].sending.iter();
            for piece in sending.flat_map(|sending| &sending.pieces) {
                users[*piece].push(slot);
            }
        }
        let mut prices: FxHashMap<Vec<usize>, Price> = FxHashMap::default();
        for (piece, users) in choice.pieces().iter().zip(users) {
            if !piece.is_there && !users.is_empty() {
                prices.entry(users).or_default().add(Price {
                    cost: piece.cost.microseconds(),
                    bytes: piece.bytes,
                });
            }
        }
        for (users, price) in prices {
            match (users.as_slice(), &mut self.values[users[0]].own) {
                ([_], Some(own)) => own.add(price),
                _ => self.shares.push(Share { price, users }),
            }
        }
        self.shares.sort_by(|one, other| one.users.cmp(&other.users));
    }

    /// Returns the same problem with other prices for sending, and for runs.
    pub fn repriced(&self, price: impl Fn(Price) -> u64, run: impl Fn(u64) -> u64) -> Self {
        let mut other = self.clone();
        let owns = other.values.iter_mut().filter_map(|value| value.own.as_mut());
        let shares = other.shares.iter_mut().map(|share| &mut share.price);
        owns.chain(shares).for_each(|its| its.cost = price(*its));
        other.runs.iter_mut().for_each(|its| its.cost = run(its.cost));
        other
    }

    /// Returns the solution that reruns these runs, as far as they are needed, and sends the remaining values; `None` if one of
    /// those cannot be sent.
    pub fn way(&self, may_replay: &[bool]) -> Option<Solution> {
        let mut way = Solution {
            price: Price::default(),
            is_replayed: vec![false; self.runs.len()],
            is_sent: vec![false; self.values.len()],
            is_paid: vec![false; self.shares.len()],
        };
        let mut is_needed: Vec<bool> = self.values.iter().map(|value| value.is_wanted).collect();
        for (slot, value) in self.values.iter().enumerate().rev() {
            if !is_needed[slot] {
                continue;
            }
            if let Some(run) = value.maker.filter(|run| may_replay[*run]) {
                if !std::mem::replace(&mut way.is_replayed[run], true) {
                    way.price.cost = way.price.cost.saturating_add(self.runs[run].cost);
                    self.runs[run].reads.iter().for_each(|read| is_needed[*read] = true);
                }
            } else {
                way.price.add(value.own?);
                way.is_sent[slot] = true;
            }
        }
        for (index, share) in self.shares.iter().enumerate() {
            if share.users.iter().any(|user| way.is_sent[*user]) {
                way.is_paid[index] = true;
                way.price.add(share.price);
            }
        }
        Some(way)
    }
}

/// Returns the price of sending a value's own data.
fn own_price(choice: &Choice, value: usize) -> Option<Price> {
    let sending = choice.values()[value].sending.as_ref().ok()?;
    Some(Price {
        cost: sending.cost.microseconds(),
        bytes: sending.bytes,
    })
}

/// Returns the values and runs that some plan may need for the wanted values.
fn relevant(
    choice: &Choice,
    reach: &Feasibility<'_>,
    maker: &impl Fn(usize) -> Option<usize>,
) -> (Vec<bool>, Vec<bool>) {
    let is_asked = |value: usize| choice.values()[value].is_wanted && reach.has_value(value);
    let mut is_needed: Vec<bool> = (0..choice.values().len()).map(is_asked).collect();
    let mut is_used = vec![false; choice.runs().len()];
    for value in (0..is_needed.len()).rev() {
        if let (true, Some(run)) = (is_needed[value], maker(value))
            && !std::mem::replace(&mut is_used[run], true)
        {
            choice.runs()[run].reads.iter().for_each(|read| is_needed[*read] = true);
        }
    }
    (is_needed, is_used)
}

/// The positions that are kept, and the slot of each.
struct Slots {
    places: Vec<usize>,
    slots: Vec<usize>,
}

impl Slots {
    fn of(is_kept: &[bool]) -> Self {
        let mut kept = Self {
            places: Vec::new(),
            slots: vec![usize::MAX; is_kept.len()],
        };
        for (place, _) in is_kept.iter().enumerate().filter(|(_, is_kept)| **is_kept) {
            kept.slots[place] = kept.places.len();
            kept.places.push(place);
        }
        kept
    }
}

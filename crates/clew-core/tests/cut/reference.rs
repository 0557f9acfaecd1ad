//! All plans of a small choice: every set of runs with every set of values sent.

use clew_core::plan::cut::Choice;

/// A plan that replays only what finds its inputs.
struct Tried {
    replayed: u32,
    sent: u32,
    /// Wanted values that are there in the end.
    has: u32,
    cost: u64,
    bytes: u64,
}

/// All plans of a choice.
pub struct Reference {
    plans: Vec<Tried>,
    wanted: u32,
}

impl Reference {
    /// Tries everything.
    pub fn of(choice: &Choice) -> Self {
        let values = choice.values();
        let bits = |holds: &dyn Fn(usize) -> bool| {
            (0..values.len())
                .filter(|value| holds(*value))
                .fold(0, |set, value| set | 1_u32 << value)
        };
        let wanted = bits(&|value| values[value].is_wanted);
        let sendable = bits(&|value| values[value].sending.is_ok());
        let left: Vec<u32> = (0..choice.runs().len())
            .map(|run| bits(&|value| values[value].maker == Some(run)))
            .collect();
        let mut plans = Vec::new();
        for sent in (0..1_u32 << values.len()).filter(|sent| sent & !sendable == 0) {
            let (cost, bytes) = price_of(choice, sent);
            for replayed in 0..1_u32 << choice.runs().len() {
                if let Some((has, time)) = replay(choice, &left, sent, replayed) {
                    plans.push(Tried {
                        replayed,
                        sent,
                        has: has & wanted,
                        cost: cost + time,
                        bytes,
                    });
                }
            }
        }
        Self { plans, wanted }
    }

    /// The wanted values that any plan brings.
    fn reachable(&self) -> u32 {
        self.plans.iter().fold(0, |set, plan| set | plan.has)
    }

    fn full(&self) -> impl Iterator<Item = &Tried> {
        let reachable = self.reachable();
        self.plans.iter().filter(move |plan| plan.has == reachable)
    }

    /// How many wanted values no plan brings.
    pub fn out_of_reach(&self) -> usize {
        (self.wanted & !self.reachable()).count_ones() as usize
    }

    /// The least cost of bringing all that can be had.
    pub fn best(&self) -> u64 {
        self.full()
            .map(|plan| plan.cost)
            .min()
            .expect("doing nothing is a plan")
    }

    /// The least of what plans take with what is paid once: of a plan's cost, whether it sends any bytes, and whether it replays anything.
    pub fn best_with(&self, whole: &dyn Fn(u64, bool, bool) -> u64) -> u64 {
        self.full()
            .map(|plan| whole(plan.cost, plan.bytes > 0, plan.replayed > 0))
            .min()
            .expect("doing nothing is a plan")
    }

    /// The least cost with so many bytes.
    pub fn best_within(&self, budget: u64) -> Option<u64> {
        self.full()
            .filter(|plan| plan.bytes <= budget)
            .map(|plan| plan.cost)
            .min()
    }

    /// The fewest bytes.
    pub fn fewest_bytes(&self) -> u64 {
        self.full()
            .map(|plan| plan.bytes)
            .min()
            .expect("doing nothing is a plan")
    }

    /// Cost and bytes of sending all that is wanted, and nothing else.
    pub fn send_all(&self) -> Option<(u64, u64)> {
        let plan = self
            .plans
            .iter()
            .find(|plan| plan.sent == self.wanted && plan.replayed == 0)?;
        Some((plan.cost, plan.bytes))
    }

    /// Cost and bytes of sending nothing.
    pub fn replay_all(&self) -> Option<(u64, u64)> {
        let plans = self
            .plans
            .iter()
            .filter(|plan| plan.sent == 0 && plan.has == self.wanted);
        plans.map(|plan| (plan.cost, plan.bytes)).min()
    }
}

/// What it takes to send these values: each piece once.
fn price_of(choice: &Choice, sent: u32) -> (u64, u64) {
    let is_sent = |value: &usize| sent >> value & 1 == 1;
    let sendings = (0..choice.values().len())
        .filter(is_sent)
        .filter_map(|value| choice.values()[value].sending.as_ref().ok());
    let mut is_paid = vec![false; choice.pieces().len()];
    let (mut cost, mut bytes) = (0, 0);
    for sending in sendings {
        cost += sending.cost.microseconds();
        bytes += sending.bytes;
        sending.pieces.iter().for_each(|piece| is_paid[*piece] = true);
    }
    for (piece, _) in choice
        .pieces()
        .iter()
        .zip(is_paid)
        .filter(|(piece, is_paid)| *is_paid && !piece.is_there)
    {
        cost += piece.cost.microseconds();
        bytes += piece.bytes;
    }
    (cost, bytes)
}

/// What is there after these runs, and how long they take; `None` if one may not be replayed or misses something.
fn replay(choice: &Choice, left: &[u32], sent: u32, replayed: u32) -> Option<(u32, u64)> {
    let (mut has, mut time) = (sent, 0);
    for (index, run) in choice
        .runs()
        .iter()
        .enumerate()
        .filter(|(index, _)| replayed >> index & 1 == 1)
    {
        time += run.cost.as_ref().ok()?.microseconds();
        if run.reads.iter().any(|value| has >> value & 1 == 0) {
            return None;
        }
        has |= left[index];
    }
    Some((has, time))
}

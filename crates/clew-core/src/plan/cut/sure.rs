//! What can be told without a cut: values that no best plan sends, runs that some best plan does not replay. Each has its
//! reason in a plan that costs no more, so leaving them out changes no cost; it makes most networks many times smaller.

use super::Choice;
use super::reach::Feasibility;

/// The values that need not be sent and the runs that need not be replayed in some optimal plan.
pub(super) struct ProblemReduction {
    never_sent: Vec<bool>,
    never_replayed: Vec<bool>,
}

impl ProblemReduction {
    /// Nothing: for other prices than those of the choice.
    pub fn nothing(choice: &Choice) -> Self {
        Self {
            never_sent: vec![false; choice.values().len()],
            never_replayed: vec![false; choice.runs().len()],
        }
    }

    /// What the prices of the choice tell. A value that takes longer to send, its pieces not counted, than to make from
    /// what it takes one by one to have what its maker reads, is not sent. A run that takes as long as to send all that it leaves, each
    /// with all its pieces, is not replayed. The two never meet at one value, so everything can still be had.
    pub fn of(choice: &Choice, reach: &Feasibility<'_>) -> Self {
        let mut sure = Self::nothing(choice);
        let mut to_have = Vec::with_capacity(choice.values().len());
        let mut to_send_all = vec![0_u64; choice.runs().len()];
        for (index, value) in choice.values().iter().enumerate() {
            let to_send = to_send(choice, index);
            let to_make = reach.maker(index).map_or(u64::MAX, |run| {
                let reads = choice.runs()[run].reads.iter().map(|read| to_have[*read]);
                reads.fold(time_of(choice, run), u64::saturating_add)
            });
            let own = value
                .sending
                .as_ref()
                .map_or(u64::MAX, |sending| sending.cost.microseconds());
            sure.never_sent[index] = own > to_make;
            to_have.push(to_send.min(to_make));
            if let Some(run) = value.maker {
                to_send_all[run] = to_send_all[run].saturating_add(to_send);
            }
        }
        for (run, to_send_all) in to_send_all.into_iter().enumerate() {
            sure.never_replayed[run] = time_of(choice, run) >= to_send_all;
        }
        sure
    }

    /// Whether a value may be sent.
    pub fn may_send(&self, value: usize) -> bool {
        !self.never_sent[value]
    }

    /// Whether a run may be replayed.
    pub fn may_replay(&self, run: usize) -> bool {
        !self.never_replayed[run]
    }
}

/// Microseconds; the most there are where it may not be replayed.
fn time_of(choice: &Choice, run: usize) -> u64 {
    choice.runs()[run]
        .cost
        .as_ref()
        .map_or(u64::MAX, |cost| cost.microseconds())
}

/// What it takes to send a value with all its pieces; the most there is where that can't be done.
fn to_send(choice: &Choice, value: usize) -> u64 {
    choice.values()[value].sending.as_ref().map_or(u64::MAX, |sending| {
        let pieces = sending.pieces.iter().map(|piece| &choice.pieces()[*piece]);
        let costs = pieces
            .filter(|piece| !piece.is_there)
            .map(|piece| piece.cost.microseconds());
        costs.fold(sending.cost.microseconds(), u64::saturating_add)
    })
}

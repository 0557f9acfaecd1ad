//! A reduction that needs no cut: values that no optimal plan sends, and runs that some optimal plan does not rerun. For each of
//! them there is a plan that costs no more without it, so removing them changes no cost. Most networks become many times smaller.

use super::Choice;
use super::reach::Feasibility;

/// The values that need not be sent and the runs that need not be rerun in some optimal plan.
pub(super) struct ProblemReduction {
    never_sent: Vec<bool>,
    never_replayed: Vec<bool>,
}

impl ProblemReduction {
    /// Removes nothing; for other prices than those of the choice.
    pub fn nothing(choice: &Choice) -> Self {
        Self {
            never_sent: vec![false; choice.values().len()],
            never_replayed: vec![false; choice.runs().len()],
        }
    }

    /// Computes the reduction for the prices of the choice. A value is not sent if sending it, without its pieces, takes longer
    /// than recreating it, with each input of its maker obtained separately. A run is not rerun if it takes at least as long as
    /// sending all values that it leaves, each with all its pieces. Both never apply to one value, so all values stay attainable.
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

    /// Returns whether a value may be sent.
    pub fn may_send(&self, value: usize) -> bool {
        !self.never_sent[value]
    }

    /// Returns whether a run may be rerun.
    pub fn may_replay(&self, run: usize) -> bool {
        !self.never_replayed[run]
    }
}

/// Returns the time of a run in microseconds; the maximum if it may not be rerun.
fn time_of(choice: &Choice, run: usize) -> u64 {
    choice.runs()[run]
        .cost
        .as_ref()
        .map_or(u64::MAX, |cost| cost.microseconds())
}

/// Returns the price of sending a value with all its pieces; the maximum if that is impossible.
fn to_send(choice: &Choice, value: usize) -> u64 {
    choice.values()[value].sending.as_ref().map_or(u64::MAX, |sending| {
        let pieces = sending.pieces.iter().map(|piece| &choice.pieces()[*piece]);
        let costs = pieces
            .filter(|piece| !piece.is_there)
            .map(|piece| piece.cost.microseconds());
        costs.fold(sending.cost.microseconds(), u64::saturating_add)
    })
}

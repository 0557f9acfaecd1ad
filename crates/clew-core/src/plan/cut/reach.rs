//! The attainable values: those that can be sent, and those of runs that may be rerun and whose inputs are attainable.

use super::{Choice, ReplayObstacle, UnattainableValue};

/// The values and runs of a choice that are possible.
pub(super) struct Feasibility<'a> {
    choice: &'a Choice,
    runs: Vec<bool>,
    /// Whether values may be sent.
    may_send: bool,
}

impl<'a> Feasibility<'a> {
    /// Determines the attainable values; without sending unless `may_send`.
    pub fn of(choice: &'a Choice, may_send: bool) -> Self {
        let runs = Vec::with_capacity(choice.runs().len());
        let mut reach = Self { choice, runs, may_send };
        for run in choice.runs() {
            let is_possible = run.cost.is_ok() && run.reads.iter().all(|value| reach.has_value(*value));
            reach.runs.push(is_possible);
        }
        reach
    }

    /// Returns whether a value is attainable.
    pub fn has_value(&self, value: usize) -> bool {
        self.is_sendable(value) || self.maker(value).is_some()
    }

    /// Returns the run that can recreate a value.
    pub fn maker(&self, value: usize) -> Option<usize> {
        self.choice.values()[value].maker.filter(|run| self.runs[*run])
    }

    fn is_sendable(&self, value: usize) -> bool {
        self.may_send && self.choice.values()[value].sending.is_ok()
    }

    /// Returns the obstacle to recreating a value that no run can recreate.
    pub fn obstacle(&self, value: usize) -> ReplayObstacle {
        let mut value = value;
        loop {
            let Some(run) = self.choice.values()[value].maker else {
                return ReplayObstacle::NoMaker { value };
            };
            let replay = &self.choice.runs()[run];
            if let Err(why) = &replay.cost {
                let why = why.clone();
                return ReplayObstacle::Run { run, why };
            }
            let Some(missing) = replay.reads.iter().find(|value| !self.has_value(**value)) else {
                unreachable!("a run that may be replayed and has all it reads can make value {value}");
            };
            value = *missing;
        }
    }

    /// Returns the wanted values that are unattainable.
    pub fn out_of_reach(&self) -> Vec<UnattainableValue> {
        let wanted = self
            .choice
            .values()
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_wanted);
        wanted
            .filter(|(index, _)| !self.has_value(*index))
            .filter_map(|(index, value)| {
                Some(UnattainableValue {
                    value: index,
                    not_sent: value.sending.as_ref().err()?.clone(),
                    not_replayed: self.obstacle(index),
                })
            })
            .collect()
    }
}

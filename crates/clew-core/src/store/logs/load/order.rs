//! Ordering the operations of several sessions. The order follows the clocks, and run numbers where these contradict the clocks.
//!
//! A run's number is assigned under a lock and is larger than all earlier ones, whatever the clocks show. So if times fall while numbers
//! rise, a clock jumped: later operations are shifted to the end of the earlier ones, as long as their times lag behind. An operation
//! without a run keeps its distance, by its session's clock, from the run before it.

use std::collections::BTreeMap;

use crate::format::{Operation, Timestamp};
use crate::id::{RunId, SessionId};

/// Tolerance in nanoseconds: ten minutes. The clocks of machines differ, and a run that takes long to record is written after runs with
/// larger numbers.
const SLACK: i64 = 600_000_000_000;

/// Sorts operations; `number` returns the number of a run. Times after `now` come from a wrong clock.
pub fn sort_operations<T>(
    all: &mut Vec<T>,
    operation: impl Fn(&T) -> &Operation,
    number: impl Fn(&RunId) -> Option<u64>,
    now: Timestamp,
) {
    let told: Vec<&Operation> = all.iter().map(&operation).collect();
    let numbers: Vec<Option<u64>> = told
        .iter()
        .map(|operation| operation.runs.iter().filter_map(&number).max())
        .collect();
    let mut moments = Moments {
        times: told.iter().map(|operation| operation.time).collect(),
        is_shifted: false,
        told,
        numbers,
        now: now.saturating_add(SLACK),
    };
    moments.shift_runs(&vec![0; all.len()]);
    if !moments.is_shifted && moments.times.iter().all(|time| *time <= moments.now) {
        all.sort_by_key(|one| (operation(one).time, operation(one).number));
        return;
    }
    let keys = moments.keys();
    let mut keyed: Vec<_> = keys.into_iter().zip(all.drain(..)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    all.extend(keyed.into_iter().map(|(_, one)| one));
}

/// The times of operations, on a clock that does not jump.
struct Moments<'o> {
    told: Vec<&'o Operation>,
    /// The largest number of a run that each operation made visible.
    numbers: Vec<Option<u64>>,
    times: Vec<Timestamp>,
    is_shifted: bool,
    now: Timestamp,
}

impl Moments<'_> {
    /// Shifts the times of runs. `behind` is the time from each run to the last operation that depends on it.
    fn shift_runs(&mut self, behind: &[i64]) {
        let mut runs: Vec<usize> = (0..self.told.len())
            .filter(|index| self.numbers[*index].is_some())
            .collect();
        runs.sort_by_key(|index| (self.numbers[*index], self.told[*index].time));
        let (mut offset, mut last, mut end) = (0_i64, Timestamp::MIN, Timestamp::MIN);
        for index in runs {
            let time = self.told[index].time;
            let floor = last.saturating_sub(SLACK);
            if time >= floor {
                offset = 0;
            } else if time.saturating_add(offset) < floor {
                offset = end.saturating_sub(time);
            }
            self.is_shifted |= offset != 0;
            self.times[index] = time.saturating_add(offset);
            last = last.max(self.times[index]);
            end = end.max(self.times[index].saturating_add(behind[index]));
        }
    }

    /// Returns the sort key of each operation: its time, the run of its session that precedes it, and its number in the session.
    fn keys(mut self) -> Vec<(Timestamp, u64, u64)> {
        let mut sessions: BTreeMap<SessionId, Vec<usize>> = BTreeMap::new();
        for (index, operation) in self.told.iter().enumerate() {
            sessions.entry(operation.session).or_default().push(index);
        }
        let mut behind = vec![0; self.told.len()];
        for own in sessions.values_mut() {
            own.sort_by_key(|index| self.told[*index].number);
            self.each_between(own, |run, _, passed| behind[run] = passed.max(behind[run]));
        }
        self.shift_runs(&behind);
        let mut after: Vec<u64> = self.numbers.iter().map(|number| number.unwrap_or(0)).collect();
        for own in sessions.values() {
            self.shift_others(own, &mut after);
        }
        let numbers = self.told.iter().map(|operation| operation.number);
        let places = self.times.into_iter().zip(after).zip(numbers);
        places.map(|((time, after), number)| (time, after, number)).collect()
    }

    /// Visits the operations of a session that made no run visible: passes the operation with the run before each, the operation itself,
    /// and the time between them, or 0 if its clock is wrong.
    fn each_between(&self, own: &[usize], mut told: impl FnMut(usize, usize, i64)) {
        let mut before: Option<usize> = None;
        for index in own {
            if self.numbers[*index].is_some() {
                before = Some(*index);
            } else if let Some(run) = before {
                let time = self.told[*index].time;
                let passed = time.saturating_sub(self.told[run].time).max(0);
                told(run, *index, if time > self.now { 0 } else { passed });
            }
        }
    }

    /// Moves the operations of a session without a run between the session's runs.
    fn shift_others(&mut self, own: &[usize], after: &mut [u64]) {
        let mut places = Vec::new();
        self.each_between(own, |run, index, passed| places.push((run, index, passed)));
        for (run, index, passed) in places {
            self.times[index] = self.times[run].saturating_add(passed);
            after[index] = after[run];
        }
        let mut next = Timestamp::MAX;
        for index in own.iter().rev() {
            if self.numbers[*index].is_some() {
                next = self.times[*index];
            } else {
                self.times[*index] = self.times[*index].min(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Action, RECORD_VERSION, View};
    use crate::id::HistoryId;

    const HOUR: i64 = 3_600_000_000_000;
    const YEAR: i64 = 8_766 * HOUR;

    /// Creates operations in the order in which they were done: the session, its clock's time, and the run.
    fn done(told: &[(u8, Timestamp, Option<u8>)]) -> Vec<Operation> {
        let mut numbers: BTreeMap<u8, u64> = BTreeMap::new();
        told.iter()
            .map(|(session, time, run)| {
                let number = numbers.entry(*session).or_default();
                *number += 1;
                Operation {
                    version: RECORD_VERSION,
                    history: HistoryId([0; 16]),
                    session: SessionId([*session; 16]),
                    number: *number - 1,
                    previous: None,
                    time: *time,
                    action: Action::Run,
                    runs: run.iter().map(|run| RunId([*run; 32])).collect(),
                    manifests: Vec::new(),
                    naming: Vec::new(),
                    forgetting: None,
                    dropping: None,
                    proofs: Vec::new(),
                    view: View::default(),
                }
            })
            .collect()
    }

    fn check_kept(told: &[(u8, Timestamp, Option<u8>)], now: Timestamp) {
        let expected = done(told);
        let mut sorted = expected.clone();
        // Start with another order, in which logs may be read.
        sorted.sort_by_key(|operation| (operation.session, operation.number));
        sort_operations(&mut sorted, |it| it, |run| Some(run.0[0].into()), now);
        assert_eq!(sorted, expected);
    }

    #[test]
    fn clocks_that_agree_are_followed() {
        check_kept(
            &[
                (1, 10, Some(1)),
                (2, 20, Some(2)),
                (1, 30, None),
                (2, 40, Some(4)),
                (1, 50, Some(3)),
                (2, 60, None),
            ],
            70,
        );
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_changes_no_order() {
        let ahead = HOUR + YEAR;
        check_kept(
            &[
                (1, HOUR, Some(1)),
                (1, ahead, Some(2)),
                (1, ahead + 5, None),
                (1, ahead + HOUR, None),
                (2, HOUR + 20, Some(3)),
                (2, HOUR + 30, None),
                (2, HOUR + 40, Some(4)),
                (1, HOUR + 50, Some(5)),
                (1, HOUR + 60, None),
            ],
            HOUR + 70,
        );
    }

    #[test]
    fn a_move_by_a_clock_ahead_is_not_the_last_for_ever() {
        check_kept(
            &[
                (1, HOUR, Some(1)),
                (1, HOUR + YEAR, None),
                (2, HOUR + 20, Some(2)),
                (2, HOUR + 30, None),
            ],
            HOUR + 40,
        );
    }

    #[test]
    fn a_clock_that_went_back_by_a_day_changes_no_order() {
        let (begun, back) = (100 * HOUR, 76 * HOUR);
        check_kept(
            &[
                (1, begun, Some(1)),
                (1, begun + 5, None),
                (2, back + 10, Some(2)),
                (2, back + 20, None),
                (1, back + 30, Some(3)),
                (1, begun + 40, Some(4)),
                (2, begun + 50, None),
                (2, begun + 60, Some(5)),
            ],
            begun + 70,
        );
    }
}

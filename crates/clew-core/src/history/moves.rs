//! Undo and redo of one session, derived from its operations.

use crate::format::{Action, Naming, Operation, Position};
use crate::id::RunId;

/// Where a session was before each of its runs, switches and restores, and what it undid.
///
/// `undo` goes back over runs, switches, restores and resumes, never over names. A change from outside is no step of its
/// own: it goes away with the run before it. A new run, switch or restore starts a new line and ends `redo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    at: Option<Position>,
    back: Vec<Position>,
    forward: Vec<Position>,
}

/// What an operation means for undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A step that undo takes back.
    Forward,
    /// Moves the position, but is part of the step before it (a change from outside, a start).
    Along,
    /// Took back this many steps.
    Undo(u64),
    /// Took this many steps again.
    Redo(u64),
}

impl Moves {
    /// Follows the operations of one session, in order. `is_outside` tells runs that no cell made.
    pub fn follow<'a>(
        operations: impl IntoIterator<Item = &'a Operation>,
        is_outside: impl Fn(&RunId) -> bool,
    ) -> Self {
        let mut moves = Self::default();
        for operation in operations {
            for naming in &operation.naming {
                moves.hear(naming);
            }
            let Some(position) = operation.view.at.clone() else {
                continue;
            };
            let step = match operation.action {
                Action::Run if operation.runs.iter().all(&is_outside) => Step::Along,
                // Runs that repeat others are written down before anybody goes there.
                Action::Run if moves.at() == Some(position.run) => Step::Along,
                Action::Run
                | Action::Switch
                | Action::Restore
                | Action::Resume
                | Action::Operation(_)
                | Action::Unpause => Step::Forward,
                Action::Start | Action::Export => Step::Along,
                Action::Undo(steps) => Step::Undo(steps),
                Action::Redo(steps) => Step::Redo(steps),
                Action::Name | Action::Forget | Action::Gc => Step::Along,
            };
            moves.take(step, position);
        }
        moves
    }

    /// Goes to `to` by `step`.
    pub fn take(&mut self, step: Step, to: Position) {
        match step {
            Step::Forward => {
                self.back.extend(self.at.take());
                self.forward.clear();
            }
            Step::Along => {}
            Step::Undo(steps) => shift(&mut self.back, &mut self.forward, self.at.take(), steps),
            Step::Redo(steps) => shift(&mut self.forward, &mut self.back, self.at.take(), steps),
        }
        self.at = Some(to);
    }

    /// Follows a branch that got another name, and leaves one that is none any more.
    pub fn hear(&mut self, naming: &Naming) {
        let (old, new) = match naming {
            Naming::Rename { from, to } => (from, Some(to)),
            Naming::Remove { name } => (name, None),
            _ => return,
        };
        for position in self.at.iter_mut().chain(&mut self.back).chain(&mut self.forward) {
            if position.branch.as_ref() == Some(old) {
                position.branch = new.cloned();
            }
        }
    }

    /// Where the session is.
    pub fn at(&self) -> Option<RunId> {
        self.at.as_ref().map(|position| position.run)
    }

    /// The branch that the session is on.
    pub fn branch(&self) -> Option<&str> {
        self.at.as_ref().and_then(|position| position.branch.as_deref())
    }

    /// Where `steps` undos lead, if there is that much to undo.
    pub fn back(&self, steps: u64) -> Option<&Position> {
        nth_from_end(&self.back, steps)
    }

    /// Where `steps` redos lead, if there is that much to redo.
    pub fn forward(&self, steps: u64) -> Option<&Position> {
        nth_from_end(&self.forward, steps)
    }

    /// How many steps can be undone and redone.
    pub fn depth(&self) -> (u64, u64) {
        (self.back.len() as u64, self.forward.len() as u64)
    }
}

fn nth_from_end(positions: &[Position], steps: u64) -> Option<&Position> {
    let steps = usize::try_from(steps).ok()?;
    positions
        .len()
        .checked_sub(steps)
        .and_then(|index| positions.get(index))
}

/// Moves `steps` positions from the end of `from` to the end of `to`, the present one first.
fn shift(from: &mut Vec<Position>, to: &mut Vec<Position>, at: Option<Position>, steps: u64) {
    let mut present = at;
    for _ in 0..steps {
        let Some(next) = from.pop() else { break };
        to.extend(present);
        present = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(n: u8, branch: Option<&str>) -> Position {
        Position {
            run: RunId([n; 32]),
            branch: branch.map(str::to_owned),
        }
    }

    fn run(n: u8) -> Position {
        on(n, None)
    }

    fn after(steps: &[(Step, u8)]) -> Moves {
        let mut moves = Moves::default();
        for (step, to) in steps {
            moves.take(*step, run(*to));
        }
        moves
    }

    #[test]
    fn undo_after_undo_goes_one_run_further() {
        let moves = after(&[
            (Step::Along, 0),
            (Step::Forward, 1),
            (Step::Forward, 2),
            (Step::Undo(1), 1),
        ]);
        assert_eq!(moves.back(1), Some(&run(0)));
        assert_eq!(moves.forward(1), Some(&run(2)));
        assert_eq!(moves.back(2), None);
    }

    #[test]
    fn redo_works_until_a_new_run_starts_a_new_line() {
        let mut moves = after(&[
            (Step::Along, 0),
            (Step::Forward, 1),
            (Step::Forward, 2),
            (Step::Undo(2), 0),
        ]);
        assert_eq!(moves.forward(2), Some(&run(2)));
        moves.take(Step::Redo(1), run(1));
        assert_eq!((moves.back(1), moves.forward(1)), (Some(&run(0)), Some(&run(2))));
        moves.take(Step::Forward, run(3));
        assert_eq!((moves.back(1), moves.forward(1)), (Some(&run(1)), None));
    }

    #[test]
    fn a_change_from_outside_goes_away_with_the_run_before_it() {
        let moves = after(&[(Step::Along, 0), (Step::Forward, 1), (Step::Along, 2)]);
        assert_eq!(moves.back(1), Some(&run(0)));
        assert_eq!(moves.at(), Some(run(2).run));
    }

    #[test]
    fn undo_of_a_switch_leads_back_to_the_branch_it_left_whatever_that_is_called_now() {
        let mut moves = Moves::default();
        moves.take(Step::Along, on(1, Some("forest")));
        moves.take(Step::Forward, on(2, Some("boosted")));
        moves.hear(&Naming::Rename {
            from: "forest".to_owned(),
            to: "trees".to_owned(),
        });
        assert_eq!(moves.back(1), Some(&on(1, Some("trees"))));
        moves.hear(&Naming::Remove {
            name: "boosted".to_owned(),
        });
        assert_eq!((moves.branch(), moves.at()), (None, Some(run(2).run)));
    }
}

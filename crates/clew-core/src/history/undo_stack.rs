//! Undo and redo of one session, derived from its operations.

use std::collections::{BTreeMap, HashMap};

use super::History;
use crate::format::{Action, Naming, Operation, Position, RunKind, Version};
use crate::id::{RootKind, RunId, SessionId};

/// The positions of a session before each of its runs, switches and restores, and the undone steps.
///
/// `undo` goes back over runs, switches, restores and resumes, never over names. An external change is not a step of its own: it
/// is undone with the run before it. A new run, switch or restore clears the redo stack. A run that changed only outputs does not
/// clear it, and `undo` passes over it to the step before.
///
/// A resume that removes or replaces no variable is not a step: `undo` then undoes the last run of the resumed branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoStack {
    at: Option<Position>,
    back: Vec<UndoEntry>,
    forward: Vec<UndoEntry>,
    left_behind: Option<RunId>,
}

/// A step on the undo stack or the redo stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoEntry {
    /// The target position: before the step if it is undone, after the step if it is redone.
    pub position: Position,
    /// The action.
    pub action: Action,
    /// The position to which the step led.
    pub to: Position,
    /// Whether it is a run that changed only outputs.
    pub is_quiet: bool,
}

/// The effect of an operation on the undo stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoStep {
    /// A step that `undo` undoes.
    Forward {
        /// The action.
        action: Action,
        /// Whether it is a run that changed only outputs.
        is_quiet: bool,
    },
    /// Moves the position, but belongs to the step before (an external change, a start).
    Along,
    /// Undid this number of steps, including those without a change.
    Undo(u64),
    /// Redid this number of steps, including those without a change.
    Redo(u64),
    /// Resumed a branch in a session without variables to lose: the steps of that branch can be undone.
    TakeUp(Vec<UndoEntry>),
}

impl UndoStep {
    /// Creates a step other than a run.
    pub fn forward(action: Action) -> Self {
        Self::Forward {
            action,
            is_quiet: false,
        }
    }
}

/// The steps that an undo or redo covers, and the position where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoPath<'m> {
    /// The position at the end.
    pub position: &'m Position,
    /// The steps, in the order in which they are undone or redone.
    pub steps: Vec<&'m UndoEntry>,
}

impl UndoStack {
    /// Replays the operations of one session.
    pub fn follow(history: &History, session: SessionId) -> Self {
        let is_outside = |id: &RunId| history.run(id).is_some_and(|run| run.kind == RunKind::Outside);
        let mut moves = Self::default();
        for (_, operation) in history.operations_of(session) {
            for naming in &operation.naming {
                moves.hear(naming);
            }
            let Some(position) = operation.view.at.clone() else {
                continue;
            };
            let step = match &operation.action {
                Action::Run if operation.runs.iter().all(is_outside) => UndoStep::Along,
                // Reused runs are recorded before the session moves to them.
                Action::Run if moves.at() == Some(position.run) => UndoStep::Along,
                Action::Run => UndoStep::Forward {
                    action: Action::Run,
                    is_quiet: history.run(&position.run).is_some_and(|run| run.only_outputs),
                },
                Action::Resume => history.resume_step(moves.at(), position.run),
                Action::Switch | Action::Restore | Action::Operation(_) | Action::Unpause => {
                    UndoStep::forward(operation.action.clone())
                }
                Action::Start | Action::Export => UndoStep::Along,
                Action::Undo(steps) => UndoStep::Undo(*steps),
                Action::Redo(steps) => UndoStep::Redo(*steps),
                Action::Name | Action::Forget | Action::Gc | Action::Check => UndoStep::Along,
            };
            moves.take(step, position);
        }
        moves
    }

    /// Moves to `to` by `step`.
    pub fn take(&mut self, step: UndoStep, to: Position) {
        match step {
            UndoStep::Forward { action, is_quiet } => {
                // A switch to the current position, or a restore of the live state.
                let is_quiet = is_quiet || self.at() == Some(to.run);
                if let Some(position) = self.at.take() {
                    let to = to.clone();
                    self.back.push(UndoEntry {
                        position,
                        action,
                        to,
                        is_quiet,
                    });
                }
                if !is_quiet && !self.forward.is_empty() {
                    self.left_behind = self.forward.first().map(|taken| taken.position.run);
                    self.forward.clear();
                }
            }
            UndoStep::Along => {}
            UndoStep::Undo(steps) => shift(&mut self.back, &mut self.forward, self.at.take(), steps),
            UndoStep::Redo(steps) => shift(&mut self.forward, &mut self.back, self.at.take(), steps),
            UndoStep::TakeUp(steps) => {
                self.back = steps;
                self.forward.clear();
                self.left_behind = None;
            }
        }
        self.at = Some(to);
    }

    /// Follows the renaming of a branch, and leaves a removed branch.
    pub fn hear(&mut self, naming: &Naming) {
        let (old, new) = match naming {
            Naming::Rename { from, to } => (from, Some(to)),
            Naming::Remove { name } => (name, None),
            _ => return,
        };
        let taken = self.back.iter_mut().chain(&mut self.forward);
        let of_steps = taken.flat_map(|taken| [&mut taken.position, &mut taken.to]);
        for position in self.at.iter_mut().chain(of_steps) {
            if position.branch.as_ref() == Some(old) {
                position.branch = new.cloned();
            }
        }
    }

    /// Returns the run at which the session is.
    pub fn at(&self) -> Option<RunId> {
        self.at.as_ref().map(|position| position.run)
    }

    /// Returns the position of the session, with its branch.
    pub fn position(&self) -> Option<&Position> {
        self.at.as_ref()
    }

    /// Returns the branch of the session.
    pub fn branch(&self) -> Option<&str> {
        self.at.as_ref().and_then(|position| position.branch.as_deref())
    }

    /// Returns the path of `steps` undos, if so many can be undone.
    pub fn back(&self, steps: u64) -> Option<UndoPath<'_>> {
        way(&self.back, steps, Trailing::Stay)
    }

    /// Returns the path of `steps` redos, if so many can be redone. It ends where the first of the corresponding undos began.
    pub fn forward(&self, steps: u64) -> Option<UndoPath<'_>> {
        way(&self.forward, steps, Trailing::Go)
    }

    /// Returns the numbers of steps that can be undone and redone. Steps without a change do not count.
    pub fn depth(&self) -> (u64, u64) {
        let count = |taken: &[UndoEntry]| taken.iter().filter(|taken| !taken.is_quiet).count() as u64;
        (count(&self.back), count(&self.forward))
    }

    /// Returns the end of the runs that could be redone until a new step cleared the redo stack.
    pub fn left_behind(&self) -> Option<RunId> {
        self.left_behind
    }
}

impl History {
    /// Returns whether a switch between two runs removes or replaces a variable of the first one.
    pub fn loses_variables(&self, from: RunId, to: RunId) -> bool {
        let (from, to) = (self.state(from), self.state(to));
        let is_variable = |version: &Version| version.roots.iter().any(|root| root.kind == RootKind::Name);
        from.versions()
            .any(|version| is_variable(version) && !to.holds(version))
    }

    /// Returns the effect on the undo stack of a resume from one run to another.
    pub fn resume_step(&self, from: Option<RunId>, to: RunId) -> UndoStep {
        match from {
            // Undone steps can still be redone.
            Some(from) if from == to => UndoStep::Along,
            Some(from) if self.loses_variables(from, to) => UndoStep::forward(Action::Resume),
            _ => UndoStep::TakeUp(self.steps_to(to)),
        }
    }

    /// Returns the steps that led to a run, oldest first, from all sessions that recorded its ancestors.
    fn steps_to(&self, run: RunId) -> Vec<UndoEntry> {
        let line: Vec<RunId> = self.ancestry(run).map(|(id, _)| id).collect();
        let origins = self.origins();
        let mut steps = Vec::new();
        let mut to = Position { run, branch: None };
        for (id, run) in self.runs_of(&line) {
            let Some(parent) = run.parent else { break };
            let (action, before) = match origins.get(&id) {
                Some((action, before)) => (*action, *before),
                None => (&Action::Run, None),
            };
            let known = |name: &String| self.names().branches().contains_key(name);
            let before = before.filter(|before| before.run == parent);
            let position = Position {
                run: parent,
                branch: before.and_then(|before| before.branch.clone()).filter(known),
            };
            // A restore that was not exact has a run of its own, beside its target.
            let is_step = match run.kind {
                RunKind::Cell => true,
                RunKind::Moved => *action == Action::Restore,
                RunKind::Outside => *action == Action::Unpause,
                RunKind::Start => false,
            };
            if is_step {
                let action = if run.kind == RunKind::Cell {
                    &Action::Run
                } else {
                    action
                };
                steps.push(UndoEntry {
                    position: position.clone(),
                    action: action.clone(),
                    to: std::mem::replace(&mut to, position),
                    is_quiet: run.only_outputs,
                });
            } else {
                to = position;
            }
        }
        steps.reverse();
        steps
    }

    /// Returns the operation that recorded each run, and the position of its session before.
    fn origins(&self) -> HashMap<RunId, (&Action, Option<&Position>)> {
        let mut sessions: BTreeMap<SessionId, Vec<&Operation>> = BTreeMap::new();
        for (_, operation) in self.operations() {
            sessions.entry(operation.session).or_default().push(operation);
        }
        let mut origins = HashMap::new();
        for mut operations in sessions.into_values() {
            operations.sort_by_key(|operation| operation.number);
            let mut before = None;
            for operation in operations {
                origins.extend(operation.runs.iter().map(|id| (*id, (&operation.action, before))));
                before = operation.view.at.as_ref().or(before);
            }
        }
        origins
    }
}

/// Whether to continue over steps without an effect after the last step with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Go,
    Stay,
}

/// Goes back over `taken` until `steps` of the steps had an effect.
fn way(taken: &[UndoEntry], steps: u64, trailing: Trailing) -> Option<UndoPath<'_>> {
    let mut left = steps;
    let mut found: Vec<&UndoEntry> = Vec::new();
    for taken in taken.iter().rev() {
        if left == 0 && (trailing == Trailing::Stay || !taken.is_quiet) {
            break;
        }
        left -= u64::from(!taken.is_quiet);
        found.push(taken);
    }
    let position = found.last().map(|taken| &taken.position);
    position
        .filter(|_| left == 0)
        .map(|position| UndoPath { position, steps: found })
}

/// Moves `steps` entries from the end of `from` to the end of `to`, each reversed.
fn shift(from: &mut Vec<UndoEntry>, to: &mut Vec<UndoEntry>, at: Option<Position>, steps: u64) {
    let mut present = at;
    for _ in 0..steps {
        let Some(next) = from.pop() else { break };
        let position = present.replace(next.position.clone());
        to.extend(position.map(|position| UndoEntry { position, ..next }));
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

    const LOUD: UndoStep = UndoStep::Forward {
        action: Action::Run,
        is_quiet: false,
    };
    const QUIET: UndoStep = UndoStep::Forward {
        action: Action::Run,
        is_quiet: true,
    };

    fn after(steps: &[(UndoStep, u8)]) -> UndoStack {
        let mut moves = UndoStack::default();
        for (step, to) in steps {
            moves.take(step.clone(), run(*to));
        }
        moves
    }

    /// Returns the end of a path, and its number of steps.
    fn end(way: Option<UndoPath<'_>>) -> Option<(u8, usize)> {
        way.map(|way| (way.position.run.0[0], way.steps.len()))
    }

    #[test]
    fn undo_after_undo_goes_one_run_further() {
        let moves = after(&[(UndoStep::Along, 0), (LOUD, 1), (LOUD, 2), (UndoStep::Undo(1), 1)]);
        assert_eq!(end(moves.back(1)), Some((0, 1)));
        assert_eq!(end(moves.forward(1)), Some((2, 1)));
        assert_eq!(moves.back(2), None);
    }

    #[test]
    fn redo_works_until_a_new_run_starts_a_new_line() {
        let mut moves = after(&[(UndoStep::Along, 0), (LOUD, 1), (LOUD, 2), (UndoStep::Undo(2), 0)]);
        assert_eq!(end(moves.forward(2)), Some((2, 2)));
        moves.take(UndoStep::Redo(1), run(1));
        assert_eq!(
            (end(moves.back(1)), end(moves.forward(1))),
            (Some((0, 1)), Some((2, 1)))
        );
        assert_eq!(moves.left_behind(), None);
        moves.take(LOUD, run(3));
        assert_eq!((end(moves.back(1)), end(moves.forward(1))), (Some((1, 1)), None));
        assert_eq!(moves.left_behind(), Some(run(2).run));
    }

    #[test]
    fn a_run_that_changed_nothing_is_gone_over_and_ends_no_redo() {
        let mut moves = after(&[(UndoStep::Along, 0), (LOUD, 1), (QUIET, 2), (QUIET, 3)]);
        assert_eq!(moves.depth(), (1, 0));
        assert_eq!((end(moves.back(1)), end(moves.back(2))), (Some((0, 3)), None));
        moves.take(UndoStep::Undo(3), run(0));
        assert_eq!(end(moves.forward(1)), Some((3, 3)), "back to where undo began");
        moves.take(QUIET, run(4));
        assert_eq!((moves.depth(), end(moves.forward(1))), ((0, 1), Some((3, 3))));
        moves.take(UndoStep::Redo(3), run(3));
        assert_eq!(end(moves.back(1)), Some((4, 3)), "the run after undo came before");
    }

    #[test]
    fn a_change_from_outside_goes_away_with_the_run_before_it() {
        let moves = after(&[(UndoStep::Along, 0), (LOUD, 1), (UndoStep::Along, 2)]);
        assert_eq!(end(moves.back(1)), Some((0, 1)));
        assert_eq!(moves.at(), Some(run(2).run));
    }

    #[test]
    fn what_a_line_that_is_taken_up_came_by_can_be_undone() {
        let before = after(&[(UndoStep::Along, 0), (LOUD, 1), (QUIET, 2)]);
        let mut moves = after(&[(UndoStep::Along, 7), (LOUD, 8), (UndoStep::Undo(1), 7)]);
        moves.take(UndoStep::TakeUp(before.back.clone()), run(2));
        assert_eq!(
            (moves.depth(), end(moves.back(1)), end(moves.forward(1))),
            ((1, 0), Some((0, 2)), None)
        );
        moves.take(UndoStep::Undo(2), run(0));
        assert_eq!(end(moves.forward(1)), Some((2, 2)));
    }

    #[test]
    fn undo_of_a_switch_leads_back_to_the_branch_it_left_whatever_that_is_called_now() {
        let mut moves = UndoStack::default();
        moves.take(UndoStep::Along, on(1, Some("forest")));
        moves.take(UndoStep::forward(Action::Switch), on(2, Some("boosted")));
        moves.hear(&Naming::Rename {
            from: "forest".to_owned(),
            to: "trees".to_owned(),
        });
        let way = moves.back(1).expect("there is a step");
        assert_eq!(way.position, &on(1, Some("trees")));
        assert_eq!(way.steps[0].action, Action::Switch);
        moves.hear(&Naming::Remove {
            name: "boosted".to_owned(),
        });
        assert_eq!((moves.branch(), moves.at()), (None, Some(run(2).run)));
    }
}

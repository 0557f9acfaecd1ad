//! Undo and redo of one session, derived from its operations.

use std::collections::{BTreeMap, HashMap};

use super::History;
use crate::format::{Action, Naming, Operation, Position, RunKind, Version};
use crate::id::{RootKind, RunId, SessionId};

/// Where a session was before each of its runs, switches and restores, and what it undid.
///
/// `undo` goes back over runs, switches, restores and resumes, never over names. A change from outside is no step of its
/// own: it goes away with the run before it. A new run, switch or restore starts a new line and ends `redo`. A run that changed
/// nothing but outputs does neither: undo goes over it to the step before, and what was undone can still be redone.
///
/// A resume that removes or replaces no variable is no step: `undo` then takes back the last run of the resumed line.
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
    /// Where it leads: undone to the place before it, redone to the place after it.
    pub position: Position,
    /// What it was.
    pub action: Action,
    /// Where it led when it was taken.
    pub to: Position,
    /// Whether it is a run that changed nothing but outputs.
    pub is_quiet: bool,
}

/// The effect of an operation on the undo stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoStep {
    /// A step that undo takes back.
    Forward {
        /// What it is.
        action: Action,
        /// Whether it is a run that changed nothing but outputs.
        is_quiet: bool,
    },
    /// Moves the position, but is part of the step before it (a change from outside, a start).
    Along,
    /// Took back this many steps, those that changed nothing included.
    Undo(u64),
    /// Took this many steps again, those that changed nothing included.
    Redo(u64),
    /// Resumed a line in a session that had no variables to lose: the steps of that line can be undone.
    TakeUp(Vec<UndoEntry>),
}

impl UndoStep {
    /// A step that something else than a run is.
    pub fn forward(action: Action) -> Self {
        Self::Forward {
            action,
            is_quiet: false,
        }
    }
}

/// The steps that an undo or redo passes, and the position where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoPath<'m> {
    /// The end.
    pub position: &'m Position,
    /// The steps, in the order in which they are gone over.
    pub steps: Vec<&'m UndoEntry>,
}

impl UndoStack {
    /// Follows the operations of one session.
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
                // Runs that repeat others are written down before anybody goes there.
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

    /// Goes to `to` by `step`.
    pub fn take(&mut self, step: UndoStep, to: Position) {
        match step {
            UndoStep::Forward { action, is_quiet } => {
                // A switch to where the session is, or a restore of what is live.
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

    /// Follows a branch that got another name, and leaves one that is none any more.
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

    /// Where the session is.
    pub fn at(&self) -> Option<RunId> {
        self.at.as_ref().map(|position| position.run)
    }

    /// Where that is, with the branch.
    pub fn position(&self) -> Option<&Position> {
        self.at.as_ref()
    }

    /// The branch that the session is on.
    pub fn branch(&self) -> Option<&str> {
        self.at.as_ref().and_then(|position| position.branch.as_deref())
    }

    /// Where `steps` undos lead, if there is that much to undo.
    pub fn back(&self, steps: u64) -> Option<UndoPath<'_>> {
        way(&self.back, steps, Trailing::Stay)
    }

    /// Where `steps` redos lead, if there is that much to redo: to where the first of as many undos began.
    pub fn forward(&self, steps: u64) -> Option<UndoPath<'_>> {
        way(&self.forward, steps, Trailing::Go)
    }

    /// How many steps can be undone and redone; those that changed nothing do not count.
    pub fn depth(&self) -> (u64, u64) {
        let count = |taken: &[UndoEntry]| taken.iter().filter(|taken| !taken.is_quiet).count() as u64;
        (count(&self.back), count(&self.forward))
    }

    /// Where the line ended that could be redone until a new step began another.
    pub fn left_behind(&self) -> Option<RunId> {
        self.left_behind
    }
}

impl History {
    /// Whether a move between two runs removes or replaces a variable that the first one has.
    pub fn loses_variables(&self, from: RunId, to: RunId) -> bool {
        let (from, to) = (self.state(from), self.state(to));
        let is_variable = |version: &Version| version.roots.iter().any(|root| root.kind == RootKind::Name);
        from.versions()
            .any(|version| is_variable(version) && !to.holds(version))
    }

    /// What a resume from one run at another means for undo.
    pub fn resume_step(&self, from: Option<RunId>, to: RunId) -> UndoStep {
        match from {
            // What was undone can still be redone.
            Some(from) if from == to => UndoStep::Along,
            Some(from) if self.loses_variables(from, to) => UndoStep::forward(Action::Resume),
            _ => UndoStep::TakeUp(self.steps_to(to)),
        }
    }

    /// The steps that led to a run, the oldest first: its line, whichever sessions recorded it.
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
            // A move that could not restore everything is at a run of its own, beside the one it went to.
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

    /// The operation that made each run, and where its session was before.
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

/// What becomes of steps without an effect that lie behind the last one that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Go,
    Stay,
}

/// Over the last of `taken`, until `steps` of them had an effect.
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

/// Moves `steps` steps from the end of `from` to the end of `to`, each seen from its other side.
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

    /// Where a way leads, and over how many steps.
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

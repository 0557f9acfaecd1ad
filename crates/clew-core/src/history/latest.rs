//! The positions of a history's sessions: the latest one, and those on other branches beside it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::History;
use crate::format::{Action, Interpreter, Operation, Position, Timestamp, Version};
use crate::id::{HistoryId, RootKind, RunId, SessionId};
use crate::store::sort_operations;

/// The kind of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Notebook,
    /// A `clew run` that wrote another notebook.
    Batch,
    /// A notebook that such a run wrote.
    Output,
    /// A kernel that a program started beside the notebook's own.
    Fork,
    /// A session that only resumed the state of another one, and in which no cell ran.
    Resumed,
    /// A state that was exported here or elsewhere, without a kernel.
    Exported,
}

impl History {
    /// Returns the latest operation with a position, except those of the session `except`. `now` is the present: a later time
    /// comes from a wrong clock. An imported state counts only if there is no other operation.
    pub fn latest_operation(&self, except: Option<SessionId>, now: Timestamp) -> Option<&Operation> {
        let mut operations = self.operations_back(except, now).peekable();
        let last = operations.peek().copied();
        operations.find(|operation| operation.action != Action::Export).or(last)
    }

    /// Returns the position of the latest session other than `except`.
    pub fn latest_position(&self, except: Option<SessionId>, now: Timestamp) -> Option<Position> {
        self.latest_operation(except, now)?.view.at.clone()
    }

    /// Returns the position from which the new session `except` continues after other sessions.
    ///
    /// - With `origin`, the last run of a batch run: the latest position after it in the notebook that the batch run wrote, else
    ///   that run itself.
    /// - Without: the latest position in the notebook itself, else the last run of a batch run.
    ///
    /// A session that only began, without any variable, counts only if there is no other. Several notebooks may use one history.
    /// The position is then that of the notebook whose own history is `joined`, unless other sessions continued from there.
    pub fn resumable_position(
        &self,
        except: SessionId,
        origin: Option<RunId>,
        joined: Option<HistoryId>,
        now: Timestamp,
    ) -> Option<Position> {
        let mut places = HashMap::new();
        let mut place_of = |operation: &Operation| {
            let session = operation.session;
            *places.entry(session).or_insert_with(|| self.place_of(session))
        };
        let mut operations = self.operations_back(Some(except), now);
        let descends = |at: &Position, from: RunId| self.ancestry(at.run).any(|(id, _)| id == from);
        if let Some(origin) = origin {
            let position = || Position {
                run: origin,
                branch: None,
            };
            let found = operations.find(|operation| {
                let is_after = operation.view.at.as_ref().is_some_and(|at| descends(at, origin));
                is_after && matches!(place_of(operation), Place::Batch | Place::Output)
            });
            return Some(found.and_then(|found| found.view.at.clone()).unwrap_or_else(position));
        }
        let (mut last, mut of_batch, mut newest) = (None, None, None);
        for operation in operations {
            last.get_or_insert(operation);
            if self.only_began(operation) {
                continue;
            }
            match place_of(operation) {
                Place::Notebook => {
                    let newest: &Operation = newest.get_or_insert(operation);
                    let is_own = self.interpreter(operation.session).and_then(|one| one.joined) == joined;
                    let own = operation.view.at.as_ref().filter(|_| is_own);
                    if let (Some(own), Some(at)) = (own, &newest.view.at) {
                        return Some(if descends(at, own.run) { at } else { own }.clone());
                    }
                }
                Place::Batch => _ = of_batch.get_or_insert(operation),
                Place::Output | Place::Fork | Place::Resumed | Place::Exported => {}
            }
        }
        newest.or(of_batch).or(last)?.view.at.clone()
    }

    /// Returns the interpreter recorded by the first run of a session that has one.
    fn interpreter(&self, session: SessionId) -> Option<&Interpreter> {
        let operations = self.operations_of(session);
        let runs = operations.into_iter().flat_map(|(_, operation)| &operation.runs);
        let mut own = runs.filter_map(|id| self.run(id)).filter(|run| run.repeats.is_none());
        own.find_map(|run| run.evidence.interpreter.as_ref())
    }

    /// Returns the last run of a `clew run` if it came after all operations in the notebook itself, except those of the session
    /// `except`.
    pub fn later_batch(&self, except: SessionId, now: Timestamp) -> Option<RunId> {
        let operations = self.operations_back(Some(except), now);
        let mut others = operations.filter(|operation| !self.only_began(operation));
        let (last, place) = others.find_map(|operation| match self.place_of(operation.session) {
            Place::Output | Place::Fork | Place::Resumed | Place::Exported => None,
            place => Some((operation, place)),
        })?;
        let run = last.view.at.as_ref()?.run;
        (place == Place::Batch).then_some(run)
    }

    /// Returns the kind of a session, as recorded by its first run that was executed.
    fn place_of(&self, session: SessionId) -> Place {
        let operations = self.operations_of(session);
        if operations
            .iter()
            .any(|(_, operation)| operation.action == Action::Export)
        {
            return Place::Exported;
        }
        let has_only_resumed = || {
            let is_idle = |operation: &Operation| match operation.action {
                Action::Start | Action::Check => true,
                // If the resume was not exact, it created a run from which to continue.
                Action::Resume => operation.runs.is_empty(),
                _ => false,
            };
            let mut all = operations.iter().map(|(_, operation)| operation);
            let has_resumed = all.clone().any(|operation| operation.action == Action::Resume);
            has_resumed && all.all(is_idle)
        };
        match self.interpreter(session) {
            Some(interpreter) if interpreter.batch => Place::Batch,
            Some(interpreter) if interpreter.output => Place::Output,
            Some(interpreter) if interpreter.fork => Place::Fork,
            None if has_only_resumed() => Place::Resumed,
            _ => Place::Notebook,
        }
    }

    /// Returns all operations with a position whose runs all exist, latest first.
    fn operations_back(&self, except: Option<SessionId>, now: Timestamp) -> impl Iterator<Item = &Operation> {
        let is_whole = |operation: &&Operation| {
            let at = operation.view.at.as_ref();
            at.is_some_and(|at| self.missing_ancestor(at.run).is_none())
        };
        self.operations_of_others(except, now)
            .into_iter()
            .rev()
            .filter(is_whole)
    }

    /// Returns the position of the latest session other than `except`, if it is no longer reachable.
    pub fn unreachable_position(&self, except: SessionId, now: Timestamp) -> Option<RunId> {
        let operations = self.operations_of_others(Some(except), now);
        let mut positions = operations.iter().rev().filter(|operation| !self.only_began(operation));
        let last = positions.find_map(|operation| operation.view.at.as_ref())?.run;
        self.missing_ancestor(last).map(|_| last)
    }

    /// Returns all operations of other sessions, in order.
    fn operations_of_others(&self, except: Option<SessionId>, now: Timestamp) -> Vec<&Operation> {
        let operations = self.operations().iter().map(|(_, operation)| operation);
        let mut others: Vec<&Operation> = operations
            .filter(|operation| Some(operation.session) != except)
            .collect();
        let number = |run: &RunId| self.outline(run)?.given_number();
        sort_operations(&mut others, |operation| operation, number, now);
        others
    }

    /// Returns whether an operation is the start of a session without any variable.
    fn only_began(&self, operation: &Operation) -> bool {
        let run = operation.view.at.as_ref().and_then(|at| self.run(&at.run));
        let holds_name = |version: &Version| version.roots.iter().any(|root| root.kind == RootKind::Name);
        operation.action == Action::Start && run.is_some_and(|run| !run.changed.iter().any(holds_name))
    }

    /// Returns the ends of other sessions that were active on another branch while the branch of `run` grew, newest first. Omits
    /// runs from which another session continued, and sessions that only began.
    pub fn beside(&self, run: RunId, except: SessionId) -> Vec<RunId> {
        let ends = self.ends();
        let passed = self.passed(&ends);
        let apart = ends.into_iter().filter(|(session, end)| {
            let has_own = self.outline(end).is_some_and(|outline| outline.parent.is_some());
            *session != except && *end != run && has_own && !passed.contains(end)
        });
        let mut began: HashMap<SessionId, u64> = HashMap::new();
        for (id, outline) in self.outlines() {
            if let Some(maker) = self.maker(&id) {
                // A run such as `3a` comes after run 3.
                let number = outline.number + u64::from(!outline.suffix.is_empty());
                began.entry(maker).or_insert(number);
            }
        }
        let mut found: Vec<(u64, RunId)> = apart
            .filter(|(_, end)| self.has_grown_beside(run, *end, &began))
            .filter_map(|(_, end)| Some((self.outline(&end)?.number, end)))
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.dedup();
        found.into_iter().map(|(_, end)| end).collect()
    }

    /// Returns whether, since two lines of runs diverged, a session on one of them was active while another was active on the
    /// other, judging by run numbers. `began` has the first run of each session.
    fn has_grown_beside(&self, one: RunId, other: RunId, began: &HashMap<SessionId, u64>) -> bool {
        let line: HashSet<RunId> = self.ancestry(one).map(|(id, _)| id).collect();
        let fork = self.ancestry(other).map(|(id, _)| id).find(|id| line.contains(id));
        let parted = fork.and_then(|fork| Some(self.outline(&fork)?.number + 1)).unwrap_or(0);
        // A kernel is on its line from its start until its last run there.
        let spans = |end: RunId| {
            let own = self.ancestry(end).take_while(|(id, _)| Some(*id) != fork);
            let mut spans: BTreeMap<SessionId, (u64, u64)> = BTreeMap::new();
            for (id, outline) in own {
                if let Some(maker) = self.maker(&id) {
                    let first = began.get(&maker).map_or(parted, |began| parted.max(*began));
                    let (_, last) = spans.entry(maker).or_insert((first, outline.number));
                    *last = outline.number.max(*last);
                }
            }
            spans
        };
        let (one, other) = (spans(one), spans(other));
        let meet = |(a, b): (&(u64, u64), &(u64, u64))| a.0 <= b.1 && b.0 <= a.1;
        let mut pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
        pairs.any(|((maker, span), (other_maker, other_span))| maker != other_maker && meet((span, other_span)))
    }

    /// Returns the last run of each session.
    pub fn ends(&self) -> BTreeMap<SessionId, RunId> {
        let mut last: BTreeMap<SessionId, (u64, RunId)> = BTreeMap::new();
        for (_, operation) in self.operations() {
            if let Some(at) = &operation.view.at {
                let last = last.entry(operation.session).or_insert((operation.number, at.run));
                *last = (*last).max((operation.number, at.run));
            }
        }
        last.into_iter().map(|(session, (_, run))| (session, run)).collect()
    }

    /// Returns the runs before these: another session continued from any of them that is in `ends`.
    pub fn passed(&self, ends: &BTreeMap<SessionId, RunId>) -> HashSet<RunId> {
        let mut passed = HashSet::new();
        for run in ends.values() {
            let before = self.ancestry(*run).skip(1).map(|(id, _)| id);
            // The ancestors of a run that was already reached are known.
            before.take_while(|id| passed.insert(*id)).for_each(drop);
        }
        passed
    }
}

//! Where the sessions of a history are: the one that did something last, and those that went another way beside it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::History;
use crate::format::{Action, Interpreter, Operation, Position, Timestamp, Version};
use crate::id::{HistoryId, RootKind, RunId, SessionId};
use crate::store::sort_operations;

/// Where a session was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Notebook,
    /// In a `clew run` that wrote another notebook.
    Batch,
    /// In a notebook that such a run wrote.
    Output,
    /// In a kernel that a program started beside the notebook's own.
    Fork,
    /// Where another session was: nobody worked in it.
    Resumed,
    /// Nowhere: it is a state that was exported, from here or elsewhere.
    Exported,
}

impl History {
    /// The operation that was done last and tells where its session is, `except` left out. `now` is the present: what is
    /// said to be later was done by a clock that was wrong. A state that was imported counts where there is nothing else.
    pub fn latest_operation(&self, except: Option<SessionId>, now: Timestamp) -> Option<&Operation> {
        let mut operations = self.operations_back(except, now).peekable();
        let last = operations.peek().copied();
        operations.find(|operation| operation.action != Action::Export).or(last)
    }

    /// Where the session that did something last is, `except` left out.
    pub fn latest_position(&self, except: Option<SessionId>, now: Timestamp) -> Option<Position> {
        self.latest_operation(except, now)?.view.at.clone()
    }

    /// Where a new session goes on, `except`, from what others did. With `origin`, where a batch run ended, that is what was done from there
    /// in what the batch run wrote, else that run. Without, it is what was done in the notebook itself, else where a batch run ended. A session that
    /// only began, with no name in it, did nothing: it counts where there is no other. Several notebooks may work in one history: of these it is
    /// the one whose own history `joined` is, unless others went on from where that one was.
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

    /// What the first run of a session that tells it says of its interpreter.
    fn interpreter(&self, session: SessionId) -> Option<&Interpreter> {
        let operations = self.operations_of(session);
        let runs = operations.into_iter().flat_map(|(_, operation)| &operation.runs);
        let mut own = runs.filter_map(|id| self.run(id)).filter(|run| run.repeats.is_none());
        own.find_map(|run| run.evidence.interpreter.as_ref())
    }

    /// Where a `clew run` ended after all that was done in the notebook itself, `except` left out.
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

    /// Where a session was, as the first of its runs tells that ran.
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
                // Where that was not exact there is a run of its own to go on from.
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

    /// All operations that tell where their session is and whose runs are all there, the last one first.
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

    /// Where the session was that did something last, `except` left out, if nobody can go there any more.
    pub fn unreachable_position(&self, except: SessionId, now: Timestamp) -> Option<RunId> {
        let operations = self.operations_of_others(Some(except), now);
        let mut positions = operations.iter().rev().filter(|operation| !self.only_began(operation));
        let last = positions.find_map(|operation| operation.view.at.as_ref())?.run;
        self.missing_ancestor(last).map(|_| last)
    }

    /// All operations, in their order.
    fn operations_of_others(&self, except: Option<SessionId>, now: Timestamp) -> Vec<&Operation> {
        let operations = self.operations().iter().map(|(_, operation)| operation);
        let mut others: Vec<&Operation> = operations
            .filter(|operation| Some(operation.session) != except)
            .collect();
        let number = |run: &RunId| self.outline(run)?.given_number();
        sort_operations(&mut others, |operation| operation, number, now);
        others
    }

    /// Whether an operation is the start of a session in which no name was.
    fn only_began(&self, operation: &Operation) -> bool {
        let run = operation.view.at.as_ref().and_then(|at| self.run(&at.run));
        let holds_name = |version: &Version| version.roots.iter().any(|root| root.kind == RootKind::Name);
        operation.action == Action::Start && run.is_some_and(|run| !run.changed.iter().any(holds_name))
    }

    /// Where other sessions are that went another way at the time when the line of `run` went its own: the runs, the newest
    /// first. Left out are those from which somebody went on, and sessions that only began.
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
                began.entry(maker).or_insert(outline.number);
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

    /// Whether, since two lines parted, a session on one of them was at work while another was on the other, as the numbers of runs
    /// tell. `began`: the first run of each session.
    fn has_grown_beside(&self, one: RunId, other: RunId, began: &HashMap<SessionId, u64>) -> bool {
        let line: HashSet<RunId> = self.ancestry(one).map(|(id, _)| id).collect();
        let fork = self.ancestry(other).map(|(id, _)| id).find(|id| line.contains(id));
        let parted = fork.and_then(|fork| Some(self.outline(&fork)?.number + 1)).unwrap_or(0);
        // A kernel is on its line from when it began to its last run there.
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

    /// Where each session was last.
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

    /// The runs before these: from those among these another went on.
    pub fn passed(&self, ends: &BTreeMap<SessionId, RunId>) -> HashSet<RunId> {
        let mut passed = HashSet::new();
        for run in ends.values() {
            let before = self.ancestry(*run).skip(1).map(|(id, _)| id);
            // Whoever was met went on to the beginning.
            before.take_while(|id| passed.insert(*id)).for_each(drop);
        }
        passed
    }
}

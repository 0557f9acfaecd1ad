//! Reuse of runs: the result of a recorded run replaces executing its cell.

use std::collections::{BTreeMap, BTreeSet};

use super::capture::{FULL_EVERY, Interruptibility};
use super::{Session, SessionError};
use crate::format::{Action, CheckedRoots, Position, Run, RunKind, Version, View};
use crate::history::flow::{as_reused, bound_again, rebased};
use crate::history::{History, State};
use crate::id::{HistoryId, RunId};
use crate::kernel::Kernel;
use crate::store::StoreError;

/// A run to reuse, and the cell for which it is reused; or a run that belongs to the one before it
/// ([`crate::history::flow::Flow::joined`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReusedRun {
    /// The recorded run.
    pub run: RunId,
    /// Its history: that of the session, or another one.
    pub history: HistoryId,
    /// The id of the cell, if known.
    pub cell: Option<String>,
    /// The `In [n]` that the cell would have had.
    pub execution_count: Option<u64>,
    /// The working directory that the cell would have found; `None` for the directory of the recorded run.
    pub directory: Option<String>,
}

impl Session {
    /// Records that cells left here the results of recorded runs, one after another, and returns the last new run. The results
    /// are not live until a switch to that run.
    ///
    /// The caller decides whether a run may be reused ([`crate::history::flow::Flow::obstacles`]).
    ///
    /// # Errors
    /// Fails if the history of a run does not contain it, if the run is untrusted, or if writing fails. No visible data is
    /// written then.
    pub fn reuse<K: Kernel>(&mut self, kernel: &mut K, reused: &[ReusedRun]) -> Result<Option<RunId>, SessionError> {
        self.refresh()?;
        self.record_outside(kernel, Interruptibility::Possible)?;
        let at = self.moves.at().ok_or(SessionError::NotStarted)?;
        let mut state = State::clone(&self.history.state(at));
        let others = self.others_of(reused)?;
        let mut written: Vec<(RunId, Run)> = Vec::new();
        for (place, reused) in reused.iter().enumerate() {
            let parent = written.last().map_or(at, |(id, _)| *id);
            let recorded = self.recorded(reused, &others).cloned();
            let run = recorded.and_then(|recorded| self.copy_of(&recorded, reused, &others, parent, &mut state));
            let run = run.map(|run| self.with_state(run, place, at, &state));
            let put = run.and_then(|run| Ok((self.writer.put_run(&run)?, run)));
            written.push(put.inspect_err(|_| self.writer.abandon())?);
        }
        let last = written.last().map(|(id, _)| *id);
        if last.is_some() {
            self.show(written)?;
        }
        Ok(last)
    }

    /// Reads the other histories of the runs.
    fn others_of(&self, reused: &[ReusedRun]) -> Result<BTreeMap<HistoryId, History>, SessionError> {
        let ids = reused.iter().map(|reused| reused.history);
        let ids: BTreeSet<HistoryId> = ids.filter(|id| *id != self.history_id()).collect();
        let read = |id: HistoryId| Ok((id, History::of(&self.store().load(id)?)));
        ids.into_iter().map(read).collect()
    }

    fn history_of<'a>(&'a self, reused: &ReusedRun, others: &'a BTreeMap<HistoryId, History>) -> Option<&'a History> {
        if reused.history == self.history_id() {
            return Some(&self.history);
        }
        others.get(&reused.history)
    }

    fn recorded<'a>(
        &'a self,
        reused: &ReusedRun,
        others: &'a BTreeMap<HistoryId, History>,
    ) -> Result<&'a Run, SessionError> {
        let run = self
            .history_of(reused, others)
            .filter(|history| !history.is_untrusted(&reused.run))
            .and_then(|history| history.run(&reused.run));
        let missing = || StoreError::Missing {
            kind: "Run",
            id: reused.run.short(),
            packs: Vec::new(),
        };
        Ok(run.ok_or_else(missing)?)
    }

    /// Returns the versions that a recorded run rebound without changing them, and that differ in this state.
    fn bound_otherwise(
        &self,
        reused: &ReusedRun,
        others: &BTreeMap<HistoryId, History>,
        state: &State,
    ) -> Vec<Version> {
        let history = self.history_of(reused, others);
        let bound = history.map(|history| bound_again(history, &reused.run));
        let bound = bound.into_iter().flatten();
        bound.filter(|version| !state.holds(version)).collect()
    }

    /// Creates a copy of a recorded run after `parent`, and updates `state`, which is the state after `parent`.
    fn copy_of(
        &mut self,
        recorded: &Run,
        reused: &ReusedRun,
        others: &BTreeMap<HistoryId, History>,
        parent: RunId,
        state: &mut State,
    ) -> Result<Run, SessionError> {
        let bound = self.bound_otherwise(reused, others, state);
        let recorded = as_reused(recorded).into_owned();
        state.reuse(&recorded, &bound);
        let changed = recorded.changed.iter().cloned().chain(bound).collect();
        let is_cell = recorded.kind == RunKind::Cell;
        let copy = Run {
            changed,
            suffix: String::new(),
            parent: Some(parent),
            repeats: Some(recorded.repeats.unwrap_or(reused.run)),
            evidence: rebased(&recorded.evidence, reused.directory.as_deref()),
            cell: reused.cell.clone().or_else(|| recorded.cell.clone()),
            execution_count: reused.execution_count.or(recorded.execution_count),
            started: self.clock.now(),
            looked: CheckedRoots::All,
            parent_confirmed: false,
            after_move: false,
            full: None,
            // A cell may have found other values here.
            unchanged: if is_cell {
                Vec::new()
            } else {
                recorded.unchanged.clone()
            },
            shared: if is_cell { Vec::new() } else { recorded.shared.clone() },
            only_outputs: !is_cell && recorded.only_outputs,
            warnings: Vec::new(),
            ..recorded
        };
        Ok(Run {
            number: self.writer.reserve_number()?,
            ..copy
        })
    }

    /// Adds the whole state to the run if too many runs before it have none.
    fn with_state(&self, run: Run, place: usize, at: RunId, state: &State) -> Run {
        let steps = self.history.steps_since_full(at) + place + 1;
        let full = (steps.is_multiple_of(FULL_EVERY)).then(|| state.versions().cloned().collect::<Vec<Version>>());
        Run { full, ..run }
    }

    /// Writes the operation that makes runs visible. The session's position does not change.
    fn show(&mut self, runs: Vec<(RunId, Run)>) -> Result<(), SessionError> {
        let branch = self.moves.branch().map(str::to_owned);
        let at = self.moves.at().map(|run| Position { run, branch });
        let view = View { at, confirmed: None };
        let committed = self.writer.commit(Action::Run, Vec::new(), view, self.clock.now());
        let (id, operation) = committed.inspect_err(|_| self.writer.abandon())?;
        for (id, run) in runs {
            self.history.add_run(id, run, self.id);
        }
        self.history.add_operation(id, operation);
        Ok(())
    }
}

//! Recording: a run that ended, or a change that no cell made, becomes a run of the history.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Deed, Proof, Session, SessionError, UndoStep};
use crate::format::{Action, CheckedRoots, Evidence, Position, RECORD_VERSION, Run, RunKind, Version, View};
use crate::graph::{Halt, Heap, is_output};
use crate::history::State;
use crate::history::flow::is_unwatched;
use crate::id::{Fingerprint, Root, RootKind, RunId};
#[cfg(doc)]
use crate::kernel::KernelError;
use crate::kernel::{Kernel, TouchedRoots};
use crate::record::{LiveCoVariable, LivePart, LiveState, LookScope, Observation, Observer, Rerun, RunInput};
use crate::restore::RestoreError;
use crate::store::StoreError;

/// The result of recording a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingReport {
    /// The run.
    pub run: Option<RunId>,
    /// Its number as shown to people.
    pub label: String,
    /// How many co-variables were stored or found to differ.
    pub changed: usize,
    /// Roots that were changed, added or removed.
    pub roots: Vec<Root>,
    /// Parts that could not be recorded, for people.
    pub warnings: Vec<String>,
    /// The number of objects walked.
    pub nodes: u64,
    /// The time taken, in nanoseconds.
    pub nanoseconds: u64,
}

/// Whether the user can interrupt a look: yes before a restore, no while a run is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruptibility {
    Possible,
    Impossible,
}

/// The maximum time of a look at everything that is done after every run, in nanoseconds: 1 ms (decision 14).
const CHEAP_LOOK: u64 = 1_000_000;

/// A look is also done after every run if it takes at most this part of the run's time: after a minute, half a second is not noticed.
const PART_OF_RUN: u64 = 100;

/// The maximum number of runs back to one that contains the whole state.
pub(super) const FULL_EVERY: usize = 64;

impl Session {
    /// Records the state at the start of the session.
    pub fn start<K: Kernel>(&mut self, kernel: &mut K) -> Result<RecordingReport, SessionError> {
        let input = RunInput::silent(RunKind::Start, self.clock.now());
        let deed = self.deed(Action::Start, UndoStep::Along);
        self.record_as(kernel, input, deed, Interruptibility::Possible)
    }

    /// Records a run that ended.
    pub fn record<K: Kernel>(&mut self, kernel: &mut K, input: RunInput) -> Result<RecordingReport, SessionError> {
        let deed = self.deed(Action::Run, UndoStep::forward(Action::Run));
        self.record_as(kernel, input, deed, Interruptibility::Impossible)
    }

    /// Reports roots that something other than a cell may have touched since the last look: a thread, a callback. This is only
    /// needed for objects that cannot be compared.
    pub fn suspect(&mut self, touched: &TouchedRoots) {
        match (&mut self.suspected, touched) {
            (TouchedRoots::Only(suspected), TouchedRoots::Only(more)) => suspected.extend(more.iter().cloned()),
            (suspected, _) => *suspected = TouchedRoots::All,
        }
    }

    /// Looks for changes that no cell made, and records them as a run of kind *outside*. If there are none, this is saved, too.
    ///
    /// If the heap's [`crate::graph::Halt`] ends the look, it fails with [`KernelError::Interrupted`], without a result.
    pub fn look_outside<K: Kernel>(&mut self, kernel: &mut K) -> Result<Option<RecordingReport>, SessionError> {
        let recorded = self.record_outside(kernel, Interruptibility::Impossible)?;
        if recorded.is_none() {
            self.save_check()?;
        }
        Ok(recorded)
    }

    /// Checks everything before the process ends, and saves that nothing changed since the last run. Changes are not recorded,
    /// since exit handlers dismantle the session's objects.
    ///
    /// If the heap's [`crate::graph::Halt`] ends the check, nothing is saved.
    pub fn check<K: Kernel>(&mut self, kernel: &mut K) -> Result<(), SessionError> {
        let is_unchecked = self.moves.at().is_some_and(|at| !self.history.is_checked(&at));
        let is_open = is_unchecked && self.proof != Proof::Restored;
        if is_open && self.is_at_state {
            let seen = self.glance(kernel)?;
            if kernel.heap().halt().is_some_and(Halt::was_wanted) || seen != self.live.state() {
                return Ok(());
            }
            self.confirm();
        }
        self.save_check()
    }

    /// Records that everything was looked at and is as the current run left it.
    fn confirm(&mut self) {
        if self.proof == Proof::Restored {
            return;
        }
        let at = self.moves.at();
        self.is_check_unsaved |= at.is_some_and(|at| !self.history.is_checked(&at));
        self.proof = Proof::Confirmed;
        self.history.confirm(at);
    }

    /// Saves that a check found no change. Otherwise a new kernel would not know, since only the next operation would contain it.
    fn save_check(&mut self) -> Result<(), SessionError> {
        if !std::mem::take(&mut self.is_check_unsaved) {
            return Ok(());
        }
        let at = self.moves.position().cloned();
        let view = View {
            confirmed: at.as_ref().map(|at| at.run),
            at,
        };
        let (id, operation) = self.writer.commit(Action::Check, Vec::new(), view, self.clock.now())?;
        self.history.add_operation(id, operation);
        Ok(())
    }

    /// Records the changes made while recording was paused, as a step that can be undone.
    pub fn unpause<K: Kernel>(&mut self, kernel: &mut K) -> Result<Option<RecordingReport>, SessionError> {
        self.suspect(&TouchedRoots::All);
        let deed = self.deed(Action::Unpause, UndoStep::forward(Action::Unpause));
        self.record_changes(kernel, deed, Interruptibility::Impossible)
    }

    pub(super) fn record_outside<K: Kernel>(
        &mut self,
        kernel: &mut K,
        stop: Interruptibility,
    ) -> Result<Option<RecordingReport>, SessionError> {
        let deed = self.deed(Action::Run, UndoStep::Along);
        self.record_changes(kernel, deed, stop)
    }

    fn record_changes<K: Kernel>(
        &mut self,
        kernel: &mut K,
        deed: Deed,
        stop: Interruptibility,
    ) -> Result<Option<RecordingReport>, SessionError> {
        let input = RunInput {
            touched: TouchedRoots::Only(BTreeSet::new()),
            ..RunInput::silent(RunKind::Outside, self.clock.now())
        };
        let recorded = self.record_as(kernel, input, deed, stop)?;
        Ok(recorded.run.is_some().then_some(recorded))
    }

    fn record_as<K: Kernel>(
        &mut self,
        kernel: &mut K,
        input: RunInput,
        deed: Deed,
        stop: Interruptibility,
    ) -> Result<RecordingReport, SessionError> {
        let begun = self.clock.monotonic();
        let rerun = match input.kind {
            RunKind::Cell => Rerun::Possible,
            _ => Rerun::Impossible,
        };
        // Roots that a run touched and that could not be recorded count for the next run.
        self.suspect(&input.touched);
        let extent = if input.kind == RunKind::Cell
            && self.suspected != TouchedRoots::All
            && !self.is_cheap_to_look(input.duration)
        {
            LookScope::Touched
        } else {
            LookScope::All
        };
        let mut result = self.observe_and_commit(kernel, input.clone(), deed.clone(), rerun, extent, stop);
        if let Err(SessionError::Store(StoreError::TakenAway { is_earlier: false, .. })) = &result {
            // The values are still live: data that was found in the store and has been removed is stored again.
            self.writer.abandon();
            result = self.observe_and_commit(kernel, input, deed, rerun, extent, stop);
        }
        kernel.settle(result.is_ok());
        if result.is_err() {
            self.writer.abandon();
        }
        let mut recorded = result?;
        recorded.nanoseconds = self.clock.monotonic().saturating_sub(begun);
        Ok(recorded)
    }

    fn observe_and_commit<K: Kernel>(
        &mut self,
        kernel: &mut K,
        input: RunInput,
        deed: Deed,
        rerun: Rerun,
        extent: LookScope,
        stop: Interruptibility,
    ) -> Result<RecordingReport, SessionError> {
        let observed = self.observe(kernel, rerun, extent);
        kernel.heap().release();
        let observed = match stop {
            // An interrupted look seems to show changes that did not happen.
            Interruptibility::Possible if kernel.interrupted() => Err(RestoreError::Interrupted.into()),
            _ => observed,
        };
        observed.and_then(|observed| self.commit_run(input, observed, deed, None))
    }

    /// Returns whether a look at everything is cheap enough after a run of this duration (in nanoseconds) that touched names are
    /// irrelevant (decision 14).
    fn is_cheap_to_look(&self, duration: u64) -> bool {
        let most = CHEAP_LOOK.max(duration / PART_OF_RUN);
        // One slow look on a busy machine does not count.
        self.full_looks.iter().flatten().any(|nanoseconds| *nanoseconds <= most)
    }

    pub(super) fn observe<K: Kernel>(
        &mut self,
        kernel: &mut K,
        rerun: Rerun,
        extent: LookScope,
    ) -> Result<Observation, SessionError> {
        self.observations += 1;
        let mut salt = self.id.0.to_vec();
        salt.extend_from_slice(&self.observations.to_be_bytes());
        let mut observer = Observer {
            writer: &mut self.writer,
            live: &self.live,
            by_value: &self.by_value,
            manifests: &self.manifests,
            touched: &self.suspected,
            made_anew: &self.made_anew,
            rerun,
            salt: &salt,
            budget: self.budget,
            clock: &*self.clock,
        };
        let observed = observer.observe(kernel, extent)?;
        if observed.looked.is_none() {
            self.full_looks = [Some(observed.look_nanoseconds), self.full_looks[0]];
        }
        Ok(observed)
    }

    /// Writes a run and its operation, and only then accepts the observation.
    ///
    /// An optional run without changes is not written: `run` is then `None`.
    pub(super) fn commit_run(
        &mut self,
        mut input: RunInput,
        mut observed: Observation,
        deed: Deed,
        moved_from: Option<RunId>,
    ) -> Result<RecordingReport, SessionError> {
        let parent = moved_from.or(self.moves.at());
        let is_comparable = self.is_at_state && moved_from.is_none();
        let (changed, removed) = if is_comparable {
            self.compare_live(&observed)
        } else {
            self.compare_state(parent, &observed)
        };
        let mut roots: Vec<Root> = changed.iter().flat_map(|version| version.roots.clone()).collect();
        roots.extend(removed.iter().cloned());
        let mut recorded = RecordingReport {
            changed: changed.len(),
            roots,
            warnings: observed.warnings.clone(),
            ..RecordingReport::default()
        };
        recorded.nodes = observed.nodes;
        // A class without references disappeared without an observable change.
        let unseen = removed.iter().all(|root| root.kind == RootKind::Definition);
        if input.is_optional && changed.is_empty() && unseen {
            if observed.looked.is_none() {
                self.confirm();
            }
            // Values that were stored again belong to no operation: the versions of the state before stay.
            let before = parent.map(|parent| self.history.state(parent)).unwrap_or_default();
            observed.live.adopt(&before, &observed.fresh);
            self.take_over(observed);
            self.writer.abandon();
            return Ok(recorded);
        }
        let looked = match &observed.looked {
            None => CheckedRoots::All,
            Some(roots) => CheckedRoots::Only(roots.iter().cloned().collect()),
        };
        // A run of another session is in another log. If that log is corrupted, the states of this session are still complete.
        let is_others = |parent: RunId| self.history.maker(&parent) != Some(self.id);
        let is_due = |parent: RunId| is_others(parent) || self.history.steps_since_full(parent) + 1 >= FULL_EVERY;
        let full = parent.is_none_or(is_due);
        let full = full.then(|| self.state_after(&observed).versions().cloned().collect());
        let deaths = self.put_deaths()?;
        input.evidence.used = match moved_from {
            None => used_by(&input.evidence, &observed),
            Some(target) => self.used_since(target, &observed),
        };
        if self.telling.is_some() {
            input.evidence.interpreter = None;
        } else if let Some(interpreter) = &mut input.evidence.interpreter {
            interpreter.output = self.origin.is_some();
            interpreter.joined = self.joined;
        }
        let tells_interpreter = input.evidence.interpreter.is_some();
        let mut run = Run {
            parent,
            looked,
            changed,
            removed,
            full,
            warnings: observed.warnings.clone(),
            ..self.run_record(input, moved_from)?
        };
        run.unchanged = self.unchanged(&run.changed, &observed, parent.filter(|_| !is_comparable));
        if is_comparable {
            run.shared = self.newly_shared(&run.unchanged, &observed);
            run.only_outputs = self.changes_only_outputs(&run, &observed);
        }
        let id = self.writer.put_run(&run)?;
        recorded.label = run.label();
        let mut runs = deaths.clone();
        runs.push((id, run));
        self.commit(deed, id, runs, observed)?;
        self.bury(&deaths);
        self.telling = self.telling.or(tells_interpreter.then_some(id));
        self.is_at_state = true;
        recorded.run = Some(id);
        Ok(recorded)
    }

    /// Returns the live co-variables after a look.
    fn after<'a>(&self, observed: &'a Observation) -> Cow<'a, LiveState> {
        match &observed.looked {
            None => Cow::Borrowed(&observed.live),
            Some(looked) => {
                let mut live = self.live.clone();
                live.replace(looked, observed.live.clone());
                Cow::Owned(live)
            }
        }
    }

    /// Returns the state of the session after a look.
    fn state_after(&self, observed: &Observation) -> State {
        self.after(observed).state().with(&self.left)
    }

    /// Returns versions that a run's state does not have, and roots that only it has.
    fn compare_state(&self, run: Option<RunId>, observed: &Observation) -> (Vec<Version>, Vec<Root>) {
        let before = run.map(|run| self.history.state(run)).unwrap_or_default();
        let after = self.state_after(observed);
        let changed = after.versions().filter(|version| !before.holds(version));
        let removed = before.roots().filter(|root| after.version(root).is_none());
        (changed.cloned().collect(), removed.cloned().collect())
    }

    /// Does the same if the live state is the state before. A look at some roots is only compared with these, and no state is
    /// derived.
    fn compare_live(&self, observed: &Observation) -> (Vec<Version>, Vec<Root>) {
        let found = observed.live.iter().map(|known| &*known.version);
        let mut changed: Vec<Version> = found.filter(|version| !self.live.holds(version)).cloned().collect();
        changed.sort_by(|one, other| one.roots.cmp(&other.roots));
        let is_gone = |root: &&Root| observed.live.holding(root).is_none();
        let mut removed: Vec<Root> = match &observed.looked {
            None => self.live.roots().filter(is_gone).cloned().collect(),
            Some(looked) => {
                let before = looked.iter().filter(|root| self.live.holding(root).is_some());
                let recorded = before.filter(|root| !self.live.withheld().contains(root));
                recorded.filter(is_gone).cloned().collect()
            }
        };
        removed.sort();
        (changed, removed)
    }

    /// Returns the roots of changed co-variables whose own values did not change, compared with the live state before, or with
    /// the state after `run`.
    fn unchanged(&self, changed: &[Version], observed: &Observation, run: Option<RunId>) -> Vec<Root> {
        let left = run.filter(|_| !changed.is_empty()).map(|run| self.history.state(run));
        let roots = changed.iter().flat_map(|version| &version.roots);
        let is_as_before = |root: &&Root| {
            let before = match &left {
                Some(left) => {
                    let version = left.version(root);
                    let manifest = version.and_then(|version| self.manifests.get(&version.manifest).ok());
                    manifest.and_then(|manifest| manifest.alone(root))
                }
                None => self.live.holding(root).and_then(|known| known.alone(root)),
            };
            let after = observed.live.holding(root).and_then(|known| known.alone(root));
            before.is_some() && before == after || self.is_newly_withheld(root, observed)
        };
        let mut unchanged: Vec<Root> = roots.filter(is_as_before).cloned().collect();
        unchanged.sort();
        unchanged
    }

    /// Returns whether a root was recorded before, is excluded now, and was not touched by a run in between: a new setting does
    /// not change the value.
    fn is_newly_withheld(&self, root: &Root, observed: &Observation) -> bool {
        let is_withheld = |live: &LiveState| live.holding(root).map(|known| known.withheld.is_some());
        (is_withheld(&self.live), is_withheld(&observed.live)) == (Some(false), Some(true))
            && !self.suspected.holds(root)
    }

    /// Returns the unchanged variables that share objects or memory with another variable now, and did not before.
    fn newly_shared(&self, unchanged: &[Root], observed: &Observation) -> Vec<Root> {
        let shares = |live: &LiveState, root: &Root| live.holding(root).is_some_and(|known| known.shares(root));
        let is_new = |root: &&Root| shares(&observed.live, root) && !shares(&self.live, root);
        unchanged.iter().filter(is_new).cloned().collect()
    }

    /// Returns whether a run changed neither a value nor what variables share, apart from outputs.
    fn changes_only_outputs(&self, run: &Run, observed: &Observation) -> bool {
        let roots: Vec<&Root> = run
            .changed_roots()
            .chain(&run.removed)
            .filter(|root| !self.is_newly_withheld(root, observed))
            .collect();
        // A look does not detect changes inside live objects and libraries. A displayed live object is in a changed co-variable.
        let is_opaque = |root: &&Root| observed.live.part(root).is_some_and(LivePart::is_opaque);
        let is_seen =
            run.evidence.used.is_empty() && run.evidence.unrestored.is_empty() && !roots.iter().any(is_opaque);
        if !is_seen || !run.removed.iter().all(is_output) {
            return false;
        }
        let of = |live: &LiveState| -> Option<BTreeSet<(Vec<Root>, Fingerprint)>> {
            let known = roots.iter().filter_map(|root| live.holding(root));
            let groups = known.map(LiveCoVariable::without_outputs).collect::<Option<Vec<_>>>()?;
            Some(groups.into_iter().flatten().collect())
        };
        of(&self.live).is_some_and(|before| of(&observed.live) == Some(before))
    }

    /// Creates the record of a run without its state.
    fn run_record(&mut self, input: RunInput, moved_from: Option<RunId>) -> Result<Run, SessionError> {
        let (number, suffix) = match moved_from.and_then(|id| self.history.run(&id)) {
            Some(target) => (target.number, self.free_suffix(target.number)),
            None => (self.writer.reserve_number()?, String::new()),
        };
        let mut put = |text: Option<String>| text.map(|text| self.writer.put_blob(&text)).transpose();
        Ok(Run {
            version: RECORD_VERSION,
            number,
            suffix,
            kind: input.kind,
            source: put(input.source)?,
            output: put(input.output)?,
            cell: input.cell,
            execution_count: input.execution_count,
            started: input.started,
            duration: input.duration,
            ending: input.ending,
            evidence: input.evidence,
            parent_confirmed: self.proof == Proof::Confirmed && moved_from.is_none(),
            after_move: self.proof == Proof::Restored || moved_from.is_some(),
            ..Run::default()
        })
    }

    fn free_suffix(&self, number: u64) -> String {
        let taken: BTreeSet<&str> = self
            .history
            .outlines()
            .filter(|(_, outline)| outline.number == number)
            .map(|(_, outline)| outline.suffix.as_str())
            .collect();
        let mut suffixes = ('a'..='z').map(String::from).chain((1..).map(|n: u64| format!("z{n}")));
        suffixes
            .find(|suffix| !taken.contains(suffix.as_str()))
            .unwrap_or_default()
    }

    /// Writes the operation that makes `runs` visible and moves the session to `at`.
    pub(super) fn commit(
        &mut self,
        mut deed: Deed,
        at: RunId,
        runs: Vec<(RunId, Run)>,
        observed: Observation,
    ) -> Result<(), SessionError> {
        if let UndoStep::Forward {
            action: Action::Run,
            is_quiet,
        } = &mut deed.step
        {
            *is_quiet = runs.iter().any(|(id, run)| *id == at && run.only_outputs);
        }
        let position = Position {
            run: at,
            branch: deed.branch,
        };
        let view = View {
            at: Some(position.clone()),
            confirmed: self.moves.at().filter(|_| self.proof == Proof::Confirmed),
        };
        let (id, operation) = self.writer.commit(deed.action, deed.naming, view, self.clock.now())?;
        // An inexact restore records the resulting state as a run of its own.
        let is_restored = self.proof == Proof::Restored || operation.action.is_move();
        self.proof = if runs.is_empty() && is_restored {
            Proof::Restored
        } else {
            Proof::None
        };
        for (run_id, run) in runs {
            self.live_objects.note_run(run_id, self.observations);
            self.history.add_run(run_id, run, self.id);
        }
        if operation.action == Action::Resume {
            deed.step = self.history.resume_step(self.moves.at(), at);
        }
        self.history.add_operation(id, operation);
        self.take_over(observed);
        self.is_check_unsaved = false;
        self.moves.take(deed.step, position);
        Ok(())
    }

    fn take_over(&mut self, observed: Observation) {
        for (version, is_encoded) in observed.fresh {
            if is_encoded {
                self.by_value
                    .insert((version.roots.clone(), version.fingerprint), version);
            }
        }
        self.live_objects
            .note(observed.live.iter(), &observed.used, self.observations);
        match observed.looked {
            None => self.live = observed.live,
            Some(looked) => self.live.replace(&looked, observed.live),
        }
        self.let_go_of_rebound();
        self.suspected = TouchedRoots::Only(BTreeSet::new());
    }
}

impl Session {
    /// Returns roots whose live objects stayed in a restore to a run, and that cells on other branches may have used since.
    fn used_since(&self, target: RunId, observed: &Observation) -> Vec<Root> {
        let live = observed.live.iter().map(|known| &known.version);
        let roots = live.flat_map(|version| version.roots.iter().map(move |root| (version, root)));
        let doubtful = roots.filter(|(version, root)| self.live_objects.is_doubtful(target, version, root));
        doubtful.map(|(_, root)| root.clone()).collect()
    }
}

/// Returns roots whose live objects a run itself may have used: those that it reached through a name. Other threads are not covered.
fn used_by(evidence: &Evidence, observed: &Observation) -> Vec<Root> {
    let is_named = |root: &Root| {
        let name = root.to_string();
        evidence.reads.contains(&name) || evidence.writes.contains(&name)
    };
    let is_reached = |root: &&Root| {
        let together = observed.live.holding(root).map(|known| &known.version.roots);
        evidence.reads_all() || is_unwatched(evidence) || together.is_some_and(|roots| roots.iter().any(is_named))
    };
    let reached = observed.used_roots.iter().filter(is_reached);
    reached
        .chain(&observed.used_besides)
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

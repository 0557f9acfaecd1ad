//! Restoring a state: all requests have the same four steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::capture::{Interruptibility, RecordingReport};
use super::{Deed, Request, RestoreOptions, Session, SessionError, UndoStep};
use crate::cause::{Cause, EXCLUDED, WAS_EXCLUDED};
use crate::format::{Action, Body, Encoding, Ending, Manifest, Position, Run, RunKind, Version};
use crate::graph::{CoVariable, Heap, look};
use crate::history::{History, State, UndoEntry};
use crate::id::{Fingerprint, ManifestId, Root, RootKind, RunId};
use crate::kernel::{Inputs, Kernel};
use crate::plan::{
    AvailableValues, LiveObjectComparison, Outcome, OutcomeKind, Plan, PlanStep, Report, RerunPermission, Scope,
    StepKind, TakenStep, UnrestoredEffects, plan,
};
use crate::record::{LiveState, LookScope, ObjectMark, Rerun, RunInput};
use crate::restore::{PlanExecutor, PrefetchedValues, Replays, RestoreError, ended, origin, to_make};
use crate::store::Manifests;

/// The target of a request, and how it is recorded.
struct Aim {
    position: Position,
    action: Action,
    step: UndoStep,
    /// The steps that an undo or redo covers, in this order.
    gone_over: Vec<UndoEntry>,
}

impl Session {
    /// Plans and performs a request.
    pub fn perform<K: Kernel>(
        &mut self,
        kernel: &mut K,
        request: &Request,
        options: RestoreOptions,
    ) -> Result<Report, SessionError> {
        self.perform_keeping(kernel, request, options, &BTreeSet::new())
    }

    /// Plans and performs a request that leaves the current values of the names in `keep`.
    ///
    /// # Errors
    /// Fails without a change if one of the names does not exist or shares objects with others.
    pub fn perform_keeping<K: Kernel>(
        &mut self,
        kernel: &mut K,
        request: &Request,
        options: RestoreOptions,
        keep: &BTreeSet<Root>,
    ) -> Result<Report, SessionError> {
        let report = self.try_to_perform(kernel, request, options, keep);
        self.store.let_go();
        report
    }

    fn try_to_perform<K: Kernel>(
        &mut self,
        kernel: &mut K,
        request: &Request,
        options: RestoreOptions,
        keep: &BTreeSet<Root>,
    ) -> Result<Report, SessionError> {
        if matches!(request, Request::Restore { .. }) && !self.left.is_empty() {
            self.bring_all(kernel)?;
        }
        let begun = self.clock.monotonic();
        let from = self.moves.at().ok_or(SessionError::NotStarted)?;
        self.refresh()?;
        let aim = self.aim(request, options.replay)?;
        let target = aim.position.run;
        if let Some(missing) = self.history.missing_ancestor(target)
            && !self.is_known(request, target)
        {
            return Err(self.unreachable_run(target, missing));
        }
        let (mut outside, mut from) = if options.dry_run {
            (None, from)
        } else {
            let outside = self.record_outside(kernel, Interruptibility::Possible)?;
            (self.told_outside(outside), self.moves.at().unwrap_or(from))
        };
        let looked = self.clock.monotonic();
        let mut left = self.leave(request, target);
        let live = if options.dry_run {
            self.glance(kernel)?
        } else {
            self.live.state()
        };
        let scope = self.scope(request, target, &live, keep)?;
        let mut plan = self.plan(&live, target, &left, &scope, options);
        if options.dry_run {
            self.try_reading(kernel, &mut plan, target)?;
            self.hold_back(&mut plan, |_| false, target, &*kernel.inputs());
        }
        let ahead = if options.dry_run {
            PrefetchedValues::empty()
        } else {
            self.performer(target).fetch_ahead(kernel, &plan)?
        };
        if ahead.has_waited
            && let Some(recorded) = self.record_outside(kernel, Interruptibility::Possible)?
        {
            // Another thread changed live values while the values were read.
            outside = self.told_outside(Some(recorded)).or(outside);
            from = self.moves.at().unwrap_or(from);
            left = self.leave(request, target);
            plan = self.plan(&self.live.state(), target, &left, &scope, options);
        }
        let own_directory = match &scope {
            Scope::Except(kept) => kept.iter().find(|root| root.kind == RootKind::Directory),
            _ => None,
        };
        let own_directory = own_directory.filter(|root| !keep.contains(*root));
        let parted = self.parted(from, target);
        let (unreachable, missing) = self.unreachable(request).unzip();
        let between = parted.concat();
        let mut report = Report {
            action: request.word().to_owned(),
            from: self.history.label(&from),
            to: self.history.label(&target),
            branch: aim.position.branch.clone(),
            at: self.history.label(&from),
            runs: between.iter().map(|id| self.history.label(id)).collect(),
            steps: self.told_steps(&aim.gone_over),
            skipped: aim.gone_over.iter().filter(|taken| taken.is_quiet).count() as u64,
            unrestored: self.unrestored(&between, &scope),
            keep: keep.iter().chain(own_directory).cloned().collect(),
            left_run: None,
            other_kernels: self.beside(request, target),
            batch_run: self.later_batch(request, target),
            unreachable,
            missing,
            external_change: outside,
            included_changes: self.outside_of(request, &parted),
            set_by_imports: self.set_by_imports(&between),
            outcomes: foreseen(&plan),
            dry_run: options.dry_run,
            bytes: plan.bytes(),
            compare_nanoseconds: looked.saturating_sub(begun),
            restore_nanoseconds: 0,
        };
        if options.dry_run {
            return Ok(report);
        }
        self.hold_back(
            &mut plan,
            |manifest| ahead.is_unreadable(manifest),
            target,
            &*kernel.inputs(),
        );
        report.outcomes = self.execute(kernel, &plan, ahead, target, &scope)?;
        self.left = left;
        let base = if matches!(scope, Scope::Names(_)) { from } else { target };
        let deed = self.deed_of(aim);
        let at = self.land(kernel, deed, base, &mut report)?;
        report.at = self.history.label(&at);
        let is_left = matches!(request, Request::Resume(_)) && self.history.loses_variables(from, at);
        report.left_run = is_left.then(|| report.from.clone());
        report.restore_nanoseconds = self.clock.monotonic().saturating_sub(looked);
        Ok(report)
    }

    /// Returns the target of a request, and how it is recorded.
    fn aim(&self, request: &Request, replay: bool) -> Result<Aim, SessionError> {
        let (back, forward) = self.moves.depth();
        let mut gone_over = Vec::new();
        let (position, action, step) = match request {
            Request::Undo(steps) => {
                let way = self.moves.back(*steps).ok_or(SessionError::NothingToUndo {
                    asked: *steps,
                    available: back,
                })?;
                gone_over = way.steps.into_iter().cloned().collect();
                let steps = gone_over.len() as u64;
                (way.position.clone(), Action::Undo(steps), UndoStep::Undo(steps))
            }
            Request::Redo(steps) => {
                let way = self.moves.forward(*steps).ok_or_else(|| SessionError::NothingToRedo {
                    asked: *steps,
                    available: forward,
                    left_behind: self.moves.left_behind().map(|run| self.history.label(&run)),
                })?;
                gone_over = way.steps.into_iter().cloned().collect();
                let steps = gone_over.len() as u64;
                (way.position.clone(), Action::Redo(steps), UndoStep::Redo(steps))
            }
            Request::Restore { revision, .. } => {
                let branch = self.moves.branch().map(str::to_owned);
                let position = Position {
                    branch,
                    ..self.position_of(revision)?
                };
                (position, Action::Restore, UndoStep::forward(Action::Restore))
            }
            Request::Switch(revision) | Request::SwitchFor { revision, .. } => {
                let switch = UndoStep::forward(Action::Switch);
                (self.position_of(revision)?, Action::Switch, switch)
            }
            Request::Resume(Some(revision)) => {
                let resume = UndoStep::forward(Action::Resume);
                (self.position_of(revision)?, Action::Resume, resume)
            }
            Request::Resume(None) => {
                let last = self.resumable_position(self.clock.now());
                let last = last.ok_or_else(|| self.nothing_to_resume())?;
                let here = self
                    .moves
                    .position()
                    .filter(|here| !replay && self.has_gone_on(here, last.run));
                (
                    here.cloned().unwrap_or(last),
                    Action::Resume,
                    UndoStep::forward(Action::Resume),
                )
            }
            Request::Fresh => {
                let operations = self.history.operations_of(self.id);
                let first = operations
                    .into_iter()
                    .find_map(|(_, operation)| operation.view.at.clone());
                let first = first.ok_or(SessionError::NotStarted)?;
                (first, Action::Resume, UndoStep::forward(Action::Resume))
            }
            Request::Operation(operation) => {
                let index = self.history.resolve_operation(operation)?;
                let (_, operation) = &self.history.operations()[index];
                let position = operation.view.at.clone().ok_or(SessionError::NotStarted)?;
                let action = Action::Operation(index as u64);
                (position, action.clone(), UndoStep::forward(action))
            }
        };
        Ok(Aim {
            position,
            action,
            step,
            gone_over,
        })
    }

    /// Returns whether this kernel resumed `last` and has run cells since: a repeated resume is not meant to undo these.
    fn has_gone_on(&self, here: &Position, last: RunId) -> bool {
        let mut has_worked = false;
        for (run, outline) in self.history.ancestry(here.run) {
            if run == last {
                return has_worked;
            }
            has_worked |= matches!(outline.kind, RunKind::Cell | RunKind::Outside);
        }
        false
    }

    /// Returns the steps of an undo or redo, for people, without those that changed nothing.
    fn told_steps(&self, gone_over: &[UndoEntry]) -> Vec<TakenStep> {
        let told = gone_over.iter().filter(|taken| !taken.is_quiet).map(|taken| {
            let run = match self.history.outline(&taken.to.run) {
                // It is named after its target.
                Some(outline) if outline.kind == RunKind::Moved => outline.number.to_string(),
                _ => self.history.label(&taken.to.run),
            };
            TakenStep {
                action: taken.action.word().to_owned(),
                to: taken
                    .to
                    .branch
                    .clone()
                    .filter(|_| taken.action == Action::Switch)
                    .unwrap_or(run),
            }
        });
        told.collect()
    }

    /// Returns the error for a run that cannot be restored because an ancestor is missing. Its known values can be restored.
    fn unreachable_run(&self, run: RunId, missing: RunId) -> SessionError {
        let state = self.history.state(run);
        let names = state.roots().filter(|root| root.kind == RootKind::Name);
        SessionError::Unreachable {
            run: self.history.label(&run),
            missing: self.history.label(&missing),
            names: names.map(|root| root.key.clone()).collect(),
        }
    }

    /// Returns why there is nothing to resume: nothing was recorded, or no recorded state can be reached.
    fn nothing_to_resume(&self) -> SessionError {
        let last = self.history.unreachable_position(self.id, self.clock.now());
        let missing = last.and_then(|run| Some((run, self.history.missing_ancestor(run)?)));
        missing.map_or(SessionError::NothingToResume, |(run, missing)| {
            self.unreachable_run(run, missing)
        })
    }

    /// Returns the positions of other kernels that worked in parallel with the resumed one.
    fn beside(&self, request: &Request, target: RunId) -> Vec<String> {
        let Request::Resume(_) = request else {
            return Vec::new();
        };
        let runs = self.history.beside(target, self.id);
        runs.iter().map(|run| self.history.label(run)).collect()
    }

    /// Returns whether a variable that is not stored still has its value from the state after `target`, because the same run gave
    /// it both values. Then all variables that shared objects with it have theirs, too, and others do not exist in that state.
    fn is_unchanged(&self, root: &Root, version: &Version, target: RunId) -> bool {
        let (Some(now), Some(at)) = (self.live.holding(root), self.moves.at()) else {
            return false;
        };
        let state = self.history.state(target);
        let now = &now.version;
        let is_together = version.roots.iter().all(|root| now.roots.contains(root));
        let is_alone = |root: &&Root| version.roots.contains(root) || state.version(root).is_none();
        let maker = self.history.changed_by(target, root, version);
        is_together
            && now.roots.iter().all(|root| is_alone(&root))
            && maker.is_some()
            && maker == self.history.changed_by(at, root, now)
    }

    /// Returns state other than variables that these runs changed only through their imports.
    fn set_by_imports(&self, runs: &[RunId]) -> Vec<Root> {
        let (mut by_imports, mut by_cells) = (BTreeSet::new(), BTreeSet::new());
        for run in runs.iter().filter_map(|id| self.history.run(id)) {
            let roots = run
                .changed
                .iter()
                .flat_map(|version| &version.roots)
                .chain(&run.removed);
            for root in roots.filter(|root| root.kind != RootKind::Name) {
                let is_set = run.evidence.is_set_by_import(root);
                let list = if is_set { &mut by_imports } else { &mut by_cells };
                list.insert(root.clone());
            }
        }
        by_imports.difference(&by_cells).cloned().collect()
    }

    /// Returns the external changes among the runs that an undo leaves or a redo enters: they belong to the steps beside them.
    fn outside_of(&self, request: &Request, [left, entered]: &[Vec<RunId>; 2]) -> Vec<String> {
        let stepped: &[RunId] = match request {
            Request::Undo(_) => left,
            Request::Redo(_) => entered,
            _ => &[],
        };
        let is_outside = |id: &&RunId| {
            self.history
                .outline(id)
                .is_some_and(|outline| outline.kind == RunKind::Outside)
        };
        let outside = stepped.iter().filter(is_outside);
        outside.map(|id| self.history.label(id)).collect()
    }

    /// Returns the last run of the last session and the run whose record is missing, if the last run cannot be reached any more.
    fn unreachable(&self, request: &Request) -> Option<(String, String)> {
        let is_asked = matches!(request, Request::Resume(None)) && self.origin.is_none();
        let run = is_asked.then(|| self.history.unreachable_position(self.id, self.clock.now()))??;
        let missing = self.history.missing_ancestor(run)?;
        Some((self.history.label(&run), self.history.label(&missing)))
    }

    /// Returns whether the requested values of a run are known although its whole state is not: runs after the missing one
    /// changed them.
    fn is_known(&self, request: &Request, target: RunId) -> bool {
        let Request::Restore { names, .. } = request else {
            return false;
        };
        let state = self.history.state(target);
        !names.is_empty() && names.iter().all(|root| state.version(root).is_some())
    }

    /// Returns the last run of a later `clew run`, if something else is resumed.
    fn later_batch(&self, request: &Request, target: RunId) -> Option<String> {
        let is_asked = matches!(request, Request::Resume(None)) && self.origin.is_none();
        let run = is_asked.then(|| self.history.later_batch(self.id, self.clock.now()))?;
        run.filter(|run| *run != target).map(|run| self.history.label(&run))
    }

    /// Returns the run that a revision names, with the branch if it names one.
    fn position_of(&self, revision: &str) -> Result<Position, SessionError> {
        let run = self.history.resolve(revision, self.moves.at(), self.clock.now())?;
        let branch = Some(revision.trim()).filter(|name| self.history.names().branches().contains_key(*name));
        Ok(Position {
            run,
            branch: branch.map(str::to_owned),
        })
    }

    /// Returns the effects of a request besides its runs: the undo step, the branch, and changes of names.
    fn deed_of(&self, aim: Aim) -> Deed {
        let naming = match &aim.action {
            Action::Operation(index) => {
                let then = self.history.names_after(usize::try_from(*index).unwrap_or_default());
                self.history.names().changes_to(&then)
            }
            _ => Vec::new(),
        };
        Deed {
            action: aim.action,
            step: aim.step,
            branch: aim.position.branch,
            naming,
        }
    }

    fn scope(
        &self,
        request: &Request,
        target: RunId,
        live: &State,
        keep: &BTreeSet<Root>,
    ) -> Result<Scope, SessionError> {
        check_alone(live, keep)?;
        let Request::Restore { names, with_shared, .. } = request else {
            let mut kept = keep.clone();
            kept.extend(definitions_of(&self.manifests, live, keep, &|_| false));
            kept.extend(self.own_directory(request, target, live));
            return Ok(if kept.is_empty() {
                Scope::All
            } else {
                Scope::Except(kept)
            });
        };
        let state = self.history.state(target);
        check_names(&self.history, target, &state, names)?;
        let mut roots: BTreeSet<Root> = names.iter().cloned().collect();
        if *with_shared {
            for root in names {
                roots.extend(
                    state
                        .version(root)
                        .into_iter()
                        .flat_map(|version| version.roots.clone()),
                );
            }
        }
        roots.extend(definitions_of(&self.manifests, &state, &roots, &|class| {
            live.version(class).is_some()
        }));
        roots.retain(|root| !keep.contains(root));
        Ok(Scope::Names(roots))
    }

    /// Returns the working directory if it is left as it is. This applies if the notebook was moved since, and no cell changed
    /// the directory in which its kernel started, neither in the target state nor here.
    fn own_directory(&self, request: &Request, target: RunId, live: &State) -> Option<Root> {
        let moved = self.notebook_moved?;
        let root = Root::new(RootKind::Directory, "cwd");
        let began = |session| self.history.operations_of(session).into_iter();
        let first = |session| {
            let begun = began(session).find_map(|(_, operation)| operation.view.at.as_ref().map(|at| at.run))?;
            Some(self.history.state(begun).version(&root)?.fingerprint)
        };
        let wanted = self.history.state(target).version(&root)?.fingerprint;
        let now = live.version(&root)?.fingerprint;
        let maker = self.history.maker(&target)?;
        let is_before = began(maker).next().is_some_and(|(_, operation)| operation.time < moved);
        let is_meant = wanted != now && is_before && !matches!(request, Request::SwitchFor { .. });
        (is_meant && first(maker) == Some(wanted) && first(self.id) == Some(now)).then_some(root)
    }

    /// Returns the current state without storing anything: a dry run changes nothing, not even the record.
    pub(super) fn glance<K: Kernel>(&self, kernel: &mut K) -> Result<State, SessionError> {
        let roots = kernel.roots().map_err(SessionError::Kernel)?;
        let withheld = kernel.withheld();
        let looked = look(kernel.heap(), roots);
        kernel.heap().release();
        ended(kernel)?;
        let as_known = |covariable: &CoVariable| {
            let known = self.live.of(&covariable.roots);
            known.filter(|known| known.seen == covariable.fingerprint)
        };
        let seen = looked.covariables.iter().map(|covariable| match as_known(covariable) {
            Some(known) => Arc::clone(&known.version),
            None => Arc::new(Version {
                roots: covariable.roots.clone(),
                fingerprint: covariable.fingerprint,
                manifest: ManifestId([0; 32]),
            }),
        });
        let known = withheld.iter().filter_map(|withheld| self.live.holding(&withheld.root));
        Ok(State::of(seen.chain(known.map(|known| Arc::clone(&known.version)))))
    }

    fn plan(&self, live: &State, target: RunId, left: &State, scope: &Scope, options: RestoreOptions) -> Plan {
        let held = HeldBySession {
            session: self,
            target,
            options,
        };
        let wanted = self.history.state(target);
        if left.is_empty() {
            return plan(live, &wanted, scope, &held);
        }
        plan(live, &wanted.only(|version| !left.holds(version)), scope, &held)
    }

    /// Returns the runs that are ancestors of `one` and not of `other`, and vice versa, newest first. Goes back only to their
    /// common ancestor.
    fn parted(&self, one: RunId, other: RunId) -> [Vec<RunId>; 2] {
        let mut lines = [self.history.ancestry(one), self.history.ancestry(other)];
        let mut met: [Vec<RunId>; 2] = Default::default();
        let mut known: [BTreeSet<RunId>; 2] = Default::default();
        let mut parted = true;
        while parted {
            let mut is_at_end = true;
            for at in 0..2 {
                let Some((id, _)) = lines[at].next() else { continue };
                is_at_end = false;
                if known[1 - at].contains(&id) {
                    // From here on, both have the same ancestors.
                    let shared = met[1 - at].iter().position(|other| *other == id);
                    met[1 - at].truncate(shared.unwrap_or_default());
                    parted = false;
                    break;
                }
                known[at].insert(id);
                met[at].push(id);
            }
            parted &= !is_at_end;
        }
        met
    }

    /// Returns effects of the runs between two states that a restore does not revert.
    fn unrestored(&self, runs: &[RunId], scope: &Scope) -> Vec<UnrestoredEffects> {
        if !matches!(scope, Scope::All) {
            return Vec::new();
        }
        let found = runs.iter().filter_map(|id| {
            let what = self.history.run(id)?.evidence.unrestored.clone();
            let run = self.history.label(id);
            (!what.is_empty()).then_some(UnrestoredEffects { run, what })
        });
        found.collect()
    }

    fn performer(&self, target: RunId) -> PlanExecutor<'_> {
        PlanExecutor {
            store: &self.store,
            manifests: &self.manifests,
            history: &self.history,
            live: &self.live,
            parked: &self.parked,
            live_objects: &self.live_objects,
            target,
            check: self.check,
            session: Some(self.id),
            is_whole: true,
            line: &[],
            made: None,
        }
    }

    /// Returns the runs whose cells are rerun for values that cannot be loaded, all in one process.
    fn line(
        &self,
        plan: &Plan,
        is_unreadable: impl Fn(&ManifestId) -> bool,
        target: RunId,
        inputs: &dyn Inputs,
    ) -> Vec<RunId> {
        let is_allowed = plan.steps.iter().any(|step| step.again == RerunPermission::Allowed);
        let replays = Replays {
            store: &self.store,
            manifests: &self.manifests,
            history: &self.history,
            may_run: &|run| may_run(&self.history, run, is_allowed, inputs),
            missing: &to_make(plan, is_unreadable),
        };
        replays.line(target)
    }

    /// Returns the run of an external change, for people; `None` if no value differs, as after an exclusion.
    fn told_outside(&self, recorded: Option<RecordingReport>) -> Option<String> {
        let RecordingReport { run, label, .. } = recorded?;
        let is_quiet = self.history.run(&run?).is_some_and(|run| run.only_outputs);
        (!is_quiet).then_some(label)
    }

    /// Refuses automatic reruns of cells whose input files have changed. Only checks cells that would be rerun, since the check
    /// reads the files.
    fn hold_back(
        &self,
        plan: &mut Plan,
        is_unreadable: impl Fn(&ManifestId) -> bool,
        target: RunId,
        inputs: &dyn Inputs,
    ) {
        let missing = to_make(plan, is_unreadable);
        for step in plan
            .steps
            .iter_mut()
            .filter(|step| step.again == RerunPermission::Unasked)
        {
            let Some(version) = step
                .version
                .as_ref()
                .filter(|version| missing.contains(&version.manifest))
            else {
                continue;
            };
            let origin = origin(&self.manifests, &self.history, target, version);
            let maker = self.history.made_by(target, &origin);
            let run = maker.and_then(|maker| self.history.run(&maker));
            if let Some(why) = run.and_then(|run| lacking(run, inputs)) {
                step.hold_back(why);
            }
        }
    }

    /// Reads the values that would be loaded, so that a dry run does not promise corrupted ones.
    fn try_reading<K: Kernel>(&self, kernel: &mut K, plan: &mut Plan, target: RunId) -> Result<(), SessionError> {
        let performer = self.performer(target);
        for step in &mut plan.steps {
            if kernel.interrupted() {
                return Err(RestoreError::Interrupted.into());
            }
            if let Some(why) = performer.unreadable(kernel, step)? {
                step.unreadable(why);
            }
        }
        Ok(())
    }

    fn execute<K: Kernel>(
        &mut self,
        kernel: &mut K,
        plan: &Plan,
        ahead: PrefetchedValues<K::Memory>,
        target: RunId,
        scope: &Scope,
    ) -> Result<Vec<Outcome>, SessionError> {
        let mut next_ticket = self.next_ticket;
        let inputs = kernel.inputs();
        let line = self.line(plan, |manifest| ahead.is_unreadable(manifest), target, &*inputs);
        let performer = PlanExecutor {
            line: &line,
            is_whole: !matches!(scope, Scope::Names(_)),
            ..self.performer(target)
        };
        let performed = performer.perform(kernel, plan, ahead, &mut next_ticket);
        self.next_ticket = next_ticket;
        let performed = performed?;
        let is_inexact = |outcome: &Outcome| matches!(outcome.kind, OutcomeKind::NotIdentical | OutcomeKind::Lost);
        let is_exact = !performed.outcomes.iter().any(is_inexact);
        for parked in &performed.unparked {
            self.parked.retain(|other| other.ticket != parked.ticket);
            let version = &parked.known.version;
            let is_used = |root: &Root| self.live_objects.is_doubtful(target, version, root);
            // If the restore records a run of its own, it must not record objects as unchanged that were used since.
            if is_exact || !version.roots.iter().any(is_used) {
                self.live = self.live.with(parked.known.clone());
            }
        }
        self.parked.extend(performed.newly_parked);
        if is_exact {
            self.take_stayed(plan);
        }
        self.made_anew = self.made_anew_by(plan, &performed.outcomes, target);
        Ok(performed.outcomes)
    }

    fn made_anew_by(&self, plan: &Plan, outcomes: &[Outcome], target: RunId) -> BTreeMap<Root, ManifestId> {
        let is_anew = |root: &Root| {
            let mut outcomes = outcomes.iter().filter(|outcome| outcome.root == *root);
            outcomes.any(|outcome| outcome.kind == OutcomeKind::Rerun && outcome.why.is_some())
        };
        let versions = plan.steps.iter().filter_map(|step| step.version.as_ref());
        let roots = versions.flat_map(|version| version.roots.iter().map(move |root| (root, version)));
        let anew = roots.filter(|(root, _)| is_anew(root));
        anew.map(|(root, version)| {
            let made = origin(&self.manifests, &self.history, target, version);
            (root.clone(), made.manifest)
        })
        .collect()
    }

    /// Marks versions as live if all their objects stayed. The next look verifies that.
    fn take_stayed(&mut self, plan: &Plan) {
        let mut stayed: BTreeMap<ManifestId, usize> = BTreeMap::new();
        for step in &plan.steps {
            if let (StepKind::Stay { value, .. }, Some(version)) = (&step.kind, &step.version)
                && *value != LiveObjectComparison::Changed
            {
                *stayed.entry(version.manifest).or_default() += 1;
            }
        }
        for (manifest, count) in stayed {
            let known = self.live_objects.recorded(&manifest);
            if let Some(known) = known.filter(|known| known.version.roots.len() == count) {
                self.live = self.live.with(known.clone());
            }
        }
    }

    /// Looks at the actual result and commits it: at `base` if it is exactly that state, otherwise as a run of its own.
    fn land<K: Kernel>(
        &mut self,
        kernel: &mut K,
        deed: Deed,
        base: RunId,
        report: &mut Report,
    ) -> Result<RunId, SessionError> {
        let observed = self.observe(kernel, Rerun::Impossible, LookScope::All);
        self.made_anew.clear();
        kernel.heap().release();
        // The state before is no longer live, even if the look fails.
        self.is_at_state = false;
        let observed = observed.inspect_err(|_| {
            kernel.settle(false);
            self.writer.abandon();
        })?;
        let wanted = self.history.state(base);
        let there = observed.live.state().with(&self.left);
        if deed.action != Action::Restore {
            self.own_up(report, &wanted, &there, &observed.live);
        }
        // A class without references disappears right after it is loaded, which has no observable effect.
        let is_seen = |root: &Root| root.kind != RootKind::Definition && there.version(root).is_none();
        // A loaded library stays loaded: its settings and random generators are restored, but cannot be removed.
        let is_extra = |version: &Version| {
            let mut roots = version.roots.iter();
            roots.all(|root| root.kind.is_of_library() && wanted.version(root).is_none())
        };
        let is_there = !wanted.roots().any(is_seen)
            && there
                .versions()
                .all(|version| wanted.holds(version) || is_extra(version));
        let result = if report.is_exact() && is_there {
            let is_same = there.len() == wanted.len() && there.versions().all(|version| wanted.holds(version));
            self.is_at_state = is_same;
            self.commit(deed, base, Vec::new(), observed).map(|()| base)
        } else {
            let input = RunInput::silent(RunKind::Moved, self.clock.now());
            self.commit_run(input, observed, deed, Some(base))
                .map(|recorded| recorded.run.unwrap_or(base))
        };
        kernel.settle(result.is_ok());
        if result.is_err() {
            self.is_at_state = false;
            self.writer.abandon();
        }
        result
    }

    /// Corrects the outcome of every root that differs from the target: user code ran when old objects were released, or a live
    /// class could not be fully restored.
    fn own_up(&self, report: &mut Report, wanted: &State, there: &State, live: &LiveState) {
        let is_withheld = |root: &Root| live.holding(root).is_some_and(|known| known.withheld.is_some());
        let mut classes: BTreeSet<Root> = BTreeSet::new();
        for outcome in &mut report.outcomes {
            let is_there = there.version(&outcome.root).is_some();
            // If a class without references or a lost name is missing, the other roots have no version to compare.
            let is_whole = |version: &Version| version.roots.iter().all(|root| there.version(root).is_some());
            // Roots that are excluded from now on cannot be compared.
            if is_withheld(&outcome.root) {
                continue;
            }
            let part = |version: &Version| self.live_objects.of(version)?.part(&outcome.root);
            let stayed = wanted.version(&outcome.root).and_then(part);
            if stayed.is_some() && stayed == live.part(&outcome.root) {
                // Other roots of its version may be lost; this one is the live object that was to stay.
                continue;
            }
            // Values with missing members cannot be compared either; their outcomes already report that.
            let has_gaps = |version: &Version| self.manifests.is_stored_as(version, |encoding| !encoding.is_whole());
            if outcome.kind == OutcomeKind::Restored && wanted.version(&outcome.root).is_some_and(has_gaps) {
                continue;
            }
            let (word, why) = match (outcome.kind, wanted.version(&outcome.root)) {
                (OutcomeKind::Unchanged | OutcomeKind::Restored, Some(version))
                    if is_whole(version) && !there.holds(version) =>
                {
                    if outcome.root.kind == RootKind::Definition {
                        classes.insert(outcome.root.clone());
                        (OutcomeKind::NotIdentical, Cause::ClassKeeps)
                    } else {
                        (OutcomeKind::NotIdentical, Cause::ChangedInMove)
                    }
                }
                (OutcomeKind::Unchanged | OutcomeKind::Restored, Some(_))
                    if !is_there && outcome.root.kind == RootKind::Name =>
                {
                    (OutcomeKind::Lost, Cause::GoneInMove)
                }
                (OutcomeKind::Removed, None) if is_there && outcome.root.kind == RootKind::Name => {
                    (OutcomeKind::NotIdentical, Cause::CameInMove)
                }
                _ => continue,
            };
            outcome.kind = word;
            outcome.why = Some(why.into());
        }
        // A class whose recorded state cannot be built keeps its later contents if it is live.
        let lost = report.outcomes.iter().filter(|outcome| {
            outcome.kind == OutcomeKind::Lost
                && outcome.root.kind == RootKind::Definition
                && there.version(&outcome.root).is_some()
        });
        classes.extend(lost.map(|outcome| outcome.root.clone()));
        let same = |outcome: &&mut Outcome| matches!(outcome.kind, OutcomeKind::Unchanged | OutcomeKind::Restored);
        let mut told = 0;
        // A class derived from such a class differs, too.
        while told < classes.len() {
            told = classes.len();
            for outcome in report.outcomes.iter_mut().filter(same) {
                let needed = self.manifests.definitions(wanted.version(&outcome.root));
                if needed.iter().any(|class| classes.contains(class)) {
                    outcome.kind = OutcomeKind::NotIdentical;
                    outcome.why = Some(Cause::ClassDiffers.into());
                    if outcome.root.kind == RootKind::Definition {
                        classes.insert(outcome.root.clone());
                    }
                }
            }
        }
    }
}

/// Returns the outcomes as far as a dry run can predict them.
fn foreseen(plan: &Plan) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in &plan.steps {
        let (word, why) = match &step.kind {
            StepKind::Keep | StepKind::Unpark { .. } => (OutcomeKind::Unchanged, None),
            StepKind::Stay { value, .. } => match value {
                LiveObjectComparison::Same => (OutcomeKind::Unchanged, None),
                LiveObjectComparison::Unverified => (OutcomeKind::Unchanged, Some(Cause::NotVerified.into())),
                LiveObjectComparison::Changed => (OutcomeKind::NotIdentical, Some(Cause::StaysChanged.into())),
            },
            StepKind::Load { .. } => (OutcomeKind::Restored, None),
            StepKind::Replay { why, apart } => (OutcomeKind::Rerun, Some(where_again(step, *apart).behind(why))),
            StepKind::Leave { why } => (OutcomeKind::NotIdentical, Some(why.clone())),
            StepKind::Remove => (OutcomeKind::Removed, None),
            StepKind::Lose { why } => (OutcomeKind::Lost, Some(why.clone())),
        };
        for root in &step.roots {
            outcomes.push(Outcome {
                root: root.clone(),
                kind: word,
                unverified: is_unverified(step),
                why: why.clone(),
                is_detached: false,
            });
        }
    }
    outcomes.sort_by(|one, other| one.root.cmp(&other.root));
    outcomes
}

fn is_unverified(step: &PlanStep) -> bool {
    matches!(
        step.kind,
        StepKind::Stay {
            value: LiveObjectComparison::Unverified,
            ..
        }
    )
}

/// Returns where the cell of a step would be rerun.
fn where_again(step: &PlanStep, apart: bool) -> Cause<'static> {
    match (apart, &step.again) {
        (true, RerunPermission::Allowed) => Cause::WouldRunApartOrHere,
        (true, _) => Cause::WouldRunApart,
        (false, _) => Cause::WouldRunHere,
    }
}

struct HeldBySession<'a> {
    session: &'a Session,
    target: RunId,
    options: RestoreOptions,
}

impl AvailableValues for HeldBySession<'_> {
    fn withheld(&self, root: &Root) -> Option<String> {
        let known = self.session.live.holding(root)?;
        let why = known.withheld.as_ref()?;
        Some(Cause::LeftAlone { why }.into())
    }

    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String> {
        self.session.manifests.get(id).map_err(|error| error.to_string())
    }

    fn ticket(&self, roots: &[Root], fingerprint: &Fingerprint) -> Option<u64> {
        // Of equal stored values, the one that was set aside last: live objects refer to it.
        self.session
            .parked
            .iter()
            .rev()
            .find(|parked| parked.known.version.roots == roots && parked.known.version.fingerprint == *fingerprint)
            .map(|parked| parked.ticket)
    }

    fn is_registered(&self, version: &Version) -> bool {
        let manifests = &self.session.manifests;
        let mut classes = version.roots.iter().filter(|root| root.kind == RootKind::Definition);
        classes.any(|class| self.session.live.holding(class).is_some())
            && manifests.is_stored_as(version, Encoding::has_registered)
    }

    fn stays(&self, root: &Root, version: &Version) -> Option<StepKind> {
        let (live, objects) = (&self.session.live, &self.session.live_objects);
        let was_excluded = |manifest: &Manifest| matches!(&manifest.body, Body::Withheld { why } if why == EXCLUDED);
        if live.holding(root).is_some() && self.manifest(&version.manifest).is_ok_and(|at| was_excluded(&at)) {
            // No value is known for that state, and the live one must not be lost.
            let why = Cause::LeftAlone { why: WAS_EXCLUDED }.into();
            return Some(StepKind::Leave { why });
        }
        if self.is_registered(version) {
            // A class without variables may still be live: building it will show.
            let may_live = root.kind == RootKind::Definition || live.holding(root).is_some();
            let why = Cause::StaysRegistered.into();
            return may_live.then_some(StepKind::Leave { why });
        }
        let Some(known) = objects.of(version) else {
            return self
                .session
                .is_unchanged(root, version, self.target)
                .then(|| StepKind::Stay {
                    at: root.clone(),
                    value: LiveObjectComparison::Same,
                });
        };
        let then = known.part(root)?;
        let is_it = |at: &&Root| live.part(at).is_some_and(|now| now.object == then.object);
        let at = match then.object {
            // The same object may be bound to another name now.
            ObjectMark::Serial(_) => Some(root).filter(is_it).or_else(|| live.roots().find(is_it))?,
            ObjectMark::Address(_) => Some(root).filter(is_it)?,
        };
        // The hash of a root alone does not cover the objects that it shares with others in its co-variable.
        let is_alone = matches!(then.object, ObjectMark::Serial(_));
        let is_whole = is_alone || live.holding(at).is_some_and(|now| now.seen == known.seen);
        let value = match live.part(at).is_some_and(|now| now.is_as(then)) {
            false => LiveObjectComparison::Changed,
            true if !is_whole || objects.is_doubtful(self.target, version, root) => LiveObjectComparison::Unverified,
            true => LiveObjectComparison::Same,
        };
        Some(StepKind::Stay { at: at.clone(), value })
    }

    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String> {
        untrusted(&self.session.history, self.target, version, manifest)
    }

    fn again(&self, version: &Version) -> RerunPermission {
        let history = &self.session.history;
        let version = &origin(&self.session.manifests, history, self.target, version);
        if !has_cell(history, self.target, version) {
            RerunPermission::Never
        } else if self.options.replay {
            RerunPermission::Allowed
        } else if !has_whole_cell(history, self.target, version) {
            RerunPermission::Never
        } else {
            caution(history, self.target, version)
                .map_or(RerunPermission::Unasked, |cause| RerunPermission::Refused(cause.into()))
        }
    }
}

/// Checks that the state after a run has these names.
///
/// # Errors
/// Fails if one of them is missing.
pub(super) fn check_names<'r>(
    history: &History,
    run: RunId,
    state: &State,
    names: impl IntoIterator<Item = &'r Root>,
) -> Result<(), SessionError> {
    let missing = names.into_iter().filter(|root| state.version(root).is_none());
    let names: Vec<String> = missing.map(ToString::to_string).collect();
    if names.is_empty() {
        return Ok(());
    }
    let run = history.label(&run);
    Err(SessionError::NoSuchName { run, names })
}

/// Checks that names can be kept.
///
/// # Errors
/// Fails if one of them does not exist, or shares objects with a name that is not kept, so that the two would be separated.
fn check_alone(live: &State, keep: &BTreeSet<Root>) -> Result<(), SessionError> {
    let absent = keep.iter().filter(|root| live.version(root).is_none());
    let absent: Vec<String> = absent.map(ToString::to_string).collect();
    if !absent.is_empty() {
        return Err(SessionError::NothingToKeep { names: absent });
    }
    for name in keep {
        let shared = live.version(name).into_iter().flat_map(|version| &version.roots);
        let others: Vec<String> = shared
            .filter(|root| !keep.contains(root))
            .map(ToString::to_string)
            .collect();
        if !others.is_empty() {
            let name = name.to_string();
            return Err(SessionError::KeepShared { name, others });
        }
    }
    Ok(())
}

/// Returns the notebook classes that values of `roots` need and that do not exist, and those that these need.
pub(super) fn definitions_of(
    manifests: &Manifests,
    state: &State,
    roots: &BTreeSet<Root>,
    is_there: &dyn Fn(&Root) -> bool,
) -> BTreeSet<Root> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Root> = roots.iter().cloned().collect();
    while let Some(root) = open.pop() {
        let needed = manifests.definitions(state.version(&root));
        for needed in needed.into_iter().filter(|needed| !is_there(needed)) {
            if state.version(&needed).is_some() && found.insert(needed.clone()) {
                open.push(needed);
            }
        }
    }
    found
}

/// Returns why a version may not be built: it is untrusted, and it names code, or is state that affects which code is found and
/// run (paths, environment variables, options).
pub(super) fn untrusted(history: &History, target: RunId, version: &Version, manifest: &Manifest) -> Option<String> {
    let is_refused = manifest.encoding().is_some_and(|encoding| encoding.code)
        || version.roots.iter().any(|root| root.kind.is_surrounding());
    (is_refused && history.is_strangers(target, version)).then(|| Cause::Untrusted.into())
}

/// Returns whether the cell that created a version is known, and is the user's own or trusted.
pub(super) fn has_cell(history: &History, target: RunId, version: &Version) -> bool {
    let Some(maker) = history.made_by(target, version) else {
        return false;
    };
    let run = history.run(&maker);
    // A value that the user forgot must not be recreated.
    let is_forgotten = history.forgotten().contains_key(&version.manifest);
    !is_forgotten && !history.is_untrusted(&maker) && run.is_some_and(|run| run.source.is_some())
}

/// Returns whether the cell of a run may be rerun, automatically or with the user's permission.
fn may_run(history: &History, id: &RunId, is_allowed: bool, inputs: &dyn Inputs) -> bool {
    let Some(run) = history.run(id).filter(|run| run.source.is_some()) else {
        return false;
    };
    let is_whole = run.evidence.masked.is_empty() && !history.is_untrusted(id);
    is_whole && (is_allowed || (caution_of(history, id, run).is_none() && lacking(run, inputs).is_none()))
}

/// Returns why a cell would not find its input files.
fn lacking(run: &Run, inputs: &dyn Inputs) -> Option<String> {
    run.evidence.files_read.iter().find_map(|file| inputs.obstacle(file))
}

/// Returns why the cell that created a version cannot be expected to give the same value; `None` for the user's own cells that
/// finished, unless they had effects that the sandbox prevents.
pub(super) fn caution(history: &History, target: RunId, version: &Version) -> Option<Cause<'static>> {
    let maker = history.made_by(target, version);
    match maker.and_then(|maker| Some((maker, history.run(&maker)?))) {
        Some((maker, run)) => caution_of(history, &maker, run),
        None => Some(Cause::CellUnseen),
    }
}

fn caution_of(history: &History, id: &RunId, run: &Run) -> Option<Cause<'static>> {
    let cautions = [
        (!history.is_own(id), Cause::CellOfAnother),
        (run.kind != RunKind::Cell, Cause::CellUnseen),
        (run.ending != Ending::Done, Cause::CellUnfinished),
        (!run.evidence.sockets.is_empty(), Cause::CellUsedNetwork),
        (!run.evidence.processes.is_empty(), Cause::CellStartedPrograms),
    ];
    cautions
        .into_iter()
        .find_map(|(holds, caution)| holds.then_some(caution))
}

/// Returns whether the source of the cell that created a version is complete.
pub(super) fn has_whole_cell(history: &History, target: RunId, version: &Version) -> bool {
    let run = history.made_by(target, version).and_then(|maker| history.run(&maker));
    run.is_some_and(|run| run.evidence.masked.is_empty())
}

//! Restoring: build the values that a plan needs in a staging area, verify them, and install all of them at once.
//!
//! The input is a plan and a kernel. The output is one Outcome for every root. Nothing live changes before the install. If
//! anything fails before that, or the user interrupts, the session stays as it was (promise P4).

mod again;
mod attached;
mod cells;
mod gaps;
mod libraries;
mod parallel_jobs;
mod prefetch;
mod replays;
mod rerun_results;
mod settle;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::cause::Cause;
use crate::format::{Encoding, Version};
use crate::graph::{Arena, ArenaLimits, CoVariable, Heap, first_difference, look, look_jointly};
use crate::history::History;
use crate::id::{Root, RootKind, RunId, SessionId};
use crate::kernel::{
    BuildError, CellSources, InstallReport, Kernel, KernelError, ObjectOf, RestoreProgress, RootChange,
    StoredCoVariable,
};
use crate::plan::{LiveObjectComparison, Outcome, OutcomeKind, Plan, PlanStep, RerunPermission, StepKind};
use crate::record::{LiveCoVariable, LiveObjects, LiveState};
use crate::store::{Check, Manifests, Store};

use again::RecreatedVersion;
pub(crate) use again::{may_read, origin};
use attached::LiveReferrers;
pub use cells::{CellText, cell_texts};
use prefetch::FetchedCoVariable;
pub(crate) use prefetch::PrefetchedValues;
pub(crate) use replays::{Replays, to_make};
pub(crate) use rerun_results::RerunResults;

/// The reason why a restore did not happen. The session is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The user interrupted it.
    #[error("It was interrupted")]
    Interrupted,
    /// There is not enough memory for the live values together with the restored ones.
    #[error("There is not enough memory to restore everything")]
    NoMemory,
    /// The kernel refused the install.
    #[error("{0}")]
    Refused(String),
}

/// The errors in building a value that end the whole restore.
enum End {
    Interrupted,
    NoMemory,
}

impl From<End> for BuildError {
    fn from(end: End) -> Self {
        match end {
            End::Interrupted => Self::Interrupted,
            End::NoMemory => Self::NoMemory,
        }
    }
}

impl From<End> for RestoreError {
    fn from(end: End) -> Self {
        match end {
            End::Interrupted => Self::Interrupted,
            End::NoMemory => Self::NoMemory,
        }
    }
}

/// Returns why one value could not be built.
///
/// # Errors
/// Fails if the whole restore ends.
fn unbuilt(error: BuildError) -> Result<String, End> {
    match error {
        BuildError::Failed(why) | BuildError::Unbound(why) => Ok(why),
        BuildError::NoMemory => Err(End::NoMemory),
        BuildError::Interrupted => Err(End::Interrupted),
    }
}

impl From<KernelError> for RestoreError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Interrupted => Self::Interrupted,
            KernelError::NoMemory => Self::NoMemory,
            KernelError::Failed(why) => Self::Refused(why),
        }
    }
}

fn is_context(step: &PlanStep) -> bool {
    step.roots.iter().all(|root| root.kind.is_context())
}

/// Checks that a restore may continue: the user has not interrupted it, and no memory allocation failed.
pub(crate) fn ended<K: Kernel>(kernel: &mut K) -> Result<(), RestoreError> {
    if kernel.interrupted() {
        Err(RestoreError::Interrupted)
    } else if kernel.heap().is_out_of_memory() {
        Err(RestoreError::NoMemory)
    } else {
        Ok(())
    }
}

/// A live co-variable that a restore set aside, because it cannot be restored exactly from the store, or because live objects
/// refer to it.
#[derive(Debug, Clone)]
pub(crate) struct SetAsideCoVariable {
    pub ticket: u64,
    pub known: LiveCoVariable,
}

/// Executes a plan. Its fields are the data that are needed besides the kernel.
pub(crate) struct PlanExecutor<'a> {
    pub store: &'a Store,
    pub manifests: &'a Manifests,
    pub history: &'a History,
    pub live: &'a LiveState,
    pub parked: &'a [SetAsideCoVariable],
    pub live_objects: &'a LiveObjects,
    pub target: RunId,
    pub check: Check,
    /// The session of the kernel; `None` at the start of a process.
    pub session: Option<SessionId>,
    /// Whether the whole state is built, not only some of its values beside the live ones.
    pub is_whole: bool,
    /// The runs whose cells are rerun in one process, in order.
    pub line: &'a [RunId],
    /// The values created by cells that were rerun in this process.
    pub made: Option<&'a RerunResults>,
}

/// The result of executing a plan.
pub(crate) struct PlanResult {
    pub outcomes: Vec<Outcome>,
    /// Co-variables that were set aside and are live again; their tickets are free.
    pub unparked: Vec<SetAsideCoVariable>,
    /// Co-variables that were newly set aside.
    pub newly_parked: Vec<SetAsideCoVariable>,
}

/// Objects for the roots of one step, ready to be installed.
struct Staged<O> {
    objects: Vec<(Root, O)>,
    kind: OutcomeKind,
    why: Option<String>,
    /// Classes to which they are known to refer, besides those in a manifest.
    classes: Vec<Root>,
    /// Whether it is lost only as long as names are unbound that its code reads.
    is_waiting: bool,
    /// Roots whose outcome differs from that of the others.
    apart: BTreeMap<Root, (OutcomeKind, Option<String>)>,
}

impl PlanExecutor<'_> {
    /// Stages, verifies and installs, using the values in `ahead` as far as they are there. On an error nothing has changed.
    pub fn perform<K: Kernel>(
        &self,
        kernel: &mut K,
        plan: &Plan,
        ahead: PrefetchedValues<K::Memory>,
        next_ticket: &mut u64,
    ) -> Result<PlanResult, RestoreError> {
        let result = self.try_perform(kernel, plan, ahead, next_ticket);
        kernel.clear_staging();
        kernel.heap().release();
        result
    }

    fn try_perform<K: Kernel>(
        &self,
        kernel: &mut K,
        plan: &Plan,
        mut ahead: PrefetchedValues<K::Memory>,
        next_ticket: &mut u64,
    ) -> Result<PlanResult, RestoreError> {
        let live = self.unstored_objects(kernel)?;
        let libraries = kernel.libraries();
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut changes: Vec<(Root, RootChange<ObjectOf<K>>)> = Vec::new();
        let mut unparked = Vec::new();
        let mut performed: Vec<(&PlanStep, Staged<ObjectOf<K>>)> = Vec::new();
        let mut anew = Vec::new();
        let mut submodules = Some(self.history.submodules(self.target, self.session));
        for step in self.in_order_of_definitions(plan) {
            ended(kernel)?;
            if !is_context(step)
                && let Some(submodules) = submodules.take()
            {
                kernel.bring_submodules(&submodules, self.is_whole)?;
            }
            kernel.hear_progress(RestoreProgress::Builds {
                done: performed.len(),
                of: plan.steps.len(),
            });
            // Values come after classes. Classes may have to wait for each other.
            if !holds_definition(step) && performed.last().is_some_and(|(before, _)| holds_definition(before)) {
                while self.stage_again(kernel, &mut performed)? {}
            }
            let staged = match &step.kind {
                StepKind::Stay { at, value } => stay(step, *value, live.get(at).filter(|_| !step.roots.contains(at))),
                _ => self.stage(kernel, step, &mut ahead, &anew)?,
            };
            if let (StepKind::Replay { .. }, Some(version), OutcomeKind::Rerun) =
                (&step.kind, &step.version, staged.kind)
            {
                anew.push(RecreatedVersion {
                    version: version.clone(),
                    objects: staged.objects.clone(),
                });
            }
            performed.push((step, staged));
        }
        while self.stage_again(kernel, &mut performed)? {}
        self.stage_readers(kernel, &mut performed)?;
        if kernel.libraries() != libraries {
            self.put_settings_back(kernel, &mut performed)?;
        }
        self.lose_what_needs_lost_definitions(&mut performed);
        for (step, staged) in performed {
            if let (StepKind::Unpark { ticket }, OutcomeKind::Unchanged) = (&step.kind, staged.kind) {
                // If only a part of it comes back, the objects stay set aside for the rest.
                let is_whole = |parked: &&SetAsideCoVariable| {
                    parked.ticket == *ticket && parked.known.version.roots.len() == step.roots.len()
                };
                unparked.extend(self.parked.iter().find(is_whole).cloned());
            }
            self.collect(step, &staged, &mut changes, &mut outcomes);
        }
        let attached = self.attach(kernel, &mut changes, &live, &outcomes);
        let newly_parked = self.park(kernel, &changes, &live, &attached, next_ticket);
        ended(kernel).inspect_err(|_| abandon(kernel, &newly_parked))?;
        let installed = kernel
            .install(changes)
            .inspect_err(|_| abandon(kernel, &newly_parked))?;
        for parked in &unparked {
            kernel.unpark(parked.ticket);
        }
        Self::settle_differences(kernel, plan, &mut outcomes);
        self.annotate(&mut outcomes, installed);
        attached.report(&mut outcomes);
        outcomes.sort_by(|one, other| one.root.cmp(&other.root));
        Ok(PlanResult {
            outcomes,
            unparked,
            newly_parked,
        })
    }

    /// Stages lost definitions again, now that others exist, and returns whether that recovered another one. If classes refer to
    /// each other, the first one cannot be completed before the second one is created.
    fn stage_again<K: Kernel>(
        &self,
        kernel: &mut K,
        performed: &mut [(&PlanStep, Staged<ObjectOf<K>>)],
    ) -> Result<bool, RestoreError> {
        let mut is_better = false;
        for (step, staged) in performed {
            let is_load = matches!(step.kind, StepKind::Load { .. });
            if is_load && holds_definition(step) && staged.kind == OutcomeKind::Lost {
                *staged = self.stage(kernel, step, &mut PrefetchedValues::empty(), &[])?;
                is_better |= staged.kind != OutcomeKind::Lost;
            }
        }
        Ok(is_better)
    }

    /// Stages values whose code reads names while they are built, with all staged names bound temporarily. Values that still fail
    /// are recreated by their cells, if permitted.
    fn stage_readers<K: Kernel>(
        &self,
        kernel: &mut K,
        performed: &mut [(&PlanStep, Staged<ObjectOf<K>>)],
    ) -> Result<(), RestoreError> {
        while performed.iter().any(|(_, staged)| staged.is_waiting) {
            let objects = performed.iter().flat_map(|(_, staged)| &staged.objects);
            let names: Vec<_> = objects
                .filter(|(root, _)| root.kind == RootKind::Name)
                .cloned()
                .collect();
            kernel.lend(&names)?;
            let is_better = self.stage_waiting(kernel, performed);
            kernel.take_back();
            if !is_better? {
                break;
            }
        }
        for (step, staged) in performed.iter_mut().filter(|(_, staged)| staged.is_waiting) {
            if let (Some(version), Some(why)) = (&step.version, &staged.why) {
                *staged = Self::staged(step, self.make_again(kernel, version, &step.again, why, false, &[]))?;
            }
        }
        Ok(())
    }

    /// Stages values that wait for names, and returns whether that recovered any.
    fn stage_waiting<K: Kernel>(
        &self,
        kernel: &mut K,
        performed: &mut [(&PlanStep, Staged<ObjectOf<K>>)],
    ) -> Result<bool, RestoreError> {
        let mut is_better = false;
        for (step, staged) in performed.iter_mut().filter(|(_, staged)| staged.is_waiting) {
            *staged = self.stage(kernel, step, &mut PrefetchedValues::empty(), &[])?;
            is_better |= !staged.is_waiting;
        }
        Ok(is_better)
    }

    /// An instance needs its class: a value that was built for a lost class, which is not live either, is lost, too. A value that
    /// could not be built for this reason reports why the class is lost.
    fn lose_what_needs_lost_definitions<O>(&self, performed: &mut [(&PlanStep, Staged<O>)]) {
        loop {
            let lost: BTreeMap<Root, Option<String>> = performed
                .iter()
                .filter(|(_, staged)| staged.kind == OutcomeKind::Lost)
                .flat_map(|(step, staged)| step.roots.iter().map(|root| (root.clone(), staged.why.clone())))
                .filter(|(root, _)| root.kind == RootKind::Definition && self.live.holding(root).is_none())
                .collect();
            let there: BTreeSet<Root> = performed
                .iter()
                .filter(|(_, staged)| staged.kind != OutcomeKind::Lost)
                .flat_map(|(step, _)| step.roots.iter().cloned())
                .collect();
            // A rerun cell may have created a class that is not known.
            let is_unknown = |class: &Root| !there.contains(class) && self.live.holding(class).is_none();
            let mut is_done = true;
            for (step, staged) in performed.iter_mut() {
                let is_built = matches!(
                    staged.kind,
                    OutcomeKind::Restored | OutcomeKind::Rerun | OutcomeKind::NotIdentical
                );
                if is_built && staged.classes.iter().any(is_unknown) {
                    *staged = Staged::empty(OutcomeKind::Lost, Some(for_want_of_class(None)));
                    is_done = false;
                    continue;
                }
                let has_failed = staged.kind == OutcomeKind::Lost && matches!(step.kind, StepKind::Load { .. });
                let is_told = staged.why.as_deref().is_some_and(Cause::is_class_lost);
                if lost.is_empty() || !(is_built || has_failed && !is_told) {
                    continue;
                }
                let classes = self.classes(step);
                let mut others = classes.iter().filter(|class| !step.roots.contains(class));
                if let Some(why) = others.find_map(|class| lost.get(class)) {
                    *staged = Staged::empty(OutcomeKind::Lost, Some(for_want_of_class(why.as_deref())));
                    is_done = false;
                }
            }
            if is_done {
                return;
            }
        }
    }

    /// Returns the live objects that cannot be restored from the store and may have to be set aside. If there are any, the result
    /// has the live objects of all roots.
    fn unstored_objects<K: Kernel>(&self, kernel: &mut K) -> Result<BTreeMap<Root, ObjectOf<K>>, RestoreError> {
        let is_wanted = |known: &LiveCoVariable| known.has_gaps() || self.is_only_live(known);
        // Objects that come back from being set aside may refer to live ones.
        if self.parked.is_empty() && !self.live.iter().any(is_wanted) {
            return Ok(BTreeMap::new());
        }
        let mut roots = kernel.roots()?;
        // Only a walk discovers classes.
        let holds_class =
            |known: &LiveCoVariable| known.version.roots.iter().any(|root| root.kind == RootKind::Definition);
        if self.live.iter().any(|known| is_wanted(known) && holds_class(known)) {
            roots = look(kernel.heap(), roots).roots;
        }
        for (_, object) in &roots {
            kernel.heap().keep(*object);
        }
        Ok(roots.into_iter().collect())
    }

    /// Returns the steps in the order of the plan, which has definitions before values, but with base classes before derived
    /// ones. If definitions need each other, any of them may be first. All come before the values.
    fn in_order_of_definitions<'p>(&self, plan: &'p Plan) -> Vec<&'p PlanStep> {
        let (mut waiting, values): (Vec<&PlanStep>, Vec<&PlanStep>) =
            plan.steps.iter().partition(|step| holds_definition(step));
        let (mut ordered, values): (Vec<&PlanStep>, Vec<&PlanStep>) =
            values.into_iter().partition(|step| is_context(step));
        while !waiting.is_empty() {
            let missing = |step: &PlanStep| {
                self.needs(step).iter().any(|needed| {
                    !step.roots.contains(needed) && waiting.iter().any(|other| other.roots.contains(needed))
                })
            };
            let at = waiting.iter().position(|step| !missing(step)).unwrap_or(0);
            ordered.push(waiting.remove(at));
        }
        let (mut again, values): (Vec<&PlanStep>, Vec<&PlanStep>) = values
            .into_iter()
            .partition(|step| matches!(step.kind, StepKind::Replay { .. }));
        ordered.extend(values);
        if again.len() > 1 {
            self.sort_by_maker(&mut again);
        }
        ordered.extend(again);
        ordered
    }

    /// Sorts reruns in the order of the runs: a later one may use values that an earlier one creates.
    fn sort_by_maker(&self, steps: &mut [&PlanStep]) {
        let line = self.history.ancestry(self.target).enumerate();
        let ago: BTreeMap<RunId, usize> = line.map(|(at, (id, _))| (id, at)).collect();
        let maker = |step: &PlanStep| {
            let made = origin(self.manifests, self.history, self.target, step.version.as_ref()?);
            ago.get(&self.history.made_by(self.target, &made)?).copied()
        };
        steps.sort_by_cached_key(|step| Reverse(maker(step)));
    }

    fn needs(&self, step: &PlanStep) -> Vec<Root> {
        let is_definition = holds_definition(step);
        if !is_definition || !matches!(step.kind, StepKind::Load { .. }) {
            return Vec::new();
        }
        self.classes(step)
    }

    /// Returns the classes to which instances in the step refer.
    fn classes(&self, step: &PlanStep) -> Vec<Root> {
        self.manifests.definitions(step.version.as_ref())
    }

    /// Stages one step, using the values in `ahead` as far as they are there. `anew` are the values that were recreated so far.
    fn stage<K: Kernel>(
        &self,
        kernel: &mut K,
        step: &PlanStep,
        ahead: &mut PrefetchedValues<K::Memory>,
        anew: &[RecreatedVersion<ObjectOf<K>>],
    ) -> Result<Staged<ObjectOf<K>>, RestoreError> {
        let result = match (&step.kind, &step.version) {
            (StepKind::Keep, _) => Ok(Staged::empty(OutcomeKind::Unchanged, None)),
            (StepKind::Stay { value, .. }, _) => Ok(stay(step, *value, None)),
            (StepKind::Leave { why }, _) => Ok(Staged::empty(OutcomeKind::NotIdentical, Some(why.clone()))),
            (StepKind::Remove, _) => Ok(Staged::empty(OutcomeKind::Removed, None)),
            (StepKind::Lose { why }, _) => Ok(Staged::empty(OutcomeKind::Lost, Some(why.clone()))),
            (StepKind::Unpark { ticket }, Some(version)) => self.unpark(kernel, *ticket, version, &step.again),
            (StepKind::Load { .. }, Some(version)) => match ahead.take(&version.manifest) {
                Some(fetched) => self.load(kernel, version, &step.again, fetched),
                None => self.fetch_and_load(kernel, version, &step.again),
            },
            (StepKind::Replay { why, apart }, Some(version)) => {
                self.make_again(kernel, version, &step.again, why, *apart, anew)
            }
            (StepKind::Load { .. } | StepKind::Replay { .. } | StepKind::Unpark { .. }, None) => {
                Ok(Staged::empty(OutcomeKind::Lost, None))
            }
        };
        Self::staged(step, result)
    }

    /// Returns the result of a step, for its roots alone.
    fn staged<O>(step: &PlanStep, result: Result<Staged<O>, BuildError>) -> Result<Staged<O>, RestoreError> {
        match result {
            Ok(mut staged) => {
                if staged.objects.len() > step.roots.len() {
                    let others = staged.objects.len() - step.roots.len();
                    staged.objects.retain(|(root, _)| step.roots.contains(root));
                    // An object that was set aside is the old object itself.
                    if staged.kind != OutcomeKind::Unchanged {
                        staged.why.get_or_insert_with(|| Cause::Detached { others }.into());
                    }
                }
                let lost = staged.apart.values_mut().filter(|(kind, _)| *kind == OutcomeKind::Lost);
                for why in lost.filter_map(|(_, why)| why.as_mut()) {
                    *why = step.again.reason(why, false);
                }
                Ok(staged)
            }
            Err(error) => {
                let is_waiting = matches!(error, BuildError::Unbound(_));
                let lost = Staged::empty(OutcomeKind::Lost, Some(unbuilt(error)?));
                Ok(Staged { is_waiting, ..lost })
            }
        }
    }

    fn unpark<K: Kernel>(
        &self,
        kernel: &mut K,
        ticket: u64,
        version: &Version,
        again: &RerunPermission,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let seen = self
            .parked
            .iter()
            .find(|parked| parked.ticket == ticket)
            .map(|parked| parked.known.seen);
        let Some(objects) = kernel.parked(ticket) else {
            return Ok(Staged::empty(OutcomeKind::Lost, Some(Cause::Released.into())));
        };
        let now = look_jointly(kernel.heap(), objects.clone());
        let (kind, why) = if Some(now.fingerprint) == seen {
            (OutcomeKind::Unchanged, None)
        } else if self.can_be_built(version) {
            return self.fetch_and_load(kernel, version, again);
        } else {
            (OutcomeKind::NotIdentical, Some(Cause::ChangedAside.into()))
        };
        Ok(Staged {
            objects,
            ..Staged::empty(kind, why)
        })
    }

    /// Returns whether a version is stored, and its objects can be built while its classes are live.
    fn can_be_built(&self, version: &Version) -> bool {
        self.manifests
            .is_stored_as(version, |encoding| !encoding.has_registered())
    }

    /// Returns whether a live co-variable cannot be restored from the store exactly: it is not stored, a process that tried could
    /// not build it, or it contains handles or registered classes.
    fn is_only_live(&self, known: &LiveCoVariable) -> bool {
        let proof = self.history.proof(&known.version.manifest);
        let is_better_alive = || self.manifests.is_stored_as(&known.version, Encoding::is_better_alive);
        !known.is_encoded || proof.is_some_and(|why| why.is_some()) || is_better_alive()
    }

    /// Sets aside live co-variables that the changes replace or remove, if they cannot be restored from the store, or if live
    /// objects refer to them.
    fn park<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &[(Root, RootChange<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
        attached: &LiveReferrers,
        next_ticket: &mut u64,
    ) -> Vec<SetAsideCoVariable> {
        let mut parked = Vec::new();
        for known in self.live.iter() {
            let roots = &known.version.roots;
            let is_parked = self.is_only_live(known) || attached.holds(roots);
            let roots = &known.version.roots;
            if !(is_parked || known.has_gaps()) || !changes.iter().any(|(root, _)| roots.contains(root)) {
                continue;
            }
            let objects: Vec<_> = roots
                .iter()
                .filter_map(|root| live.get(root).map(|object| (root.clone(), *object)))
                .collect();
            if objects.len() < roots.len() {
                continue;
            }
            if !is_parked {
                kernel.set_aside(objects);
                continue;
            }
            let ticket = *next_ticket;
            *next_ticket += 1;
            kernel.park(ticket, objects);
            parked.push(SetAsideCoVariable {
                ticket,
                known: known.clone(),
            });
        }
        parked
    }

    /// Converts one staged step to changes and outcomes.
    fn collect<O: Copy>(
        &self,
        step: &PlanStep,
        staged: &Staged<O>,
        changes: &mut Vec<(Root, RootChange<O>)>,
        outcomes: &mut Vec<Outcome>,
    ) {
        let untouched = matches!(
            step.kind,
            StepKind::Keep | StepKind::Leave { .. } | StepKind::Stay { .. }
        );
        for root in &step.roots {
            let (kind, why) = match staged.apart.get(root) {
                Some((kind, why)) => (*kind, why.clone()),
                None => (staged.kind, staged.why.clone()),
            };
            let mut objects = staged.objects.iter().filter(|_| kind != OutcomeKind::Lost);
            match objects.find(|(other, _)| other == root) {
                Some((_, object)) => changes.push((root.clone(), RootChange::Bind(*object))),
                None if untouched => {}
                None if self.live.holding(root).is_some() || root.kind == RootKind::Definition => {
                    changes.push((root.clone(), RootChange::Unbind));
                }
                None => {}
            }
            let is_used = |version: &Version| self.live_objects.is_doubtful(self.target, version, root);
            let is_used = kind == OutcomeKind::Unchanged && step.version.as_ref().is_some_and(is_used);
            let why = why.or_else(|| is_used.then(|| Cause::NotVerified.into()));
            outcomes.push(Outcome {
                root: root.clone(),
                kind,
                unverified: is_used || why.as_deref().is_some_and(Cause::is_of_doubt),
                why,
                is_detached: false,
            });
        }
    }

    fn annotate(&self, outcomes: &mut [Outcome], installed: InstallReport) {
        for outcome in outcomes.iter_mut() {
            let exists = outcome.kind != OutcomeKind::Removed;
            let known = self
                .live
                .holding(&outcome.root)
                .filter(|_| outcome.kind == OutcomeKind::Unchanged);
            let is_unseen = known.is_some_and(|known| !known.is_compared);
            if is_unseen {
                outcome.why = Some(Cause::NotLookedAt.into());
            }
            let is_unsure = is_unseen || self.history.uncertain_since(self.target, &outcome.root).is_some();
            outcome.unverified |= exists && is_unsure;
        }
        for (root, why) in installed.refused {
            if let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.root == root) {
                let was_there = self.live.holding(&root).is_some();
                outcome.kind = if was_there {
                    OutcomeKind::NotIdentical
                } else {
                    OutcomeKind::Lost
                };
                outcome.why = Some(why);
            }
        }
        for (root, note) in installed.notes {
            if let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.root == root) {
                outcome.why = Some(match outcome.why.take() {
                    Some(why) => format!("{why}; {note}"),
                    None => note,
                });
            }
        }
    }
}

fn for_want_of_class(why: Option<&str>) -> String {
    match why {
        Some(why) if Cause::is_class_lost(why) => why.to_owned(),
        why => Cause::ClassLost { why }.into(),
    }
}

impl<O> Staged<O> {
    /// Returns whether members are missing that were not stored.
    fn lacks_members(&self) -> bool {
        self.apart
            .values()
            .any(|(kind, _)| matches!(kind, OutcomeKind::Lost | OutcomeKind::NotIdentical))
    }

    fn empty(kind: OutcomeKind, why: Option<String>) -> Self {
        Self {
            objects: Vec::new(),
            kind,
            why,
            classes: Vec::new(),
            is_waiting: false,
            apart: BTreeMap::new(),
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // so that it fits `map_err`
fn failed(why: impl ToString) -> BuildError {
    BuildError::Failed(why.to_string())
}

#[allow(clippy::needless_pass_by_value)] // so that it fits `map_err`
fn unreadable(why: impl ToString) -> BuildError {
    let why = &why.to_string();
    failed(Cause::Unreadable { why })
}

fn abandon<K: Kernel>(kernel: &mut K, parked: &[SetAsideCoVariable]) {
    for parked in parked {
        kernel.unpark(parked.ticket);
    }
}

/// Returns the staged result of a live object that stays bound, or is bound again.
fn stay<O: Copy>(step: &PlanStep, value: LiveObjectComparison, object: Option<&O>) -> Staged<O> {
    let objects = step
        .roots
        .iter()
        .zip(object)
        .map(|(root, object)| (root.clone(), *object));
    let (kind, why) = match value {
        LiveObjectComparison::Changed => (OutcomeKind::NotIdentical, Some(Cause::StaysChanged.into())),
        LiveObjectComparison::Unverified => (OutcomeKind::Unchanged, Some(Cause::NotVerified.into())),
        LiveObjectComparison::Same => (OutcomeKind::Unchanged, None),
    };
    Staged {
        objects: objects.collect(),
        ..Staged::empty(kind, why)
    }
}

fn holds_definition(step: &PlanStep) -> bool {
    step.roots.iter().any(|root| root.kind == RootKind::Definition)
}

/// Builds objects and walks them. The outcome is `kind` if their fingerprint is the recorded one, otherwise not identical.
fn build<K: Kernel>(
    kernel: &mut K,
    version: &Version,
    fetched: FetchedCoVariable<K::Memory>,
    cells: &dyn CellSources,
    kind: OutcomeKind,
) -> Result<Staged<ObjectOf<K>>, BuildError> {
    let arena = Arena::parse(&fetched.stream, version.roots.len(), ArenaLimits::default()).map_err(unreadable)?;
    if arena.buffers() as usize != fetched.mentions.len() {
        return Err(failed(Cause::OddMemory));
    }
    let stored = StoredCoVariable {
        roots: &version.roots,
        arena: &arena,
        asides: &fetched.asides,
        extents: fetched.extents,
        mentions: &fetched.mentions,
        cells,
    };
    let memory = gaps::StoredParts::of(&stored, K::Heap::OPAQUE_KIND);
    kernel.noticed();
    kernel.remarked();
    let objects = kernel.build(stored)?;
    for object in &objects {
        kernel.heap().keep(*object);
    }
    let missing = kernel.missing();
    let live = memory.live(&missing, |unstored| {
        kernel.name_gaps(&version.roots, &fetched.stream, unstored)
    });
    let objects: Vec<_> = version.roots.iter().cloned().zip(objects).collect();
    let built = look_jointly(kernel.heap(), objects.clone());
    let is_same = built.fingerprint == version.fingerprint
        || !missing.numbers.is_empty() && memory.is_all_of(kernel.heap(), &arena, &built, &missing.numbers);
    let why = (!is_same).then(|| {
        let difference = difference(&arena, &built, &missing.numbers);
        kernel.noticed().unwrap_or(difference)
    });
    let whole = if why.is_none() { kind } else { OutcomeKind::NotIdentical };
    let why = why.or_else(|| kernel.remarked());
    Ok(Staged {
        objects,
        kind: whole,
        apart: gaps::outcomes(
            &version.roots,
            &arena,
            &missing,
            &live,
            K::Heap::OPAQUE_KIND,
            kind,
            why.as_deref(),
        ),
        why,
        classes: Vec::new(),
        is_waiting: false,
    })
}

/// Returns where the built objects differ from the stored ones, for people. Missing members are reported separately.
fn difference(arena: &Arena<'_>, built: &CoVariable, missing: &BTreeSet<u32>) -> String {
    let built_arena = Arena::parse(&built.stream, built.roots.len(), ArenaLimits::default()).ok();
    let path = built_arena.and_then(|other| first_difference(arena, &other, missing));
    let place = path.map(|(root, path)| {
        let below = path.iter().map(|position| format!(".{position}"));
        format!("{}{}", built.roots[root], below.collect::<String>())
    });
    Cause::BuiltOtherwise { at: place.as_deref() }.into()
}

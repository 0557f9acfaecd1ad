//! The way back: build what a plan needs into a staging area, verify it, install everything at once.
//!
//! In: a plan and a kernel. Out: one Outcome for every root. Until the install nothing live is touched; any failure
//! before it, an interrupt too, leaves the session as it was (promise P4).

use std::collections::BTreeMap;

use crate::format::{Body, Encoding, Run, Version};
use crate::graph::{Arena, CoVariable, Heap, Limits, first_difference, look, look_jointly};
use crate::history::History;
use crate::id::{Fingerprint, Root, RootKind};
use crate::kernel::{BuildError, Change, Installed, Kernel, KernelError, ObjectOf, Stored};
use crate::plan::{Outcome, Plan, Step, StepKind, Word};
use crate::record::{Known, Live, decode_asides};
use crate::store::{Manifests, Store};

/// Why a move did not happen. The session is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The user asked to stop.
    #[error("It was interrupted")]
    Interrupted,
    /// The kernel refused the install.
    #[error("{0}")]
    Refused(String),
}

impl From<KernelError> for RestoreError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Interrupted => Self::Interrupted,
            KernelError::Failed(why) => Self::Refused(why),
        }
    }
}

/// A live co-variable without an encoding that a mover took away.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub ticket: u64,
    pub known: Known,
}

/// What performing a plan reads, apart from the kernel.
pub(crate) struct Performer<'a> {
    pub store: &'a Store,
    pub manifests: &'a Manifests,
    pub history: &'a History,
    pub live: &'a Live,
    pub parked: &'a [Parked],
    pub target: crate::id::RunId,
}

/// What performing a plan left.
pub(crate) struct Performed {
    pub outcomes: Vec<Outcome>,
    /// Co-variables that came back from the parking lot, with the tickets they leave free.
    pub unparked: Vec<Parked>,
    /// Co-variables that were parked.
    pub newly_parked: Vec<Parked>,
}

/// Objects for the roots of one step, ready to be installed.
struct Staged<O> {
    objects: Vec<(Root, O)>,
    word: Word,
    why: Option<String>,
}

impl Performer<'_> {
    /// Stages, verifies and installs. On an error nothing has changed.
    pub fn perform<K: Kernel>(
        &self,
        kernel: &mut K,
        plan: &Plan,
        next_ticket: &mut u64,
    ) -> Result<Performed, RestoreError> {
        let result = self.try_perform(kernel, plan, next_ticket);
        kernel.clear_staging();
        kernel.heap().release();
        result
    }

    fn try_perform<K: Kernel>(
        &self,
        kernel: &mut K,
        plan: &Plan,
        next_ticket: &mut u64,
    ) -> Result<Performed, RestoreError> {
        let live: BTreeMap<Root, ObjectOf<K>> = self.live_objects(kernel)?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut changes: Vec<(Root, Change<ObjectOf<K>>)> = Vec::new();
        let mut unparked = Vec::new();
        let mut performed: Vec<(&Step, Staged<ObjectOf<K>>)> = Vec::new();
        for step in self.in_order_of_definitions(plan) {
            if kernel.interrupted() {
                return Err(RestoreError::Interrupted);
            }
            // Values come after classes, which may have to wait for each other.
            if !holds_definition(step) && performed.last().is_some_and(|(before, _)| holds_definition(before)) {
                while self.stage_again(kernel, &mut performed)? {}
            }
            let staged = self.stage(kernel, step)?;
            performed.push((step, staged));
        }
        while self.stage_again(kernel, &mut performed)? {}
        self.lose_what_needs_lost_definitions(&mut performed);
        for (step, staged) in performed {
            if let (StepKind::Unpark { ticket }, Word::Kept) = (&step.kind, staged.word) {
                // What comes back in part stays parked for the rest.
                let is_whole =
                    |parked: &&Parked| parked.ticket == *ticket && parked.known.version.roots.len() == step.roots.len();
                unparked.extend(self.parked.iter().find(is_whole).cloned());
            }
            collect(step, &staged, &live, &mut changes, &mut outcomes);
        }
        let newly_parked = self.park(kernel, &changes, &live, next_ticket);
        if kernel.interrupted() {
            abandon(kernel, &newly_parked);
            return Err(RestoreError::Interrupted);
        }
        let installed = kernel
            .install(changes)
            .inspect_err(|_| abandon(kernel, &newly_parked))?;
        for parked in &unparked {
            kernel.unpark(parked.ticket);
        }
        self.annotate(&mut outcomes, installed);
        outcomes.sort_by(|one, other| one.root.cmp(&other.root));
        Ok(Performed {
            outcomes,
            unparked,
            newly_parked,
        })
    }

    /// Stages lost definitions again, now that others are there; whether one more came of it. Of classes that refer to
    /// each other the first can't be filled before the second is made.
    fn stage_again<K: Kernel>(
        &self,
        kernel: &mut K,
        performed: &mut [(&Step, Staged<ObjectOf<K>>)],
    ) -> Result<bool, RestoreError> {
        let mut is_better = false;
        for (step, staged) in performed {
            let is_load = matches!(step.kind, StepKind::Load { .. });
            if is_load && holds_definition(step) && staged.word == Word::Lost {
                *staged = self.stage(kernel, step)?;
                is_better |= staged.word != Word::Lost;
            }
        }
        Ok(is_better)
    }

    /// Without its class nothing is an instance: what was built for a class that is lost, and not live, is lost too, and
    /// what could not be built for want of it says why the class is not to be had.
    fn lose_what_needs_lost_definitions<O>(&self, performed: &mut [(&Step, Staged<O>)]) {
        loop {
            let lost: BTreeMap<Root, Option<String>> = performed
                .iter()
                .filter(|(_, staged)| staged.word == Word::Lost)
                .flat_map(|(step, staged)| step.roots.iter().map(|root| (root.clone(), staged.why.clone())))
                .filter(|(root, _)| root.kind == RootKind::Definition && self.live.holding(root).is_none())
                .collect();
            let mut is_done = true;
            for (step, staged) in performed.iter_mut() {
                let is_built = matches!(staged.word, Word::Loaded | Word::Differs);
                let has_failed = staged.word == Word::Lost && matches!(step.kind, StepKind::Load { .. });
                let is_told = staged.why.as_ref().is_some_and(|why| why.starts_with(CLASS_LOST));
                if lost.is_empty() || !(is_built || has_failed && !is_told) {
                    continue;
                }
                let classes = self.classes(step);
                let mut others = classes.iter().filter(|class| !step.roots.contains(class));
                if let Some(why) = others.find_map(|class| lost.get(class)) {
                    *staged = Staged::empty(Word::Lost, Some(for_want_of_class(why.as_deref())));
                    is_done = false;
                }
            }
            if is_done {
                return;
            }
        }
    }

    fn live_objects<K: Kernel>(&self, kernel: &mut K) -> Result<BTreeMap<Root, ObjectOf<K>>, RestoreError> {
        let mut roots = kernel.roots()?;
        // Only a walk finds classes; those that can't be stored may have to be parked.
        let holds_class = |known: &Known| known.version.roots.iter().any(|root| root.kind == RootKind::Definition);
        if self.live.iter().any(|known| !known.is_encoded && holds_class(known)) {
            roots = look(kernel.heap(), roots).roots;
        }
        for (_, object) in &roots {
            kernel.heap().keep(*object);
        }
        Ok(roots.into_iter().collect())
    }

    /// The plan's order, which has definitions before values, with bases before what derives from them. Of definitions
    /// that need each other any may be the first, and all come before the values.
    fn in_order_of_definitions<'p>(&self, plan: &'p Plan) -> Vec<&'p Step> {
        let (mut waiting, values): (Vec<&Step>, Vec<&Step>) =
            plan.steps.iter().partition(|step| holds_definition(step));
        let (mut ordered, values): (Vec<&Step>, Vec<&Step>) = values
            .into_iter()
            .partition(|step| step.roots.iter().all(|root| root.kind.is_context()));
        while !waiting.is_empty() {
            let missing = |step: &Step| {
                self.needs(step).iter().any(|needed| {
                    !step.roots.contains(needed) && waiting.iter().any(|other| other.roots.contains(needed))
                })
            };
            let at = waiting.iter().position(|step| !missing(step)).unwrap_or(0);
            ordered.push(waiting.remove(at));
        }
        ordered.extend(values);
        ordered
    }

    fn needs(&self, step: &Step) -> Vec<Root> {
        let is_definition = holds_definition(step);
        if !is_definition || !matches!(step.kind, StepKind::Load { .. }) {
            return Vec::new();
        }
        self.classes(step)
    }

    /// The classes that instances in the step refer to.
    fn classes(&self, step: &Step) -> Vec<Root> {
        let manifest = step
            .version
            .as_ref()
            .and_then(|version| self.manifests.get(&version.manifest).ok());
        match manifest.as_deref().map(|manifest| &manifest.body) {
            Some(Body::Encoded(encoding)) => encoding
                .definitions
                .iter()
                .map(|id| Root::new(RootKind::Definition, id.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn stage<K: Kernel>(&self, kernel: &mut K, step: &Step) -> Result<Staged<ObjectOf<K>>, RestoreError> {
        let result = match (&step.kind, &step.version) {
            (StepKind::Keep, _) => Ok(Staged::empty(Word::Kept, None)),
            (StepKind::Remove, _) => Ok(Staged::empty(Word::Removed, None)),
            (StepKind::Lose { why }, _) => Ok(Staged::empty(Word::Lost, Some(why.clone()))),
            (StepKind::Unpark { ticket }, _) => Ok(self.unpark(kernel, *ticket)),
            (StepKind::Load { .. }, Some(version)) => self.load(kernel, version),
            (StepKind::Replay, Some(version)) => self.replay(kernel, version),
            (StepKind::Load { .. } | StepKind::Replay, None) => Ok(Staged::empty(Word::Lost, None)),
        };
        match result {
            Ok(mut staged) => {
                if staged.objects.len() > step.roots.len() {
                    let others = staged.objects.len() - step.roots.len();
                    staged.objects.retain(|(root, _)| step.roots.contains(root));
                    // What was parked is the old object itself.
                    if staged.word != Word::Kept {
                        staged.why.get_or_insert_with(|| {
                            format!("a detached copy: it shared objects with {others} more; `--with-shared` brings all")
                        });
                    }
                }
                Ok(staged)
            }
            Err(BuildError::Interrupted) => Err(RestoreError::Interrupted),
            Err(BuildError::Failed(why)) => Ok(Staged::empty(Word::Lost, Some(why))),
        }
    }

    fn unpark<K: Kernel>(&self, kernel: &mut K, ticket: u64) -> Staged<ObjectOf<K>> {
        let seen = self
            .parked
            .iter()
            .find(|parked| parked.ticket == ticket)
            .map(|parked| parked.known.seen);
        let Some(objects) = kernel.parked(ticket) else {
            return Staged::empty(Word::Lost, Some("it was parked and has been released".to_owned()));
        };
        let now = look_jointly(kernel.heap(), objects.clone());
        if Some(now.fingerprint) == seen {
            Staged {
                objects,
                word: Word::Kept,
                why: None,
            }
        } else {
            Staged {
                objects,
                word: Word::Differs,
                why: Some("it changed while it was parked".to_owned()),
            }
        }
    }

    fn load<K: Kernel>(&self, kernel: &mut K, version: &Version) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let manifest = self.manifests.get(&version.manifest).map_err(failed)?;
        let Body::Encoded(encoding) = &manifest.body else {
            return Err(failed("its objects are not stored"));
        };
        let (stream, asides, extents) = self.read(encoding)?;
        let asides = decode_asides(&asides).ok_or_else(|| failed("its stored asides are malformed"))?;
        let arena = Arena::parse(&stream, version.roots.len(), Limits::default()).map_err(failed)?;
        if arena.buffers() as usize != encoding.mentions.len() {
            return Err(failed("its stored memory does not fit its objects"));
        }
        let stored = Stored {
            roots: &version.roots,
            arena: &arena,
            asides: &asides,
            extents,
            mentions: &encoding.mentions,
        };
        kernel.noticed();
        let objects = kernel.build(&stored)?;
        for object in &objects {
            kernel.heap().keep(*object);
        }
        let objects: Vec<_> = version.roots.iter().cloned().zip(objects).collect();
        let built = look_jointly(kernel.heap(), objects.clone());
        let why = difference(version.fingerprint, &arena, &built);
        let why = why.map(|difference| kernel.noticed().unwrap_or(difference));
        Ok(Staged {
            objects,
            word: if why.is_none() { Word::Loaded } else { Word::Differs },
            why,
        })
    }

    #[allow(clippy::type_complexity)]
    fn read(&self, encoding: &Encoding) -> Result<(Vec<u8>, Vec<u8>, Vec<Vec<u8>>), BuildError> {
        let stream = self.store.stream(&encoding.stream).map_err(failed)?.into_inner();
        let asides = self.store.stream(&encoding.asides).map_err(failed)?.into_inner();
        let mut extents = Vec::new();
        for extent in &encoding.extents {
            extents.push(self.store.extent(extent).map_err(failed)?.into_inner());
        }
        Ok((stream, asides, extents))
    }

    /// Runs the cell that made `version` again, over copies of what the run before it left: a cell may change what it
    /// reads, and live objects are not its to change.
    fn replay<K: Kernel>(&self, kernel: &mut K, version: &Version) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let made_by = self.history.recorded_by(self.target, version);
        let run = made_by
            .and_then(|id| self.history.run(&id))
            .ok_or_else(|| failed("the run that made it is missing"))?;
        let blob = run.source.ok_or_else(|| failed("the run that made it has no source"))?;
        let source = self.store.blob(blob).map_err(failed)?.into_inner();
        if let Some(masked) = run.evidence.masked.first() {
            let label = run.label();
            return Err(failed(format!(
                "the source of run {label} is not kept whole: {masked} was left out of it"
            )));
        }
        if self.changes_class(run) {
            let label = run.label();
            return Err(failed(format!(
                "run {label} changed a class, and classes are not copied to run it again"
            )));
        }
        let inputs = self.inputs(kernel, run)?;
        let objects = kernel.replay(&source, &inputs, &version.roots)?;
        if objects.len() < version.roots.len() {
            return Err(failed(format!("run {} was run again and did not make it", run.label())));
        }
        for (_, object) in &objects {
            kernel.heap().keep(*object);
        }
        let made = look_jointly(kernel.heap(), objects.clone());
        let why = if made.opaque.is_empty() {
            (made.fingerprint != version.fingerprint).then(|| format!("run {} gives another value now", run.label()))
        } else {
            None
        };
        let word = if why.is_some() { Word::Differs } else { Word::Replayed };
        let why = why.or_else(|| {
            (!made.opaque.is_empty()).then(|| format!("made anew by run {}; it has no value to compare", run.label()))
        });
        Ok(Staged { objects, word, why })
    }

    /// Whether the run changed a class that was there before it. Instances share their live class, copies too.
    fn changes_class(&self, run: &Run) -> bool {
        let before = run.parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let mut changed = run.changed.iter().flat_map(|version| &version.roots);
        changed.any(|root| root.kind == RootKind::Definition && before.version(root).is_some())
    }

    /// Copies of what a run may have read, as the run before it left them. What can't be copied, it does without: a
    /// live connection is not used up to make something anew.
    fn inputs<K: Kernel>(&self, kernel: &mut K, run: &Run) -> Result<Vec<(Root, ObjectOf<K>)>, BuildError> {
        let before = run.parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let mut versions: Vec<&Version> = before.versions().filter(|version| may_read(run, version)).collect();
        let is_class = |version: &&Version| version.roots.iter().any(|root| root.kind == RootKind::Definition);
        versions.sort_by_key(|version| !is_class(version));
        let mut inputs = Vec::new();
        for version in versions {
            match self.load(kernel, version) {
                Ok(staged) if staged.word == Word::Loaded => inputs.extend(staged.objects),
                Ok(_) | Err(BuildError::Failed(_)) => {}
                Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
            }
        }
        inputs.retain(|(root, _)| root.kind == RootKind::Name);
        Ok(inputs)
    }

    /// Parks live co-variables that no store can bring back and that the changes replace or take away.
    fn park<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &[(Root, Change<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
        next_ticket: &mut u64,
    ) -> Vec<Parked> {
        let mut parked = Vec::new();
        for known in self.live.iter().filter(|known| !known.is_encoded) {
            let roots = &known.version.roots;
            if !changes.iter().any(|(root, _)| roots.contains(root)) {
                continue;
            }
            let objects: Vec<_> = roots
                .iter()
                .filter_map(|root| live.get(root).map(|object| (root.clone(), *object)))
                .collect();
            if objects.len() < roots.len() {
                continue;
            }
            let ticket = *next_ticket;
            *next_ticket += 1;
            kernel.park(ticket, objects);
            parked.push(Parked {
                ticket,
                known: known.clone(),
            });
        }
        parked
    }

    fn annotate(&self, outcomes: &mut [Outcome], installed: Installed) {
        for outcome in outcomes.iter_mut() {
            let exists = outcome.word != Word::Removed;
            outcome.uncertain = exists && self.history.uncertain_since(self.target, &outcome.root).is_some();
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

/// How the reason begins of what is lost with its class.
const CLASS_LOST: &str = "its class can't be had";

fn for_want_of_class(why: Option<&str>) -> String {
    match why {
        None => CLASS_LOST.to_owned(),
        Some(why) if why.starts_with(CLASS_LOST) => why.to_owned(),
        Some(why) => format!("{CLASS_LOST}: {why}"),
    }
}

impl<O> Staged<O> {
    fn empty(word: Word, why: Option<String>) -> Self {
        Self {
            objects: Vec::new(),
            word,
            why,
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // so that it fits `map_err`
fn failed(why: impl ToString) -> BuildError {
    BuildError::Failed(why.to_string())
}

fn abandon<K: Kernel>(kernel: &mut K, parked: &[Parked]) {
    for parked in parked {
        kernel.unpark(parked.ticket);
    }
}

/// Whether the run may have read the version: all of them, where nobody watched it. Classes always count.
fn may_read(run: &Run, version: &Version) -> bool {
    let evidence = &run.evidence;
    let is_watched = !(evidence.touched_all || evidence.reads.is_empty() && evidence.writes.is_empty());
    let is_named = |root: &Root| {
        let name = root.to_string();
        root.kind == RootKind::Definition || evidence.reads.contains(&name) || evidence.writes.contains(&name)
    };
    !is_watched || version.roots.iter().any(is_named)
}

/// Turns one staged step into changes and outcomes.
fn holds_definition(step: &Step) -> bool {
    step.roots.iter().any(|root| root.kind == RootKind::Definition)
}

fn collect<O: Copy>(
    step: &Step,
    staged: &Staged<O>,
    live: &BTreeMap<Root, O>,
    changes: &mut Vec<(Root, Change<O>)>,
    outcomes: &mut Vec<Outcome>,
) {
    let untouched = matches!(step.kind, StepKind::Keep);
    for root in &step.roots {
        let object = staged
            .objects
            .iter()
            .find(|(other, _)| other == root)
            .map(|(_, object)| *object);
        match object {
            Some(object) => changes.push((root.clone(), Change::Bind(object))),
            None if untouched => {}
            None if live.contains_key(root) || root.kind == RootKind::Definition => {
                changes.push((root.clone(), Change::Unbind));
            }
            None => {}
        }
        outcomes.push(Outcome {
            root: root.clone(),
            word: staged.word,
            uncertain: false,
            why: staged.why.clone(),
        });
    }
}

/// Why what was built is not what was stored, for people.
fn difference(expected: Fingerprint, arena: &Arena<'_>, built: &CoVariable) -> Option<String> {
    if built.fingerprint == expected && built.opaque.is_empty() {
        return None;
    }
    let built_arena = Arena::parse(&built.stream, built.roots.len(), Limits::default()).ok();
    let path = built_arena.and_then(|other| first_difference(arena, &other));
    Some(match path {
        Some((root, path)) => {
            let place = path.iter().map(|position| format!(".{position}"));
            format!(
                "what was built differs from what was stored, at {}{}",
                built.roots[root],
                place.collect::<String>()
            )
        }
        None => "what was built differs from what was stored, in its memory".to_owned(),
    })
}

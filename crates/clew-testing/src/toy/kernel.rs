//! The toy session as the engine sees it, with faults on demand.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::Summary;
use clew_core::graph::stream::bodies;
use clew_core::graph::{Arena, Heap};
use clew_core::id::{Root, RootKind, RunId};
use clew_core::kernel::{
    BindingChanges, BuildError, CoVariableHandover, InstallReport, Kernel, KernelError, RootChange, SandboxRerun,
    StoredCoVariable, StreamFacts, WithheldRoot,
};

use super::build;
use super::cell::{World, run_cell};
use super::describe::kinds;
use super::heap::ToyHeap;
use super::object::{Ref, Value};

/// The name that is kept out of the record.
pub const SECRET: &str = "secret";

/// What a fault does to the step it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The step fails.
    Fails,
    /// There is no memory to build anything.
    Starves,
    /// The user interrupts.
    Interrupts,
}

/// A fault that hits one of the next steps (builds, installs, polls for Ctrl+C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// How many steps still go well.
    pub after: u32,
    /// What then happens.
    pub kind: FaultKind,
}

/// Runs a cell in a process of its own.
pub type Runs = dyn FnMut(&SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError>;

/// The other processes that a session may start; none by itself.
#[derive(Default)]
pub struct Others {
    /// How a cell runs there.
    pub run: Option<Box<Runs>>,
    /// How often one did.
    pub count: u64,
}

impl std::fmt::Debug for Others {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Others({})", self.count)
    }
}

/// A live session of toy objects.
#[derive(Debug, Default)]
pub struct ToyKernel {
    /// Objects and names.
    pub world: World,
    /// The next fault.
    pub fault: Option<Fault>,
    /// Steps that a fault could have hit so far.
    pub steps: u32,
    /// The processes beside it.
    pub others: Others,
    /// What a name that is kept out of the record is bound to, if it is bound: its mark.
    pub secret: Option<u64>,
    /// Objects that something outside of the engine's reach holds: a thread.
    held: Vec<Ref>,
    /// What a thread does the next time that the engine waits: a cell's source.
    pub meanwhile: Option<String>,
    staged: Vec<Ref>,
    parked: BTreeMap<u64, Vec<(Root, Ref)>>,
    next_scope: u32,
    /// What was bound when that was last shown, and whether that was taken over.
    bindings: Option<Bindings>,
    is_settled: bool,
    /// What was bound when all of it was shown last, until the engine speaks of it.
    noted: Option<Bindings>,
}

/// What is bound to what.
#[derive(Debug, Clone)]
struct Bindings {
    bound: BTreeMap<Root, Ref>,
    secret: Option<u64>,
}

impl ToyKernel {
    /// A fresh process, numbered `life`.
    pub fn new(life: u64) -> Self {
        Self {
            world: World::new(life),
            ..Self::default()
        }
    }

    /// A fresh process whose cells may change its settings.
    pub fn with_setting(life: u64) -> Self {
        Self {
            world: World::new(life).with_setting(),
            ..Self::default()
        }
    }

    /// Lets a thread hold what a name is bound to, for ever.
    pub fn hold(&mut self, name: &str) {
        if let Some(object) = self.world.name(name) {
            self.world.heap.hold(object);
            self.held.push(object);
        }
    }

    /// Has all threads let go of what they hold.
    pub fn let_go(&mut self) {
        for object in std::mem::take(&mut self.held) {
            self.world.heap.let_go(object);
        }
    }

    /// How many objects are staged.
    pub fn staged(&self) -> usize {
        self.staged.len()
    }

    /// Tickets of what is parked.
    pub fn tickets(&self) -> Vec<u64> {
        self.parked.keys().copied().collect()
    }

    /// Serials of all parked objects.
    pub fn parked_serials(&self) -> Vec<u64> {
        let parked = self.parked.values().flatten();
        parked.map(|(_, object)| self.world.heap.serial_of(*object)).collect()
    }

    /// How many objects live that nothing holds but a leak: no name, no thread, no parking.
    pub fn leaked(&mut self) -> usize {
        self.world.heap.sweep();
        let parked = self.parked.values().flatten().map(|(_, object)| object.object());
        let held = self.world.bound.values().chain(&self.held).copied().chain(parked);
        self.world.heap.len() - self.world.heap.reachable(held).len()
    }

    fn shown(&self) -> Bindings {
        Bindings {
            bound: self.world.bound.clone(),
            secret: self.secret,
        }
    }

    /// Counts a step; says whether a fault hits it.
    fn hit(&mut self) -> Option<FaultKind> {
        self.steps += 1;
        match &mut self.fault {
            Some(Fault { after: 0, kind }) => {
                let kind = *kind;
                self.fault = None;
                Some(kind)
            }
            Some(fault) => {
                fault.after -= 1;
                None
            }
            None => None,
        }
    }

    /// Counts a step that makes objects, and fails if a fault hits it.
    fn hit_building(&mut self) -> Result<(), BuildError> {
        match self.hit() {
            Some(FaultKind::Fails) => Err(BuildError::Failed("its maker raised".to_owned())),
            Some(FaultKind::Starves) => Err(BuildError::NoMemory),
            Some(FaultKind::Interrupts) => Err(BuildError::Interrupted),
            None => Ok(()),
        }
    }

    fn stage(&mut self, object: Ref) {
        self.world.heap.hold(object);
        self.staged.push(object);
    }

    /// Binds one root. A class keeps its identity: its attributes are put in place.
    fn apply(&mut self, root: Root, change: RootChange<Ref>) {
        match change {
            RootChange::Bind(object) if object.is_body() => self.apply_body(&root.key, object.object()),
            RootChange::Bind(object) => {
                self.world.heap.hold(object);
                self.world.bind(root, object);
            }
            RootChange::Unbind => self.world.unbind(&root),
        }
    }

    fn apply_body(&mut self, id: &str, staged: Ref) {
        let live = self.world.heap.class(id);
        if let (Some(live), Value::Class { attributes: new, .. }) = (live, self.world.heap.value(staged).clone()) {
            self.world.heap.update(live, |value| {
                if let Value::Class { attributes, .. } = value {
                    *attributes = new;
                }
            });
        }
    }

    /// A namespace of its own over the same objects, seeded with `inputs`.
    fn scratch(&mut self, inputs: &[(Root, Ref)]) -> World {
        self.next_scope += 1;
        let mut scratch = World {
            heap: std::mem::take(&mut self.world.heap),
            bound: BTreeMap::new(),
            scope: self.next_scope,
        };
        for (root, object) in inputs {
            scratch.heap.hold(*object);
            scratch.bind(root.clone(), *object);
        }
        scratch
    }
}

impl Kernel for ToyKernel {
    type Heap = ToyHeap;

    type Memory = Vec<u8>;

    fn heap(&mut self) -> &mut ToyHeap {
        &mut self.world.heap
    }

    fn roots(&mut self) -> Result<Vec<(Root, Ref)>, KernelError> {
        self.noted = Some(self.shown());
        let bound = self.world.bound.iter();
        Ok(bound.map(|(root, object)| (root.clone(), *object)).collect())
    }

    fn rebound(&mut self) -> Result<Option<BindingChanges<Ref>>, KernelError> {
        let now = self.shown();
        let was_settled = std::mem::take(&mut self.is_settled);
        let before = self.bindings.replace(now.clone());
        let Some(before) = before.filter(|before| was_settled && before.secret == now.secret) else {
            return Ok(None);
        };
        let is_new = |(root, object): &(&Root, &Ref)| before.bound.get(root) != Some(object);
        let is_watched = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out);
        let (watched, others): (Vec<_>, Vec<_>) = now.bound.iter().partition(|(root, _)| is_watched(root));
        let anew: BTreeSet<&Ref> = watched
            .iter()
            .filter(|one| is_new(one))
            .map(|(_, object)| *object)
            .collect();
        let is_alike = |object: &Ref| anew.contains(object) && self.world.heap.binds(*object);
        let alike = watched.iter().filter(|(_, object)| is_alike(object));
        let gone = before.bound.keys().filter(|root| !now.bound.contains_key(root));
        Ok(Some(BindingChanges {
            alike: alike.map(|(root, _)| (*root).clone()).collect(),
            roots: watched
                .into_iter()
                .filter(is_new)
                .map(|(root, _)| root.clone())
                .collect(),
            gone: gone.filter(|root| is_watched(root)).cloned().collect(),
            others: others
                .into_iter()
                .map(|(root, object)| (root.clone(), *object))
                .collect(),
        }))
    }

    fn some_roots(&mut self, roots: &BTreeSet<Root>) -> Result<Option<Vec<(Root, Ref)>>, KernelError> {
        let watched = roots
            .iter()
            .filter(|root| matches!(root.kind, RootKind::Name | RootKind::Out));
        let bound = watched.filter_map(|root| Some((root.clone(), *self.world.bound.get(root)?)));
        Ok(Some(bound.collect()))
    }

    fn settle(&mut self, is_taken_over: bool) {
        match (self.noted.take(), is_taken_over) {
            (Some(noted), true) => self.bindings = Some(noted),
            // What was taken over before holds on.
            (Some(_), false) => return,
            (None, _) => {}
        }
        self.is_settled = is_taken_over;
    }

    fn withheld(&mut self) -> Vec<WithheldRoot> {
        let secret = self.secret.map(|mark| WithheldRoot {
            root: Root::name(SECRET),
            why: "it is excluded".to_owned(),
            mark,
            is_compared: true,
        });
        secret.into_iter().collect()
    }

    fn build(&mut self, stored: StoredCoVariable<'_, Vec<u8>>) -> Result<Vec<Ref>, BuildError> {
        self.hit_building()?;
        let built = build::build(&mut self.world.heap, &stored)?;
        built.roots.iter().for_each(|root| self.stage(root.object()));
        let is_class = |object: &Ref| matches!(self.world.heap.value(*object), Value::Class { .. });
        let (classes, others): (Vec<Ref>, Vec<Ref>) = built.made.into_iter().partition(is_class);
        self.staged.extend(classes);
        others.into_iter().for_each(|object| self.world.heap.let_go(object));
        Ok(built.roots)
    }

    fn install(&mut self, changes: Vec<(Root, RootChange<Ref>)>) -> Result<InstallReport, KernelError> {
        match self.hit() {
            Some(FaultKind::Fails | FaultKind::Starves) => {
                return Err(KernelError::Failed("a watcher refused".to_owned()));
            }
            Some(FaultKind::Interrupts) => return Err(KernelError::Interrupted),
            None => {}
        }
        let bound = changes.iter().filter_map(|(_, change)| match change {
            RootChange::Bind(object) => Some(object.object()),
            RootChange::Unbind => None,
        });
        let heap = &self.world.heap;
        if heap.reachable(bound).iter().any(|object| heap.is_declared(*object)) {
            return Err(KernelError::Failed("a class is declared and not defined".to_owned()));
        }
        let mut replaced = Vec::new();
        for (root, change) in changes {
            if let Some(old) = self.world.bound.get(&root).copied() {
                replaced.push((root.clone(), old));
            }
            self.apply(root, change);
        }
        let still_held = |(root, old): (Root, Ref)| {
            let is_held = self.held.contains(&old) && self.world.bound.get(&root) != Some(&old);
            is_held.then(|| (root, "the old object is still held by a thread".to_owned()))
        };
        Ok(InstallReport {
            notes: replaced.into_iter().filter_map(still_held).collect(),
            refused: Vec::new(),
        })
    }

    fn clear_staging(&mut self) {
        for object in std::mem::take(&mut self.staged) {
            self.world.heap.let_go(object);
        }
        self.world.heap.sweep();
    }

    fn park(&mut self, ticket: u64, objects: Vec<(Root, Ref)>) {
        objects
            .iter()
            .for_each(|(_, object)| self.world.heap.hold(object.object()));
        self.unpark(ticket);
        self.parked.insert(ticket, objects);
    }

    fn parked(&mut self, ticket: u64) -> Option<Vec<(Root, Ref)>> {
        self.parked.get(&ticket).cloned()
    }

    fn unpark(&mut self, ticket: u64) {
        for (_, object) in self.parked.remove(&ticket).unwrap_or_default() {
            self.world.heap.let_go(object);
        }
    }

    fn summary(&mut self, _root: &Root, object: Ref) -> Summary {
        Summary {
            type_name: self.world.heap.value(object).type_name().to_owned(),
            ..Summary::default()
        }
    }

    fn is_data(&mut self, arena: &Arena<'_>) -> bool {
        let mut kinds = (0..arena.len()).map(|number| arena.node(number as u32).kind);
        kinds.all(|kind| !matches!(kind, kinds::REDUCED | kinds::FUNCTION))
    }

    fn describe_stream(&mut self, stream: &[u8]) -> StreamFacts {
        let mut facts = StreamFacts::default();
        for (kind, payload) in bodies(stream) {
            match kind {
                kinds::CLASS => facts.definitions.push(String::from_utf8_lossy(payload).into_owned()),
                kinds::REDUCED | kinds::FUNCTION => facts.code = true,
                _ => {}
            }
        }
        facts.definitions.sort();
        facts.definitions.dedup();
        facts
    }

    fn replay(
        &mut self,
        (_, source): (RunId, &str),
        inputs: &[(Root, Ref)],
        wanted: &[Root],
    ) -> Result<Vec<(Root, Ref)>, BuildError> {
        let mut scratch = self.scratch(inputs);
        let done = run_cell(&mut scratch, source, 0);
        let found: Vec<(Root, Ref)> = wanted
            .iter()
            .filter_map(|root| scratch.bound.get(root).map(|object| (root.clone(), *object)))
            .collect();
        found.iter().for_each(|(_, object)| scratch.heap.hold(*object));
        for (_, object) in std::mem::take(&mut scratch.bound) {
            scratch.heap.let_go(object);
        }
        self.world.heap = scratch.heap;
        self.staged.extend(found.iter().map(|(_, object)| *object));
        let made = self.world.heap.reachable(found.iter().map(|(_, object)| *object));
        let is_bound_to_scratch = |object: &Ref| match self.world.heap.value(*object) {
            Value::Function(function) => function.scope == self.next_scope,
            _ => false,
        };
        match done {
            Ok(()) if made.iter().any(is_bound_to_scratch) => Err(BuildError::Failed(
                "it still reads the globals of a scratch namespace".to_owned(),
            )),
            Ok(()) => Ok(found),
            Err(error) => Err(BuildError::Failed(format!("{error:?}"))),
        }
    }

    fn replay_apart(&mut self, apart: &SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError> {
        self.hit_building()?;
        let Some(run) = &mut self.others.run else {
            return Err(BuildError::Failed("there is no other process".to_owned()));
        };
        self.others.count += 1;
        run(apart)
    }

    fn wait(&mut self, wait: &(dyn Fn() + Sync)) {
        if let Some(source) = self.meanwhile.take() {
            // What a thread does is not the engine's to judge.
            run_cell(&mut self.world, &source, 0).ok();
        }
        wait();
    }

    fn interrupted(&mut self) -> bool {
        let is_awaited = self.fault.is_some_and(|fault| fault.kind == FaultKind::Interrupts);
        is_awaited && self.hit().is_some()
    }
}

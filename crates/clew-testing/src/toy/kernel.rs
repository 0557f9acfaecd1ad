//! The kernel of a toy session, as the engine uses it, with faults on demand.

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

/// The excluded name.
pub const SECRET: &str = "secret";

/// The effect of a fault on a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The step fails.
    Fails,
    /// There is no memory for new objects.
    Starves,
    /// The user interrupts.
    Interrupts,
}

/// A fault in one of the next steps (building, installing, polling for Ctrl+C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of steps before the fault.
    pub after: u32,
    /// The effect of the fault.
    pub kind: FaultKind,
}

/// Runs a cell in another process.
pub type Runs = dyn FnMut(&SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError>;

/// Other processes that a session may start. By default, none.
#[derive(Default)]
pub struct Others {
    /// The function that runs a cell there.
    pub run: Option<Box<Runs>>,
    /// The number of cells that ran there.
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
    /// The objects and names.
    pub world: World,
    /// The next fault.
    pub fault: Option<Fault>,
    /// The number of steps so far that a fault could have hit.
    pub steps: u32,
    /// The other processes.
    pub others: Others,
    /// The value of the excluded name (its mark), if it is bound.
    pub secret: Option<u64>,
    /// Objects that a thread holds outside of the engine's view.
    held: Vec<Ref>,
    /// The source of a cell that a thread runs the next time the engine waits.
    pub meanwhile: Option<String>,
    staged: Vec<Ref>,
    parked: BTreeMap<u64, Vec<(Root, Ref)>>,
    next_scope: u32,
    /// The bindings that were returned last, and whether the engine has accepted them.
    bindings: Option<Bindings>,
    is_settled: bool,
    /// The last complete bindings, until the engine accepts or rejects them.
    noted: Option<Bindings>,
}

/// The bound objects.
#[derive(Debug, Clone)]
struct Bindings {
    bound: BTreeMap<Root, Ref>,
    secret: Option<u64>,
}

impl ToyKernel {
    /// Creates a new process, numbered `life`.
    pub fn new(life: u64) -> Self {
        Self {
            world: World::new(life),
            ..Self::default()
        }
    }

    /// Creates a new process whose cells may change its settings.
    pub fn with_setting(life: u64) -> Self {
        Self {
            world: World::new(life).with_setting(),
            ..Self::default()
        }
    }

    /// Makes a thread hold the object of a name forever.
    pub fn hold(&mut self, name: &str) {
        if let Some(object) = self.world.name(name) {
            self.world.heap.hold(object);
            self.held.push(object);
        }
    }

    /// Makes all threads release their objects.
    pub fn let_go(&mut self) {
        for object in std::mem::take(&mut self.held) {
            self.world.heap.let_go(object);
        }
    }

    /// Returns the number of staged objects.
    pub fn staged(&self) -> usize {
        self.staged.len()
    }

    /// Returns the tickets of objects that are set aside.
    pub fn tickets(&self) -> Vec<u64> {
        self.parked.keys().copied().collect()
    }

    /// Returns the serials of all objects that are set aside.
    pub fn parked_serials(&self) -> Vec<u64> {
        let parked = self.parked.values().flatten();
        parked.map(|(_, object)| self.world.heap.serial_of(*object)).collect()
    }

    /// Returns the number of leaked objects: live ones that no name or thread holds and that are not set aside.
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

    /// Counts a step; returns the fault that hits it, if any.
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

    /// Counts a step that creates objects, and fails if a fault hits it.
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

    /// Binds one root. A class keeps its identity: its attributes are replaced in place.
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

    /// Creates a separate namespace over the same heap, with the variables `inputs`.
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
            // The bindings that were accepted before stay valid.
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
            // The engine ignores failures of a thread's code.
            run_cell(&mut self.world, &source, 0).ok();
        }
        wait();
    }

    fn interrupted(&mut self) -> bool {
        let is_awaited = self.fault.is_some_and(|fault| fault.kind == FaultKind::Interrupts);
        is_awaited && self.hit().is_some()
    }
}

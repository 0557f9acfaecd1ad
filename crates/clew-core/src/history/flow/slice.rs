//! Slices: the runs that created some values, without unrelated runs.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::needs::is_bound_anew;
use super::{Flow, RunPosition};
use crate::format::{RunKind, Version};
use crate::id::{Root, RootKind, RunId};

/// One run of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceStep {
    /// The run.
    pub run: RunId,
    /// The roots for which the run is needed: it created, changed or removed them.
    pub made: BTreeSet<Root>,
    /// The roots that it may have read, with the runs that created their values; `None` for values that no run of the slice creates.
    pub inputs: BTreeMap<Root, Option<RunId>>,
    /// The files that it may have read or appended to, with the runs before it that may have written them.
    pub files: BTreeMap<String, BTreeSet<RunId>>,
}

/// The reason why a slice cannot create a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// It existed before recording began.
    Start,
    /// It was changed outside of any cell.
    Outside,
    /// A restore brought it back, and no recorded run created it in this form.
    Moved,
    /// The source of the run is not recorded.
    NoSource,
    /// Runs of two branches changed it, and no order of them gives both their recorded values.
    Tangled,
    /// A random generator was used before it was seeded: the script draws other numbers.
    NotSeeded,
}

impl GapKind {
    /// Returns whether no script can be written; otherwise the script runs, but may create another value.
    pub fn is_fatal(self) -> bool {
        self != Self::NotSeeded
    }
}

/// A root that the script of a slice cannot create, or not with certainty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceGap {
    /// The root.
    pub root: Root,
    /// The run that left the root in its state.
    pub run: RunId,
    /// The reason.
    pub kind: GapKind,
}

/// The runs that created some values, in an order in which they create them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The runs.
    pub steps: Vec<SliceStep>,
    /// Roots that they cannot create.
    pub gaps: Vec<SliceGap>,
    /// The run that created each requested root.
    pub makers: BTreeMap<Root, RunId>,
}

impl<'a> Flow<'a> {
    /// Returns the runs that created the values of `roots` after the run `at`. Ignores roots that did not exist then.
    pub fn slice(&self, at: RunId, roots: &[Root]) -> Slice {
        let mut slicer = Slicer {
            flow: self,
            steps: HashMap::new(),
            gaps: Vec::new(),
            met: HashSet::new(),
            asked: HashMap::new(),
            brought: Vec::new(),
            open: Vec::new(),
        };
        let place = self.place(at);
        let mut makers = BTreeMap::new();
        for root in roots.iter().filter(|root| self.maker(root, &place).is_some()) {
            if let Some(maker) = slicer.need(root, &place) {
                makers.insert(root.clone(), maker);
            }
        }
        slicer.follow();
        self.need_globals(&mut slicer, &makers, &place);
        let brought: BTreeSet<Root> = slicer.brought.iter().map(|(root, _, _)| root.clone()).collect();
        slicer.part();
        let mut slice = Slice {
            gaps: slicer.gaps,
            makers,
            steps: slicer.steps.into_values().collect(),
        };
        slice.steps.sort_by_key(|step| self.order_of(&step.run));
        self.untangle(&mut slice, at, &brought);
        slice
    }

    /// Includes the globals that the requested functions read when they are called later, since the functions would not work
    /// without them.
    fn need_globals(&self, slicer: &mut Slicer<'_, 'a>, makers: &BTreeMap<Root, RunId>, place: &RunPosition<'a>) {
        let mut open: Vec<(Root, RunId)> = makers.iter().map(|(root, run)| (root.clone(), *run)).collect();
        let mut met: BTreeSet<Root> = makers.keys().cloned().collect();
        while let Some((root, maker)) = open.pop() {
            let later = match self.history.run(&maker) {
                Some(run) if self.is_function(&root, place) => &run.evidence.later,
                _ => continue,
            };
            for root in later
                .iter()
                .map(Root::name)
                .filter(|root| !met.contains(root))
                .collect::<Vec<_>>()
            {
                met.insert(root.clone());
                if let Some(maker) = slicer.need(&root, place) {
                    open.push((root, maker));
                }
            }
        }
        slicer.follow();
    }

    fn is_function(&self, root: &Root, place: &RunPosition<'a>) -> bool {
        let version = self.version(root, place);
        let manifest = version.and_then(|version| self.manifest(version));
        manifest.is_some_and(|manifest| {
            let summaries = manifest.roots.iter().zip(&manifest.summaries);
            let mut own = summaries.filter(|(other, _)| *other == root);
            own.any(|(_, summary)| matches!(summary.type_name.as_str(), "function" | "type"))
        })
    }

    fn order_of(&self, run: &RunId) -> (u64, String) {
        self.history
            .outline(run)
            .map_or_else(Default::default, |run| (run.number, run.suffix.clone()))
    }

    /// Sorts runs of several branches so that each finds its recorded inputs. Adds a gap if there is no such order.
    fn untangle(&self, slice: &mut Slice, at: RunId, brought: &BTreeSet<Root>) {
        let line: HashSet<RunId> = self.history.ancestry(at).map(|(id, _)| id).collect();
        let Some(wrong) = self.first_wrong(slice, at, brought) else {
            return;
        };
        // A value that a restore brought back was created on a branch of its own. Tries the runs of that branch first, then the
        // reverse order.
        for is_main_first in [false, true] {
            slice
                .steps
                .sort_by_key(|step| (line.contains(&step.run) != is_main_first, self.order_of(&step.run)));
            if self.first_wrong(slice, at, brought).is_none() {
                return;
            }
        }
        slice.steps.sort_by_key(|step| self.order_of(&step.run));
        slice.gaps.push(wrong);
    }

    /// Returns the first root that a run of the slice, or the result, would not find with its recorded value.
    fn first_wrong(&self, slice: &Slice, at: RunId, brought: &BTreeSet<Root>) -> Option<SliceGap> {
        let included: HashSet<RunId> = slice.steps.iter().map(|step| step.run).collect();
        let here = self.place(at);
        let mut script = Script::default();
        // Roots that the script does not create must be as they are at the start of a script.
        let expected = |maker: Option<RunId>| maker.filter(|maker| included.contains(maker));
        let gap = |root: &Root, run: RunId| SliceGap {
            root: root.clone(),
            run,
            kind: GapKind::Tangled,
        };
        for (at, step) in slice.steps.iter().enumerate() {
            let place = self.place(step.run);
            // A root that a restore brought back must not be rebound on any branch.
            let line = |root: &Root| (!brought.contains(root)).then_some(&place);
            let wrong = |(root, maker): &(&Root, &Option<RunId>)| !script.has(root, expected(**maker), line(root));
            if let Some((root, _)) = step.inputs.iter().find(wrong) {
                return Some(gap(root, step.run));
            }
            for root in self.changed(&place) {
                script.last.insert(root.clone(), (at, step.run));
            }
            for root in self.shared_elsewhere(&place, &here) {
                script.last.insert(root, (at, step.run));
            }
            // On its own branch, binding a name to the same value, or binding and removing it, is not a change.
            let writes = self.history.run(&step.run).map(|run| &run.evidence.writes);
            for name in writes.into_iter().flatten() {
                script.bound.entry(Root::name(name)).or_default().push((at, step.run));
            }
        }
        let line = |root: &Root| (!brought.contains(root)).then_some(&here);
        let wrong = |(root, maker): &(&Root, &RunId)| !script.has(root, expected(Some(**maker)), line(root));
        slice.makers.iter().find(wrong).map(|(root, maker)| gap(root, *maker))
    }

    /// Returns roots that share objects, on the line of `here`, with roots that a run of another branch changed in place.
    fn shared_elsewhere(&self, place: &RunPosition<'a>, here: &RunPosition<'a>) -> BTreeSet<Root> {
        let id = place.run();
        let Some(run) = self.history.run(&id).filter(|_| !here.follows(&id)) else {
            return BTreeSet::new();
        };
        let is_in_place = |root: &&Root| !run.evidence.binds.contains(&root.key);
        let changed: Vec<&Root> = self.changed(place).into_iter().filter(is_in_place).collect();
        let runs = here.line().map(|place| place.recorded());
        let shares = |version: &&Version| version.roots.iter().any(|root| changed.contains(&root));
        let versions = runs.flat_map(|run| &run.changed).filter(shares);
        versions.flat_map(|version| version.roots.clone()).collect()
    }
}

/// The effects of a script up to one of its steps.
#[derive(Default)]
struct Script {
    /// The run that last changed each root, and its index in the script.
    last: HashMap<Root, (usize, RunId)>,
    /// The runs that bound each name, even without changing it.
    bound: HashMap<Root, Vec<(usize, RunId)>>,
}

impl Script {
    /// Returns whether a root has the value that `maker` created, for a run at this position. With `None` as position, no other
    /// run may have bound it.
    fn has(&self, root: &Root, maker: Option<RunId>, place: Option<&RunPosition<'_>>) -> bool {
        let last = self.last.get(root).copied();
        let mut bound = self.bound.get(root).into_iter().flatten();
        let is_foreign = |(at, run): &(usize, RunId)| {
            last.is_none_or(|(last, _)| *at > last) && !place.is_some_and(|place| place.follows(run))
        };
        last.map(|(_, run)| run) == maker && !bound.any(is_foreign)
    }
}

struct Slicer<'f, 'a> {
    flow: &'f Flow<'a>,
    steps: HashMap<RunId, SliceStep>,
    gaps: Vec<SliceGap>,
    /// The roots that were followed, with the runs that created them.
    met: HashSet<(Root, RunId)>,
    /// The requested roots, with the positions at which they are needed.
    asked: HashMap<(Root, RunId), RunPosition<'a>>,
    /// Roots that restores brought back: the restore, and the position where they were created.
    brought: Vec<(Root, RunPosition<'a>, RunPosition<'a>)>,
    open: Vec<(Root, RunPosition<'a>)>,
}

impl<'a> Slicer<'_, 'a> {
    /// Requests `root` with its value at `place`; returns the run that created it, on any branch.
    fn need(&mut self, root: &Root, place: &RunPosition<'a>) -> Option<RunId> {
        let maker = self.origin(root, place)?;
        let run = maker.run();
        if self.asked.insert((root.clone(), place.run()), place.clone()).is_some() {
            return Some(run);
        }
        for definition in self.flow.definitions(root, place) {
            self.need(&definition, place);
        }
        self.open.push((root.clone(), maker));
        Some(run)
    }

    /// Returns where the value of `root` at `place` was created, also if a restore brought it back from another branch.
    fn origin(&mut self, root: &Root, place: &RunPosition<'a>) -> Option<RunPosition<'a>> {
        let Some(maker) = self.flow.maker(root, place) else {
            // It was removed: the run that removed it is needed.
            let event = place.line.last_event(self.flow, root, place.depth);
            return event.map(|depth| place.at(depth));
        };
        let run = self.flow.history.run(&maker.run())?;
        if run.kind != RunKind::Moved {
            return Some(maker);
        }
        let version = run.changed.iter().find(|version| version.roots.contains(root))?;
        let Some(origin) = self.flow.recorded_before(root, version, &maker.run()) else {
            return Some(maker);
        };
        self.brought.push((root.clone(), maker, origin.clone()));
        Some(origin)
    }

    /// Adds gaps for roots that a restore brought back as separate copies. A script would create such a root sharing objects with
    /// the roots with which it shared them originally. That is wrong if one of them is needed, too.
    fn part(&mut self) {
        for (root, moved, origin) in std::mem::take(&mut self.brought) {
            let beside = |(other, _): &(Root, RunId), place: &RunPosition<'a>| {
                let is_after = place.depth >= moved.depth && place.line.run(moved.depth) == moved.run();
                is_after && self.flow.parted(&root, other, &origin, &moved)
            };
            if self.asked.iter().any(|(asked, place)| beside(asked, place)) {
                self.gap(root, moved.run(), GapKind::Tangled);
            }
        }
    }

    fn follow(&mut self) {
        while let Some((root, maker)) = self.open.pop() {
            if self.met.insert((root.clone(), maker.run())) {
                self.include(root, &maker);
            }
        }
    }

    /// Includes the run that created `root`, with its inputs.
    fn include(&mut self, root: Root, maker: &RunPosition<'a>) {
        let id = maker.run();
        let Some(run) = self.flow.history.run(&id) else { return };
        let gap = match (run.kind, &run.source) {
            (RunKind::Cell, Some(_)) => None,
            (RunKind::Cell, None) => Some(GapKind::NoSource),
            (RunKind::Start, _) => Some(GapKind::Start),
            (RunKind::Outside, _) => Some(GapKind::Outside),
            (RunKind::Moved, _) => Some(GapKind::Moved),
        };
        if let Some(kind) = gap {
            self.gap(root, id, kind);
            return;
        }
        let before = maker.before();
        let was_there = before
            .as_ref()
            .is_some_and(|before| self.flow.maker(&root, before).is_some());
        let is_seeded = run.evidence.seeded.contains(&root.key);
        if root.kind == RootKind::Random && !was_there && !is_seeded {
            self.gap(root.clone(), id, GapKind::NotSeeded);
        }
        let is_bound_anew = is_bound_anew(run, &root);
        self.begin(maker);
        if was_there && !is_bound_anew {
            self.add_input(root.clone(), maker);
        }
        if let Some(step) = self.steps.get_mut(&id) {
            step.made.insert(root);
        }
    }

    fn add_input(&mut self, input: Root, maker: &RunPosition<'a>) {
        let id = maker.run();
        if self.steps.get(&id).is_some_and(|step| step.inputs.contains_key(&input)) {
            return;
        }
        let Some(before) = maker.before() else { return };
        let made_by = self.need(&input, &before);
        let definitions = self.flow.definitions(&input, &before);
        if let Some(step) = self.steps.get_mut(&id) {
            step.inputs.insert(input, made_by);
        }
        for definition in definitions {
            self.add_input(definition, maker);
        }
    }

    /// Includes the runs that wrote files which this run reads or appends to.
    fn add_files(&mut self, reader: &RunPosition<'a>) {
        let id = reader.run();
        let Some(run) = self.flow.history.run(&id) else { return };
        let files = run.evidence.files_read.iter().chain(&run.evidence.files_written);
        for path in files.map(|file| file.path.clone()).collect::<BTreeSet<_>>() {
            let writers = self.flow.writers_of(&path, id);
            for writer in &writers {
                self.take_in(*writer);
            }
            if let Some(step) = self.steps.get_mut(&id).filter(|_| !writers.is_empty()) {
                step.files.insert(path, writers);
            }
        }
    }

    /// Includes a run because of its effects outside the session.
    fn take_in(&mut self, run: RunId) {
        let place = self.flow.place(run);
        let is_cell = self
            .flow
            .history
            .run(&run)
            .is_some_and(|run| run.kind == RunKind::Cell && run.source.is_some());
        if is_cell {
            self.begin(&place);
        }
    }

    /// Adds the step of a run with all its possible inputs, unless it exists.
    fn begin(&mut self, place: &RunPosition<'a>) {
        let run = place.run();
        let Entry::Vacant(step) = self.steps.entry(run) else {
            return;
        };
        step.insert(SliceStep {
            run,
            made: BTreeSet::new(),
            inputs: BTreeMap::new(),
            files: BTreeMap::new(),
        });
        for input in self.flow.inputs(place) {
            self.add_input(input, place);
        }
        self.add_files(place);
    }

    fn gap(&mut self, root: Root, run: RunId, kind: GapKind) {
        // The state at the start of a session also exists in the process of a script, except the state of random generators.
        let kind = match (root.kind, kind) {
            (RootKind::Random, GapKind::Start) => GapKind::NotSeeded,
            (RootKind::Name | RootKind::Out | RootKind::Definition, kind) => kind,
            (_, GapKind::Start) => return,
            (_, kind) => kind,
        };
        let gap = SliceGap { root, run, kind };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }
}

impl<'a> Flow<'a> {
    /// Returns whether two roots shared objects between `origin` and the restore, and share none after it.
    fn parted(&self, root: &Root, other: &Root, origin: &RunPosition<'a>, moved: &RunPosition<'a>) -> bool {
        let share = |version: &Version| version.roots.contains(root) && version.roots.contains(other);
        let (from, until) = (self.order_of(&origin.run()), self.order_of(&moved.run()));
        let has = |id: &RunId| self.history.run(id).is_some_and(|run| run.changed.iter().any(share));
        let between = |id: &RunId| (from.clone()..until.clone()).contains(&self.order_of(id));
        root != other && !has(&moved.run()) && self.history.runs().any(|(id, _)| between(id) && has(id))
    }

    /// Returns the last run before `moved` that recorded the value which the restore brought back.
    fn recorded_before(&self, root: &Root, version: &Version, moved: &RunId) -> Option<RunPosition<'a>> {
        let until = self.order_of(moved);
        let is_before = |id: &RunId| self.order_of(id) < until;
        let runs = || {
            let runs = self.history.runs().rev();
            runs.filter(|(id, run)| run.kind != RunKind::Moved && is_before(id))
        };
        let is_same = |other: &Version| other.roots == version.roots && other.fingerprint == version.fingerprint;
        let whole = runs().find(|(_, run)| run.changed.iter().any(is_same));
        let found = whole.or_else(|| {
            // Without the rest of its co-variable it has another fingerprint, but the root alone reaches the same objects.
            let has = |other: &Version| other.roots.contains(root) && self.is_alike(root, version, other);
            runs().find(|(_, run)| run.changed.iter().any(has))
        });
        let place = self.place(*found?.0);
        // The run that recorded the co-variable may not have changed this root.
        self.maker(root, &place)
    }
}

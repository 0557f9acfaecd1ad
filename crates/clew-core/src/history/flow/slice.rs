//! Slices: the runs that made some values, and no others.

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
    /// Roots that it is needed for: what it made or changed of them, or that it took them away.
    pub made: BTreeSet<Root>,
    /// What it may have read, and the run that made that what it was; `None` for what nothing in the slice makes.
    pub inputs: BTreeMap<Root, Option<RunId>>,
    /// Files it may have read, or gone on writing, and the runs before it that may have written them.
    pub files: BTreeMap<String, BTreeSet<RunId>>,
}

/// Why a slice can't make what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// It was there before recording began.
    Start,
    /// It was changed outside of any cell.
    Outside,
    /// A move brought it, and no run on record made it as it came.
    Moved,
    /// The run's source is not on record.
    NoSource,
    /// Runs of two lines changed it, and no order of them makes both what they were.
    Tangled,
    /// A random generator drew before anything seeded it: the script draws other numbers.
    NotSeeded,
}

impl GapKind {
    /// Whether a script can't be written at all; else it runs and may make something else.
    pub fn is_fatal(self) -> bool {
        self != Self::NotSeeded
    }
}

/// A root that the script of a slice cannot create, or not with certainty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceGap {
    /// The root.
    pub root: Root,
    /// The run that left it so.
    pub run: RunId,
    /// Why no run of the slice can.
    pub kind: GapKind,
}

/// The runs that made some values, in an order in which they make them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The runs.
    pub steps: Vec<SliceStep>,
    /// What they can't make.
    pub gaps: Vec<SliceGap>,
    /// The run that made each of the roots asked for.
    pub makers: BTreeMap<Root, RunId>,
}

impl<'a> Flow<'a> {
    /// The runs that made `roots` what they were after the run `at`. Roots that were not there are left out.
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

    /// What the functions asked for read when they are called later: without it they are of no use.
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

    /// Puts runs of several lines into an order in which each finds what it found; a gap where there is none.
    fn untangle(&self, slice: &mut Slice, at: RunId, brought: &BTreeSet<Root>) {
        let line: HashSet<RunId> = self.history.ancestry(at).map(|(id, _)| id).collect();
        let Some(wrong) = self.first_wrong(slice, at, brought) else {
            return;
        };
        // What a move brought over was made on a line of its own: that line first, then the others; or the other way.
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

    /// The first root that a run of the slice, or whoever asked, would not find as it was.
    fn first_wrong(&self, slice: &Slice, at: RunId, brought: &BTreeSet<Root>) -> Option<SliceGap> {
        let included: HashSet<RunId> = slice.steps.iter().map(|step| step.run).collect();
        let here = self.place(at);
        let mut script = Script::default();
        // What the script does not make must be as it is at a script's start.
        let expected = |maker: Option<RunId>| maker.filter(|maker| included.contains(maker));
        let gap = |root: &Root, run: RunId| SliceGap {
            root: root.clone(),
            run,
            kind: GapKind::Tangled,
        };
        for (at, step) in slice.steps.iter().enumerate() {
            let place = self.place(step.run);
            // What a move brought back must not be bound again on any line.
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
            // What a run bound and took away again, or bound to what it was, is no change on its own line.
            let writes = self.history.run(&step.run).map(|run| &run.evidence.writes);
            for name in writes.into_iter().flatten() {
                script.bound.entry(Root::name(name)).or_default().push((at, step.run));
            }
        }
        let line = |root: &Root| (!brought.contains(root)).then_some(&here);
        let wrong = |(root, maker): &(&Root, &RunId)| !script.has(root, expected(Some(**maker)), line(root));
        slice.makers.iter().find(wrong).map(|(root, maker)| gap(root, *maker))
    }

    /// Roots that on the line to `here` share objects with what a run of another line changed in place.
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

/// What a script has done up to a line of it.
#[derive(Default)]
struct Script {
    /// The run that changed each root last, and where it stands in the script.
    last: HashMap<Root, (usize, RunId)>,
    /// Runs that bound each name, whether they changed it or not.
    bound: HashMap<Root, Vec<(usize, RunId)>>,
}

impl Script {
    /// Whether a root is as `maker` made it, for a run at that place; `None` where no other may have bound it.
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
    /// What was followed: roots and the runs that made them.
    met: HashSet<(Root, RunId)>,
    /// Roots asked for, and where.
    asked: HashMap<(Root, RunId), RunPosition<'a>>,
    /// Roots that moves brought over from elsewhere: the move, and where they were made.
    brought: Vec<(Root, RunPosition<'a>, RunPosition<'a>)>,
    open: Vec<(Root, RunPosition<'a>)>,
}

impl<'a> Slicer<'_, 'a> {
    /// Asks for `root` as it is at `place`; the run that made it so, wherever it stands.
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

    /// Where `root` was made what it is at `place`; through moves, that brought it over from other lines.
    fn origin(&mut self, root: &Root, place: &RunPosition<'a>) -> Option<RunPosition<'a>> {
        let Some(maker) = self.flow.maker(root, place) else {
            // It was taken away: the run that did is needed for that.
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

    /// What a move brought over came as a copy of its own. A script would make it sharing objects with what it shared
    /// them with where it was made: a gap, if that is needed beside it.
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

    /// Takes in the run that made `root`, with what it needs.
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

    /// Runs that wrote what this one read from disk, or goes on writing.
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

    /// Takes in a run for what it did outside of the session.
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

    /// Begins the step of a run, unless it is there: with all that the run may have read.
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
        // The state that a session starts with is there in a script's process too; only a generator's is not the same.
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
    /// Whether two roots shared objects between `origin` and the move, and share none after it.
    fn parted(&self, root: &Root, other: &Root, origin: &RunPosition<'a>, moved: &RunPosition<'a>) -> bool {
        let share = |version: &Version| version.roots.contains(root) && version.roots.contains(other);
        let (from, until) = (self.order_of(&origin.run()), self.order_of(&moved.run()));
        let has = |id: &RunId| self.history.run(id).is_some_and(|run| run.changed.iter().any(share));
        let between = |id: &RunId| (from.clone()..until.clone()).contains(&self.order_of(id));
        root != other && !has(&moved.run()) && self.history.runs().any(|(id, _)| between(id) && has(id))
    }

    /// The last run before `moved` that recorded the value which the move brought back.
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
            // Taken out of a co-variable it has another fingerprint; by itself it reaches the same.
            let has = |other: &Version| other.roots.contains(root) && self.is_alike(root, version, other);
            runs().find(|(_, run)| run.changed.iter().any(has))
        });
        let place = self.place(*found?.0);
        // The run that recorded the whole may have left this root as it was.
        self.maker(root, &place)
    }
}

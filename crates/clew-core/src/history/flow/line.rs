//! Lines of ancestors, and the runs on them that changed each root.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};

use super::patches::{LibraryEnvironment, kept_by};
use super::{Flow, Patches};
use crate::format::{Run, Version};
use crate::history::{History, State};
use crate::id::{Root, RootKind, RunId};

/// The position of a run in its [`Ancestry`].
#[derive(Debug, Clone)]
pub struct RunPosition<'a> {
    history: &'a History,
    pub(super) line: Arc<Ancestry>,
    pub(super) depth: usize,
}

impl<'a> RunPosition<'a> {
    pub(super) fn of(history: &'a History, spot: AncestryDepth) -> Self {
        Self {
            history,
            line: spot.line,
            depth: spot.depth,
        }
    }

    /// Returns another position on the line, at most at its end.
    pub(crate) fn at(&self, depth: usize) -> Self {
        Self {
            history: self.history,
            line: Arc::clone(&self.line),
            depth,
        }
    }

    /// Returns the id of the run.
    pub fn run(&self) -> RunId {
        self.line.run(self.depth)
    }

    /// Returns the record of the run.
    pub fn recorded(&self) -> &'a Run {
        let run = self.history.run(&self.run());
        run.expect("lines are made of runs that can be read")
    }

    /// Returns the number of runs before it.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the position of the run before it.
    pub fn before(&self) -> Option<Self> {
        self.depth.checked_sub(1).map(|depth| self.at(depth))
    }

    /// Returns all positions of the line up to this one, first run first.
    pub fn line(&self) -> impl Iterator<Item = Self> + '_ {
        (0..=self.depth).map(|depth| self.at(depth))
    }

    /// Returns whether a run is on the line up to this position.
    pub(super) fn follows(&self, run: &RunId) -> bool {
        self.line.depth_of(run).is_some_and(|depth| depth <= self.depth)
    }
}

/// A depth in an [`Ancestry`].
#[derive(Debug, Clone)]
pub(super) struct AncestryDepth {
    pub line: Arc<Ancestry>,
    pub depth: usize,
}

impl AncestryDepth {
    pub fn run(&self) -> RunId {
        self.line.run(self.depth)
    }
}

/// A run with all its ancestors, first run first. Two of these share their common part, so a history needs as many as it has
/// ends, and most of them are short.
#[derive(Debug)]
pub(super) struct Ancestry {
    /// The line from which this one branched off, and the last depth that both share.
    base: Option<AncestryDepth>,
    /// Its runs after that.
    runs: Vec<RunId>,
    /// The depth of each of these runs, computed on first use.
    depths: OnceLock<FxHashMap<RunId, usize>>,
    /// The depths at which each root got another version (true) or was removed (false), in order.
    changes: FxHashMap<Root, Vec<(usize, bool)>>,
    /// These roots.
    roots: BTreeSet<Root>,
    /// Runs that may not have changed some of the roots of which they recorded versions.
    doubts: FxHashMap<usize, Doubt>,
    /// Attributes that runs set in libraries, with the depths of the runs.
    patched: Vec<(usize, String)>,
    /// Environment variables that libraries read, with the depths of the runs.
    kept: Vec<(usize, LibraryEnvironment)>,
}

/// A run that recorded co-variables that it may only have joined or separated.
#[derive(Debug)]
struct Doubt {
    /// The versions before the run.
    before: FxHashMap<Root, Arc<Version>>,
    /// Roots that it did not change, computed on first use, since it requires reading their stored values.
    spared: OnceLock<FxHashSet<Root>>,
}

impl Ancestry {
    /// Creates the line of `runs` after `base`, which left `state`. In coarse mode, each version that a run recorded counts as a
    /// change.
    pub fn of(is_coarse: bool, base: Option<AncestryDepth>, mut state: State, runs: &[(RunId, &Run)]) -> Self {
        let start = base.as_ref().map_or(0, |base| base.depth + 1);
        let mut line = Self {
            base,
            runs: runs.iter().map(|(id, _)| *id).collect(),
            depths: OnceLock::new(),
            changes: FxHashMap::default(),
            roots: BTreeSet::new(),
            doubts: FxHashMap::default(),
            patched: Vec::new(),
            kept: Vec::new(),
        };
        for (depth, (_, run)) in (start..).zip(runs) {
            let patched = run.evidence.patched.iter().map(|set| (depth, set.clone()));
            line.patched.extend(patched);
            let is_new = |told: &LibraryEnvironment| {
                let last = line.kept.iter().rev().find(|(_, known)| known.0 == told.0);
                last.is_none_or(|(_, known)| known.1 != told.1)
            };
            let kept = kept_by(&run.evidence).filter(is_new);
            let kept: Vec<_> = kept.map(|told| (depth, told)).collect();
            line.kept.extend(kept);
            run.removed.iter().for_each(|root| line.note(root, (depth, false)));
            // If the object is the same and has no value, it is unknown whether it changed.
            let used = run.evidence.used.iter();
            run.changed_roots()
                .chain(used)
                .for_each(|root| line.note(root, (depth, true)));
            if !is_coarse {
                line.doubts.extend(Doubt::of(run, &state).map(|doubt| (depth, doubt)));
                state.apply(run);
            }
        }
        line.roots = line.changes.keys().cloned().collect();
        line
    }

    /// Returns the positions of its own runs, after it branched off.
    pub fn own_spots(self: &Arc<Self>) -> impl Iterator<Item = (RunId, AncestryDepth)> {
        let spot = |(depth, id): (usize, &RunId)| {
            let line = Arc::clone(self);
            (*id, AncestryDepth { line, depth })
        };
        (self.start()..).zip(&self.runs).map(spot)
    }

    fn note(&mut self, root: &Root, change: (usize, bool)) {
        match self.changes.get_mut(root) {
            Some(known) => known.push(change),
            None => {
                self.changes.insert(root.clone(), vec![change]);
            }
        }
    }

    /// Returns how many of its runs are on the line from which it branched off.
    fn start(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.depth + 1)
    }

    /// Returns the last depth.
    pub fn last(&self) -> usize {
        (self.start() + self.runs.len()).saturating_sub(1)
    }

    /// Returns the run at a depth.
    ///
    /// # Panics
    /// Panics if there is no such depth. Positions contain only existing depths.
    pub fn run(&self, depth: usize) -> RunId {
        match &self.base {
            Some(base) if depth <= base.depth => base.line.run(depth),
            _ => self.runs[depth - self.start()],
        }
    }

    /// Returns the depth of a run.
    pub fn depth_of(&self, run: &RunId) -> Option<usize> {
        let depths = || self.runs.iter().copied().zip(self.start()..).collect();
        let own = self.depths.get_or_init(depths).get(run).copied();
        own.or_else(|| {
            let base = self.base.as_ref()?;
            base.line.depth_of(run).filter(|depth| *depth <= base.depth)
        })
    }

    /// Returns roots that the run at a depth did not change, although it recorded versions of them; `None` if there are none.
    pub fn spared(&self, flow: &Flow<'_>, depth: usize) -> Option<&FxHashSet<Root>> {
        if let Some(base) = self.base.as_ref().filter(|base| depth <= base.depth) {
            return base.line.spared(flow, depth);
        }
        let doubt = self.doubts.get(&depth)?;
        let run = flow.history.run(&self.run(depth))?;
        Some(doubt.spared.get_or_init(|| spared(flow, run, &doubt.before)))
    }

    /// Returns what runs set in libraries up to `depth`.
    pub fn patched(&self, depth: usize) -> Patches {
        let base = self.base.as_ref();
        let mut found = base
            .map(|base| base.line.patched(depth.min(base.depth)))
            .unwrap_or_default();
        for (at, set) in self.patched.iter().filter(|(at, _)| *at <= depth) {
            found.set([set], Some(self.run(*at)));
        }
        let kept = self.kept.iter().filter(|(at, _)| *at <= depth);
        found.keep(kept.map(|(_, told)| told.clone()));
        found
    }

    /// Returns the last change (true) or removal (false) of `root` up to `depth`.
    fn last_of(&self, flow: &Flow<'_>, root: &Root, depth: usize) -> Option<(usize, bool)> {
        let own = self.changes.get(root).and_then(|changes| {
            let before = changes.partition_point(|(at, _)| *at <= depth);
            let is_spared = |at| self.spared(flow, at).is_some_and(|spared| spared.contains(root));
            let mut last = changes[..before].iter().rev();
            last.find(|(at, is_there)| !is_there || !is_spared(*at)).copied()
        });
        own.or_else(|| {
            let base = self.base.as_ref()?;
            base.line.last_of(flow, root, depth.min(base.depth))
        })
    }

    /// Returns the depth at which `root` got its value at `depth`; `None` if it does not exist there.
    pub fn last_change(&self, flow: &Flow<'_>, root: &Root, depth: usize) -> Option<usize> {
        self.last_of(flow, root, depth)
            .and_then(|(at, is_there)| is_there.then_some(at))
    }

    /// Returns the depth of the last change or removal of `root` up to `depth`.
    pub fn last_event(&self, flow: &Flow<'_>, root: &Root, depth: usize) -> Option<usize> {
        self.last_of(flow, root, depth).map(|(at, _)| at)
    }

    /// Returns the roots that exist at `depth`.
    pub fn roots(&self, depth: usize) -> impl Iterator<Item = &Root> {
        self.roots_from(None, depth)
    }

    /// Returns those of them that are neither values nor classes.
    pub fn state_roots(&self, depth: usize) -> impl Iterator<Item = &Root> {
        self.roots_from(Some(Root::new(RootKind::ModuleAttribute, "")), depth)
    }

    /// Returns the roots that exist at `depth`, starting with `first` if given.
    fn roots_from(&self, first: Option<Root>, depth: usize) -> impl Iterator<Item = &Root> {
        let first = first.map_or(Bound::Unbounded, Bound::Included);
        let mut met: BTreeSet<&Root> = BTreeSet::new();
        let mut line = Some(self);
        while let Some(here) = line {
            met.extend(here.roots.range::<Root, _>((first.as_ref(), Bound::Unbounded)));
            line = here.base.as_ref().map(|base| &*base.line);
        }
        met.into_iter().filter(move |root| self.is_there(root, depth))
    }

    /// Returns whether a root exists at `depth`. It reads no value, since a run that does not change a root does not remove it
    /// either.
    pub fn is_there(&self, root: &Root, depth: usize) -> bool {
        let own = self.changes.get(root).and_then(|changes| {
            let before = changes.partition_point(|(at, _)| *at <= depth);
            changes[..before].last().map(|(_, is_there)| *is_there)
        });
        own.unwrap_or_else(|| {
            let base = self.base.as_ref();
            base.is_some_and(|base| base.line.is_there(root, depth.min(base.depth)))
        })
    }

    /// Returns whether a root exists at `depth`, or existed before.
    pub fn was_there(&self, root: &Root, depth: usize) -> bool {
        let changes = self.changes.get(root);
        let own = changes.and_then(|changes| changes.first());
        let base = self.base.as_ref();
        own.is_some_and(|(at, _)| *at <= depth)
            || base.is_some_and(|base| base.line.was_there(root, depth.min(base.depth)))
    }
}

impl Doubt {
    /// Returns the doubt about a run that may have recorded roots without changing them; `before` is the state before it.
    fn of(run: &Run, before: &State) -> Option<Self> {
        if run.evidence.reads_all() {
            return None;
        }
        let mut found = FxHashMap::default();
        for version in &run.changed {
            let were = version
                .roots
                .iter()
                .filter_map(|root| Some((root, before.shared(root)?)));
            let were = were.filter(|(root, old)| may_be_as_it_was(run, root, old, version));
            found.extend(were.map(|(root, old)| (root.clone(), Arc::clone(old))));
        }
        (!found.is_empty()).then(|| Self {
            before: found,
            spared: OnceLock::new(),
        })
    }
}

/// Returns whether only a comparison of values can show that a run changed a root, because it was not rebound and is in a
/// co-variable with others.
fn may_be_as_it_was(run: &Run, root: &Root, old: &Version, new: &Version) -> bool {
    let are_alone = old.roots.len() == 1 && new.roots.len() == 1;
    !are_alone && !run.evidence.writes.contains(&root.to_string())
}

/// Returns roots of co-variables that a run only joined or separated: they were not rebound, and they reach the same objects as
/// before.
fn spared(flow: &Flow<'_>, run: &Run, before: &FxHashMap<Root, Arc<Version>>) -> FxHashSet<Root> {
    let mut changed: BTreeSet<&Root> = BTreeSet::new();
    let mut doubtful: BTreeSet<&Root> = BTreeSet::new();
    for version in &run.changed {
        for root in &version.roots {
            let is_doubtful = before.get(root).is_some_and(|old| flow.is_alike(root, old, version));
            let told = if is_doubtful { &mut doubtful } else { &mut changed };
            told.insert(root);
        }
    }
    // A root is unchanged if it shares objects with the same roots as before, apart from roots that did change.
    let all: BTreeSet<&Root> = changed.union(&doubtful).copied().collect();
    let keeps_neighbours = |root: &Root, changed: &BTreeSet<&Root>| {
        let after = run.changed.iter().find(|version| version.roots.contains(root));
        let then = neighbours(flow, root, before.get(root).map(Arc::as_ref), changed);
        let now = neighbours(flow, root, after, changed);
        then.is_some() && then.map(|then| present(then, &all)) == now
    };
    loop {
        let lost = doubtful.iter().find(|root| !keeps_neighbours(root, &changed)).copied();
        let Some(root) = lost else {
            return doubtful.into_iter().cloned().collect();
        };
        doubtful.remove(root);
        changed.insert(root);
    }
}

/// Returns the other roots that share objects or memory with `root`, except those that changed.
fn neighbours<'v>(
    flow: &Flow<'_>,
    root: &Root,
    version: Option<&'v Version>,
    changed: &BTreeSet<&Root>,
) -> Option<BTreeSet<&'v Root>> {
    let mut near = flow.neighbours(root, version?)?;
    near.retain(|other| !changed.contains(*other));
    Some(near)
}

/// Keeps those neighbours that still exist: removing a neighbour has no observable effect on a root.
fn present<'v>(neighbours: BTreeSet<&'v Root>, all: &BTreeSet<&Root>) -> BTreeSet<&'v Root> {
    neighbours.into_iter().filter(|root| all.contains(*root)).collect()
}

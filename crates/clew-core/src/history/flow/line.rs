//! Lines of runs, and where on them each root changed.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Flow;
use crate::format::{Run, Version};
use crate::history::State;
use crate::id::{Root, RootKind, RunId};

/// A run on a line.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub(super) line: Rc<Line<'a>>,
    pub(super) depth: usize,
}

impl<'a> Place<'a> {
    /// Another place on the line, no deeper than its end.
    pub(crate) fn at(&self, depth: usize) -> Self {
        Self {
            line: Rc::clone(&self.line),
            depth,
        }
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.line.run(self.depth).0
    }

    /// What is on record of the run.
    pub fn recorded(&self) -> &'a Run {
        self.line.run(self.depth).1
    }

    /// How many runs led to it.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The run before it on its line.
    pub fn before(&self) -> Option<Self> {
        self.depth.checked_sub(1).map(|depth| self.at(depth))
    }

    /// All places of the line up to this one, the first run first.
    pub fn line(&self) -> impl Iterator<Item = Self> + '_ {
        (0..=self.depth).map(|depth| self.at(depth))
    }

    /// Whether a run led here.
    pub(super) fn follows(&self, run: &RunId) -> bool {
        self.line.depth_of(run).is_some_and(|depth| depth <= self.depth)
    }
}

/// A line of runs, the first one first. Lines that part share what they have in common: a history has as many as it has
/// ends, and most of them leave another late.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The line that this one left, and the last place on it that is on this one too.
    base: Option<Place<'a>>,
    /// Its runs after that.
    runs: Vec<(RunId, &'a Run)>,
    /// How deep each of them lies, once somebody asked.
    depths: OnceCell<FxHashMap<RunId, usize>>,
    /// Where each root got another value (true) or went away (false), in order.
    changes: FxHashMap<&'a Root, Vec<(usize, bool)>>,
    /// These roots.
    roots: BTreeSet<&'a Root>,
    /// Roots that each of its runs changed or took away.
    changed: Vec<Vec<&'a Root>>,
}

impl<'a> Line<'a> {
    /// The line that leads to `tip`, from `base` on: `runs` are those after it, and `state` is what it left.
    pub fn of(flow: &Flow<'_>, base: Option<Place<'a>>, mut state: State, runs: Vec<(RunId, &'a Run)>) -> Self {
        let start = base.as_ref().map_or(0, |base| base.depth + 1);
        let mut line = Self {
            base,
            depths: OnceCell::new(),
            changes: FxHashMap::default(),
            roots: BTreeSet::new(),
            changed: Vec::with_capacity(runs.len()),
            runs: Vec::new(),
        };
        for (depth, (_, run)) in (start..).zip(&runs) {
            let changed = changed_roots(flow, run, &state);
            run.removed.iter().for_each(|root| line.note(root, (depth, false)));
            changed.iter().for_each(|root| line.note(root, (depth, true)));
            let mut touched: Vec<&Root> = run.removed.iter().chain(changed).collect();
            touched.sort_unstable();
            touched.dedup();
            line.changed.push(touched);
            if !flow.is_coarse {
                state.apply(run);
            }
        }
        line.roots = line.changes.keys().copied().collect();
        line.runs = runs;
        line
    }

    /// The places of its own runs: those behind where it left another.
    pub fn own_places(self: &Rc<Self>) -> impl Iterator<Item = (RunId, Place<'a>)> {
        let place = |(depth, (id, _)): (usize, &(RunId, _))| {
            let line = Rc::clone(self);
            (*id, Place { line, depth })
        };
        (self.start()..).zip(&self.runs).map(place)
    }

    fn note(&mut self, root: &'a Root, change: (usize, bool)) {
        self.changes.entry(root).or_default().push(change);
    }

    /// How many of its runs lie on the line that it left.
    fn start(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.depth + 1)
    }

    /// The last depth.
    pub fn last(&self) -> usize {
        (self.start() + self.runs.len()).saturating_sub(1)
    }

    /// The run at a depth.
    ///
    /// # Panics
    /// No run is so deep: places are made of depths that are there.
    pub fn run(&self, depth: usize) -> (RunId, &'a Run) {
        match &self.base {
            Some(base) if depth <= base.depth => base.line.run(depth),
            _ => self.runs[depth - self.start()],
        }
    }

    /// How deep a run lies on it.
    pub fn depth_of(&self, run: &RunId) -> Option<usize> {
        let depths = || self.runs.iter().map(|(id, _)| *id).zip(self.start()..).collect();
        let own = self.depths.get_or_init(depths).get(run).copied();
        own.or_else(|| {
            let base = self.base.as_ref()?;
            base.line.depth_of(run).filter(|depth| *depth <= base.depth)
        })
    }

    /// The last change (true) or removal (false) of `root` up to `depth`.
    fn last_of(&self, root: &Root, depth: usize) -> Option<(usize, bool)> {
        let own = self.changes.get(root).and_then(|changes| {
            let before = changes.partition_point(|(at, _)| *at <= depth);
            changes[..before].last().copied()
        });
        own.or_else(|| {
            let base = self.base.as_ref()?;
            base.line.last_of(root, depth.min(base.depth))
        })
    }

    /// Where `root` got the value it has at `depth`; `None` if it is not there.
    pub fn last_change(&self, root: &Root, depth: usize) -> Option<usize> {
        self.last_of(root, depth)
            .and_then(|(at, is_there)| is_there.then_some(at))
    }

    /// The last change or removal of `root` up to `depth`.
    pub fn last_event(&self, root: &Root, depth: usize) -> Option<usize> {
        self.last_of(root, depth).map(|(at, _)| at)
    }

    /// Roots that are there at `depth`.
    pub fn roots(&self, depth: usize) -> impl Iterator<Item = &'a Root> {
        self.roots_from(None, depth)
    }

    /// Those of them that are neither values nor classes.
    pub fn state_roots(&self, depth: usize) -> impl Iterator<Item = &'a Root> {
        self.roots_from(Some(Root::new(RootKind::ModuleAttribute, "")), depth)
    }

    /// Roots that are there at `depth`, from the first or a later one on.
    fn roots_from(&self, first: Option<Root>, depth: usize) -> impl Iterator<Item = &'a Root> {
        let first = first.map_or(Bound::Unbounded, Bound::Included);
        let mut met: BTreeSet<&'a Root> = BTreeSet::new();
        let mut line = Some(self);
        while let Some(here) = line {
            met.extend(here.roots.range::<Root, _>((first.as_ref(), Bound::Unbounded)));
            line = here.base.as_ref().map(|base| &*base.line);
        }
        met.into_iter()
            .filter(move |root| self.last_change(root, depth).is_some())
    }

    /// Roots that the run at `depth` changed or took away.
    pub fn changed_at(&self, depth: usize) -> &[&'a Root] {
        match &self.base {
            Some(base) if depth <= base.depth => base.line.changed_at(depth),
            _ => &self.changed[depth - self.start()],
        }
    }
}

/// Roots whose own values the run changed. Of co-variables that it merely joined or parted the others are left out: they
/// were neither bound anew nor do they reach anything else than before.
fn changed_roots<'a>(flow: &Flow<'_>, run: &'a Run, before: &State) -> Vec<&'a Root> {
    if flow.is_coarse {
        return run.changed.iter().flat_map(|version| &version.roots).collect();
    }
    let mut changed: BTreeSet<&Root> = BTreeSet::new();
    let mut doubtful: BTreeSet<&Root> = BTreeSet::new();
    for version in &run.changed {
        for root in &version.roots {
            if may_be_as_it_was(flow, run, root, before.version(root), version) {
                doubtful.insert(root);
            } else {
                changed.insert(root);
            }
        }
    }
    // What still shares as before, or shares otherwise only with what did change, is as it was.
    let all: BTreeSet<&Root> = changed.union(&doubtful).copied().collect();
    let keeps_neighbours = |root: &Root, changed: &BTreeSet<&Root>| {
        let after = run.changed.iter().find(|version| version.roots.contains(root));
        let then = neighbours(flow, root, before.version(root), changed);
        let now = neighbours(flow, root, after, changed);
        then.is_some() && then.map(|then| present(then, &all)) == now
    };
    loop {
        let lost = doubtful.iter().find(|root| !keeps_neighbours(root, &changed)).copied();
        let Some(root) = lost else {
            return changed.into_iter().collect();
        };
        doubtful.remove(root);
        changed.insert(root);
    }
}

/// Whether the run left a root of a co-variable as it was: it did not bind it, and the root reaches the same.
fn may_be_as_it_was(flow: &Flow<'_>, run: &Run, root: &Root, old: Option<&Version>, new: &Version) -> bool {
    let evidence = &run.evidence;
    let name = root.to_string();
    let may_be_bound = evidence.reads_all() || evidence.writes.contains(&name);
    old.is_some_and(|old| {
        let are_alone = old.roots.len() == 1 && new.roots.len() == 1;
        !may_be_bound && !are_alone && same_reach(flow, root, old, new)
    })
}

/// Other roots that share something with `root`, but for those that changed.
fn neighbours<'v>(
    flow: &Flow<'_>,
    root: &Root,
    version: Option<&'v Version>,
    changed: &BTreeSet<&Root>,
) -> Option<BTreeSet<&'v Root>> {
    let version = version?;
    let reach = flow.reach(version)?;
    let own = &reach[version.roots.iter().position(|other| other == root)?];
    let others = version.roots.iter().zip(reach.iter());
    let near = others.filter(|(other, its)| *other != root && !changed.contains(*other) && its.meets(own));
    Some(near.map(|(other, _)| other).collect())
}

/// Neighbours that are gone altogether took nothing with them that anybody could see.
fn present<'v>(neighbours: BTreeSet<&'v Root>, all: &BTreeSet<&Root>) -> BTreeSet<&'v Root> {
    neighbours.into_iter().filter(|root| all.contains(*root)).collect()
}

fn same_reach(flow: &Flow<'_>, root: &Root, old: &Version, new: &Version) -> bool {
    let of = |version: &Version| {
        let index = version.roots.iter().position(|other| other == root)?;
        Some(flow.reach(version)?.get(index)?.hash)
    };
    matches!((of(old), of(new)), (Some(old), Some(new)) if old == new)
}

//! Lines of runs, and where on them each root changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use super::Flow;
use crate::format::{Run, Version};
use crate::history::State;
use crate::id::{Root, RootKind, RunId};

/// A run on a line.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) line: Rc<Line>,
    pub(super) depth: usize,
}

impl Place {
    pub(super) fn at(&self, depth: usize) -> Self {
        Self {
            line: Rc::clone(&self.line),
            depth,
        }
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.line.run(self.depth)
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
pub(super) struct Line {
    /// The line that this one left, and the last place on it that is on this one too.
    base: Option<Place>,
    /// Its runs after that.
    runs: Vec<RunId>,
    depths: BTreeMap<RunId, usize>,
    /// Where each root got another value (true) or went away (false), in order.
    changes: BTreeMap<Root, Vec<(usize, bool)>>,
    /// Roots that each of its runs changed or took away.
    changed: Vec<BTreeSet<Root>>,
}

impl Line {
    /// The line that leads to `tip`, from `base` on: `runs` are those after it, and `state` is what it left.
    pub fn of(flow: &Flow<'_>, base: Option<Place>, mut state: State, runs: &[(RunId, &Run)]) -> Self {
        let start = base.as_ref().map_or(0, |base| base.depth + 1);
        let mut line = Self {
            base,
            runs: runs.iter().map(|(id, _)| *id).collect(),
            depths: BTreeMap::new(),
            changes: BTreeMap::new(),
            changed: Vec::with_capacity(runs.len()),
        };
        for (depth, (id, run)) in (start..).zip(runs) {
            line.depths.insert(*id, depth);
            let mut touched: BTreeSet<Root> = run.removed.iter().cloned().collect();
            for root in &run.removed {
                line.changes.entry(root.clone()).or_default().push((depth, false));
            }
            for root in changed_roots(flow, run, &state) {
                line.changes.entry(root.clone()).or_default().push((depth, true));
                touched.insert(root);
            }
            line.changed.push(touched);
            if !flow.is_coarse {
                state.apply(run);
            }
        }
        line
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
    pub fn run(&self, depth: usize) -> RunId {
        match &self.base {
            Some(base) if depth <= base.depth => base.line.run(depth),
            _ => self.runs[depth - self.start()],
        }
    }

    /// How deep a run lies on it.
    pub fn depth_of(&self, run: &RunId) -> Option<usize> {
        let own = self.depths.get(run).copied();
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
    pub fn roots(&self, depth: usize) -> impl Iterator<Item = &Root> {
        self.roots_from(None, depth)
    }

    /// Those of them that are neither values nor classes.
    pub fn state_roots(&self, depth: usize) -> impl Iterator<Item = &Root> {
        self.roots_from(Some(Root::new(RootKind::ModuleAttribute, "")), depth)
    }

    /// Roots that are there at `depth`, from the first or a later one on.
    fn roots_from(&self, first: Option<Root>, depth: usize) -> impl Iterator<Item = &Root> {
        let first = first.map_or(Bound::Unbounded, Bound::Included);
        let mut met: BTreeSet<&Root> = BTreeSet::new();
        let mut line = Some(self);
        while let Some(here) = line {
            let roots = here.changes.range((first.clone(), Bound::Unbounded));
            met.extend(roots.map(|(root, _)| root));
            line = here.base.as_ref().map(|base| &*base.line);
        }
        met.into_iter()
            .filter(move |root| self.last_change(root, depth).is_some())
    }

    /// Roots that the run at `depth` changed or took away.
    pub fn changed_at(&self, depth: usize) -> &BTreeSet<Root> {
        match &self.base {
            Some(base) if depth <= base.depth => base.line.changed_at(depth),
            _ => &self.changed[depth - self.start()],
        }
    }
}

/// Roots whose own values the run changed. Of co-variables that it merely joined or parted the others are left out: they
/// were neither bound anew nor do they reach anything else than before.
fn changed_roots(flow: &Flow<'_>, run: &Run, before: &State) -> BTreeSet<Root> {
    let all = || run.changed.iter().flat_map(|version| &version.roots);
    if flow.is_coarse {
        return all().cloned().collect();
    }
    let mut changed: BTreeSet<Root> = BTreeSet::new();
    let mut doubtful: BTreeSet<Root> = BTreeSet::new();
    for version in &run.changed {
        for root in &version.roots {
            if may_be_as_it_was(flow, run, root, before.version(root), version) {
                doubtful.insert(root.clone());
            } else {
                changed.insert(root.clone());
            }
        }
    }
    // What still shares as before, or shares otherwise only with what did change, is as it was.
    let all: BTreeSet<Root> = all().cloned().collect();
    let keeps_neighbours = |root: &Root, changed: &BTreeSet<Root>| {
        let after = run.changed.iter().find(|version| version.roots.contains(root));
        let then = neighbours(flow, root, before.version(root), changed);
        let now = neighbours(flow, root, after, changed);
        then.is_some() && then.map(|then| present(then, &all)) == now
    };
    loop {
        let lost = doubtful.iter().find(|root| !keeps_neighbours(root, &changed)).cloned();
        let Some(root) = lost else { return changed };
        doubtful.remove(&root);
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
fn neighbours(
    flow: &Flow<'_>,
    root: &Root,
    version: Option<&Version>,
    changed: &BTreeSet<Root>,
) -> Option<BTreeSet<Root>> {
    let version = version?;
    let reach = flow.reach(version)?;
    let own = &reach[version.roots.iter().position(|other| other == root)?];
    let others = version.roots.iter().zip(reach.iter());
    let near = others.filter(|(other, its)| *other != root && !changed.contains(*other) && its.meets(own));
    Some(near.map(|(other, _)| other.clone()).collect())
}

/// Neighbours that are gone altogether took nothing with them that anybody could see.
fn present(neighbours: BTreeSet<Root>, all: &BTreeSet<Root>) -> BTreeSet<Root> {
    neighbours.into_iter().filter(|root| all.contains(root)).collect()
}

fn same_reach(flow: &Flow<'_>, root: &Root, old: &Version, new: &Version) -> bool {
    let of = |version: &Version| {
        let index = version.roots.iter().position(|other| other == root)?;
        Some(flow.reach(version)?.get(index)?.hash)
    };
    matches!((of(old), of(new)), (Some(old), Some(new)) if old == new)
}

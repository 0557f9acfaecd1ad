//! The ancestors of a state: every version that they left, and which version each root had when.

use std::collections::BTreeSet;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::format::{Run, RunKind, Version};
use crate::history::flow::RunPosition;
use crate::id::{ManifestId, Root, RunId};

/// A version, and the run that left it.
pub(super) struct RecordedVersion<'a> {
    /// The version.
    pub version: &'a Version,
    /// The depth of the run that left it.
    pub depth: usize,
    /// Whether a cell created it. A restore or an external change creates nothing, and no rerun recreates the state with which a
    /// library seeded a random generator.
    pub is_made: bool,
    /// The range in [`VersionTimeline::roots`] with the numbers of its roots.
    roots: Range<usize>,
}

/// All versions that the ancestors of a run left, in order.
pub(super) struct VersionTimeline<'a> {
    /// The position of the last run.
    end: RunPosition<'a>,
    /// All versions, in the order in which they were left.
    pub left: Vec<RecordedVersion<'a>>,
    /// The number of each root, so that roots are hashed only once for each version.
    numbers: FxHashMap<&'a Root, usize>,
    /// The numbers of the roots of all versions, one version after another.
    roots: Vec<usize>,
    /// The version of each root from a depth on, by position; `None` if it was removed.
    times: Vec<Vec<(usize, Option<usize>)>>,
    /// The total time of its cells' imports, in nanoseconds.
    pub importing: u64,
    /// The last version of each manifest.
    by_manifest: FxHashMap<ManifestId, usize>,
}

impl<'a> VersionTimeline<'a> {
    /// Creates the timeline up to a position.
    pub fn to(end: RunPosition<'a>) -> Self {
        let runs: Vec<&Run> = end.line().map(|place| place.recorded()).collect();
        let mut line = Self {
            end,
            left: Vec::new(),
            numbers: FxHashMap::default(),
            roots: Vec::new(),
            times: Vec::new(),
            importing: 0,
            by_manifest: FxHashMap::default(),
        };
        for (depth, run) in runs.into_iter().enumerate() {
            line.take(depth, run);
        }
        line
    }

    /// Returns the position at a depth.
    pub fn place(&self, depth: usize) -> RunPosition<'a> {
        self.end.at(depth)
    }

    /// Returns the run that left a version.
    pub fn run_of(&self, left: &RecordedVersion<'a>) -> RunId {
        self.place(left.depth).run()
    }

    /// Returns the number of runs.
    pub fn length(&self) -> usize {
        self.end.depth() + 1
    }

    /// Returns the versions in the final state, by position, each once.
    pub fn last(&self) -> Vec<usize> {
        let mut values: Vec<usize> = (0..self.times.len()).filter_map(|root| self.now(root)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Returns the version of `root` before the run at a depth.
    pub fn before(&self, depth: usize, root: &Root) -> Option<usize> {
        let times = &self.times[*self.numbers.get(root)?];
        let until = times.partition_point(|(at, _)| *at < depth);
        times[..until].last()?.1
    }

    /// Returns the current version of a root.
    fn now(&self, root: usize) -> Option<usize> {
        self.times[root].last()?.1
    }

    /// Applies a run, as [`crate::history::State::apply`] does.
    fn take(&mut self, depth: usize, run: &'a Run) {
        self.importing = self.importing.saturating_add(run.evidence.importing);
        for root in &run.removed {
            let root = self.number(root);
            self.drop_covariable(depth, root);
        }
        let is_cell = run.kind == RunKind::Cell;
        let position = |version| self.position(depth, version, is_cell && !is_undrawn(run, version));
        let positions: Vec<usize> = run.changed.iter().map(position).collect();
        self.replace(depth, &positions);
        self.take_used(depth, run);
        if let Some(full) = &run.full {
            self.take_whole(depth, full);
        }
    }

    /// Adds versions of roots that a run may have changed although it recorded no new version: without that run, a rerun would
    /// give another value.
    fn take_used(&mut self, depth: usize, run: &'a Run) {
        let now = |root: &Root| self.now(*self.numbers.get(root)?);
        let used: BTreeSet<usize> = run.evidence.used.iter().filter_map(now).collect();
        let used = used.into_iter().filter(|position| self.left[*position].depth < depth);
        let versions: Vec<&'a Version> = used.map(|position| self.left[position].version).collect();
        let is_cell = run.kind == RunKind::Cell;
        let left = versions
            .into_iter()
            .map(|version| self.add(depth, version, is_cell))
            .collect::<Vec<_>>();
        self.replace(depth, &left);
    }

    /// Applies a whole state, which does not depend on the runs before it.
    fn take_whole(&mut self, depth: usize, full: &'a [Version]) {
        let has = |line: &Self, version: &Version| {
            let number = version.roots.first().and_then(|root| line.numbers.get(root));
            let position = number.and_then(|number| line.now(*number));
            position.is_some_and(|position| line.left[position].version.manifest == version.manifest)
        };
        let roots: usize = full.iter().map(|version| version.roots.len()).sum();
        let now = (0..self.times.len()).filter(|root| self.now(*root).is_some());
        if roots == now.count() && full.iter().all(|version| has(self, version)) {
            return;
        }
        (0..self.times.len()).for_each(|root| self.drop_covariable(depth, root));
        let position = |version| self.position(depth, version, false);
        let positions: Vec<usize> = full.iter().map(position).collect();
        self.replace(depth, &positions);
    }

    /// Returns the position of a version that a run left. If no cell created it and it existed before, it is the earlier version.
    fn position(&mut self, depth: usize, version: &'a Version, is_made: bool) -> usize {
        if let Some(known) = self.by_manifest.get(&version.manifest).filter(|_| !is_made) {
            return *known;
        }
        self.add(depth, version, is_made)
    }

    fn add(&mut self, depth: usize, version: &'a Version, is_made: bool) -> usize {
        let first = self.roots.len();
        for root in &version.roots {
            let number = self.number(root);
            self.roots.push(number);
        }
        self.left.push(RecordedVersion {
            version,
            depth,
            is_made,
            roots: first..self.roots.len(),
        });
        self.by_manifest.insert(version.manifest, self.left.len() - 1);
        self.left.len() - 1
    }

    fn number(&mut self, root: &'a Root) -> usize {
        let number = *self.numbers.entry(root).or_insert(self.times.len());
        if number == self.times.len() {
            self.times.push(Vec::new());
        }
        number
    }

    /// Binds the roots of versions, and removes the co-variables that contained these roots.
    fn replace(&mut self, depth: usize, positions: &[usize]) {
        for position in positions {
            for at in self.left[*position].roots.clone() {
                self.drop_covariable(depth, self.roots[at]);
            }
        }
        for position in positions {
            self.note(*position, (depth, Some(*position)));
        }
    }

    fn drop_covariable(&mut self, depth: usize, root: usize) {
        if let Some(position) = self.now(root) {
            self.note(position, (depth, None));
        }
    }

    /// Records the version of the roots of a version from a depth on.
    fn note(&mut self, position: usize, from: (usize, Option<usize>)) {
        for root in &self.roots[self.left[position].roots.clone()] {
            self.times[*root].push(from);
        }
    }
}

/// Returns whether a version consists only of random generators that imports of the run created and that the run did not draw from.
fn is_undrawn(run: &Run, version: &Version) -> bool {
    version.roots.iter().all(|root| run.evidence.is_undrawn(root))
}

//! The line of runs that led to a state: every version on it, and when each root had which.

use rustc_hash::FxHashMap;

use crate::format::{Run, RunKind, Version};
use crate::history::History;
use crate::history::flow::Place;
use crate::id::{ManifestId, Root, RunId};

/// A version as a run left it.
pub(super) struct Left<'a> {
    /// The version.
    pub version: &'a Version,
    /// How deep on the line the run is that left it.
    pub depth: usize,
    /// Whether a cell did: a move or a change from outside makes nothing.
    pub is_made: bool,
}

/// The line.
pub(super) struct Line<'a> {
    /// Its places, the first run first.
    pub places: Vec<Place>,
    /// All versions, in the order in which they came.
    pub left: Vec<Left<'a>>,
    /// What each root had from a depth on, by position; `None` where it was gone.
    times: FxHashMap<&'a Root, Vec<(usize, Option<usize>)>>,
    /// What each root has now.
    now: FxHashMap<&'a Root, usize>,
    /// How long its cells' imports took, in nanoseconds.
    pub importing: u64,
    /// The last version of each manifest.
    by_manifest: FxHashMap<ManifestId, usize>,
}

impl<'a> Line<'a> {
    /// The line that led to the last of the places.
    pub fn of(history: &'a History, places: Vec<Place>) -> Self {
        let mut line = Self {
            places: Vec::new(),
            left: Vec::new(),
            times: FxHashMap::default(),
            now: FxHashMap::default(),
            importing: 0,
            by_manifest: FxHashMap::default(),
        };
        for (depth, place) in places.iter().enumerate() {
            if let Some(run) = history.run(&place.run()) {
                line.take(depth, run);
            }
        }
        line.places = places;
        line
    }

    /// The run at a depth.
    pub fn run(&self, depth: usize) -> RunId {
        self.places[depth].run()
    }

    /// What is there in the end, by position, each once.
    pub fn last(&self) -> Vec<usize> {
        let mut values: Vec<usize> = self.now.values().copied().collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// What `root` had before the run at a depth.
    pub fn before(&self, depth: usize, root: &Root) -> Option<usize> {
        let times = self.times.get(root)?;
        let until = times.partition_point(|(at, _)| *at < depth);
        times[..until].last()?.1
    }

    /// As [`crate::history::State::apply`] does.
    fn take(&mut self, depth: usize, run: &'a Run) {
        self.importing = self.importing.saturating_add(run.evidence.importing);
        for root in &run.removed {
            self.drop_covariable(depth, root);
        }
        for root in run.changed.iter().flat_map(|version| &version.roots) {
            self.drop_covariable(depth, root);
        }
        for version in &run.changed {
            let position = self.position(depth, version, run.kind == RunKind::Cell);
            self.bind(depth, version, position);
        }
        if let Some(full) = &run.full {
            self.take_whole(depth, full);
        }
    }

    /// A run that has all of its state says nothing of the one before.
    fn take_whole(&mut self, depth: usize, full: &'a [Version]) {
        let has = |line: &Self, version: &Version| {
            let position = version.roots.first().and_then(|root| line.now.get(root));
            position.is_some_and(|position| line.left[*position].version.manifest == version.manifest)
        };
        let roots: usize = full.iter().map(|version| version.roots.len()).sum();
        if roots == self.now.len() && full.iter().all(|version| has(self, version)) {
            return;
        }
        for root in self.now.keys().copied().collect::<Vec<_>>() {
            self.drop_covariable(depth, root);
        }
        for version in full {
            let position = self.position(depth, version, false);
            self.bind(depth, version, position);
        }
    }

    /// The position of a version that is left now. What no cell made and was there before is what it was, whoever made it.
    fn position(&mut self, depth: usize, version: &'a Version, is_made: bool) -> usize {
        if let Some(known) = self.by_manifest.get(&version.manifest).filter(|_| !is_made) {
            return *known;
        }
        self.left.push(Left {
            version,
            depth,
            is_made,
        });
        self.by_manifest.insert(version.manifest, self.left.len() - 1);
        self.left.len() - 1
    }

    fn bind(&mut self, depth: usize, version: &'a Version, position: usize) {
        for root in &version.roots {
            self.now.insert(root, position);
            self.times.entry(root).or_default().push((depth, Some(position)));
        }
    }

    fn drop_covariable(&mut self, depth: usize, root: &Root) {
        let Some(position) = self.now.get(root).copied() else {
            return;
        };
        let version = self.left[position].version;
        for root in &version.roots {
            self.now.remove(root);
            self.times.entry(root).or_default().push((depth, None));
        }
    }
}

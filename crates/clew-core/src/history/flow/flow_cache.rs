//! A cache of the lines and values of a history, for repeated requests.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ValueSource;
use super::line::{Ancestry, AncestryDepth};
use super::reach::{RootReach, reach};
use crate::format::{Manifest, Version};
use crate::id::{ManifestId, RunId};

/// Results that a [`Flow`](super::Flow) computed for a history. A run and its ancestors never change, so they stay valid when
/// runs are added.
#[derive(Debug, Default)]
pub struct FlowCache {
    /// The position of each run on a known line.
    spots: RefCell<FxHashMap<RunId, AncestryDepth>>,
    manifests: RefCell<FxHashMap<ManifestId, Option<Arc<Manifest>>>>,
    reaches: RefCell<FxHashMap<ManifestId, Option<Arc<Vec<RootReach>>>>>,
    /// Whether two runs set the same attributes of libraries to the same values.
    setters: RefCell<FxHashMap<(RunId, RunId), bool>>,
}

impl FlowCache {
    pub(super) fn spot(&self, run: &RunId) -> Option<AncestryDepth> {
        self.spots.borrow().get(run).cloned()
    }

    pub(super) fn learn(&self, line: &Arc<Ancestry>) {
        self.spots.borrow_mut().extend(line.own_spots());
    }

    pub(super) fn manifest(&self, version: &Version, values: &dyn ValueSource) -> Option<Arc<Manifest>> {
        let mut known = self.manifests.borrow_mut();
        let read = || values.manifest(&version.manifest).map(Arc::new);
        known.entry(version.manifest).or_insert_with(read).clone()
    }

    pub(super) fn reach(&self, version: &Version, values: &dyn ValueSource) -> Option<Arc<Vec<RootReach>>> {
        if let Some(known) = self.reaches.borrow().get(&version.manifest) {
            return known.clone();
        }
        let found = reach(values, version).map(Arc::new);
        self.reaches.borrow_mut().insert(version.manifest, found.clone());
        found
    }
    /// Returns whether two runs set attributes of libraries to the same values; computed once.
    pub(super) fn are_same_setters(&self, runs: (RunId, RunId), find: impl FnOnce() -> bool) -> bool {
        let known = self.setters.borrow().get(&runs).copied();
        known.unwrap_or_else(|| {
            let found = find();
            self.setters.borrow_mut().insert(runs, found);
            found
        })
    }
}

//! State: what a run left, derived from its line of runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::format::{Run, Version};
use crate::id::Root;

/// Which version every root has. Roots of one co-variable share a version, and states that have it share it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    versions: BTreeMap<Root, Arc<Version>>,
}

impl State {
    /// A state from its versions.
    pub fn of(versions: impl IntoIterator<Item = Arc<Version>>) -> Self {
        let mut state = Self::default();
        versions.into_iter().for_each(|version| state.insert(&version));
        state
    }

    /// The state after `run`, which came after this one.
    #[must_use]
    pub fn after(&self, run: &Run) -> Self {
        // A run with a whole state says nothing of the one before.
        let mut state = if run.full.is_some() {
            Self::default()
        } else {
            self.clone()
        };
        state.apply(run);
        state
    }

    /// Makes it the state after `run`.
    pub fn apply(&mut self, run: &Run) {
        if let Some(full) = &run.full {
            *self = Self::of(full.iter().cloned().map(Arc::new));
        } else {
            self.reuse(run, &[]);
        }
    }

    /// Makes it what it is where what `run` did is done once more: where [`crate::history::flow::Flow::obstacles`] found nothing against that. `bound` are
    /// versions that the run bound anew and left as they were.
    pub fn reuse(&mut self, run: &Run, bound: &[Version]) {
        for root in &run.removed {
            self.drop_covariable(root);
        }
        let made = || run.changed.iter().chain(bound);
        for version in made() {
            for root in &version.roots {
                self.drop_covariable(root);
            }
        }
        made().for_each(|version| self.insert(&Arc::new(version.clone())));
    }

    fn insert(&mut self, version: &Arc<Version>) {
        for root in &version.roots {
            self.versions.insert(root.clone(), Arc::clone(version));
        }
    }

    /// Takes away the whole co-variable of `root`: a version of it with fewer roots is among the changed ones.
    fn drop_covariable(&mut self, root: &Root) {
        if let Some(version) = self.versions.remove(root) {
            for root in &version.roots {
                self.versions.remove(root);
            }
        }
    }

    /// Takes away what is to be made again: these roots, each with its whole co-variable.
    pub fn forget<'r>(&mut self, roots: impl IntoIterator<Item = &'r Root>) {
        roots.into_iter().for_each(|root| self.drop_covariable(root));
    }

    /// The version that `root` has.
    pub fn version(&self, root: &Root) -> Option<&Version> {
        self.versions.get(root).map(Arc::as_ref)
    }

    /// The same, shared with states that have it too.
    pub(super) fn shared(&self, root: &Root) -> Option<&Arc<Version>> {
        self.versions.get(root)
    }

    /// All roots, in order.
    pub fn roots(&self) -> impl Iterator<Item = &Root> {
        self.versions.keys()
    }

    /// All versions, each once, in the order of their first roots.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|(root, version)| version.roots.first() == Some(*root))
            .map(|(_, version)| version.as_ref())
    }

    /// Whether this state has exactly this version: the same roots together, with the same value.
    pub fn holds(&self, version: &Version) -> bool {
        version
            .roots
            .first()
            .and_then(|root| self.versions.get(root))
            .is_some_and(|own| own.roots == version.roots && own.fingerprint == version.fingerprint)
    }

    /// The co-variables of it that `is_wanted`.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&Version) -> bool) -> Self {
        let wanted = self.versions.values().filter(|version| is_wanted(version));
        Self::of(wanted.cloned())
    }

    /// It with those co-variables of `other` of which it has no root.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let is_missing = |version: &&Arc<Version>| version.roots.iter().all(|root| self.version(root).is_none());
        let missing: Vec<_> = other.versions.values().filter(is_missing).cloned().collect();
        missing.iter().for_each(|version| self.insert(version));
        self
    }

    /// How many roots there are.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Whether there is no root.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}

//! The state after a run, derived from the run and its ancestors.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::format::{Run, Version};
use crate::id::Root;

/// The version of each root. Roots of one co-variable share a version, also between states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    versions: BTreeMap<Root, Arc<Version>>,
}

impl State {
    /// Creates a state from its versions.
    pub fn of(versions: impl IntoIterator<Item = Arc<Version>>) -> Self {
        let mut state = Self::default();
        versions.into_iter().for_each(|version| state.insert(&version));
        state
    }

    /// Returns the state after `run`, which follows this state.
    #[must_use]
    pub fn after(&self, run: &Run) -> Self {
        // A run that contains the whole state does not depend on the state before.
        let mut state = if run.full.is_some() {
            Self::default()
        } else {
            self.clone()
        };
        state.apply(run);
        state
    }

    /// Changes this state to the state after `run`.
    pub fn apply(&mut self, run: &Run) {
        if let Some(full) = &run.full {
            *self = Self::of(full.iter().cloned().map(Arc::new));
        } else {
            self.reuse(run, &[]);
        }
    }

    /// Changes this state as if the cell of `run` were executed again, provided that [`crate::history::flow::Flow::obstacles`]
    /// found none. `bound` are versions that the run rebound without changing them.
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

    /// Removes the whole co-variable of `root`. If a version of it with fewer roots remains, it is among the changed ones.
    fn drop_covariable(&mut self, root: &Root) {
        if let Some(version) = self.versions.remove(root) {
            for root in &version.roots {
                self.versions.remove(root);
            }
        }
    }

    /// Removes roots that are to be recreated, each with its whole co-variable.
    pub fn forget<'r>(&mut self, roots: impl IntoIterator<Item = &'r Root>) {
        roots.into_iter().for_each(|root| self.drop_covariable(root));
    }

    /// Returns the version of `root`.
    pub fn version(&self, root: &Root) -> Option<&Version> {
        self.versions.get(root).map(Arc::as_ref)
    }

    /// Returns the version of `root`, shared with other states.
    pub(super) fn shared(&self, root: &Root) -> Option<&Arc<Version>> {
        self.versions.get(root)
    }

    /// Returns all roots, in order.
    pub fn roots(&self) -> impl Iterator<Item = &Root> {
        self.versions.keys()
    }

    /// Returns all versions, each once, in the order of their first roots.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|(root, version)| version.roots.first() == Some(*root))
            .map(|(_, version)| version.as_ref())
    }

    /// Returns whether this state contains exactly this version: the same roots together, with the same value.
    pub fn holds(&self, version: &Version) -> bool {
        version
            .roots
            .first()
            .and_then(|root| self.versions.get(root))
            .is_some_and(|own| own.roots == version.roots && own.fingerprint == version.fingerprint)
    }

    /// Returns the state reduced to co-variables for which `is_wanted` is true.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&Version) -> bool) -> Self {
        let wanted = self.versions.values().filter(|version| is_wanted(version));
        Self::of(wanted.cloned())
    }

    /// Adds those co-variables of `other` that have no root in this state.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let is_missing = |version: &&Arc<Version>| version.roots.iter().all(|root| self.version(root).is_none());
        let missing: Vec<_> = other.versions.values().filter(is_missing).cloned().collect();
        missing.iter().for_each(|version| self.insert(version));
        self
    }

    /// Returns the number of roots.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Returns whether there are no roots.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }
}

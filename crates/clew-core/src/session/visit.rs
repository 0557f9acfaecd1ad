//! A state loaded into a process that records nothing: no session begins, and the store is only read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::SessionError;
use super::moving::{has_cell, untrusted};
use crate::format::{Manifest, Version};
use crate::history::{History, State};
use crate::id::{Fingerprint, ManifestId, Root, RunId};
use crate::kernel::Kernel;
use crate::plan::{Held, Outcome, Scope, plan};
use crate::record::Live;
use crate::restore::Performer;
use crate::store::{LoadedHistory, Manifests, Store, StoreError};

/// A history, visited by a process that has no state of its own yet.
pub struct Visit {
    store: Store,
    manifests: Manifests,
    history: History,
}

impl Visit {
    /// Visits the history that `loaded` was read from.
    pub fn new(store: Store, loaded: &LoadedHistory) -> Self {
        let history = History::of(loaded);
        store.forget(history.forgotten().iter().map(|(id, time)| (*id, *time)));
        Self {
            manifests: Manifests::new(store.clone()),
            store,
            history,
        }
    }

    /// All that is known of the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Loads what a run left; what became of each root. What is not stored is made by running its cell again if it is one
    /// of `again`, and lost otherwise. What a stranger recorded is lost if it names code, and their cells are not run.
    ///
    /// # Errors
    /// The run or one before it is missing, or the user asked to stop. Nothing was loaded then.
    pub fn load<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        again: &BTreeSet<Root>,
    ) -> Result<Vec<Outcome>, SessionError> {
        let missing = match self.history.run(&run) {
            Some(_) => self.history.missing_ancestor(run),
            None => Some(run),
        };
        if let Some(missing) = missing {
            return Err(SessionError::Store(StoreError::Missing {
                kind: "Run",
                id: missing.short(),
                packs: Vec::new(),
            }));
        }
        let held = HeldByVisit {
            visit: self,
            run,
            again,
        };
        let plan = plan(&State::default(), &self.history.state(run), &Scope::All, &held);
        let performer = Performer {
            store: &self.store,
            manifests: &self.manifests,
            history: &self.history,
            live: &Live::default(),
            parked: &[],
            target: run,
        };
        Ok(performer.perform(kernel, &plan, &mut 1)?.outcomes)
    }
}

struct HeldByVisit<'a> {
    visit: &'a Visit,
    run: RunId,
    again: &'a BTreeSet<Root>,
}

impl Held for HeldByVisit<'_> {
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String> {
        self.visit.manifests.get(id).map_err(|error| error.to_string())
    }

    fn ticket(&self, _: &[Root], _: &Fingerprint) -> Option<u64> {
        None
    }

    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String> {
        untrusted(&self.visit.history, self.run, version, manifest)
    }

    fn may_replay(&self, version: &Version) -> bool {
        let is_wanted = version.roots.iter().any(|root| self.again.contains(root));
        is_wanted && has_cell(&self.visit.history, self.run, version)
    }
}

//! Loading a state into a process that records nothing: no session begins, and the store is only read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::SessionError;
use super::checkout::{definitions_of, has_cell, untrusted};
use super::transfer::{PlanError, StoredVersions, plan_move};
use crate::cause::Cause;
use crate::format::{Body, Encoding, Manifest, Run, Version};
use crate::graph::{Arena, ArenaLimits, Heap, look, look_jointly};
use crate::history::flow::Flow;
use crate::history::{History, State};
use crate::id::{Fingerprint, ManifestId, Root, RootKind, RunId};
use crate::kernel::{CoVariableHandover, Kernel, RootChange};
use crate::plan::carry::{CarryPlan, Rates, Target};
use crate::plan::{AvailableValues, Outcome, OutcomeKind, RerunPermission, Scope, plan};
use crate::record::{LiveObjects, LiveState};
use crate::restore::{PlanExecutor, RerunResults, RestoreError, may_read};
use crate::store::{Check, LoadedHistory, Manifests, Store};

/// A cell that is ready to be executed again: all variables that it may read are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedCell {
    /// Its source.
    pub source: String,
    /// The `n` of its `In [n]`.
    pub execution_count: Option<u64>,
    /// The stored classes that the run created, as the payload of each one's node. A rerun must give them the same ids.
    pub classes: Vec<Vec<u8>>,
}

/// Values of at most this size are loaded together with the values to build, since code may read them.
const SMALL: u64 = 64 << 10;

/// A history, visited by a process without a state of its own.
pub struct Visit {
    store: Store,
    manifests: Manifests,
    history: History,
    made: RerunResults,
    /// Variables and classes that [`Self::load`] loaded with their recorded values, and the run that left them.
    loaded: RefCell<Option<(RunId, State)>>,
}

impl Visit {
    /// Visits the history that `loaded` was read from.
    pub fn new(store: Store, loaded: &LoadedHistory) -> Self {
        let history = History::of(loaded);
        history.tell(&store);
        Self {
            manifests: Manifests::new(store.clone()),
            store,
            history,
            made: RerunResults::default(),
            loaded: RefCell::default(),
        }
    }

    /// Returns the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns why a version of the state after `run` cannot be loaded here; `None` if no obstacle is known without loading it.
    pub fn obstacle(&self, run: RunId, version: &Version) -> Option<String> {
        let manifest = match self.manifests.get(&version.manifest) {
            Ok(manifest) => manifest,
            Err(error) => return Some(error.to_string()),
        };
        match &manifest.body {
            Body::Recipe { why, .. } | Body::None { why } | Body::Withheld { why } => Some(why.clone()),
            Body::Encoded(_) => untrusted(&self.history, run, version, &manifest).or_else(|| {
                let missing = self.store.parts_of(version.manifest).err();
                missing.map(|error| error.to_string())
            }),
        }
    }

    /// Loads `roots` of the state after a run, with the variables that share objects with them, and with their classes;
    /// everything if `roots` is `None`. Variables that an earlier call loaded stay as they are. Returns the outcome of each root.
    ///
    /// Values that are not stored are recreated by rerunning their cells if they are in `again`, and lost otherwise. Untrusted
    /// values are lost if they name code, and untrusted cells are not run.
    ///
    /// # Errors
    /// Fails without loading anything if the run or a needed ancestor is missing, or if the user interrupted it.
    pub fn load<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        roots: Option<&BTreeSet<Root>>,
        again: &BTreeSet<Root>,
    ) -> Result<Vec<Outcome>, SessionError> {
        let state = self.history.state(run);
        let loaded = self
            .loaded
            .take()
            .filter(|(of, _)| *of == run)
            .map(|(_, loaded)| loaded);
        let scope = roots.map_or(Scope::All, |roots| Scope::Names(self.with_needs(&state, roots)));
        let outcomes = self.load_some(kernel, run, &scope, again, &loaded.unwrap_or_default())?;
        let is_exact = |outcome: &&Outcome| {
            matches!(outcome.kind, OutcomeKind::Restored | OutcomeKind::Unchanged) && !is_state(&outcome.root)
        };
        let exact: BTreeSet<&Root> = outcomes.iter().filter(is_exact).map(|outcome| &outcome.root).collect();
        let exact = state.only(|version| version.roots.iter().all(|root| exact.contains(root)));
        self.loaded.replace(Some((run, exact)));
        Ok(outcomes)
    }

    /// Adds to roots of a state the roots that they need: whole co-variables, since parts of a version would be separate copies,
    /// and their classes.
    fn with_needs(&self, state: &State, roots: &BTreeSet<Root>) -> BTreeSet<Root> {
        let mut needed = BTreeSet::new();
        let mut more = roots.clone();
        while more != needed {
            needed = more;
            let whole = needed.iter().filter_map(|root| state.version(root));
            more = whole.flat_map(|version| version.roots.iter().cloned()).collect();
            more.extend(definitions_of(&self.manifests, state, &more, &|_| false));
        }
        needed
    }

    /// Returns the roots of the state after a run.
    pub fn roots(&self, run: RunId) -> Vec<Root> {
        self.history.state(run).roots().cloned().collect()
    }

    /// Builds some values of the state after a run, and compares them with their fingerprints. Returns the outcome of each root.
    /// Nothing is recreated.
    ///
    /// # Errors
    /// Fails as [`Self::load`] does.
    pub fn prove<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        roots: &BTreeSet<Root>,
    ) -> Result<Vec<Outcome>, SessionError> {
        let state = self.history.state(run);
        // Code of these values is found through paths, options and the user's own modules, and may read functions, classes and
        // constants.
        let is_small = |encoding: &Encoding| encoding.bytes <= SMALL;
        let is_ground =
            |version: &&Version| version.roots.iter().any(is_state) || self.manifests.is_stored_as(version, is_small);
        let ground = state.versions().filter(is_ground);
        let mut needed: BTreeSet<Root> = ground.flat_map(|version| version.roots.iter().cloned()).collect();
        needed.extend(roots.iter().cloned());
        let scope = Scope::Names(self.with_needs(&state, &needed));
        let outcomes = self.load_some(kernel, run, &scope, &BTreeSet::new(), &State::default())?;
        Ok(outcomes
            .into_iter()
            .filter(|outcome| roots.contains(&outcome.root))
            .collect())
    }

    /// Loads the variables that the cell of a run may read, in the state before it, and removes all other variables. A value that
    /// is not stored is taken from cells that ran here before. Otherwise its cell is rerun, as far as the run needs the value.
    ///
    /// # Errors
    /// Fails as [`Self::load`] does, or if the run has no cell, or an untrusted one.
    pub fn prepare<K: Kernel>(&self, kernel: &mut K, run: RunId) -> Result<PreparedCell, SessionError> {
        if let Some(last) = self.made.last() {
            self.keep(kernel, last);
            self.made.set_last(None);
            clear(kernel)?;
        }
        let found = self.history.run(&run).ok_or_else(|| SessionError::missing(run))?;
        let is_whole = found.evidence.masked.is_empty() && !self.history.is_untrusted(&run);
        let blob = found.source.filter(|_| is_whole);
        let blob = blob.ok_or_else(|| {
            let run = &found.label();
            SessionError::Restore(RestoreError::Refused(Cause::MayNotRun { run }.into()))
        })?;
        let source = self.store.blob(blob)?.into_inner();
        if let Some(parent) = found.parent {
            let state = self.history.state(parent);
            let is_state = |root: &Root| root.kind != RootKind::Name;
            let is_needed = |version: &&Version| version.roots.iter().any(is_state) || may_read(found, version);
            let needed: BTreeSet<Root> = state
                .versions()
                .filter(is_needed)
                .flat_map(|version| version.roots.iter().cloned())
                .collect();
            let flow = Flow::new(&self.history, &self.store).coarse();
            let again = flow.needs(&flow.place(run));
            self.load_some(kernel, parent, &Scope::Names(needed), &again, &State::default())?;
        }
        Ok(PreparedCell {
            source,
            execution_count: found.execution_count,
            classes: self.classes_of(found),
        })
    }

    /// Plans how to transfer the state after `run` to `target`: [`plan_move`].
    ///
    /// # Errors
    /// Fails as [`plan_move`] does.
    pub fn plan_move(
        &self,
        run: RunId,
        target: &dyn Target,
        rates: &Rates,
        budget: Option<u64>,
    ) -> Result<CarryPlan, PlanError> {
        let stored = StoredVersions::of(&self.store);
        plan_move((&self.history, run), &stored, target, rates, budget)
    }

    /// Records that the prepared cell of a run ended, so that its results are live.
    pub fn ran(&self, run: RunId) {
        self.made.set_last(Some(run));
    }

    /// Returns the values that the cell of a run created for its roots: live values for the last run, stored results for others.
    ///
    /// # Errors
    /// Returns why they are not available.
    pub fn hand_over_of<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        roots: &[Root],
    ) -> Result<CoVariableHandover, String> {
        if self.made.last() == Some(run) {
            return Self::hand_over(kernel, roots);
        }
        let changed = self.history.run(&run).map(|run| &run.changed);
        let version = changed.into_iter().flatten().find(|version| version.roots == roots);
        version
            .and_then(|version| self.made.of(&version.manifest))
            .ok_or_else(|| {
                let root = &roots.first().map(ToString::to_string).unwrap_or_default();
                Cause::NotMadeApart { root }.into()
            })
    }

    /// Stores the results of a run's cell, as far as they have values, for later cells.
    fn keep<K: Kernel>(&self, kernel: &mut K, run: RunId) {
        let changed = self.history.run(&run).map(|run| run.changed.as_slice());
        for version in changed.unwrap_or_default() {
            if let Ok(handed) = Self::hand_over(kernel, &version.roots) {
                self.made.keep(version.manifest, handed);
            }
        }
    }

    /// Returns the stored classes that a run created, as far as they can be read.
    fn classes_of(&self, run: &Run) -> Vec<Vec<u8>> {
        let before = run.parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let is_new = |root: &Root| root.kind == RootKind::Definition && before.version(root).is_none();
        let payloads = |version: &Version| -> Option<Vec<Vec<u8>>> {
            let manifest = self.manifests.get(&version.manifest).ok()?;
            let encoding = manifest.encoding()?;
            let stream = self.store.stream(&encoding.stream).ok()?.into_inner();
            let arena = Arena::parse(&stream, version.roots.len(), ArenaLimits::default()).ok()?;
            let of_root = version.roots.iter().zip(arena.roots());
            let new = of_root.filter(|(root, _)| is_new(root));
            Some(new.map(|(_, node)| arena.node(*node).payload.to_vec()).collect())
        };
        run.changed.iter().filter_map(payloads).flatten().collect()
    }

    /// Returns live roots as one co-variable, as written by the walk.
    ///
    /// # Errors
    /// Returns why that is impossible: one of them does not exist, or has no value that could be stored.
    pub fn hand_over<K: Kernel>(kernel: &mut K, roots: &[Root]) -> Result<CoVariableHandover, String> {
        let live = kernel.roots().map_err(|error| error.to_string())?;
        // Only a walk discovers classes.
        let needs_walk = roots.iter().any(|root| root.kind == RootKind::Definition);
        let live = if needs_walk {
            look(kernel.heap(), live).roots
        } else {
            live
        };
        let wanted: Vec<_> = live.into_iter().filter(|(root, _)| roots.contains(root)).collect();
        if let Some(missing) = roots
            .iter()
            .find(|root| !wanted.iter().any(|(other, _)| other == *root))
        {
            kernel.heap().release();
            return Err(Cause::NotMadeApart {
                root: &missing.to_string(),
            }
            .into());
        }
        let looked = look_jointly(kernel.heap(), wanted);
        let handed = CoVariableHandover::of(kernel.heap(), &looked);
        kernel.heap().release();
        handed
    }

    fn load_some<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        scope: &Scope,
        again: &BTreeSet<Root>,
        loaded: &State,
    ) -> Result<Vec<Outcome>, SessionError> {
        let gone = match self.history.run(&run) {
            Some(_) => self.history.missing_ancestor(run),
            None => Some(run),
        };
        if let Some(gone) = gone {
            return Err(SessionError::missing(gone));
        }
        let held = HeldByVisit {
            visit: self,
            run,
            again,
        };
        let plan = plan(loaded, &self.history.state(run), scope, &held);
        let performer = PlanExecutor {
            store: &self.store,
            manifests: &self.manifests,
            history: &self.history,
            live: &LiveState::default(),
            parked: &[],
            live_objects: &LiveObjects::default(),
            target: run,
            check: Check::Once,
            session: None,
            is_whole: matches!(scope, Scope::All),
            line: &[],
            made: Some(&self.made),
        };
        let ahead = performer.fetch_ahead(kernel, &plan)?;
        Ok(performer.perform(kernel, &plan, ahead, &mut 1)?.outcomes)
    }
}

/// Returns whether a root is state other than variables: paths, options, random generators, attributes of the user's modules.
fn is_state(root: &Root) -> bool {
    !matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition)
}

/// Removes all names and outputs: the next cell must only find the values that it read.
fn clear<K: Kernel>(kernel: &mut K) -> Result<(), SessionError> {
    let live = kernel.roots().map_err(SessionError::Kernel)?;
    let values = live.into_iter().map(|(root, _)| root);
    let values = values.filter(|root| matches!(root.kind, RootKind::Name | RootKind::Out));
    let changes = values.map(|root| (root, RootChange::Unbind)).collect();
    let done = kernel.install(changes);
    kernel.clear_staging();
    kernel.heap().release();
    done.map(drop).map_err(SessionError::Kernel)
}

struct HeldByVisit<'a> {
    visit: &'a Visit,
    run: RunId,
    again: &'a BTreeSet<Root>,
}

impl AvailableValues for HeldByVisit<'_> {
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String> {
        self.visit.manifests.get(id).map_err(|error| error.to_string())
    }

    fn ticket(&self, _: &[Root], _: &Fingerprint) -> Option<u64> {
        None
    }

    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String> {
        untrusted(&self.visit.history, self.run, version, manifest)
    }

    fn again(&self, version: &Version) -> RerunPermission {
        let is_wanted = version.roots.iter().any(|root| self.again.contains(root));
        if is_wanted && has_cell(&self.visit.history, self.run, version) {
            RerunPermission::Allowed
        } else {
            RerunPermission::Never
        }
    }
}

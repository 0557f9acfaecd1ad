//! A state loaded into a process that records nothing: no session begins, and the store is only read.

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
    /// What the walk wrote of the classes that it made, as the payload of each one's node: when it runs again they are to
    /// be known by the same ids.
    pub classes: Vec<Vec<u8>>,
}

/// What takes no more bytes than this is loaded beside what is to be built, since code may read it.
const SMALL: u64 = 64 << 10;

/// A history, visited by a process that has no state of its own yet.
pub struct Visit {
    store: Store,
    manifests: Manifests,
    history: History,
    made: RerunResults,
    /// Variables and classes that [`Self::load`] loaded as they were recorded, and the run that left them.
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

    /// All that is known of the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Why a version of the state that `run` left can't be loaded here; `None` where nothing stands in the way that is known
    /// without loading it.
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

    /// Loads `roots` of what a run left, with the variables that share objects with them and with their classes; everything, if there are
    /// none. Variables that an earlier call loaded stay as they are. What became of each root.
    ///
    /// What is not stored is made by running its cell again if it is one of `again`, and lost otherwise. What a stranger recorded is lost if
    /// it names code, and their cells are not run.
    ///
    /// # Errors
    /// The run or one before it is missing, or the user asked to stop. Nothing was loaded then.
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

    /// Roots of a state with what they need: whole co-variables, since a version in part would be a copy that knows nothing of the rest, and
    /// their classes.
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

    /// The roots that a run left.
    pub fn roots(&self, run: RunId) -> Vec<Root> {
        self.history.state(run).roots().cloned().collect()
    }

    /// Builds some of what a run left, and holds it against its fingerprints; what became of each root. Nothing is made
    /// again.
    ///
    /// # Errors
    /// As for [`Self::load`].
    pub fn prove<K: Kernel>(
        &self,
        kernel: &mut K,
        run: RunId,
        roots: &BTreeSet<Root>,
    ) -> Result<Vec<Outcome>, SessionError> {
        let state = self.history.state(run);
        // Paths, options and the user's own modules are what code of theirs is found by; functions, classes and constants are
        // what it may read.
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

    /// Loads what the cell of a run may read, as the run before it left it. What of that is not stored is what a cell made that
    /// ran here before; else it is made by running its cell again, as far as the run needs it. What else lived here goes.
    ///
    /// # Errors
    /// As for [`Self::load`]; or the run has no cell, or it is a stranger's.
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

    /// Plans how to carry the state that `run` left to `target`: [`plan_move`].
    ///
    /// # Errors
    /// As for [`plan_move`].
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

    /// Says that the cell of a run, which was prepared, ran to its end: what it made is live.
    pub fn ran(&self, run: RunId) {
        self.made.set_last(Some(run));
    }

    /// What the cell of a run made of roots that it left: of the one that ran last from what lives, of others from what was kept.
    ///
    /// # Errors
    /// Why that can't be had.
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

    /// Keeps what the cell of a run made, as far as it has a value, for those that run after it.
    fn keep<K: Kernel>(&self, kernel: &mut K, run: RunId) {
        let changed = self.history.run(&run).map(|run| run.changed.as_slice());
        for version in changed.unwrap_or_default() {
            if let Ok(handed) = Self::hand_over(kernel, &version.roots) {
                self.made.keep(version.manifest, handed);
            }
        }
    }

    /// What is stored of the classes that a run made, as far as that can be read.
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

    /// What live roots are together, as the walk writes it down.
    ///
    /// # Errors
    /// Why that can't be had: one of them is not there, or has no value that can be written down.
    pub fn hand_over<K: Kernel>(kernel: &mut K, roots: &[Root]) -> Result<CoVariableHandover, String> {
        let live = kernel.roots().map_err(|error| error.to_string())?;
        // Only a walk finds classes.
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

/// Whether a root is state around variables: paths, options, random generators, modules of the user's.
fn is_state(root: &Root) -> bool {
    !matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition)
}

/// Takes all names and outputs away: what a cell left is nothing that the next one is to find unless it read it.
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

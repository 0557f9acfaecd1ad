//! The runs of a history as a tree, their manifests, and the names people gave them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{RunNames, State};
use crate::format::{Action, CheckedRoots, Operation, Outline, Proof, Run, RunKind, Timestamp, Version};
use crate::id::{ManifestId, OperationId, Root, RunId, SessionId};
use crate::store::{LoadedHistory, Store, StoredRun, Verdict, sort_operations};

/// All that is known of one history.
#[derive(Debug, Default)]
pub struct History {
    runs: FxHashMap<RunId, Arc<StoredRun>>,
    children: FxHashMap<RunId, Vec<RunId>>,
    /// By number, then suffix: the order in which people see them.
    order: BTreeMap<(u64, String, RunId), RunId>,
    operations: Vec<(OperationId, Operation)>,
    /// When the newest of them was done.
    newest: Option<Timestamp>,
    /// Ids of the operations.
    known: FxHashSet<OperationId>,
    names: RunNames,
    /// Values that are not to be had again, and since when.
    forgotten: FxHashMap<ManifestId, Timestamp>,
    /// Values that a keep rule of gc dropped, and when.
    dropped: FxHashMap<ManifestId, Timestamp>,
    /// Values that were built again in another process: why not, where that failed.
    proofs: FxHashMap<ManifestId, Option<String>>,
    untrusted: FxHashSet<SessionId>,
    /// Sessions that are not signed by the user's own key, trusted or not.
    others: FxHashSet<SessionId>,
    /// Runs whose states everything had when all was looked at later.
    confirmed: HashSet<RunId>,
    makers: FxHashMap<RunId, SessionId>,
    states: RefCell<HashMap<RunId, Arc<State>>>,
    /// What runs of other processes brought of modules in packages, as far as somebody asked.
    submodules: RefCell<FxHashMap<RunId, Vec<String>>>,
    /// Who recorded what on the line that was asked about last, as far back as somebody asked.
    recorders: RefCell<Option<Recorders>>,
}

/// The runs of one line that recorded versions, from its end back to where the next is to be gone through.
#[derive(Debug)]
struct Recorders {
    line: RunId,
    next: Option<RunId>,
    found: FxHashMap<ManifestId, RunId>,
}

/// How many derived states are remembered.
const REMEMBERED_STATES: usize = 16;

impl History {
    /// What the logs say, with sessions of foreign keys marked.
    pub fn of(loaded: &LoadedHistory) -> Self {
        let mut history = Self::default();
        history.learn(loaded);
        history
    }

    /// Adds what the logs say and was not known yet.
    pub fn learn(&mut self, loaded: &LoadedHistory) {
        for (session, content) in &loaded.sessions {
            if content
                .operations
                .iter()
                .any(|operation| operation.verdict == Verdict::Foreign)
            {
                self.distrust(*session);
            }
            let is_own = |verdict: Verdict| verdict == Verdict::Own;
            if !content.operations.iter().all(|operation| is_own(operation.verdict)) {
                self.others.insert(*session);
            }
            let runs = content.operations.iter().flat_map(|loaded| &loaded.operation.runs);
            for id in runs {
                if let Some(run) = loaded.runs.get(id).filter(|_| !self.runs.contains_key(id)) {
                    self.add_stored(*id, Arc::clone(run), *session);
                }
            }
        }
        let mut is_late = false;
        for loaded in loaded.operations() {
            if self.known.contains(&loaded.id) {
                continue;
            }
            is_late |= self.newest > Some(loaded.operation.time);
            self.add_operation(loaded.id, loaded.operation.clone());
        }
        if is_late {
            self.follow_names();
        }
    }

    /// Names as all operations left them, in the order in which they were done.
    fn follow_names(&mut self) {
        let mut ordered: Vec<&Operation> = self.operations.iter().map(|(_, operation)| operation).collect();
        let number = |run: &RunId| self.outline(run)?.given_number();
        sort_operations(&mut ordered, |operation| operation, number, Timestamp::MAX);
        let mut names = RunNames::default();
        ordered.into_iter().for_each(|operation| names.take(operation));
        self.names = names;
    }

    /// Names as they were right after an operation.
    pub fn names_after(&self, index: usize) -> RunNames {
        let mut names = RunNames::default();
        let until = self.operations.iter().take(index + 1);
        until.for_each(|(_, operation)| names.take(operation));
        names
    }

    /// Everything was looked at after a run, and found to be as its state says.
    pub fn confirm(&mut self, run: Option<RunId>) {
        self.confirmed.extend(run);
    }

    /// Adds a run that an operation of `session` made visible.
    pub fn add_run(&mut self, id: RunId, run: Run, session: SessionId) {
        self.add_stored(id, Arc::new(run.into()), session);
    }

    fn add_stored(&mut self, id: RunId, run: Arc<StoredRun>, session: SessionId) {
        if self.runs.contains_key(&id) {
            return;
        }
        let outline = run.outline();
        if let Some(parent) = outline.parent {
            self.children.entry(parent).or_default().push(id);
        }
        self.order.insert((outline.number, outline.suffix.clone(), id), id);
        self.makers.insert(id, session);
        *self.recorders.get_mut() = None;
        self.runs.insert(id, run);
    }

    /// Adds an operation.
    pub fn add_operation(&mut self, id: OperationId, operation: Operation) {
        self.newest = self.newest.max(Some(operation.time));
        self.names.take(&operation);
        for manifest in operation.forgetting.iter().flat_map(|forgetting| &forgetting.manifests) {
            self.forgotten.entry(*manifest).or_insert(operation.time);
        }
        for manifest in operation.dropping.iter().flat_map(|dropping| &dropping.manifests) {
            self.dropped.entry(*manifest).or_insert(operation.time);
        }
        operation.proofs.iter().for_each(|proof| self.add_proof(proof));
        self.confirmed.extend(operation.view.confirmed);
        self.known.insert(id);
        // A check that found nothing is none that people did: it has no number.
        if operation.action != Action::Check {
            self.operations.push((id, operation));
        }
    }

    /// Adds what came of building a value again.
    pub fn add_proof(&mut self, proof: &Proof) {
        self.proofs.insert(proof.manifest, proof.why.clone());
    }

    /// What came of building a value again in another process: `Some(None)` where it was what was stored, the reason where it
    /// was not or nothing was built, `None` where nobody tried.
    pub fn proof(&self, value: &ManifestId) -> Option<Option<&str>> {
        self.proofs.get(value).map(Option::as_deref)
    }

    /// Says that a session is signed by a key that is not trusted.
    pub fn distrust(&mut self, session: SessionId) {
        self.untrusted.insert(session);
    }

    /// Whether the run was recorded by a session that is not trusted.
    pub fn is_untrusted(&self, run: &RunId) -> bool {
        self.makers
            .get(run)
            .is_some_and(|session| self.untrusted.contains(session))
    }

    /// Whether a version of the state that `target` left was recorded by somebody who is not trusted; or by nobody that its
    /// line tells, where such a one recorded on it.
    pub fn is_strangers(&self, target: RunId, version: &Version) -> bool {
        if self.untrusted.is_empty() {
            return false;
        }
        match self.recorded_by(target, version) {
            Some(maker) => self.is_untrusted(&maker),
            None => self.ancestry(target).any(|(id, _)| self.is_untrusted(&id)),
        }
    }

    /// Whether the run was recorded by the user, and by nobody they only trust.
    pub fn is_own(&self, run: &RunId) -> bool {
        self.makers
            .get(run)
            .is_some_and(|session| !self.others.contains(session) && !self.untrusted.contains(session))
    }

    /// The session that recorded the run.
    pub fn maker(&self, run: &RunId) -> Option<SessionId> {
        self.makers.get(run).copied()
    }

    /// A run by its id.
    pub fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.get(id)?.run()
    }

    /// These runs, up to the first that can't be decoded: on several processors where that is much.
    pub fn runs_of(&self, ids: &[RunId]) -> Vec<(RunId, &Run)> {
        let stored = ids.iter().map_while(|id| Some((*id, self.stored(id)?)));
        let stored: Vec<(RunId, &StoredRun)> = stored.collect();
        StoredRun::decode_all(stored.iter().map(|(_, run)| *run));
        stored
            .into_iter()
            .map_while(|(id, run)| Some((id, run.run()?)))
            .collect()
    }

    /// A run as it is stored, which tells its outline without decoding the rest.
    pub fn stored(&self, id: &RunId) -> Option<&StoredRun> {
        self.runs.get(id).map(Arc::as_ref)
    }

    /// What puts a run in its place.
    pub fn outline(&self, id: &RunId) -> Option<&Outline> {
        self.stored(id).map(StoredRun::outline)
    }

    /// All runs in the order of their numbers. Decodes them.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (&RunId, &Run)> {
        self.order.values().filter_map(|id| Some((id, self.run(id)?)))
    }

    /// The ids of all runs in the order of their numbers, with what puts them in their places.
    pub fn outlines(&self) -> impl DoubleEndedIterator<Item = (RunId, &Outline)> {
        self.order.values().map(|id| (*id, self.runs[id].outline()))
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Runs recorded right after `id`, on all lines.
    pub fn children(&self, id: &RunId) -> &[RunId] {
        self.children.get(id).map_or(&[], Vec::as_slice)
    }

    /// Operations of all sessions, as they were added.
    pub fn operations(&self) -> &[(OperationId, Operation)] {
        &self.operations
    }

    /// Operations of one session, in order.
    pub fn operations_of(&self, session: SessionId) -> Vec<&(OperationId, Operation)> {
        let mut found: Vec<_> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.session == session)
            .collect();
        found.sort_by_key(|(_, operation)| operation.number);
        found
    }

    /// Values that were forgotten, and when.
    pub fn forgotten(&self) -> &FxHashMap<ManifestId, Timestamp> {
        &self.forgotten
    }

    /// Tells a store what of this history was forgotten, and what was dropped.
    pub fn tell(&self, store: &Store) {
        let known = |manifests: &FxHashMap<ManifestId, Timestamp>| manifests.clone().into_iter();
        store.forget(known(&self.forgotten));
        store.excuse(known(&self.dropped));
    }

    /// Branches, tags and descriptions.
    pub fn names(&self) -> &RunNames {
        &self.names
    }

    /// `id`, its parent, and so on to the start of the line. Decodes the runs.
    pub fn line(&self, id: RunId) -> impl Iterator<Item = (RunId, &Run)> {
        self.ancestry(id).map_while(|(id, _)| Some((id, self.run(&id)?)))
    }

    /// Modules in packages that the cells on the line to `id` brought, by run, the oldest first. Left out is what strangers recorded, and what a
    /// cell did in the process of the session `own`, where they are.
    pub fn submodules(&self, id: RunId, own: Option<SessionId>) -> Vec<Vec<String>> {
        let mut known = self.submodules.borrow_mut();
        let is_elsewhere = |id: &RunId| {
            let is_own = own.is_some() && self.maker(id) == own;
            !self.is_untrusted(id) && (!is_own || self.run(id).is_some_and(|run| run.repeats.is_some()))
        };
        let line = self.ancestry(id).map(|(id, _)| id).filter(is_elsewhere);
        let mut found: Vec<Vec<String>> = line
            .map(|id| known.entry(id).or_insert_with(|| self.submodules_of(&id)).clone())
            .filter(|names| !names.is_empty())
            .collect();
        found.reverse();
        found
    }

    fn submodules_of(&self, id: &RunId) -> Vec<String> {
        let stored = self.stored(id).filter(|run| run.may_name("submodules"));
        let run = stored.and_then(StoredRun::run);
        run.map(|run| run.evidence.submodules.clone()).unwrap_or_default()
    }

    /// `id`, its parent, and so on to the start of the line, as outlines.
    pub fn ancestry(&self, id: RunId) -> impl Iterator<Item = (RunId, &Outline)> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let id = next?;
            let outline = self.outline(&id)?;
            next = outline.parent;
            Some((id, outline))
        })
    }

    /// A run that is missing and without which nobody can tell what `id` left: a damaged store, a power cut.
    pub fn missing_ancestor(&self, id: RunId) -> Option<RunId> {
        self.missing_before(id, |run| run.full.is_some())
    }

    /// The last run that is missing on the line to `id`: what led to a later state that is known whole may still be unknown.
    pub fn missing_in_line(&self, id: RunId) -> Option<RunId> {
        self.missing_before(id, |_| false)
    }

    fn missing_before(&self, id: RunId, is_enough: impl Fn(&Run) -> bool) -> Option<RunId> {
        let mut next = id;
        loop {
            let Some(run) = self.run(&next) else {
                return Some(next);
            };
            match run.parent {
                Some(parent) if !is_enough(run) => next = parent,
                _ => return None,
            }
        }
    }

    /// What `id` left. Empty for a run that is not here; only in part where a [`History::missing_ancestor`] is.
    ///
    /// Takes at most 64 steps back, to a run that holds the whole state.
    pub fn state(&self, id: RunId) -> Arc<State> {
        if let Some(state) = self.states.borrow().get(&id) {
            return Arc::clone(state);
        }
        let mut steps = Vec::new();
        let mut state = Arc::new(State::default());
        for (id, run) in self.line(id) {
            if let Some(known) = self.states.borrow().get(&id) {
                state = Arc::clone(known);
                break;
            }
            steps.push(run);
            if run.full.is_some() {
                break;
            }
        }
        if !steps.is_empty() {
            let mut after = State::clone(&state);
            steps.into_iter().rev().for_each(|run| after.apply(run));
            state = Arc::new(after);
        }
        let mut states = self.states.borrow_mut();
        if states.len() >= REMEMBERED_STATES {
            states.clear();
        }
        states.insert(id, Arc::clone(&state));
        state
    }

    /// How many runs back the last whole state lies.
    pub fn steps_since_full(&self, id: RunId) -> usize {
        self.line(id).take_while(|(_, run)| run.full.is_none()).count()
    }

    /// Those of `roots` that the state has which `id` left, as [`History::state`] would tell, without deriving it: the
    /// engine lists every root that a run made, changed or took away.
    pub fn present<'r>(&self, id: RunId, roots: impl IntoIterator<Item = &'r Root>) -> HashSet<&'r Root> {
        let mut open: Vec<&Root> = roots.into_iter().collect();
        let mut present = HashSet::new();
        for (_, run) in self.line(id) {
            let has = |versions: &[Version], root: &Root| versions.iter().any(|version| version.roots.contains(root));
            open.retain(|root| {
                let is_here = has(run.full.as_ref().unwrap_or(&run.changed), root);
                if is_here {
                    present.insert(*root);
                }
                !is_here && !run.removed.contains(root)
            });
            if open.is_empty() || run.full.is_some() {
                break;
            }
        }
        present
    }

    /// The run on the line of `id` that recorded `version`. Goes back no further than to that run, and over no run twice
    /// as long as the same line is asked about.
    pub fn recorded_by(&self, id: RunId, version: &Version) -> Option<RunId> {
        let mut recorders = self.recorders.borrow_mut();
        let known = recorders.take().filter(|known| known.line == id);
        let line = recorders.insert(known.unwrap_or_else(|| Recorders {
            line: id,
            next: Some(id),
            found: FxHashMap::default(),
        }));
        loop {
            if let Some(run) = line.found.get(&version.manifest) {
                return Some(*run);
            }
            let id = line.next.take()?;
            let run = self.run(&id)?;
            for changed in &run.changed {
                line.found.entry(changed.manifest).or_insert(id);
            }
            line.next = run.parent;
        }
    }

    /// The run on the line of `id` that gave `root` the value of `version`: not one that merely had others share objects with it.
    pub fn changed_by(&self, id: RunId, root: &Root, version: &Version) -> Option<RunId> {
        let mut recorder = self.recorded_by(id, version)?;
        while let Some(run) = self.run(&recorder).filter(|run| run.unchanged.contains(root)) {
            let has = |(_, run): &(RunId, &Run)| run.changed.iter().any(|version| version.roots.contains(root));
            let Some((before, _)) = run.parent.and_then(|parent| self.line(parent).find(has)) else {
                break;
            };
            recorder = before;
        }
        Some(recorder)
    }

    /// The run on the line of `id` whose cell made `version`: what a move brought back was made before. Where no cell did, the run that
    /// recorded it.
    pub fn made_by(&self, id: RunId, version: &Version) -> Option<RunId> {
        let recorder = self.recorded_by(id, version)?;
        let made = |(_, run): &(RunId, &Run)| {
            run.kind == RunKind::Cell && run.changed.iter().any(|left| left.manifest == version.manifest)
        };
        if self.run(&recorder)?.kind == RunKind::Cell {
            return Some(recorder);
        }
        let maker = self.line(recorder).find(made);
        Some(maker.map_or(recorder, |(id, _)| id))
    }

    /// Whether everything was looked at after a run, by the run itself or by a check that found no change.
    pub fn is_checked(&self, id: &RunId) -> bool {
        self.confirmed.contains(id) || self.run(id).is_some_and(|run| run.looked == CheckedRoots::All)
    }

    /// Whether nobody can be sure that `root` had its version when `id` ended; if so the last run that looked at it.
    ///
    /// A root is certain when the run itself looked at it, or when the same fingerprint was seen before the run and after it
    /// with no other between, afterwards by a look at everything. What a move restored tells nothing. A look at some roots can't tell what
    /// these share with the others; if something came to share objects with one of them, unseen, it is uncertain itself.
    pub fn uncertain_since(&self, id: RunId, root: &Root) -> Option<RunId> {
        let looked = |run: &Run| match &run.looked {
            CheckedRoots::All => true,
            CheckedRoots::Only(roots) => roots.binary_search(root).is_ok(),
        };
        // Asked first: to find the last run that looked may take going back to the beginning.
        if self.is_checked(&id) || self.run(&id).is_some_and(looked) {
            return None;
        }
        let version = self.state(id).version(root).cloned();
        let mut later: Vec<RunId> = self.children(&id).to_vec();
        while let Some(next) = later.pop() {
            let Some(run) = self.run(&next).filter(|run| !run.after_move) else {
                continue;
            };
            if run.parent_confirmed {
                return None;
            }
            if looked(run) && self.state(next).version(root) != version.as_ref() {
                continue;
            }
            if self.is_checked(&next) {
                return None;
            }
            later.extend_from_slice(self.children(&next));
        }
        let (last, _) = self.line(id).find(|(_, run)| looked(run))?;
        Some(last)
    }
}

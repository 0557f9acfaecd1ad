//! The runs of a history as a tree, their manifests and their names.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{RunNames, State};
use crate::format::{Action, CheckedRoots, Operation, Outline, Proof, Run, RunKind, Timestamp, Version};
use crate::id::{ManifestId, OperationId, Root, RunId, SessionId};
use crate::store::{LoadedHistory, Store, StoredRun, Verdict, sort_operations};

/// All known data of one history.
#[derive(Debug, Default)]
pub struct History {
    runs: FxHashMap<RunId, Arc<StoredRun>>,
    children: FxHashMap<RunId, Vec<RunId>>,
    /// By number, then suffix: the order in which runs are listed.
    order: BTreeMap<(u64, String, RunId), RunId>,
    operations: Vec<(OperationId, Operation)>,
    /// The time of the newest operation.
    newest: Option<Timestamp>,
    /// Ids of the operations.
    known: FxHashSet<OperationId>,
    names: RunNames,
    /// Values that were forgotten, and when.
    forgotten: FxHashMap<ManifestId, Timestamp>,
    /// Values that a retention rule of gc removed, and when.
    dropped: FxHashMap<ManifestId, Timestamp>,
    /// Values that were built in another process as a check, with the reason if that failed.
    proofs: FxHashMap<ManifestId, Option<String>>,
    untrusted: FxHashSet<SessionId>,
    /// Sessions that are not signed by the user's own key, trusted or not.
    others: FxHashSet<SessionId>,
    /// Runs whose states were confirmed by a later look at everything.
    confirmed: HashSet<RunId>,
    makers: FxHashMap<RunId, SessionId>,
    states: RefCell<HashMap<RunId, Arc<State>>>,
    /// Submodules that runs of other processes imported, as far as requested.
    submodules: RefCell<FxHashMap<RunId, Vec<String>>>,
    /// The runs that recorded versions on the line of the last request, as far back as requested.
    recorders: RefCell<Option<Recorders>>,
}

/// The runs of one line that recorded versions, from its end back to the next run to read.
#[derive(Debug)]
struct Recorders {
    line: RunId,
    next: Option<RunId>,
    found: FxHashMap<ManifestId, RunId>,
}

/// The maximum number of cached states.
const REMEMBERED_STATES: usize = 16;

impl History {
    /// Creates a history from the logs, and marks the sessions of foreign keys.
    pub fn of(loaded: &LoadedHistory) -> Self {
        let mut history = Self::default();
        history.learn(loaded);
        history
    }

    /// Adds records of the logs that are not known yet.
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

    /// Computes the names from all operations in the order of their times.
    fn follow_names(&mut self) {
        let mut ordered: Vec<&Operation> = self.operations.iter().map(|(_, operation)| operation).collect();
        let number = |run: &RunId| self.outline(run)?.given_number();
        sort_operations(&mut ordered, |operation| operation, number, Timestamp::MAX);
        let mut names = RunNames::default();
        ordered.into_iter().for_each(|operation| names.take(operation));
        self.names = names;
    }

    /// Returns the names as they were right after an operation.
    pub fn names_after(&self, index: usize) -> RunNames {
        let mut names = RunNames::default();
        let until = self.operations.iter().take(index + 1);
        until.for_each(|(_, operation)| names.take(operation));
        names
    }

    /// Records that a look at everything after a run found its state.
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
        // States that were derived while this run was missing lack what it left.
        let states = self.states.get_mut();
        if self.children.contains_key(&id) {
            states.clear();
        } else {
            states.remove(&id);
        }
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
        // A check that found no change is not an action of the user, so it has no number.
        if operation.action != Action::Check {
            self.operations.push((id, operation));
        }
    }

    /// Adds the result of a check that built a value.
    pub fn add_proof(&mut self, proof: &Proof) {
        self.proofs.insert(proof.manifest, proof.why.clone());
    }

    /// Returns the result of building a value in another process: `Some(None)` if it was equal to the stored one, the reason if
    /// it differed or could not be built, and `None` if it was not tried.
    pub fn proof(&self, value: &ManifestId) -> Option<Option<&str>> {
        self.proofs.get(value).map(Option::as_deref)
    }

    /// Marks a session as signed by an untrusted key.
    pub fn distrust(&mut self, session: SessionId) {
        self.untrusted.insert(session);
    }

    /// Returns whether the run was recorded by an untrusted session.
    pub fn is_untrusted(&self, run: &RunId) -> bool {
        self.makers
            .get(run)
            .is_some_and(|session| self.untrusted.contains(session))
    }

    /// Returns whether a version in the state after `target` was recorded by an untrusted session. If none of its ancestors
    /// recorded the version, returns whether any of them is untrusted.
    pub fn is_strangers(&self, target: RunId, version: &Version) -> bool {
        if self.untrusted.is_empty() {
            return false;
        }
        match self.recorded_by(target, version) {
            Some(maker) => self.is_untrusted(&maker),
            None => self.ancestry(target).any(|(id, _)| self.is_untrusted(&id)),
        }
    }

    /// Returns whether the run was recorded with the user's own key, not only with a trusted one.
    pub fn is_own(&self, run: &RunId) -> bool {
        self.makers
            .get(run)
            .is_some_and(|session| !self.others.contains(session) && !self.untrusted.contains(session))
    }

    /// Returns the session that recorded the run.
    pub fn maker(&self, run: &RunId) -> Option<SessionId> {
        self.makers.get(run).copied()
    }

    /// Returns a run by its id.
    pub fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.get(id)?.run()
    }

    /// Returns these runs, up to the first that cannot be decoded. Many runs are decoded on several threads.
    pub fn runs_of(&self, ids: &[RunId]) -> Vec<(RunId, &Run)> {
        let stored = ids.iter().map_while(|id| Some((*id, self.stored(id)?)));
        let stored: Vec<(RunId, &StoredRun)> = stored.collect();
        StoredRun::decode_all(stored.iter().map(|(_, run)| *run));
        stored
            .into_iter()
            .map_while(|(id, run)| Some((id, run.run()?)))
            .collect()
    }

    /// Returns a run as stored; its outline is available without decoding the rest.
    pub fn stored(&self, id: &RunId) -> Option<&StoredRun> {
        self.runs.get(id).map(Arc::as_ref)
    }

    /// Returns the outline of a run.
    pub fn outline(&self, id: &RunId) -> Option<&Outline> {
        self.stored(id).map(StoredRun::outline)
    }

    /// Returns all runs in the order of their numbers, and decodes them.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (&RunId, &Run)> {
        self.order.values().filter_map(|id| Some((id, self.run(id)?)))
    }

    /// Returns the ids of all runs in the order of their numbers, with their outlines.
    pub fn outlines(&self) -> impl DoubleEndedIterator<Item = (RunId, &Outline)> {
        self.order.values().map(|id| (*id, self.runs[id].outline()))
    }

    /// Returns the number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Returns whether there are no runs.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the runs recorded right after `id`, on all branches.
    pub fn children(&self, id: &RunId) -> &[RunId] {
        self.children.get(id).map_or(&[], Vec::as_slice)
    }

    /// Returns the operations of all sessions, in the order in which they were added.
    pub fn operations(&self) -> &[(OperationId, Operation)] {
        &self.operations
    }

    /// Returns the operations of one session, in order.
    pub fn operations_of(&self, session: SessionId) -> Vec<&(OperationId, Operation)> {
        let mut found: Vec<_> = self
            .operations
            .iter()
            .filter(|(_, operation)| operation.session == session)
            .collect();
        found.sort_by_key(|(_, operation)| operation.number);
        found
    }

    /// Returns the values that were forgotten, and when.
    pub fn forgotten(&self) -> &FxHashMap<ManifestId, Timestamp> {
        &self.forgotten
    }

    /// Informs a store about the values of this history that were forgotten or removed by gc.
    pub fn tell(&self, store: &Store) {
        let known = |manifests: &FxHashMap<ManifestId, Timestamp>| manifests.clone().into_iter();
        store.forget(known(&self.forgotten));
        store.excuse(known(&self.dropped));
    }

    /// Returns branches, tags and descriptions.
    pub fn names(&self) -> &RunNames {
        &self.names
    }

    /// Returns `id`, its parent, and so on to the first run. Decodes the runs.
    pub fn line(&self, id: RunId) -> impl Iterator<Item = (RunId, &Run)> {
        self.ancestry(id).map_while(|(id, _)| Some((id, self.run(&id)?)))
    }

    /// Returns the submodules imported by the cells of `id` and its ancestors, by run, oldest first. Omits untrusted runs, and
    /// cells that ran in the process of the session `own`, which already has their modules.
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

    /// Returns `id`, its parent, and so on to the first run, as outlines.
    pub fn ancestry(&self, id: RunId) -> impl Iterator<Item = (RunId, &Outline)> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let id = next?;
            let outline = self.outline(&id)?;
            next = outline.parent;
            Some((id, outline))
        })
    }

    /// Returns a missing run without which the state after `id` cannot be determined, because of a corrupted store or a power
    /// failure.
    pub fn missing_ancestor(&self, id: RunId) -> Option<RunId> {
        self.missing_before(id, |run| run.full.is_some())
    }

    /// Returns the last missing ancestor of `id`. Earlier runs may be missing even if a later state is recorded completely.
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

    /// Returns the state after `id`. It is empty if the run does not exist, and incomplete if there is a
    /// [`History::missing_ancestor`].
    ///
    /// Goes back at most 64 runs, to a run that contains the whole state.
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

    /// Returns the number of runs since the last one that contains the whole state.
    pub fn steps_since_full(&self, id: RunId) -> usize {
        self.line(id).take_while(|(_, run)| run.full.is_none()).count()
    }

    /// Returns those of `roots` that exist in the state after `id`, as [`History::state`] would, but without deriving it: the
    /// engine lists every root that a run created, changed or removed.
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

    /// Returns the ancestor of `id`, or `id`, that recorded `version`. Goes back only to that run, and reads no run twice as long
    /// as `id` is the same.
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

    /// Returns the ancestor of `id`, or `id`, that gave `root` the value of `version`. Skips runs that only made other roots
    /// share objects with it.
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

    /// Returns the ancestor of `id`, or `id`, whose cell created `version`. If a restore recorded it, goes back to the cell that
    /// created it. If there is no such cell, returns the run that recorded it.
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

    /// Returns whether everything was looked at after a run, by the run itself or by a check that found no change.
    pub fn is_checked(&self, id: &RunId) -> bool {
        self.confirmed.contains(id) || self.run(id).is_some_and(|run| run.looked == CheckedRoots::All)
    }

    /// Returns the last run that looked at `root`, if its version is unverified at the end of `id`; `None` if it is verified.
    ///
    /// A root is verified if the run itself looked at it. It is also verified if the same fingerprint was found before the run
    /// and by a later look at everything, with no other fingerprint in between. Runs after a restore do not count. A look at some
    /// roots does not show what these share with the others. If another root came to share objects with one of them unnoticed,
    /// that root is itself unverified.
    pub fn uncertain_since(&self, id: RunId, root: &Root) -> Option<RunId> {
        let looked = |run: &Run| match &run.looked {
            CheckedRoots::All => true,
            CheckedRoots::Only(roots) => roots.binary_search(root).is_ok(),
        };
        // Checked first, since finding the last run that looked may go back to the first run.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Fingerprint, ManifestId};

    #[test]
    fn a_run_that_is_added_after_its_child_counts_in_states_that_were_derived_without_it() {
        let (parent, child) = (RunId([1; 32]), RunId([2; 32]));
        let made = |name: &str, parent| Run {
            parent,
            changed: vec![Version {
                roots: vec![Root::name(name)],
                fingerprint: Fingerprint([0; 16]),
                manifest: ManifestId([0; 32]),
            }],
            ..Run::default()
        };
        let mut history = History::default();
        history.add_run(child, made("b", Some(parent)), SessionId([0; 16]));
        assert_eq!((history.state(child).len(), history.state(parent).len()), (1, 0));
        history.add_run(parent, made("a", None), SessionId([0; 16]));
        assert_eq!((history.state(child).len(), history.state(parent).len()), (2, 1));
    }
}

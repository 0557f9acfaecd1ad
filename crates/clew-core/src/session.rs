//! One kernel's life in a history: the thin facade the front ends hang on.
//!
//! Every mover is the same four steps: look (what changed outside becomes a run, so moving loses nothing), plan,
//! perform, and look again at what is really there. `undo` is no third way: it is an operation that moves to an older
//! run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::Clock;
use crate::format::{Action, Body, Looked, Manifest, Position, RECORD_VERSION, Run, RunKind, Version, View};
use crate::graph::Heap;
use crate::history::{History, Moves, RevisionError, State, Step as MoveStep};
use crate::id::{Fingerprint, ManifestId, Root, RootKind, RunId, SessionId};
use crate::kernel::{Kernel, KernelError, Touched};
use crate::plan::{Held, Outcome, Plan, Report, Scope, StepKind, Word, plan};
use crate::record::{ByValue, Extent, Live, Observed, Observer, RecordError, Rerun, RunInput};
use crate::restore::{Parked, Performer, RestoreError};
use crate::store::{LoadedHistory, Manifests, SessionWriter, Store, StoreError, SyncJob};

/// Why a session could not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session could not be looked at.
    #[error("The session could not be looked at: {0}")]
    Kernel(KernelError),
    /// The revision names nothing, or several runs.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// There is less to undo than asked.
    #[error("There is nothing to undo: {available} of {asked} steps are left")]
    NothingToUndo {
        /// Steps asked for.
        asked: u64,
        /// Steps there are.
        available: u64,
    },
    /// There is less to redo than asked.
    #[error("There is nothing to redo: {available} of {asked} steps are left")]
    NothingToRedo {
        /// Steps asked for.
        asked: u64,
        /// Steps there are.
        available: u64,
    },
    /// No other session has recorded anything in this history.
    #[error("There is nothing to resume: no earlier session of this history has recorded a run")]
    NothingToResume,
    /// A name that the target state does not have.
    #[error("Run {run} has no {}", names.join(", "))]
    NoSuchName {
        /// The target run.
        run: String,
        /// What was asked for.
        names: Vec<String>,
    },
    /// The move did not happen; the session is as it was.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The session has not recorded its starting state.
    #[error("Recording has not started")]
    NotStarted,
}

impl From<RecordError> for SessionError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => Self::Store(error),
            RecordError::Kernel(error) => Self::Kernel(error),
        }
    }
}

/// A mover, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Take back this session's last steps.
    Undo(u64),
    /// Take them again.
    Redo(u64),
    /// Go to a revision.
    Switch(String),
    /// Bring back names as they were at a revision.
    Restore {
        /// The revision.
        revision: String,
        /// The names.
        names: Vec<Root>,
        /// Whether all of each co-variable comes along.
        with_shared: bool,
    },
    /// Take up the history where another session left it, or at a revision.
    Resume(Option<String>),
}

impl Request {
    fn word(&self) -> &'static str {
        match self {
            Self::Undo(_) => "undo",
            Self::Redo(_) => "redo",
            Self::Switch(_) => "switch",
            Self::Restore { .. } => "restore",
            Self::Resume(_) => "resume",
        }
    }
}

/// How a mover is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoveOptions {
    /// Only plan.
    pub dry_run: bool,
    /// Consent to run cells again.
    pub replay: bool,
}

/// What recording a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The run.
    pub run: Option<RunId>,
    /// Its number as people write it.
    pub label: String,
    /// How many co-variables were stored or seen to differ.
    pub changed: usize,
    /// Names that were found changed, added or removed.
    pub roots: Vec<Root>,
    /// What could not be recorded, for people.
    pub warnings: Vec<String>,
    /// Objects looked at.
    pub nodes: u64,
    /// Time spent, in nanoseconds.
    pub nanoseconds: u64,
}

/// Whether the user may stop a look: that of a mover can be given up, that of a capture can't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Possible,
    Impossible,
}

/// One kernel's life in a history.
pub struct Session {
    id: SessionId,
    store: Store,
    manifests: Manifests,
    writer: SessionWriter,
    history: History,
    /// How far the logs of the other sessions were read.
    others: LoadedHistory,
    clock: Box<dyn Clock>,
    live: Live,
    by_value: ByValue,
    moves: Moves,
    parked: Vec<Parked>,
    next_ticket: u64,
    observations: u64,
    /// What may have been touched since the last look that was taken over.
    suspected: Touched,
    /// How long the last look at everything took, in nanoseconds.
    full_look: Option<u64>,
    /// Whether everything was looked at since the last commit and found unchanged.
    confirmed: bool,
    names: BTreeMap<String, RunId>,
}

/// A look at everything that takes no longer than this, in nanoseconds, is done after every run: 20 ms.
const CHEAP_LOOK: u64 = 20_000_000;

/// The most steps from a run back to a whole state.
const FULL_EVERY: usize = 64;

impl Session {
    /// A session that has recorded nothing yet, in the history that `loaded` was read from.
    pub fn new(
        id: SessionId,
        store: Store,
        writer: SessionWriter,
        loaded: LoadedHistory,
        clock: Box<dyn Clock>,
    ) -> Self {
        let history = History::of(&loaded);
        let mut session = Self {
            id,
            manifests: Manifests::new(store.clone()),
            store,
            writer,
            names: history.names().clone(),
            history,
            others: loaded,
            clock,
            live: Live::default(),
            by_value: HashMap::new(),
            moves: Moves::default(),
            parked: Vec::new(),
            next_ticket: 1,
            observations: 0,
            suspected: Touched::Only(BTreeSet::new()),
            full_look: None,
            confirmed: false,
        };
        session.index_values();
        session
    }

    fn index_values(&mut self) {
        // A fingerprint is no proof: what others signed stands for nothing that this session records.
        let own = self.history.runs().filter(|(id, _)| !self.history.is_untrusted(id));
        for (_, run) in own {
            for version in run.changed.iter().chain(run.full.iter().flatten()) {
                self.by_value
                    .insert((version.roots.clone(), version.fingerprint), version.clone());
            }
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// All that is known of the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The store it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads what other sessions of the history have recorded meanwhile, so that it can be looked at and gone to.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        let history = self.writer.history();
        if self.store.refresh(history, Some(self.id), &mut self.others)? {
            self.history.learn(&self.others);
            self.names.clone_from(self.history.names());
        }
        Ok(())
    }

    /// Where it is.
    pub fn at(&self) -> Option<RunId> {
        self.moves.at()
    }

    /// Steps that can be undone and redone.
    pub fn depth(&self) -> (u64, u64) {
        self.moves.depth()
    }

    /// What is known to be live, as of the last look.
    pub fn live_state(&self) -> State {
        self.live.state()
    }

    /// Roots whose live objects are parked.
    pub fn parked(&self) -> impl Iterator<Item = &[Root]> {
        self.parked.iter().map(|parked| parked.known.version.roots.as_slice())
    }

    /// Flushes what was saved, so that it survives power loss.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.writer.sync()
    }

    /// What a flush has to do; it may run on another thread while this session goes on.
    pub fn begin_sync(&mut self) -> Result<SyncJob, StoreError> {
        self.writer.begin_sync()
    }

    /// Takes what became of a flush.
    pub fn end_sync(&mut self, job: &SyncJob, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        self.writer.end_sync(job, outcome)
    }

    /// Whether everything saved would survive power loss.
    pub fn is_synced(&self) -> bool {
        let (saved, synced) = self.writer.marks();
        synced >= saved
    }

    /// Records what was there when the session began.
    pub fn start<K: Kernel>(&mut self, kernel: &mut K) -> Result<Recorded, SessionError> {
        let input = RunInput::silent(RunKind::Start, self.clock.now());
        self.record_as(kernel, input, (Action::Start, MoveStep::Along), Stop::Possible)
    }

    /// Records a run that ended.
    pub fn record<K: Kernel>(&mut self, kernel: &mut K, input: RunInput) -> Result<Recorded, SessionError> {
        self.record_as(kernel, input, (Action::Run, MoveStep::Forward), Stop::Impossible)
    }

    /// Says that something else than a cell may have touched these roots since the last look: a thread, a callback.
    /// Only what can't be compared needs it.
    pub fn suspect(&mut self, touched: &Touched) {
        match (&mut self.suspected, touched) {
            (Touched::Only(suspected), Touched::Only(more)) => suspected.extend(more.iter().cloned()),
            (suspected, _) => *suspected = Touched::All,
        }
    }

    /// Looks for changes that no cell made, and records them as a run of kind *outside*.
    pub fn look_outside<K: Kernel>(&mut self, kernel: &mut K) -> Result<Option<Recorded>, SessionError> {
        self.record_outside(kernel, Stop::Impossible)
    }

    fn record_outside<K: Kernel>(&mut self, kernel: &mut K, stop: Stop) -> Result<Option<Recorded>, SessionError> {
        let input = RunInput {
            touched: Touched::Only(BTreeSet::new()),
            ..RunInput::silent(RunKind::Outside, self.clock.now())
        };
        let recorded = self.record_as(kernel, input, (Action::Run, MoveStep::Along), stop)?;
        Ok(recorded.run.is_some().then_some(recorded))
    }

    fn record_as<K: Kernel>(
        &mut self,
        kernel: &mut K,
        input: RunInput,
        (action, step): (Action, MoveStep),
        stop: Stop,
    ) -> Result<Recorded, SessionError> {
        let begun = self.clock.monotonic();
        let rerun = match input.kind {
            RunKind::Cell => Rerun::Possible,
            _ => Rerun::Impossible,
        };
        // What a run touched that could not be recorded counts for the next one.
        self.suspect(&input.touched);
        let extent = if input.kind == RunKind::Cell && self.suspected != Touched::All && !self.is_cheap_to_look() {
            Extent::Touched
        } else {
            Extent::All
        };
        let observed = self.observe(kernel, rerun, extent);
        kernel.heap().release();
        let observed = match stop {
            // What was cut short looks like a change, and is none.
            Stop::Possible if kernel.interrupted() => Err(RestoreError::Interrupted.into()),
            _ => observed,
        };
        let result = observed.and_then(|observed| self.commit_run(input, observed, action, step, None));
        if result.is_err() {
            self.writer.abandon();
        }
        let mut recorded = result?;
        recorded.nanoseconds = self.clock.monotonic().saturating_sub(begun);
        Ok(recorded)
    }

    /// Whether a look at everything is so cheap that names need not be asked (design 4.2).
    fn is_cheap_to_look(&self) -> bool {
        self.full_look.is_some_and(|nanoseconds| nanoseconds <= CHEAP_LOOK)
    }

    fn observe<K: Kernel>(&mut self, kernel: &mut K, rerun: Rerun, extent: Extent) -> Result<Observed, SessionError> {
        self.observations += 1;
        let mut salt = self.id.0.to_vec();
        salt.extend_from_slice(&self.observations.to_be_bytes());
        let mut observer = Observer {
            writer: &mut self.writer,
            live: &self.live,
            by_value: &self.by_value,
            manifests: &self.manifests,
            touched: &self.suspected,
            rerun,
            salt: &salt,
            clock: &*self.clock,
        };
        let observed = observer.observe(kernel, extent)?;
        if observed.looked.is_none() {
            self.full_look = Some(observed.look_nanoseconds);
        }
        Ok(observed)
    }

    /// Writes a run and its operation; only then takes over what was observed.
    ///
    /// A silent run that changed nothing is not written: `run` is then `None`.
    fn commit_run(
        &mut self,
        input: RunInput,
        observed: Observed,
        action: Action,
        step: MoveStep,
        moved_from: Option<RunId>,
    ) -> Result<Recorded, SessionError> {
        let parent = moved_from.or(self.moves.at());
        let before = parent.map(|parent| self.history.state(parent)).unwrap_or_default();
        let after = observed.live.state();
        let changed: Vec<Version> = after
            .versions()
            .filter(|version| !before.holds(version))
            .cloned()
            .collect();
        let removed: Vec<Root> = before
            .roots()
            .filter(|root| after.version(root).is_none())
            .cloned()
            .collect();
        let mut roots: Vec<Root> = changed.iter().flat_map(|version| version.roots.clone()).collect();
        roots.extend(removed.iter().cloned());
        let mut recorded = Recorded {
            changed: changed.len(),
            roots,
            warnings: observed.warnings.clone(),
            ..Recorded::default()
        };
        recorded.nodes = observed.nodes;
        // A class that nothing refers to any more went away without a change that anyone could see.
        let unseen = removed.iter().all(|root| root.kind == RootKind::Definition);
        if input.kind == RunKind::Outside && changed.is_empty() && unseen {
            self.confirmed = true;
            self.take_over(observed);
            self.writer.abandon();
            return Ok(recorded);
        }
        let looked = match &observed.looked {
            None => Looked::All,
            Some(roots) => Looked::Only(roots.iter().cloned().collect()),
        };
        let full = parent.is_none_or(|parent| self.history.steps_since_full(parent) + 1 >= FULL_EVERY);
        let full = full.then(|| after.versions().cloned().collect());
        let run = self.run_record(
            input,
            parent,
            changed,
            removed,
            full,
            observed.warnings.clone(),
            looked,
            moved_from,
        )?;
        let id = self.writer.put_run(&run)?;
        recorded.label = run.label();
        self.commit(action, step, id, vec![(id, run)], observed)?;
        recorded.run = Some(id);
        Ok(recorded)
    }

    #[allow(clippy::too_many_arguments)] // the fields of the record
    fn run_record(
        &mut self,
        input: RunInput,
        parent: Option<RunId>,
        changed: Vec<Version>,
        removed: Vec<Root>,
        full: Option<Vec<Version>>,
        warnings: Vec<String>,
        looked: Looked,
        moved_from: Option<RunId>,
    ) -> Result<Run, SessionError> {
        let (number, suffix) = match moved_from.and_then(|id| self.history.run(&id)) {
            Some(target) => (target.number, self.free_suffix(target.number)),
            None => (self.writer.reserve_number()?, String::new()),
        };
        let source = input
            .source
            .as_deref()
            .map(|text| self.writer.put_blob(text))
            .transpose()?;
        let output = input
            .output
            .as_deref()
            .map(|text| self.writer.put_blob(text))
            .transpose()?;
        Ok(Run {
            version: RECORD_VERSION,
            number,
            suffix,
            parent,
            kind: input.kind,
            source,
            output,
            cell: input.cell,
            execution_count: input.execution_count,
            started: input.started,
            duration: input.duration,
            ending: input.ending,
            evidence: input.evidence,
            looked,
            parent_confirmed: self.confirmed && moved_from.is_none(),
            changed,
            removed,
            full,
            warnings,
        })
    }

    fn free_suffix(&self, number: u64) -> String {
        let taken: BTreeSet<&str> = self
            .history
            .runs()
            .filter(|(_, run)| run.number == number)
            .map(|(_, run)| run.suffix.as_str())
            .collect();
        let mut suffixes = ('a'..='z').map(String::from).chain((1..).map(|n: u64| format!("z{n}")));
        suffixes
            .find(|suffix| !taken.contains(suffix.as_str()))
            .unwrap_or_default()
    }

    /// Writes the operation that makes `runs` visible and the session stand at `at`.
    fn commit(
        &mut self,
        action: Action,
        step: MoveStep,
        at: RunId,
        runs: Vec<(RunId, Run)>,
        observed: Observed,
    ) -> Result<(), SessionError> {
        let view = View {
            at: Some(Position { run: at }),
            names: self.names.clone(),
            confirmed: self.moves.at().filter(|_| self.confirmed),
        };
        let (id, operation) = self.writer.commit(action, view, self.clock.now())?;
        for (run_id, run) in runs {
            self.history.add_run(run_id, run, self.id);
        }
        self.history.add_operation(id, operation);
        self.take_over(observed);
        self.confirmed = false;
        self.moves.take(step, at);
        Ok(())
    }

    fn take_over(&mut self, observed: Observed) {
        for (version, is_encoded) in observed.fresh {
            if is_encoded {
                self.by_value
                    .insert((version.roots.clone(), version.fingerprint), version);
            }
        }
        self.live = observed.live;
        self.suspected = Touched::Only(BTreeSet::new());
    }

    /// Plans and performs a mover.
    pub fn perform<K: Kernel>(
        &mut self,
        kernel: &mut K,
        request: &Request,
        options: MoveOptions,
    ) -> Result<Report, SessionError> {
        let begun = self.clock.monotonic();
        let from = self.moves.at().ok_or(SessionError::NotStarted)?;
        self.refresh()?;
        let target = self.target(request)?;
        if let Some(missing) = self.history.missing_ancestor(target) {
            return Err(SessionError::Store(StoreError::Missing {
                kind: "Run",
                id: missing.short(),
                packs: Vec::new(),
            }));
        }
        let (outside, from) = if options.dry_run {
            (None, from)
        } else {
            let outside = self.record_outside(kernel, Stop::Possible)?;
            (outside.map(|recorded| recorded.label), self.moves.at().unwrap_or(from))
        };
        let looked = self.clock.monotonic();
        let scope = self.scope(request, target)?;
        let plan = self.plan(target, &scope, options);
        let mut report = Report {
            action: request.word().to_owned(),
            from: self.history.label(&from),
            to: self.history.label(&target),
            at: self.history.label(&from),
            runs: self.runs_between(from, target),
            outside,
            outcomes: foreseen(&plan),
            dry_run: options.dry_run,
            bytes: plan.bytes(),
            look_nanoseconds: looked.saturating_sub(begun),
            move_nanoseconds: 0,
        };
        if options.dry_run {
            return Ok(report);
        }
        report.outcomes = self.execute(kernel, &plan, target)?;
        let base = if matches!(scope, Scope::All) { target } else { from };
        let at = self.land(kernel, request, base, report.is_exact())?;
        report.at = self.history.label(&at);
        report.move_nanoseconds = self.clock.monotonic().saturating_sub(looked);
        Ok(report)
    }

    fn target(&self, request: &Request) -> Result<RunId, SessionError> {
        let (back, forward) = self.moves.depth();
        match request {
            Request::Undo(steps) => self.moves.back(*steps).ok_or(SessionError::NothingToUndo {
                asked: *steps,
                available: back,
            }),
            Request::Redo(steps) => self.moves.forward(*steps).ok_or(SessionError::NothingToRedo {
                asked: *steps,
                available: forward,
            }),
            Request::Switch(revision) | Request::Restore { revision, .. } | Request::Resume(Some(revision)) => {
                Ok(self.history.resolve(revision, self.moves.at(), self.clock.now())?)
            }
            Request::Resume(None) => self
                .history
                .latest_position(Some(self.id))
                .ok_or(SessionError::NothingToResume),
        }
    }

    fn scope(&self, request: &Request, target: RunId) -> Result<Scope, SessionError> {
        let Request::Restore { names, with_shared, .. } = request else {
            return Ok(Scope::All);
        };
        let state = self.history.state(target);
        let missing: Vec<String> = names
            .iter()
            .filter(|root| state.version(root).is_none())
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            return Err(SessionError::NoSuchName {
                run: self.history.label(&target),
                names: missing,
            });
        }
        let mut roots: BTreeSet<Root> = names.iter().cloned().collect();
        if *with_shared {
            for root in names {
                roots.extend(
                    state
                        .version(root)
                        .into_iter()
                        .flat_map(|version| version.roots.clone()),
                );
            }
        }
        roots.extend(self.missing_definitions(&state, &roots));
        Ok(Scope::Names(roots))
    }

    fn plan(&self, target: RunId, scope: &Scope, options: MoveOptions) -> Plan {
        let held = HeldBySession {
            session: self,
            target,
            options,
        };
        plan(&self.live.state(), &self.history.state(target), scope, &held)
    }

    /// Notebook classes that values of `roots` need and that are not live, and those that these need.
    fn missing_definitions(&self, state: &State, roots: &BTreeSet<Root>) -> BTreeSet<Root> {
        let live = self.live.state();
        let mut found = BTreeSet::new();
        let mut open: Vec<Root> = roots.iter().cloned().collect();
        while let Some(root) = open.pop() {
            let Some(manifest) = state
                .version(&root)
                .and_then(|version| self.manifests.get(&version.manifest).ok())
            else {
                continue;
            };
            let Body::Encoded(encoding) = &manifest.body else {
                continue;
            };
            let needed = encoding
                .definitions
                .iter()
                .map(|id| Root::new(RootKind::Definition, id.clone()));
            for needed in needed.filter(|needed| live.version(needed).is_none()) {
                if state.version(&needed).is_some() && found.insert(needed.clone()) {
                    open.push(needed);
                }
            }
        }
        found
    }

    /// Runs that one of the two lines has and the other has not, newest first.
    fn runs_between(&self, one: RunId, other: RunId) -> Vec<String> {
        let ones: Vec<RunId> = self.history.line(one).map(|(id, _)| id).collect();
        let others: BTreeSet<RunId> = self.history.line(other).map(|(id, _)| id).collect();
        let own: BTreeSet<RunId> = ones.iter().copied().collect();
        let gone = ones.iter().filter(|id| !others.contains(id)).copied();
        let come = self
            .history
            .line(other)
            .map(|(id, _)| id)
            .filter(|id| !own.contains(id));
        gone.chain(come).map(|id| self.history.label(&id)).collect()
    }

    fn execute<K: Kernel>(&mut self, kernel: &mut K, plan: &Plan, target: RunId) -> Result<Vec<Outcome>, SessionError> {
        let performer = Performer {
            store: &self.store,
            manifests: &self.manifests,
            history: &self.history,
            live: &self.live,
            parked: &self.parked,
            target,
        };
        let performed = performer.perform(kernel, plan, &mut self.next_ticket)?;
        for parked in &performed.unparked {
            self.parked.retain(|other| other.ticket != parked.ticket);
            self.live = self.live.with(parked.known.clone());
        }
        self.parked.extend(performed.newly_parked);
        Ok(performed.outcomes)
    }

    /// Looks at what is really there and commits: at `base` if it is exactly that, else at a run of its own.
    fn land<K: Kernel>(
        &mut self,
        kernel: &mut K,
        request: &Request,
        base: RunId,
        is_exact: bool,
    ) -> Result<RunId, SessionError> {
        let observed = self.observe(kernel, Rerun::Impossible, Extent::All);
        kernel.heap().release();
        let observed = observed.inspect_err(|_| self.writer.abandon())?;
        let (action, step) = match request {
            Request::Undo(steps) => (Action::Undo(*steps), MoveStep::Undo(*steps)),
            Request::Redo(steps) => (Action::Redo(*steps), MoveStep::Redo(*steps)),
            Request::Switch(_) => (Action::Switch, MoveStep::Forward),
            Request::Restore { .. } => (Action::Restore, MoveStep::Forward),
            Request::Resume(_) => (Action::Resume, MoveStep::Forward),
        };
        let wanted = self.history.state(base);
        let there = observed.live.state();
        // A class that nothing refers to is gone as soon as it was loaded, and nobody can see that.
        let is_seen = |root: &Root| root.kind != RootKind::Definition && there.version(root).is_none();
        // A loaded library stays loaded: its settings and generators are put back, but can't be taken away.
        let is_extra = |version: &Version| {
            let mut roots = version.roots.iter();
            roots.all(|root| root.kind.is_of_library() && wanted.version(root).is_none())
        };
        let is_there = !wanted.roots().any(is_seen)
            && there
                .versions()
                .all(|version| wanted.holds(version) || is_extra(version));
        let result = if is_exact && is_there {
            self.commit(action, step, base, Vec::new(), observed).map(|()| base)
        } else {
            let input = RunInput::silent(RunKind::Moved, self.clock.now());
            self.commit_run(input, observed, action, step, Some(base))
                .map(|recorded| recorded.run.unwrap_or(base))
        };
        if result.is_err() {
            self.writer.abandon();
        }
        result
    }
}

/// What a dry run can tell of the outcomes.
fn foreseen(plan: &Plan) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in &plan.steps {
        let (word, why) = match &step.kind {
            StepKind::Keep | StepKind::Unpark { .. } => (Word::Kept, None),
            StepKind::Load { .. } => (Word::Loaded, None),
            StepKind::Replay => (Word::Replayed, None),
            StepKind::Remove => (Word::Removed, None),
            StepKind::Lose { why } => (Word::Lost, Some(why.clone())),
        };
        for root in &step.roots {
            outcomes.push(Outcome {
                root: root.clone(),
                word,
                uncertain: false,
                why: why.clone(),
            });
        }
    }
    outcomes.sort_by(|one, other| one.root.cmp(&other.root));
    outcomes
}

struct HeldBySession<'a> {
    session: &'a Session,
    target: RunId,
    options: MoveOptions,
}

impl Held for HeldBySession<'_> {
    fn manifest(&self, id: &ManifestId) -> Result<Arc<Manifest>, String> {
        self.session.manifests.get(id).map_err(|error| error.to_string())
    }

    fn ticket(&self, roots: &[Root], fingerprint: &Fingerprint) -> Option<u64> {
        self.session
            .parked
            .iter()
            .find(|parked| parked.known.version.roots == roots && parked.known.version.fingerprint == *fingerprint)
            .map(|parked| parked.ticket)
    }

    fn refusal(&self, version: &Version, manifest: &Manifest) -> Option<String> {
        let maker = self.session.history.recorded_by(self.target, version)?;
        let code = matches!(&manifest.body, Body::Encoded(encoding) if encoding.code);
        (code && self.session.history.is_untrusted(&maker))
            .then(|| "untrusted: its history is signed by a key you have not trusted".to_owned())
    }

    fn may_replay(&self, version: &Version) -> bool {
        self.options.replay
            && self
                .session
                .history
                .recorded_by(self.target, version)
                .is_some_and(|maker| {
                    !self.session.history.is_untrusted(&maker)
                        && self.session.history.run(&maker).is_some_and(|run| run.source.is_some())
                })
    }
}

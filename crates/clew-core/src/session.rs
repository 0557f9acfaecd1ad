//! One kernel's life in a history: the thin facade the front ends hang on.
//!
//! Every mover is the same four steps: look (what changed outside becomes a run, so moving loses nothing), plan,
//! perform, and look again at what is really there. `undo` is no third way: it is an operation that moves to an older
//! run.

mod ask;
mod capture;
mod checkout;
mod crashed_runs;
mod deferred_values;
mod erasure;
mod error;
mod export;
mod naming;
mod retention;
mod reuse;
mod transfer;
mod value_checks;
mod visit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use crate::clock::Clock;
use crate::format::{Action, Naming, Position, Timestamp};
use crate::history::{History, State, UndoStack, UndoStep};
use crate::id::{HistoryId, ManifestId, Root, RunId, SessionId};
use crate::kernel::TouchedRoots;
use crate::record::{LiveObjects, LiveState, VersionsByValue};
use crate::restore::SetAsideCoVariable;
use crate::store::{
    Budget, Check, End, LeftoverMarker, LoadedHistory, Manifests, SessionWriter, Store, StoreError, SyncJob,
};

pub use ask::{Request, RestoreOptions};
pub use capture::RecordingReport;
pub use error::SessionError;
pub use export::{ExportReport, ExportRequest, ExportedValue, Origins};
pub use naming::{NameRequest, NamingResult};
pub use retention::{RetentionRules, spared};
pub use reuse::ReusedRun;
pub use transfer::{PlanError, StoredVersions, measure, plan_move};
pub use value_checks::UnprovedValue;
pub use visit::{PreparedCell, Visit};

/// What looks in a session tell about what a run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Not everything was looked at since the last commit.
    None,
    /// Everything was, and found unchanged.
    Confirmed,
    /// A move restored the state: looks tell about the record alone.
    Restored,
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
    live: LiveState,
    /// What this kernel recorded of objects that cannot be stored.
    live_objects: LiveObjects,
    /// Roots that cells made anew in the move that is under way, as nothing could be compared, with the manifests of what these cells made
    /// first.
    made_anew: BTreeMap<Root, ManifestId>,
    /// What the session has and only the store holds: no code that ran since could read it.
    left: State,
    by_value: VersionsByValue,
    moves: UndoStack,
    parked: Vec<SetAsideCoVariable>,
    /// What kernels left that died, to be written down with the start; and the runs that were written.
    mourned: Vec<(LeftoverMarker, Timestamp)>,
    deaths: Vec<RunId>,
    /// The run that a resume without a revision goes on from, itself or one that descends from it.
    origin: Option<RunId>,
    joined: Option<HistoryId>,
    /// When the notebook was last found in another folder.
    notebook_moved: Option<Timestamp>,
    /// The first run of this session that tells what it ran in.
    telling: Option<RunId>,
    next_ticket: u64,
    observations: u64,
    /// What may have been touched since the last look that was taken over.
    suspected: TouchedRoots,
    /// How long the last two looks at everything took, in nanoseconds.
    full_looks: [Option<u64>; 2],
    /// Whether what is live is the state of the run that the session is at, and nothing besides.
    is_at_state: bool,
    /// What looks tell about the run that the session is at.
    proof: Proof,
    /// Whether that it is confirmed is known here and not yet in the store.
    is_check_unsaved: bool,
    /// How what is loaded is held against its hashes.
    check: Check,
    /// How much the store may hold.
    budget: Budget,
}

/// What a commit does beside showing its runs.
#[derive(Debug, Clone)]
struct Deed {
    action: Action,
    step: UndoStep,
    /// The branch it leaves the session on.
    branch: Option<String>,
    naming: Vec<Naming>,
}

impl Session {
    /// What stays on the branch that the session is on, and changes no name.
    fn deed(&self, action: Action, step: UndoStep) -> Deed {
        Deed {
            action,
            step,
            branch: self.moves.branch().map(str::to_owned),
            naming: Vec::new(),
        }
    }

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
            history,
            others: loaded,
            clock,
            live: LiveState::default(),
            live_objects: LiveObjects::default(),
            made_anew: BTreeMap::new(),
            left: State::default(),
            by_value: HashMap::new(),
            moves: UndoStack::default(),
            parked: Vec::new(),
            mourned: Vec::new(),
            deaths: Vec::new(),
            origin: None,
            joined: None,
            notebook_moved: None,
            telling: None,
            next_ticket: 1,
            observations: 0,
            suspected: TouchedRoots::Only(BTreeSet::new()),
            full_looks: [None; 2],
            is_at_state: false,
            proof: Proof::None,
            is_check_unsaved: false,
            check: Check::default(),
            budget: Budget::Bytes(u64::MAX),
        };
        session.index_values();
        session.hear_forgotten();
        session
    }

    fn index_values(&mut self) {
        // A fingerprint is no proof: what others signed stands for nothing that this session records.
        let own = self.history.runs().filter(|(id, _)| !self.history.is_untrusted(id));
        for (_, run) in own {
            for version in run.versions() {
                self.by_value
                    .insert((version.roots.clone(), version.fingerprint), version.clone());
            }
        }
    }

    /// Says how what is loaded is held against its hashes from now on.
    pub fn set_check(&mut self, check: Check) {
        self.check = check;
    }

    /// Says how much the store may hold from now on: values that would go beyond it are not stored.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// Has a resume without a revision go on from this run, if the history has it.
    pub fn set_origin(&mut self, run: RunId) {
        self.origin = self.history.outline(&run).map(|_| run);
    }

    /// Says which history is the notebook's own, where its user put it into this one: it goes on from its own line here.
    pub fn set_joined(&mut self, own: HistoryId) {
        self.joined = Some(own);
    }

    /// Says when the notebook was last found in another folder: until then a working directory may have meant the one that it is in now.
    pub fn set_notebook_moved(&mut self, moved: Option<Timestamp>) {
        self.notebook_moved = moved;
    }

    /// Where a resume without a revision goes.
    pub fn resumable_position(&self, now: Timestamp) -> Option<Position> {
        self.history.resumable_position(self.id, self.origin, self.joined, now)
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// All that is known of the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The id of its history.
    pub fn history_id(&self) -> HistoryId {
        self.writer.history()
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
            self.hear_of_the_branch();
            self.hear_forgotten();
        }
        Ok(())
    }

    /// Where it is.
    pub fn at(&self) -> Option<RunId> {
        self.moves.at()
    }

    /// The branch it is on.
    pub fn branch(&self) -> Option<&str> {
        self.moves.branch()
    }

    /// Steps that can be undone and redone.
    pub fn depth(&self) -> (u64, u64) {
        self.moves.depth()
    }

    /// What the session has, as of the last look.
    pub fn live_state(&self) -> State {
        self.live.state().with(&self.left)
    }

    /// What of that only the store holds.
    pub fn left(&self) -> &State {
        &self.left
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

    /// The engine panicked while it worked for this session: what it was about to write is given up, and what comes goes
    /// into new files.
    pub fn recover(&mut self) {
        self.writer.recover();
    }

    /// The last operation that would survive power loss.
    pub fn synced_end(&self) -> Option<End> {
        self.writer.synced_end()
    }

    /// Whether everything saved would survive power loss.
    pub fn is_synced(&self) -> bool {
        let (saved, synced) = self.writer.marks();
        synced >= saved && self.loss().is_none()
    }

    /// Why something that was saved is gone, where another program took it away under this session: looks whether one did.
    /// Who finds that begins another session.
    pub fn find_loss(&mut self) -> Option<&str> {
        self.writer.find_loss()
    }

    /// Where the folder of its store lies now, where it was moved as a whole under this session.
    pub fn moved_to(&self) -> Option<PathBuf> {
        self.writer.moved_to()
    }

    /// The same, as far as that was found before.
    pub fn loss(&self) -> Option<&str> {
        self.writer.loss()
    }
}

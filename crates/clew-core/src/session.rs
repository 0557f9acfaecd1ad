//! A session: one kernel's part of a history. It is the facade that the front ends call.
//!
//! Every restore has the same four steps: look (an external change becomes a run of its own, so that nothing is lost), plan,
//! perform, and look again at the result. `undo` is no exception: it is an operation that moves to an older run.

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

/// What looks have confirmed about the state of the current run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Not everything was looked at since the last commit.
    None,
    /// Everything was looked at, and is unchanged.
    Confirmed,
    /// A restore brought the state back, so looks confirm only the record.
    Restored,
}

/// One kernel's part of a history.
pub struct Session {
    id: SessionId,
    store: Store,
    manifests: Manifests,
    writer: SessionWriter,
    history: History,
    /// The logs of the other sessions, as far as they were read.
    others: LoadedHistory,
    clock: Box<dyn Clock>,
    live: LiveState,
    /// The objects that cannot be stored, as recorded by this kernel.
    live_objects: LiveObjects,
    /// Roots that cells recreated in the current restore without a recorded fingerprint to compare them with, and the manifests
    /// of the first values of these cells.
    made_anew: BTreeMap<Root, ManifestId>,
    /// The part of the session's state that was left in the store and not loaded: no code that ran since could read it.
    left: State,
    by_value: VersionsByValue,
    moves: UndoStack,
    parked: Vec<SetAsideCoVariable>,
    /// Markers of crashed runs, to be recorded with the start; and the runs that were recorded for them.
    mourned: Vec<(LeftoverMarker, Timestamp)>,
    deaths: Vec<RunId>,
    /// The run from which a resume without a revision continues, or from one of its descendants.
    origin: Option<RunId>,
    joined: Option<HistoryId>,
    /// When the notebook was last found in another folder.
    notebook_moved: Option<Timestamp>,
    /// The first run of this session that recorded its interpreter.
    telling: Option<RunId>,
    next_ticket: u64,
    observations: u64,
    /// Roots that may have been touched since the last accepted look.
    suspected: TouchedRoots,
    /// The times of the last two looks at everything, in nanoseconds.
    full_looks: [Option<u64>; 2],
    /// Whether the live state is exactly the state of the current run.
    is_at_state: bool,
    /// What looks have confirmed about the current run.
    proof: Proof,
    /// Whether a confirmation is known here and not stored yet.
    is_check_unsaved: bool,
    /// How loaded data is checked against its hashes.
    check: Check,
    /// The maximum size of the store.
    budget: Budget,
}

/// The effects of a commit besides its runs.
#[derive(Debug, Clone)]
struct Deed {
    action: Action,
    step: UndoStep,
    /// The branch on which it leaves the session.
    branch: Option<String>,
    naming: Vec<Naming>,
}

impl Session {
    /// Creates effects that keep the current branch and change no name.
    fn deed(&self, action: Action, step: UndoStep) -> Deed {
        Deed {
            action,
            step,
            branch: self.moves.branch().map(str::to_owned),
            naming: Vec::new(),
        }
    }

    /// Creates a session without records, in the history that `loaded` was read from.
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
        // A fingerprint proves nothing: an untrusted value must not replace a value that this session records.
        let own = self.history.runs().filter(|(id, _)| !self.history.is_untrusted(id));
        for (_, run) in own {
            for version in run.versions() {
                self.by_value
                    .insert((version.roots.clone(), version.fingerprint), version.clone());
            }
        }
    }

    /// Sets how loaded data is checked against its hashes from now on.
    pub fn set_check(&mut self, check: Check) {
        self.check = check;
    }

    /// Sets the maximum size of the store from now on: values that would exceed it are not stored.
    pub fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// Makes a resume without a revision continue from this run, if the history contains it.
    pub fn set_origin(&mut self, run: RunId) {
        self.origin = self.history.outline(&run).map(|_| run);
    }

    /// Sets the notebook's own history if the user joined it into this one: a resume continues from the notebook's own runs here.
    pub fn set_joined(&mut self, own: HistoryId) {
        self.joined = Some(own);
    }

    /// Sets when the notebook was last found in another folder. A working directory recorded before that time may correspond to
    /// its current folder.
    pub fn set_notebook_moved(&mut self, moved: Option<Timestamp>) {
        self.notebook_moved = moved;
    }

    /// Returns the position to which a resume without a revision leads.
    pub fn resumable_position(&self, now: Timestamp) -> Option<Position> {
        self.history.resumable_position(self.id, self.origin, self.joined, now)
    }

    /// Returns its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the id of its history.
    pub fn history_id(&self) -> HistoryId {
        self.writer.history()
    }

    /// Returns the store to which it writes.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the new records of other sessions of the history, so that they can be shown and restored.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        let history = self.writer.history();
        if self.store.refresh(history, Some(self.id), &mut self.others)? {
            self.history.learn(&self.others);
            self.hear_of_the_branch();
            self.hear_forgotten();
        }
        Ok(())
    }

    /// Returns the current run.
    pub fn at(&self) -> Option<RunId> {
        self.moves.at()
    }

    /// Returns the current branch.
    pub fn branch(&self) -> Option<&str> {
        self.moves.branch()
    }

    /// Returns the numbers of steps that can be undone and redone.
    pub fn depth(&self) -> (u64, u64) {
        self.moves.depth()
    }

    /// Returns the state of the session as of the last look.
    pub fn live_state(&self) -> State {
        self.live.state().with(&self.left)
    }

    /// Returns the part of it that is only in the store.
    pub fn left(&self) -> &State {
        &self.left
    }

    /// Returns the roots whose live objects are set aside.
    pub fn parked(&self) -> impl Iterator<Item = &[Root]> {
        self.parked.iter().map(|parked| parked.known.version.roots.as_slice())
    }

    /// Flushes the saved data, so that it survives a power failure.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.writer.sync()
    }

    /// Returns the work of a flush, which may run on another thread while this session continues.
    pub fn begin_sync(&mut self) -> Result<SyncJob, StoreError> {
        self.writer.begin_sync()
    }

    /// Receives the result of a flush.
    pub fn end_sync(&mut self, job: &SyncJob, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        self.writer.end_sync(job, outcome)
    }

    /// Recovers after a panic of the engine during an operation of this session: abandons the interrupted write, and writes new
    /// data to new files.
    pub fn recover(&mut self) {
        self.writer.recover();
    }

    /// Returns the last operation that would survive a power failure.
    pub fn synced_end(&self) -> Option<End> {
        self.writer.synced_end()
    }

    /// Returns whether all saved data would survive a power failure.
    pub fn is_synced(&self) -> bool {
        let (saved, synced) = self.writer.marks();
        synced >= saved && self.loss().is_none()
    }

    /// Checks whether another program removed saved data of this session, and returns the reason. The caller must then start
    /// another session.
    pub fn find_loss(&mut self) -> Option<&str> {
        self.writer.find_loss()
    }

    /// Returns the current folder of the store if it was moved as a whole during this session.
    pub fn moved_to(&self) -> Option<PathBuf> {
        self.writer.moved_to()
    }

    /// Returns the reason found by an earlier [`Self::find_loss`].
    pub fn loss(&self) -> Option<&str> {
        self.writer.loss()
    }
}

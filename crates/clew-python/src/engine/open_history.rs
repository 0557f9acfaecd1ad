//! An open history, with the session that records in it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_cli::{
    Context, HistoryView, InFlight, Presence, PresenceGuard, ResumeReport, SessionStatus, StartupAction, announce,
    belongs, belongs_plainly, note_kernel, where_it_lies,
};
use clew_core::clock::Clock;
use clew_core::format::{Action, CellEnd, HistoryDescription, InFlightMarker, KernelDescription, Timestamp};
use clew_core::history::{History, Notebook, NotebookMatch, joined};
use clew_core::id::{HistoryId, RunId};
use clew_core::session::Session;
use clew_core::store::disk::{Disk, DiskLock, OverlayDisk, RealDisk};
use clew_core::store::{Access, InFlightFile, Keyring, SigningKey, Store, StoreError, StoreKeyFault, Trust};
use tempfile::TempDir;

use super::EngineMessage;
use super::ends::{PriorEnds, WatchedEnds};
use crate::clock::SystemClock;

/// How long to wait for another process that creates a history: that takes some milliseconds, but the process may be
/// stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a new kernel does about earlier states of its notebook.
pub(super) enum Beginning {
    /// Nothing.
    Silent,
    /// It prints this.
    Say(EngineMessage),
    /// It restores the last one before the first cell runs.
    Resume,
}

/// A history and the session that writes to it.
pub(super) struct OpenHistory {
    pub session: Session,
    history: HistoryId,
    /// The history of the notebook itself, also if the user continues in another one. `None` if a program named the
    /// history.
    pub own: Option<HistoryId>,
    pub description: HistoryDescription,
    announced: Option<PresenceGuard>,
    /// The content of in-flight markers, except for the cell.
    pub begun: InFlightMarker,
    /// The in-flight marker of the running cell.
    pub note: Option<InFlightFile>,
    /// The reason why the list of trusted keys is ignored.
    pub doubt: Option<StoreError>,
    /// The ends of the store's logs.
    pub ends: WatchedEnds,
    /// Histories of notebooks that this one is, or may be, a copy of, each with the command to continue there.
    pub candidates: Vec<String>,
    /// Whether the notebook is a copy of that one.
    is_copy: bool,
    /// The notebook's former path, if it was recognized by its cells.
    before: Option<String>,
    /// Whether some records could not be read when it was opened.
    is_damaged: bool,
    /// Set if nothing is saved. Declared after the session, whose files are in its folder.
    unkept: Option<TemporaryStore>,
}

/// The temporary folder of a session that cannot be saved.
struct TemporaryStore {
    why: String,
    _folder: TempDir,
}

/// Returns a candidate history, with the command to continue there.
fn candidate(id: HistoryId, store: &Store) -> Result<String, StoreError> {
    let loaded = store.load(id)?;
    let name = clew_cli::present_name(id, &loaded.description());
    let runs = History::of(&loaded).len();
    let last = clew_cli::ago(clew_cli::last_time(&loaded), SystemClock::default().now());
    Ok(format!("{name} ({runs} runs, {last}): `%clew history {}`", id.short()))
}

/// Keeps other kernels from creating histories; waits for the lock for a limited time.
fn hold_histories(store: &Store) -> Option<Box<dyn DiskLock>> {
    let begun = Instant::now();
    loop {
        match store.hold_histories() {
            Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 500),
            // Without the lock, a second history may be created.
            held => return held.ok().flatten(),
        }
    }
}

/// Returns whether data recorded in a store is encrypted. Does not create a store.
fn would_encrypt(disk: &Arc<dyn Disk>, store: &Path, keys: &Keyring) -> Result<bool, StoreError> {
    match Store::open_with(disk.clone(), store, Access::ReadOnly, keys) {
        Ok(store) => Ok(store.key().is_some()),
        Err(StoreError::NoStore { .. }) => Ok(keys.is_for_new()),
        Err(error) => Err(error),
    }
}

/// The history in which a notebook continues.
struct HistoryDecision {
    belonging: NotebookMatch,
    /// The match, as one word.
    word: &'static str,
    history: HistoryId,
    /// The notebook's own history, unless the history was given by name.
    own: Option<HistoryId>,
    /// The notebook's path when its history was recorded, if the notebook was moved.
    path_before: Option<String>,
    /// The histories of the store, except one that was created here.
    all: BTreeSet<HistoryId>,
}

impl HistoryDecision {
    /// Finds a notebook's history, or creates one with `description`, and records the notebook's current path.
    fn of(store: &Store, notebook: &Notebook, description: HistoryDescription) -> Result<Self, StoreError> {
        let mut histories = store.histories()?;
        // Decisions that need to read histories are made once, under the lock.
        let mut belonging = belongs_plainly(store, &histories, notebook);
        let is_new = matches!(
            belonging,
            NotebookMatch::New | NotebookMatch::Copied(_) | NotebookMatch::Unclear(_)
        );
        let held = is_new.then(|| hold_histories(store));
        if held.is_some() {
            // Another kernel of the notebook may have created its history meanwhile.
            histories = store.histories()?;
            belonging = belongs(store, &histories, notebook);
        }
        let (own, word) = match belonging {
            NotebookMatch::Meant(id) | NotebookMatch::Known(id) => (id, "known"),
            NotebookMatch::Renamed(id) => (id, "renamed"),
            NotebookMatch::Copied(_) => (store.create_history(&description)?, "copied"),
            NotebookMatch::Unclear(_) => (store.create_history(&description)?, "unclear"),
            NotebookMatch::New => (store.create_history(&description)?, "new"),
        };
        drop(held);
        let before = histories.iter().find(|(id, _)| *id == own);
        let before = before.map(|(_, before)| before.clone()).unwrap_or_default();
        let mut path_before = None;
        let is_replaced =
            before.path == description.path && description.file.is_some() && before.file != description.file;
        let now = match belonging {
            NotebookMatch::Renamed(_) => {
                path_before.clone_from(&before.path);
                Some(HistoryDescription {
                    name: before.name.clone(),
                    joined: before.joined,
                    ..description
                })
            }
            // A restarted kernel gets the former path of its notebook.
            NotebookMatch::Known(_) if let Cow::Owned(there) = where_it_lies(&before) => Some(HistoryDescription {
                time: description.time,
                ..there
            }),
            // A program that writes the notebook again creates another file.
            NotebookMatch::Known(_) if is_replaced && notebook.restarted.is_none() => Some(HistoryDescription {
                time: description.time,
                file: description.file,
                ..before.clone()
            }),
            _ => None,
        };
        if let Some(mut now) = now {
            let is_elsewhere = now.folder() != before.folder();
            now.moved = if is_elsewhere { Some(now.time) } else { before.moved };
            store.describe_history(own, &now)?;
        }
        let (history, is_meant) = match belonging {
            NotebookMatch::Meant(id) => (id, true),
            _ => (joined(&histories, own), false),
        };
        // A run with a given history may be of a notebook whose user continues it in that history.
        let is_put = |other: &HistoryDescription| other.joined == Some(history) && other.path == notebook.path;
        let put_into = histories
            .iter()
            .find(|(_, other)| other.path.is_some() && is_put(other));
        let put_into = put_into.map(|(id, _)| *id);
        Ok(Self {
            belonging,
            word,
            history,
            own: notebook.own.or(if is_meant { put_into } else { Some(own) }),
            path_before,
            all: histories.into_iter().map(|(id, _)| id).collect(),
        })
    }
}

impl OpenHistory {
    /// Opens the store, finds or creates the notebook's history, and starts a session in it. Also returns a word for
    /// how the notebook matches the history.
    ///
    /// `must_encrypt`: earlier data is encrypted, so an unencrypted store is refused. Otherwise the store stays as it
    /// is; the settings decide about a new one.
    ///
    /// If the store is read-only, runs are recorded in a folder that is removed with this value: states can be
    /// restored, but nothing is saved.
    pub fn new(
        context: &Context,
        notebook: &Notebook,
        kernel: KernelDescription,
        must_encrypt: bool,
    ) -> Result<(Self, &'static str), StoreError> {
        let real = Arc::new(RealDisk);
        let refused = match Self::over(real, context, notebook, kernel.clone(), must_encrypt) {
            Err(error) if error.is_read_only() && context.store.is_dir() => error,
            opened => return opened,
        };
        let Ok(folder) = tempfile::Builder::new().prefix("clew-opened-").tempdir() else {
            return Err(refused);
        };
        let disk = OverlayDisk::new(Arc::new(RealDisk), &context.store, folder.path());
        let Ok((mut open, word)) = Self::over(Arc::new(disk), context, notebook, kernel, must_encrypt) else {
            return Err(refused);
        };
        let why = refused.to_string();
        open.ends.said.push(EngineMessage::NotKept { why: why.clone() });
        open.unkept = Some(TemporaryStore { why, _folder: folder });
        Ok((open, word))
    }

    /// Returns whether recorded data is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.session.store().key().is_some()
    }

    fn over(
        disk: Arc<dyn Disk>,
        context: &Context,
        notebook: &Notebook,
        kernel: KernelDescription,
        must_encrypt: bool,
    ) -> Result<(Self, &'static str), StoreError> {
        // Read before any log: logs need not contain ends that are recorded later.
        let noted = PriorEnds::read(context);
        let key = SigningKey::load_or_create(&*disk, &context.config)?;
        let (trust, doubt) = Trust::load_or_own(&*disk, &context.config, key.public());
        let keys = context.keys();
        if must_encrypt && !would_encrypt(&disk, &context.store, &keys)? {
            return Err(StoreKeyFault::PlainInstead.of(&context.store));
        }
        let store = Store::open_with(disk, &context.store, Access::ReadWrite, &keys)?.with_trust(trust);
        let clock = SystemClock::default();
        let description = HistoryDescription {
            time: clock.now(),
            name: notebook.name.clone().unwrap_or_default(),
            path: notebook.path.clone(),
            notebook: notebook.id.clone(),
            file: notebook.file.clone(),
            kernel,
            ..HistoryDescription::default()
        };
        let settled = HistoryDecision::of(&store, notebook, description)?;
        let history = settled.history;
        let origin = match &settled.belonging {
            NotebookMatch::Copied(id) => vec![*id],
            NotebookMatch::Unclear(ids) => ids.clone(),
            _ => Vec::new(),
        };
        let candidates = origin
            .into_iter()
            .map(|id| candidate(id, &store))
            .collect::<Result<_, _>>()?;
        let loaded = store.load(history)?;
        let description = loaded.description();
        let name = clew_cli::history_name(history, &description);
        let mut ends = noted.compare(&store, &settled.all, history, &name, &loaded);
        let is_damaged = !loaded.damage.is_empty();
        if is_damaged {
            ends.said.push(EngineMessage::Damaged);
        }
        let id = store.new_session();
        let writer = store.writer(history, id, &key)?;
        let mut session = Session::new(id, store, writer, loaded, Box::new(clock));
        if let Some(run) = notebook.run {
            session.set_origin(run);
        }
        if let Some(own) = settled.own.filter(|own| *own != history) {
            session.set_joined(own);
        }
        session.set_notebook_moved(description.moved);
        session.mourn(clew_cli::take_died(
            session.store(),
            history,
            session.history(),
            id,
            context,
        ));
        Ok((
            Self {
                session,
                history,
                own: settled.own,
                description,
                announced: None,
                begun: clew_cli::begun(history, id),
                note: None,
                doubt,
                ends,
                candidates,
                is_copy: matches!(settled.belonging, NotebookMatch::Copied(_)),
                before: settled.path_before,
                is_damaged,
                unkept: None,
            },
            settled.word,
        ))
    }

    /// Records which history the notebook of this kernel has, for a restart.
    pub fn note_kernel(&self, connection: Option<&str>, path: Option<&str>) {
        if let (Some(connection), Some(own)) = (connection, self.own) {
            note_kernel(self.session.store().directory(), connection, path, own);
        }
    }

    /// Records in which history the notebook continues, for its next kernels.
    pub fn note_joined(&self) -> Result<(), StoreError> {
        let (store, Some(own)) = (self.session.store(), self.own) else {
            return Ok(());
        };
        let noted = HistoryDescription {
            time: SystemClock::default().now(),
            joined: (own != self.history).then_some(self.history),
            ..store.description(own)
        };
        store.describe_history(own, &noted)
    }

    /// Records the notebook's current name, if it was renamed while its kernel ran: commands in a terminal find it by
    /// name.
    pub fn note_renamed(&self) -> Result<(), StoreError> {
        let (store, Some(own)) = (self.session.store(), self.own) else {
            return Ok(());
        };
        let before = store.description(own);
        match where_it_lies(&before) {
            Cow::Owned(now) if now.folder() == before.folder() => {
                let time = SystemClock::default().now();
                store.describe_history(own, &HistoryDescription { time, ..now })
            }
            _ => Ok(()),
        }
    }

    /// Returns why nothing of this session is saved.
    pub fn unsaved(&self) -> Option<&str> {
        let unkept = self.unkept.as_ref().map(|unkept| unkept.why.as_str());
        unkept.or_else(|| self.session.loss())
    }

    /// Returns whether recorded data outlives this process.
    pub fn is_kept(&self) -> bool {
        self.unkept.is_none()
    }

    /// Lets commands in a terminal find this kernel. If this fails, they report that they found none.
    pub fn announce(&mut self, connection: Option<String>) {
        let presence = Presence::of_process(
            self.id(),
            self.session.id().to_string(),
            connection,
            self.description.kernel.executable.clone(),
            SystemClock::default().now(),
        );
        self.announced = announce(self.session.store().directory(), &presence).ok();
    }

    pub fn can_resume(&self) -> bool {
        self.session.resumable_position(SystemClock::default().now()).is_some()
    }

    /// Returns what a new kernel does, depending on whether its notebook has earlier states.
    pub fn beginning(&self, on_start: StartupAction) -> Beginning {
        let store = self.session.store().directory();
        let is_alone = || !clew_cli::records_here(store, &self.id(), &self.session.id().to_string());
        match on_start {
            StartupAction::Nothing => Beginning::Silent,
            _ if !self.candidates.is_empty() => Beginning::Say(EngineMessage::Alike {
                is_copy: self.is_copy,
                candidates: self.candidates.clone(),
            }),
            _ if !self.can_resume() => Beginning::Silent,
            StartupAction::Resume if is_alone() => Beginning::Resume,
            StartupAction::Resume => Beginning::Say(EngineMessage::RecordedBeside),
            StartupAction::Ask => Beginning::Say(EngineMessage::Offer {
                before: self.before.clone(),
                is_known: self.was_resumed(),
            }),
        }
    }

    /// Returns whether this history was resumed before: its user knows the command.
    fn was_resumed(&self) -> bool {
        let operations = self.session.history().operations();
        operations
            .iter()
            .any(|(_, operation)| operation.action == Action::Resume)
    }

    /// Writes the in-flight marker of a starting cell, and replaces the previous one. This is not guaranteed: if it
    /// fails, nothing is reported.
    pub fn note(&mut self, cell: InFlightMarker, source: Option<&str>) {
        self.unnote();
        self.note = self.session.note_begun(cell, source).ok();
    }

    /// Removes the in-flight marker: no unrecorded cell is running.
    pub fn unnote(&mut self) {
        if let Some(note) = self.note.take() {
            self.session.store().unlink_note(note.path());
        }
    }

    /// Notes in the in-flight marker that the cell has ended.
    pub fn note_end(&mut self, ended: CellEnd) {
        if let Some(note) = &mut self.note {
            self.session.note_ended(note, ended).ok();
        }
    }

    /// Returns the messages about crashed runs of this history that were found when this session started.
    pub fn deaths(&self) -> Vec<String> {
        let (session, history) = (&self.session, self.session.history());
        let runs = session.deaths().iter().filter_map(|id| history.run(id));
        runs.map(|run| {
            let source = run.source.and_then(|source| session.store().blob(source).ok());
            clew_cli::death(run, source.as_deref().map(String::as_str))
        })
        .collect()
    }

    /// Returns the notes for a kernel that resumes this history at a run.
    pub fn taken_up(&self, run: &str, now: Timestamp) -> ResumeReport {
        ResumeReport {
            rolled_back: self.ends.setbacks.clone(),
            is_damaged: self.is_damaged,
            crashed_runs: self.deaths(),
            edited_files: self.edited_files(run, now, |_| true),
        }
    }

    /// Returns the notes for a kernel that switches to a run of another kernel: modules are imported in their current
    /// version.
    pub fn switched(&self, run: &str, now: Timestamp) -> ResumeReport {
        let is_of_other = |run: &RunId| self.session.history().maker(run) != Some(self.session.id());
        ResumeReport {
            edited_files: self.edited_files(run, now, is_of_other),
            ..ResumeReport::default()
        }
    }

    /// Returns the files of modules that were edited since a run, if the run `counts`.
    fn edited_files(&self, run: &str, now: Timestamp, counts: impl FnOnce(&RunId) -> bool) -> Vec<String> {
        let history = self.session.history();
        let run = history.resolve(run, None, now).ok().filter(counts);
        run.map(|run| clew_cli::edited_modules(history, run))
            .unwrap_or_default()
    }

    /// Returns cells that other kernels of this history started, and that are not recorded.
    pub fn in_flight(&self, context: &Context) -> Vec<InFlight> {
        let session = &self.session;
        clew_cli::in_flight(
            session.store(),
            self.history,
            session.history(),
            Some(session.id()),
            context,
        )
    }

    pub fn place<'a>(&'a self, live: &'a SessionStatus) -> HistoryView<'a> {
        HistoryView {
            store: self.session.store().directory(),
            records: self.session.store(),
            id: self.history,
            loaded: None,
            description: &self.description,
            history: self.session.history(),
            session: Some(self.session.id()),
            at: self.session.at(),
            branch: self.session.branch().map(str::to_owned),
            damage: &[],
            setbacks: &self.ends.setbacks,
            in_flight: &[],
            live: Some(live),
            called: OnceCell::new(),
        }
    }

    /// Reads the description of the history again: a command may have renamed it.
    pub fn describe_anew(&mut self) {
        self.description = self.session.store().description(self.history);
    }

    /// Returns the name of its history.
    pub fn name(&self) -> String {
        clew_cli::present_name(self.history, &self.description)
    }

    /// Returns the id of its history.
    pub fn id(&self) -> String {
        self.history.to_string()
    }
}

//! A history that is open, with the session that records in it.

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

/// Who makes a history is waited for so long, in steps of a hundredth: it takes some milliseconds, but a process may be stopped there.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a new kernel does about earlier states of its notebook.
pub(super) enum Beginning {
    /// Nothing.
    Silent,
    /// It says this.
    Say(EngineMessage),
    /// It brings the last one back before the first cell runs.
    Resume,
}

/// A history and the session that writes to it.
pub(super) struct OpenHistory {
    pub session: Session,
    history: HistoryId,
    /// That of the notebook, also where the user put it into another. `None` where a program named the history.
    pub own: Option<HistoryId>,
    pub description: HistoryDescription,
    announced: Option<PresenceGuard>,
    /// What is noted when a cell begins, but for the cell.
    pub begun: InFlightMarker,
    /// The note of the cell that runs.
    pub note: Option<InFlightFile>,
    /// Why the list of trusted keys counts for nothing.
    pub doubt: Option<StoreError>,
    /// Where the logs of the store end.
    pub ends: WatchedEnds,
    /// Histories of notebooks that this one, which has a history of its own, is or may be, each with the command that has it go on there.
    pub candidates: Vec<String>,
    /// Whether it is a copy of that notebook.
    is_copy: bool,
    /// Where the notebook was when the history was recorded, if it is found again by its cells.
    before: Option<String>,
    /// Whether something of it could not be read when it was opened.
    is_damaged: bool,
    /// That nothing of it is saved. Behind the session, whose files lie in its folder.
    unkept: Option<TemporaryStore>,
}

/// The folder for a session that cannot be saved.
struct TemporaryStore {
    why: String,
    _folder: TempDir,
}

/// A history that may be meant, with the command that has the notebook go on there.
fn candidate(id: HistoryId, store: &Store) -> Result<String, StoreError> {
    let loaded = store.load(id)?;
    let name = clew_cli::present_name(id, &loaded.description());
    let runs = History::of(&loaded).len();
    let last = clew_cli::ago(clew_cli::last_time(&loaded), SystemClock::default().now());
    Ok(format!("{name} ({runs} runs, {last}): `%clew history {}`", id.short()))
}

/// Keeps other kernels from making histories, for as long as somebody may be waited for.
fn hold_histories(store: &Store) -> Option<Box<dyn DiskLock>> {
    let begun = Instant::now();
    loop {
        match store.hold_histories() {
            Ok(None) if begun.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 500),
            // Where it can't be held, a second history may be made.
            held => return held.ok().flatten(),
        }
    }
}

/// Whether what is recorded in a store lies encrypted there. It makes none where there is none yet.
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
    /// In a word.
    word: &'static str,
    history: HistoryId,
    /// The notebook's own, unless somebody named the history.
    own: Option<HistoryId>,
    /// Where the notebook was when its history was recorded, if it was followed to another path.
    path_before: Option<String>,
    /// The histories of the store, but for one that was made here.
    all: BTreeSet<HistoryId>,
}

impl HistoryDecision {
    /// Finds a notebook's history, or makes it as `description` has it, and notes where the notebook is now.
    fn of(store: &Store, notebook: &Notebook, description: HistoryDescription) -> Result<Self, StoreError> {
        let mut histories = store.histories()?;
        // What takes a look into histories is decided once, under the lock.
        let mut belonging = belongs_plainly(store, &histories, notebook);
        let is_new = matches!(
            belonging,
            NotebookMatch::New | NotebookMatch::Copied(_) | NotebookMatch::Unclear(_)
        );
        let held = is_new.then(|| hold_histories(store));
        if held.is_some() {
            // Another kernel of the notebook may have made its history meanwhile.
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
            // A kernel that restarts is told where its notebook was.
            NotebookMatch::Known(_) if let Cow::Owned(there) = where_it_lies(&before) => Some(HistoryDescription {
                time: description.time,
                ..there
            }),
            // A program that writes it anew makes another file.
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
        // Whoever names the history may run a notebook that its user put into it.
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
    /// Opens the store, finds or makes the notebook's history, and begins a session in it. Says in a word how the
    /// notebook belongs to the history.
    ///
    /// `must_encrypt`: what was recorded before lies encrypted, so nothing goes to a store that is not. Without it, the store is as it is, or as
    /// the settings have a new one made.
    ///
    /// Where the store can't be written, what is recorded goes to a folder that is removed with this: states can be gone to,
    /// and nothing is saved.
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

    /// Whether what it records lies encrypted.
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
        // Before any log: what is noted later they need not hold.
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

    /// Notes which history the notebook of this kernel has, for when it is restarted.
    pub fn note_kernel(&self, connection: Option<&str>, path: Option<&str>) {
        if let (Some(connection), Some(own)) = (connection, self.own) {
            note_kernel(self.session.store().directory(), connection, path, own);
        }
    }

    /// Notes in which history the notebook goes on, for its next kernels.
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

    /// Notes the name that the notebook has now, if it was renamed while its kernel lived: a terminal finds it by that.
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

    /// Why nothing of this session is saved.
    pub fn unsaved(&self) -> Option<&str> {
        let unkept = self.unkept.as_ref().map(|unkept| unkept.why.as_str());
        unkept.or_else(|| self.session.loss())
    }

    /// Whether what it records outlives it.
    pub fn is_kept(&self) -> bool {
        self.unkept.is_none()
    }

    /// Lets commands of a terminal find this kernel. Where that can't be, they find none, and say so.
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

    /// What this new kernel does, as its notebook has earlier states or not.
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

    /// Whether somebody took this history up before: who did knows how.
    fn was_resumed(&self) -> bool {
        let operations = self.session.history().operations();
        operations
            .iter()
            .any(|(_, operation)| operation.action == Action::Resume)
    }

    /// Notes the cell that begins, in the place of one before it. Nobody is promised this: where it can't be written nothing
    /// is said.
    pub fn note(&mut self, cell: InFlightMarker, source: Option<&str>) {
        self.unnote();
        self.note = self.session.note_begun(cell, source).ok();
    }

    /// No cell runs of which nothing is recorded.
    pub fn unnote(&mut self) {
        if let Some(note) = self.note.take() {
            self.session.store().unlink_note(note.path());
        }
    }

    /// Notes that what was noted has ended.
    pub fn note_end(&mut self, ended: CellEnd) {
        if let Some(note) = &mut self.note {
            self.session.note_ended(note, ended).ok();
        }
    }

    /// What is said of the runs that kernels of this history died in and that were found when this session began.
    pub fn deaths(&self) -> Vec<String> {
        let (session, history) = (&self.session, self.session.history());
        let runs = session.deaths().iter().filter_map(|id| history.run(id));
        runs.map(|run| {
            let source = run.source.and_then(|source| session.store().blob(source).ok());
            clew_cli::death(run, source.as_deref().map(String::as_str))
        })
        .collect()
    }

    /// What is to be said of this history where a kernel takes it up at a run.
    pub fn taken_up(&self, run: &str, now: Timestamp) -> ResumeReport {
        ResumeReport {
            rolled_back: self.ends.setbacks.clone(),
            is_damaged: self.is_damaged,
            crashed_runs: self.deaths(),
            edited_files: self.edited_files(run, now, |_| true),
        }
    }

    /// What is to be said where a kernel switches to a run of another one: modules are imported as they are now.
    pub fn switched(&self, run: &str, now: Timestamp) -> ResumeReport {
        let is_of_other = |run: &RunId| self.session.history().maker(run) != Some(self.session.id());
        ResumeReport {
            edited_files: self.edited_files(run, now, is_of_other),
            ..ResumeReport::default()
        }
    }

    /// Files of modules that were edited since a run, if it `counts`.
    fn edited_files(&self, run: &str, now: Timestamp, counts: impl FnOnce(&RunId) -> bool) -> Vec<String> {
        let history = self.session.history();
        let run = history.resolve(run, None, now).ok().filter(counts);
        run.map(|run| clew_cli::edited_modules(history, run))
            .unwrap_or_default()
    }

    /// Cells that other kernels of this history began, and of which nothing is recorded.
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

    /// Takes over what the history is called now: a command may have renamed it.
    pub fn describe_anew(&mut self) {
        self.description = self.session.store().description(self.history);
    }

    /// The name of its history.
    pub fn name(&self) -> String {
        clew_cli::present_name(self.history, &self.description)
    }

    /// The id of its history.
    pub fn id(&self) -> String {
        self.history.to_string()
    }
}

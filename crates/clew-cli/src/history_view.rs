//! The history that a command reads: one history of a store, and a position in it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clew_core::clock::Clock;
use clew_core::format::{Encoding, HistoryDescription, Manifest, Run, StoredExtent, Timestamp};
use clew_core::history::flow::{Flow, ValueSource};
use clew_core::history::{History, RevisionError, UndoStack, either, is_one_slip, joined};
use clew_core::id::{BlobId, HistoryId, ManifestId, Root, RootKind, RunId, SegmentId, SessionId};
use clew_core::plan::carry::{LoadingSpeed, Stock};
use clew_core::session::{SessionError, StoredVersions, measure};
use clew_core::store::disk::RealDisk;
use clew_core::store::{
    Access, Budget, BundleFault, Damage, LoadedHistory, LogEnds, LogIndex, LogRollback, SigningKey, Store, StoreError,
    Trust, Usage,
};

use clew_value::Blocks;

use crate::context::Context;
use crate::in_flight::{self, InFlight};
use crate::notebook_identity::{file_id, is_notebook, moved_to, notebooks_in};
use crate::presence;
use crate::problem::{Exit, Problem};
use crate::rollback_check;
use crate::text::typed;

/// Reads further records that a command needs: manifests, texts and data, each on demand and verified.
pub trait RecordReader: Blocks {
    /// Reads a manifest.
    fn manifest(&self, id: &ManifestId) -> Result<Manifest, StoreError>;

    /// Updates which values were forgotten or dropped in a history since it was read.
    fn note_what_went(&self, history: HistoryId);

    /// Returns the error to report for a value whose reading failed with `error`.
    fn excused(&self, id: &ManifestId, error: StoreError) -> StoreError;

    /// Whether the data is stored encrypted.
    fn is_encrypted(&self) -> bool;

    /// Returns the used space and its limit; `None` if unknown.
    fn usage(&self, budget: Budget) -> Option<Usage>;

    /// Returns the data that can be sent elsewhere.
    fn stock(&self) -> Box<dyn Stock + '_>;

    /// Returns the bytes of a history's records that every transfer includes and the target lacks, given the ends of its logs there.
    /// `loaded` is the content of the logs, if they were read.
    fn records_size(
        &self,
        history: HistoryId,
        loaded: Option<&LoadedHistory>,
        has: &dyn Fn(&[u8; 32]) -> bool,
        there: &LogEnds,
    ) -> u64;

    /// Measures how fast values of a state are loaded here; `None` if there are none to measure.
    fn loading(&self, history: &History, run: RunId) -> Option<LoadingSpeed>;

    /// Reads a source or an output.
    fn text(&self, id: &BlobId) -> Result<String, StoreError>;

    /// Reads a whole object stream.
    fn stream(&self, ids: &[SegmentId]) -> Result<Vec<u8>, StoreError>;

    /// Reads and verifies the pieces of an object stream; returns its length in bytes.
    fn pieces(&self, ids: &[SegmentId]) -> Result<u64, StoreError>;

    /// Reads and verifies an extent; returns its length in bytes.
    fn extent(&self, extent: &StoredExtent) -> Result<u64, StoreError>;
}

impl RecordReader for Store {
    fn note_what_went(&self, history: HistoryId) {
        if let Ok(loaded) = self.load(history) {
            self.forget(loaded.forgotten());
            self.excuse(loaded.dropped());
        }
    }

    fn manifest(&self, id: &ManifestId) -> Result<Manifest, StoreError> {
        Ok(self.manifest(*id)?.into_inner())
    }

    fn excused(&self, id: &ManifestId, error: StoreError) -> StoreError {
        Self::excused(self, *id, error)
    }

    fn is_encrypted(&self) -> bool {
        self.key().is_some()
    }

    fn usage(&self, budget: Budget) -> Option<Usage> {
        Some(Self::usage(self, budget))
    }

    fn stock(&self) -> Box<dyn Stock + '_> {
        Box::new(StoredVersions::of(self))
    }

    fn records_size(
        &self,
        history: HistoryId,
        loaded: Option<&LoadedHistory>,
        has: &dyn Fn(&[u8; 32]) -> bool,
        there: &LogEnds,
    ) -> u64 {
        let size = match loaded {
            Some(loaded) => Self::records_size(self, loaded, has, there),
            None => self
                .load(history)
                .and_then(|loaded| Self::records_size(self, &loaded, has, there)),
        };
        // Unreadable records are not sent.
        size.unwrap_or(0)
    }

    fn loading(&self, history: &History, run: RunId) -> Option<LoadingSpeed> {
        measure((history, run), &StoredVersions::of(self), &Stopwatch(Instant::now()))
    }

    fn text(&self, id: &BlobId) -> Result<String, StoreError> {
        Ok(self.blob(*id)?.into_inner())
    }

    fn stream(&self, ids: &[SegmentId]) -> Result<Vec<u8>, StoreError> {
        Ok(self.stream(ids)?.into_inner())
    }

    fn pieces(&self, ids: &[SegmentId]) -> Result<u64, StoreError> {
        Ok(self.stream(ids)?.into_inner().len() as u64)
    }

    fn extent(&self, extent: &StoredExtent) -> Result<u64, StoreError> {
        Ok(self.extent(extent)?.into_inner().len() as u64)
    }
}

impl ValueSource for &dyn RecordReader {
    fn manifest(&self, id: &ManifestId) -> Option<Manifest> {
        RecordReader::manifest(*self, id).ok()
    }

    fn stream(&self, encoding: &Encoding) -> Option<Vec<u8>> {
        RecordReader::stream(*self, &encoding.stream).ok()
    }

    fn source(&self, id: BlobId) -> Option<String> {
        RecordReader::text(*self, &id).ok()
    }
}

/// Measures elapsed time.
struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now(&self) -> Timestamp {
        0
    }

    fn monotonic(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The status of a live session, which the store does not contain.
#[allow(clippy::struct_excessive_bools)] // independent flags
#[derive(Debug, Clone, Default)]
pub struct SessionStatus {
    /// Whether runs are recorded.
    pub is_recording: bool,
    /// Whether the user paused recording.
    pub is_paused: bool,
    /// Why runs are not recorded, or what could not be recorded last.
    pub warnings: Vec<String>,
    /// Whether all saved data would survive a power failure.
    pub is_synced: bool,
    /// Why some runs are not saved: saved data is gone, or the last run could not be recorded.
    pub unsaved: Option<String>,
    /// Whether the session is not saved at all, because its store is read-only.
    pub is_temporary: bool,
    /// Roots whose live objects are set aside.
    pub parked: Vec<Vec<Root>>,
    /// Names and patterns that are never recorded.
    pub excluded: Vec<String>,
}

/// A history as a command sees it.
pub struct HistoryView<'a> {
    /// The folder of the store.
    pub store: &'a Path,
    /// Reads manifests and texts.
    pub records: &'a dyn RecordReader,
    /// The history's id.
    pub id: HistoryId,
    /// Its logs, if they were read for this command. A live session has only read the logs of others, and has its own in another form.
    pub loaded: Option<&'a LoadedHistory>,
    /// Its name and its notebook's location.
    pub description: &'a HistoryDescription,
    /// Its runs.
    pub history: &'a History,
    /// The session that `@` belongs to: the live one, else the one with the latest operation.
    pub session: Option<SessionId>,
    /// The run that `@` refers to.
    pub at: Option<RunId>,
    /// The current branch.
    pub branch: Option<String>,
    /// Missing or corrupted data.
    pub damage: &'a [Damage],
    /// Data that was seen before and is gone, if that was checked.
    pub setbacks: &'a [LogRollback],
    /// Cells that started without a recorded run, if requested.
    pub in_flight: &'a [InFlight],
    /// The live session's status, inside a kernel.
    pub live: Option<&'a SessionStatus>,
    /// The display name of the history, once requested.
    pub called: OnceCell<String>,
}

impl HistoryView<'_> {
    /// Returns the display name: the history's name, else its notebook's file name, else its id.
    pub fn name(&self) -> String {
        // A moved notebook is searched for.
        let name = || present_name(self.id, self.description);
        self.called.get_or_init(name).clone()
    }

    /// Resolves a revision.
    pub fn resolve(&self, revision: &str, context: &Context) -> Result<RunId, Problem> {
        self.history
            .resolve(revision, self.at, context.now)
            .map_err(|error| revision_problem(&error, context))
    }

    /// Resolves a revision to a run whose whole state is known.
    pub fn resolve_whole(&self, revision: &str, context: &Context) -> Result<RunId, Problem> {
        let run = self.resolve(revision, context)?;
        match self.history.missing_ancestor(run) {
            Some(missing) => Err(self.known_in_part(run, missing, context)),
            None => Ok(run),
        }
    }

    /// The error for a run whose state is only partly known.
    pub fn known_in_part(&self, run: RunId, missing: RunId, context: &Context) -> Problem {
        let run = self.history.label(&run);
        let error = SessionError::Unreachable {
            run: run.clone(),
            missing: self.history.label(&missing),
            names: Vec::new(),
        };
        let (vars, verify) = (context.command(&format!("vars {run}")), context.command("verify"));
        Problem::of(Exit::Damaged, error.to_string()).with_hint(format!(
            "{vars} lists the known variables; {verify} lists what is missing or corrupted"
        ))
    }

    /// Returns the last run on the branch of `run` whose record is missing: its effects and all earlier runs are unknown.
    pub fn missing_in_line(&self, run: RunId) -> Option<String> {
        let missing = self.history.missing_in_line(run)?;
        Some(self.history.label(&missing))
    }

    /// Returns the source of a run's cell, if it was recorded.
    pub fn source(&self, run: &Run) -> Option<String> {
        self.records.text(&run.source?).ok()
    }

    /// Returns the data flow between its runs.
    pub fn flow(&self) -> Flow<'_> {
        Flow::new(self.history, &self.records)
    }

    /// Resolves a root by its display form (`df`, `Out[3]`), if it exists after the run.
    pub fn root(&self, called: &str, run: RunId, context: &Context) -> Result<Root, Problem> {
        let root = root_called(called);
        if self.history.state(run).version(&root).is_some() {
            return Ok(root);
        }
        if let Some(missing) = self.history.missing_ancestor(run) {
            return Err(self.known_in_part(run, missing, context));
        }
        let label = self.history.label(&run);
        let vars = context.command(&format!("vars {label}"));
        let (was_once, alike) = (self.ever_was(called), self.alike(called));
        let called = crate::text::clean(called);
        Err(
            Problem::usage(format!("Run {label} has no `{called}`")).with_hint(match alike.as_slice() {
                _ if was_once => {
                    let log = context.command(&format!("log --all -v {}", typed(&called)));
                    format!("{log} shows the runs that have it")
                }
                [] => format!("{vars} lists its variables"),
                alike => format!("did you mean {}? {vars} lists its variables", either(alike)),
            }),
        )
    }

    /// The error for a root that no run left.
    pub fn never_was(&self, called: &str, context: &Context) -> Problem {
        let vars = context.command("vars");
        let (called, alike) = (crate::text::clean(called), self.alike(called));
        let problem = Problem::usage(format!("No run of {} has a variable `{called}`", self.name()));
        problem.with_hint(match alike.as_slice() {
            [] => format!("{vars} lists the variables{}", context.not_recorded_yet()),
            alike => format!("did you mean {}? {vars} lists the variables", either(alike)),
        })
    }

    /// Whether a run ever left a root with this display form.
    pub fn ever_was(&self, called: &str) -> bool {
        self.named().any(|root| root.to_string() == called)
    }

    /// Returns similar variable names, in backticks.
    fn alike(&self, called: &str) -> Vec<String> {
        let names: BTreeSet<String> = self.named().map(ToString::to_string).collect();
        let may_be_meant = |name: &&String| is_one_slip(name, called) || name.eq_ignore_ascii_case(called);
        let alike = names.iter().filter(may_be_meant).take(3);
        alike.map(|name| format!("`{}`", crate::text::clean(name))).collect()
    }

    /// Returns every root that a run created or changed.
    fn named(&self) -> impl Iterator<Item = &Root> {
        let versions = self
            .history
            .runs()
            .flat_map(|(_, run)| run.changed.iter().chain(run.full.iter().flatten()));
        versions.flat_map(|version| &version.roots)
    }

    /// Returns the number of steps that the session can undo and redo.
    pub fn depth(&self) -> (u64, u64) {
        let Some(session) = self.session else { return (0, 0) };
        UndoStack::follow(self.history, session).depth()
    }
}

/// Parses a root's display form: `df`, `Out[3]`.
pub(crate) fn root_called(called: &str) -> Root {
    let number = called.strip_prefix("Out[").and_then(|rest| rest.strip_suffix(']'));
    number.map_or_else(|| Root::name(called), |number| Root::new(RootKind::Out, number))
}

/// Returns the display name of a history: its name, else its notebook's file name, else the front end's notebook id, else its own id.
pub fn history_name(id: HistoryId, description: &HistoryDescription) -> String {
    let file = description.path.as_deref().and_then(|path| Path::new(path).file_name());
    match (description.name.as_str(), file) {
        ("", Some(file)) => file.to_string_lossy().into_owned(),
        ("", None) => description.notebook.clone().unwrap_or_else(|| id.short()),
        (name, _) => name.to_owned(),
    }
}

/// Returns the current display name, taking into account that the notebook was renamed after it was described: a live kernel learns of that
/// only at its restart.
pub fn present_name(id: HistoryId, description: &HistoryDescription) -> String {
    history_name(id, &where_it_lies(description))
}

/// Returns the description with the current path of the notebook's file.
pub fn where_it_lies(description: &HistoryDescription) -> Cow<'_, HistoryDescription> {
    let Some(path) = moved_to(description) else {
        return Cow::Borrowed(description);
    };
    Cow::Owned(HistoryDescription {
        path: Some(path.display().to_string()),
        ..description.clone()
    })
}

/// The error for an invalid revision, with suggestions.
pub fn revision_problem(error: &RevisionError, context: &Context) -> Problem {
    let problem = Problem::usage(error.to_string());
    match error {
        RevisionError::Unknown { text, .. } if text.trim_matches('.').contains("..") => {
            let runs: Vec<String> = text.split("..").map(|run| typed(run.trim_matches('.'))).collect();
            let diff = context.command(&format!("diff {}", runs.join(" ")));
            problem.with_hint(format!("{diff} compares two runs; {} lists them", see_log(context)))
        }
        RevisionError::Unknown { candidates, .. } if !candidates.is_empty() => problem.with_hint(format!(
            "did you mean {}? {} lists the runs",
            either(candidates),
            see_log(context)
        )),
        RevisionError::Unknown { .. } => problem.with_hint(format!(
            "type the number of a run, a branch, a tag, `@-2` (two runs back) or \"2h ago\"; {} lists the runs",
            see_log(context)
        )),
        RevisionError::UnknownTime { .. } => {
            problem.with_hint("type a number and s, min, h, d or w, such as \"10min ago\" or \"2h ago\"")
        }
        RevisionError::Ambiguous { .. } => problem.with_hint("type more digits of the id"),
        RevisionError::UnknownOperation { .. } => {
            problem.with_hint(format!("{} lists the operations", context.command("op log")))
        }
        _ => problem.with_hint(format!("{} lists the runs", see_log(context))),
    }
}

fn see_log(context: &Context) -> String {
    context.command("log --all")
}

/// Converts an error of a store.
pub fn store_problem(error: &StoreError) -> Problem {
    let exit = match error {
        StoreError::Missing { .. } | StoreError::Damaged { .. } => Exit::Damaged,
        StoreError::NoStore { .. } | StoreError::NoHistory(_) => Exit::Usage,
        StoreError::Bundle {
            why: BundleFault::None, ..
        } => Exit::Usage,
        _ => Exit::Refused,
    };
    let problem = Problem::of(exit, error.to_string());
    match (error, error.hint()) {
        (StoreError::NoStore { path }, _) if is_notebook(path) => {
            problem.with_hint("`--history FILE` names a notebook, `--store DIR` the folder of a store")
        }
        (StoreError::NoStore { .. }, _) => problem
            .with_hint("`%load_ext clew` in a notebook starts recording; `clew list --store DIR` looks elsewhere"),
        // The engine's hint is about automatic recording, but this was a typed command.
        _ if error.is_full() => problem.with_hint("free some space there, and repeat the command"),
        (_, Some(hint)) => problem.with_hint(hint),
        _ => problem,
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store_problem(&error)
    }
}

/// A history read from disk.
pub struct StoredHistory {
    /// The store that contains it.
    pub store: Store,
    /// Its id.
    pub id: HistoryId,
    /// The content of its logs.
    pub loaded: LoadedHistory,
    /// How it was chosen, if none was named.
    pub(crate) chosen: Option<HistoryChoice>,
    description: HistoryDescription,
    history: History,
    setbacks: Vec<LogRollback>,
    now: Timestamp,
}

impl StoredHistory {
    /// Returns the folder of the notebook.
    pub fn notebook_folder(&self) -> Option<PathBuf> {
        self.description.folder().map(Path::to_owned)
    }

    /// Opens a store for reading, and selects one of its histories like [`Self::near`].
    pub fn open(directory: &Path, history: Option<&str>, context: &Context) -> Result<Self, Problem> {
        Self::near(open_store(directory, context)?, history, context)
    }

    /// Selects a history in an open store: the named one, else that of a notebook in the current folder, else of one below it, else any.
    /// Among several, selects the only one with a live kernel, else the most recently used one.
    pub(crate) fn near(store: Store, history: Option<&str>, context: &Context) -> Result<Self, Problem> {
        if history.is_some() {
            return Self::of(store, history, context.now);
        }
        let chosen = HistoryChoice::of(&store, context)?;
        let loaded = store.load(chosen.id)?;
        let mut opened = Self::loaded(store, chosen.id, loaded, context.now);
        opened.chosen = Some(chosen);
        Ok(opened)
    }

    /// Returns the context for reading it: if it was chosen among several, suggested commands name it explicitly.
    pub(crate) fn context(&self, context: &Context) -> Context {
        match &self.chosen {
            Some(chosen) if chosen.among.len() > 1 => Context {
                typed: context.typed.in_history(name_of(self.id, &chosen.all)),
                ..context.clone()
            },
            _ => context.clone(),
        }
    }

    /// Refuses to change a history that was chosen among several notebooks.
    pub(crate) fn only(self, context: &Context) -> Result<Self, Problem> {
        match &self.chosen {
            Some(chosen) if chosen.among.len() > 1 => {
                let names = chosen.names(&chosen.among);
                let listed = crate::text::listing(&names, 8);
                let problem = if chosen.is_here {
                    format!("Several notebooks are recorded here: {listed}")
                } else {
                    format!("No notebook in this folder is recorded. Notebooks elsewhere: {listed}")
                };
                Err(Problem::usage(problem).with_hint(one_of(&format!("--history {}", names[0]), context)))
            }
            _ => Ok(self),
        }
    }

    /// Opens a history like [`Self::open`], and compares it with its last seen end.
    pub fn compared(directory: &Path, history: Option<&str>, context: &Context) -> Result<Self, Problem> {
        let noted = rollback_check::last_seen(directory, context).read();
        let mut opened = Self::open(directory, history, context)?;
        opened.setbacks = rollback_check::compare(&noted, &opened.store, opened.id, &opened.loaded, context);
        Ok(opened)
    }

    /// Selects a history in an open store: the named one, else the most recently used one.
    pub fn of(store: Store, history: Option<&str>, now: Timestamp) -> Result<Self, Problem> {
        let (id, loaded) = if let Some(wanted) = history {
            named(&store, wanted)?
        } else {
            let all = store.histories()?;
            newest(&store, &all)?
        };
        Ok(Self::loaded(store, id, loaded, now))
    }

    fn loaded(store: Store, id: HistoryId, loaded: LoadedHistory, now: Timestamp) -> Self {
        let history = History::of(&loaded);
        history.tell(&store);
        Self {
            description: loaded.description(),
            store,
            id,
            loaded,
            chosen: None,
            history,
            setbacks: Vec::new(),
            now,
        }
    }

    /// Returns cells that started without a recorded run.
    pub(crate) fn in_flight(&self, context: &Context) -> Vec<InFlight> {
        in_flight::in_flight(&self.store, self.id, &self.history, None, context)
    }

    /// Returns the history as commands see it.
    pub fn place(&self) -> HistoryView<'_> {
        let last = self.history.latest_operation(None, self.now);
        let at = last.and_then(|operation| operation.view.at.clone());
        HistoryView {
            store: self.store.directory(),
            records: &self.store,
            id: self.id,
            loaded: Some(&self.loaded),
            description: &self.description,
            history: &self.history,
            session: last.map(|operation| operation.session),
            branch: at
                .as_ref()
                .and_then(|position| position.branch.as_deref().map(str::to_owned)),
            at: at.map(|position| position.run),
            damage: &self.loaded.damage,
            setbacks: &self.setbacks,
            in_flight: &[],
            live: None,
            called: OnceCell::new(),
        }
    }
}

/// Opens a store for reading, checking signatures against the user's keys if there are any. Reads all logs.
pub fn open_store(directory: &Path, context: &Context) -> Result<Store, Problem> {
    let opened = open(directory, context).map_err(|error| not_opened(&error, directory, context))?;
    Ok(opened.0)
}

/// The error for a store that cannot be opened. Distinguishes a store that is gone from one that never existed.
fn not_opened(error: &StoreError, directory: &Path, context: &Context) -> Problem {
    let mut problem = store_problem(error);
    let seen = || {
        rollback_check::last_seen(directory, context)
            .read()
            .is_ok_and(|noted| !noted.is_empty())
    };
    if matches!(error, StoreError::NoStore { .. }) && seen() {
        problem.message += " any more";
        let doctor = context.command("doctor");
        return problem.with_hint(format!(
            "{doctor} prints the histories that it contained when you last used it, and how to continue"
        ));
    }
    problem
}

/// Opens a store like [`open_store`], with the user's index over its logs.
pub fn open_indexed(directory: &Path, context: &Context) -> Result<Store, Problem> {
    indexed(directory, context).map_err(|error| not_opened(&error, directory, context))
}

/// Opens a store like [`open_indexed`]; `None` if it does not exist yet.
///
/// # Errors
/// The store exists and cannot be read.
pub fn open_if_any(directory: &Path, context: &Context) -> Result<Option<Store>, Problem> {
    match indexed(directory, context) {
        Err(StoreError::NoStore { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

fn indexed(directory: &Path, context: &Context) -> Result<Store, StoreError> {
    let (store, key) = open(directory, context)?;
    Ok(match key {
        Some(key) => store.with_index(LogIndex::new(&context.cache, directory, &key)),
        None => store,
    })
}

fn open(directory: &Path, context: &Context) -> Result<(Store, Option<SigningKey>), StoreError> {
    open_as(Access::ReadOnly, directory, context)
}

/// Opens a store, checking signatures against the user's keys if there are any; returns also the user's key.
pub(crate) fn open_as(
    access: Access,
    directory: &Path,
    context: &Context,
) -> Result<(Store, Option<SigningKey>), StoreError> {
    let store = Store::open_with(Arc::new(RealDisk), directory, access, &context.keys())?;
    Ok(match key_and_trust(context) {
        Some((key, trust)) => (store.with_trust(trust), Some(key)),
        None => (store, None),
    })
}

/// Returns the user's key, and the trusted keys. With an unreadable key all data counts as untrusted: reading still works, and `doctor`
/// reports why.
pub(crate) fn key_and_trust(context: &Context) -> Option<(SigningKey, Trust)> {
    let key = SigningKey::load(&RealDisk, &context.config).ok().flatten()?;
    let (trust, _) = Trust::load_or_own(&RealDisk, &context.config, key.public());
    Some((key, trust))
}

/// Returns all histories of a store, the most recently used first.
pub fn by_recency(store: &Store) -> Result<Vec<(HistoryId, LoadedHistory)>, Problem> {
    let mut found = Vec::new();
    for (id, _) in store.histories()? {
        match store.load(id) {
            Ok(loaded) => found.push((id, loaded)),
            // Deleted in the meantime, or not a folder.
            Err(StoreError::NoHistory(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort_by_key(|(id, loaded)| (Reverse(last_time(loaded)), *id));
    Ok(found)
}

/// Returns the time of the last operation in a history.
pub fn last_time(loaded: &LoadedHistory) -> Timestamp {
    let operations = loaded.sessions.values().filter_map(|session| session.operations.last());
    operations
        .map(|loaded| loaded.operation.time)
        .max()
        .unwrap_or(loaded.description().time)
}

/// Formats the hint for several candidates, of which this option names the first.
pub(crate) fn one_of(option: &str, context: &Context) -> String {
    format!("{}, or the same command with another of them", context.again(option))
}

/// The history that was chosen because none was named, and the candidates.
#[derive(Debug)]
pub(crate) struct HistoryChoice {
    id: HistoryId,
    /// Histories of notebooks in this folder, or below it; all if there are none.
    among: Vec<HistoryId>,
    /// Whether there are notebooks in or below this folder.
    is_here: bool,
    /// Whether it is the only candidate that a kernel records in; else it is the most recently used one.
    is_live: bool,
    all: Vec<(HistoryId, HistoryDescription)>,
}

impl HistoryChoice {
    fn of(store: &Store, context: &Context) -> Result<Self, Problem> {
        let all = store.histories()?;
        let folder = context.near.as_deref();
        // After a folder was renamed, the recorded paths of its notebooks differ.
        let files = folder.map(notebooks_in).unwrap_or_default();
        let is_in = |description: &HistoryDescription| {
            let parent = description.folder();
            let is_recorded = parent.is_some_and(|parent| folder.is_some_and(|folder| is_same(parent, folder)));
            is_recorded || description.file.as_ref().is_some_and(|file| files.contains(file))
        };
        let is_below = |description: &HistoryDescription| {
            let path = description.path.as_deref().map(Path::new);
            path.is_some_and(|path| folder.is_some_and(|folder| path.starts_with(folder)))
        };
        let of_notebooks = |is_meant: &dyn Fn(&HistoryDescription) -> bool| -> Vec<(HistoryId, HistoryDescription)> {
            let own = all.iter().filter(|(_, description)| is_meant(description));
            // A notebook may record in another history.
            let is_there = |wanted: &HistoryId| all.iter().any(|(id, _)| id == wanted);
            let ids = own.map(|(id, description)| description.joined.filter(is_there).unwrap_or(*id));
            let ids: BTreeSet<HistoryId> = ids.collect();
            all.iter().filter(|(id, _)| ids.contains(id)).cloned().collect()
        };
        let ways = [of_notebooks(&is_in), of_notebooks(&is_below)];
        let here = ways.into_iter().find(|found| !found.is_empty());
        let is_here = here.is_some();
        let among = here.unwrap_or_else(|| all.clone());
        let live = presence::live_histories(store.directory());
        let live: Vec<_> = among.iter().filter(|(id, _)| live.contains(&id.to_string())).collect();
        let (id, is_live) = match *live {
            [(only, _)] => (*only, among.len() > 1),
            _ => (newest(store, &among)?.0, false),
        };
        Ok(Self {
            id,
            among: among.into_iter().map(|(id, _)| id).collect(),
            is_here,
            is_live,
            all,
        })
    }

    /// Returns the other candidates.
    pub(crate) fn others(&self) -> Vec<HistoryId> {
        self.among.iter().copied().filter(|id| *id != self.id).collect()
    }

    /// Returns what to type for each of these.
    pub(crate) fn names(&self, ids: &[HistoryId]) -> Vec<String> {
        ids.iter().map(|id| typed_name(*id, &self.all)).collect()
    }

    /// Formats which notebook an answer is about if that is ambiguous, and how to select another.
    pub(crate) fn told(&self, context: &Context) -> Option<String> {
        let others = self.names(&self.others());
        let first = others.first()?;
        let name = &self.names(&[self.id])[0];
        let why = if self.is_live {
            "with a live kernel"
        } else {
            "used last"
        };
        Some(if self.is_here {
            let others = crate::text::listing(&others, 8);
            let choose = context.again(&format!("--history {first}"));
            format!("{name}, the notebook {why} here. Others: {others}; {choose} chooses one.\n")
        } else {
            let list = context.command("list");
            format!("{name}, the notebook {why}. This folder has none; {list} lists all notebooks.\n")
        })
    }
}

/// Returns the most recently used of these histories. Loads only those whose logs end late enough.
fn newest(store: &Store, among: &[(HistoryId, HistoryDescription)]) -> Result<(HistoryId, LoadedHistory), Problem> {
    let mut likely = Vec::new();
    for (id, description) in among {
        let (id, description) = (*id, description);
        let last = match store.last_moment(id) {
            Err(StoreError::NoHistory(_)) => continue,
            last => last?,
        };
        likely.push((Reverse(last.unwrap_or(description.time)), id));
    }
    likely.sort();
    let mut best: Option<((Reverse<Timestamp>, HistoryId), LoadedHistory)> = None;
    for place in likely {
        if best.as_ref().is_some_and(|(best, _)| *best < place) {
            break;
        }
        let loaded = store.load(place.1)?;
        let found = (Reverse(last_time(&loaded)), place.1);
        if best.as_ref().is_none_or(|(best, _)| found < *best) {
            best = Some((found, loaded));
        }
    }
    best.map(|((_, id), loaded)| (id, loaded)).ok_or_else(|| {
        Problem::usage(format!(
            "The store in {} has no history yet",
            store.directory().display()
        ))
        .with_hint("`%load_ext clew` in a notebook starts recording")
    })
}

fn named(store: &Store, wanted: &str) -> Result<(HistoryId, LoadedHistory), Problem> {
    let all = store.histories()?;
    match called(&all, wanted)? {
        Some(id) => {
            // If the notebook records in another history, that one is used; its own can be named by its id.
            let is_by_id = id.to_string().starts_with(wanted);
            let id = if is_by_id { id } else { joined(&all, id) };
            Ok((id, store.load(id)?))
        }
        None => Err(match copied_from(wanted, &all) {
            Some(hint) => no_history(wanted, &[], &hint),
            None => no_history(wanted, &all, "`clew list` lists all histories"),
        }),
    }
}

/// The error for an unknown history, with similar names, and `next` to type.
pub(crate) fn no_history(wanted: &str, all: &[(HistoryId, HistoryDescription)], next: &str) -> Problem {
    let near = |name: &String| is_one_slip(name, wanted) || name.eq_ignore_ascii_case(wanted);
    let may_be_meant = |(id, description): &&(HistoryId, HistoryDescription)| {
        let path = description.path.as_deref().map(Path::new);
        let file = [path.and_then(Path::file_name), path.and_then(Path::file_stem)];
        let file = file
            .into_iter()
            .flatten()
            .map(|name| name.to_string_lossy().into_owned());
        file.chain([history_name(*id, description)]).any(|name| near(&name))
    };
    let alike = all.iter().filter(may_be_meant).take(3);
    let alike: Vec<String> = alike.map(|(id, _)| format!("`{}`", typed_name(*id, all))).collect();
    let problem = Problem::usage(format!("There is no history `{}`", crate::text::clean(wanted)));
    problem.with_hint(match alike.as_slice() {
        [] => next.to_owned(),
        alike => format!("did you mean {}? {next}", either(alike)),
    })
}

/// Decides whether a history matches a name.
type NameMatch<'w> = &'w dyn Fn(&HistoryId, &HistoryDescription) -> bool;

/// Returns the history with this name: tries the notebook's path, the history's name, the notebook's file name, and a prefix of the id. The
/// first of these ways with a match is used.
///
/// # Errors
/// Several histories match.
pub fn called(all: &[(HistoryId, HistoryDescription)], wanted: &str) -> Result<Option<HistoryId>, Problem> {
    let full = std::fs::canonicalize(wanted).ok();
    // Also for a file that is gone.
    let typed = std::path::absolute(wanted).ok();
    let is_at = |path: &Path| {
        let is_typed = typed.as_deref() == Some(path);
        is_typed || full.as_deref().is_some_and(|full| is_same(path, full))
    };
    let is_file = |path: &Path| {
        let names = [path.file_name(), path.file_stem()];
        names.into_iter().flatten().any(|name| name == wanted)
    };
    let path = |description: &HistoryDescription| description.path.clone().map(PathBuf::from);
    let file = full.as_deref().and_then(file_id);
    let ways: [NameMatch<'_>; 4] = [
        // Also after a rename that its history does not know yet.
        &|_, description| description.file.is_some() && description.file == file,
        &|_, description| path(description).is_some_and(|path| is_at(&path)),
        &|id, description| {
            history_name(*id, description) == wanted || path(description).is_some_and(|path| is_file(&path))
        },
        &|id, _| wanted.len() >= 4 && id.to_string().starts_with(wanted),
    ];
    for is_called in ways {
        let found = all.iter().filter(|(id, description)| is_called(id, description));
        let found: Vec<_> = found.collect();
        match found.as_slice() {
            [] => {}
            [(id, _)] => return Ok(Some(*id)),
            several => return Err(several_called(wanted, several)),
        }
    }
    Ok(None)
}

/// Whether two paths denote the same file. `full` is canonical.
fn is_same(path: &Path, full: &Path) -> bool {
    path == full || (path.file_name() == full.file_name() && std::fs::canonicalize(path).is_ok_and(|path| path == full))
}

fn several_called(wanted: &str, several: &[&(HistoryId, HistoryDescription)]) -> Problem {
    let told = several.iter().map(|(id, description)| {
        let path = description.path.as_deref();
        let path = path.map(|path| format!(" ({})", crate::text::clean(path)));
        format!("{}{}", id.short(), path.unwrap_or_default())
    });
    let told: Vec<String> = told.collect();
    let wanted = crate::text::clean(wanted);
    Problem::usage(format!("`{wanted}` matches {}", either(&told))).with_hint("type its id")
}

/// Returns what to type for a history, quoted.
pub(crate) fn typed_name(id: HistoryId, all: &[(HistoryId, HistoryDescription)]) -> String {
    typed(&name_of(id, all))
}

/// Returns a history's name or its notebook's file name, else its path, else its id; the first that is unambiguous.
fn name_of(id: HistoryId, all: &[(HistoryId, HistoryDescription)]) -> String {
    let found = all.iter().find(|(other, _)| *other == id);
    let names = found.map(|(id, description)| [Some(history_name(*id, description)), description.path.clone()]);
    let mut names = names.into_iter().flatten().flatten();
    let is_meant = |name: &String| matches!(called(all, name), Ok(Some(found)) if found == id);
    names.find(is_meant).unwrap_or_else(|| id.short())
}

/// Returns what to type if `wanted` is a notebook without recorded runs, and another one with the same file name has a history: it may be a
/// copy whose cells were all restored from that history.
fn copied_from(wanted: &str, all: &[(HistoryId, HistoryDescription)]) -> Option<String> {
    let name = Path::new(wanted).file_name().filter(|_| Path::new(wanted).is_file())?;
    let is_called_so = |description: &HistoryDescription| {
        let path = description.path.as_deref();
        path.is_some_and(|path| Path::new(path).file_name() == Some(name))
    };
    let called = all.iter().filter(|(_, description)| is_called_so(description));
    let (id, description) = called.max_by_key(|(_, description)| description.time)?;
    let path = crate::text::clean(description.path.as_deref().unwrap_or_default());
    Some(format!(
        "`clew log --history {}` if it is a copy of {path}: no cell was executed in it yet",
        id.short()
    ))
}

//! The state that the thread inside the engine uses: the live objects, and the session in its history.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use clew_cli::sandbox_process::{ProcessLimits, SandboxConfig};
use clew_cli::{
    Arguments, Context, HistoryView, LocalInputs, MessageData, Output, PathMaps, Question, ResumeReport,
    SessionRequest, SessionStatus, Subcommand,
};
use clew_core::format::KernelDescription;
use clew_core::graph::Halt;
use clew_core::history::Notebook;
use clew_core::id::{Root, RootKind};
use clew_core::kernel::TouchedRoots;
use clew_core::plan::Report;
use clew_core::session::{RecordingReport, Request, RestoreOptions, Session, SessionError};
use clew_core::store::StoreError;
use pyo3::prelude::*;

use super::EngineMessage;
use super::ends::PendingEnds;
use super::open_history::OpenHistory;
use super::question::TypedQuestion;
use crate::cause::{PythonCause, runtime};
use crate::kernel::{KernelState, PythonKernel, tell_notebook_folder};
use crate::prover::{self, Prover};
use crate::raw::{self, GilCell, PythonHeap, Reserve, load_parts};
use crate::sandbox_rerun::Processes;

/// The state of an engine.
pub(crate) struct Inner {
    pub(super) heap: GilCell<PythonHeap>,
    pub(super) state: KernelState,
    pub(super) context: Context,
    pub(super) open: Option<OpenHistory>,
    /// The notebook whose history is open.
    notebook: Notebook,
    /// The reason why the last run could not be recorded.
    pub(super) unrecorded: Option<String>,
    /// The reason why nothing is recorded, if starting failed.
    pub(super) refusal: Option<String>,
    pub(super) last_warnings: Vec<String>,
    /// Findings outside runs: of looks between them, and of proofs.
    pub(super) untold: Vec<String>,
    /// The number of memory pages known as lost at the last look at all roots.
    pub(super) lost_pages: u64,
    /// Jupyter's connection file, if there is a kernel.
    pub(super) connection: Option<String>,
    /// Whether the user paused recording.
    pub(super) is_paused: bool,
    prover: Prover,
    /// Names that were reported as not restorable.
    said_unproved: BTreeSet<Root>,
}

impl Inner {
    /// Creates the state for the objects of a namespace; no history is open yet.
    pub(super) fn new(heap: GilCell<PythonHeap>, state: KernelState, context: Context) -> Self {
        Self {
            heap,
            state,
            context,
            open: None,
            notebook: Notebook::default(),
            unrecorded: None,
            refusal: None,
            last_warnings: Vec::new(),
            untold: Vec::new(),
            lost_pages: 0,
            connection: None,
            is_paused: false,
            prover: Prover::default(),
            said_unproved: BTreeSet::new(),
        }
    }

    /// Returns the session, if one is open.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        self.open.as_mut().map(|open| &mut open.session)
    }

    /// Returns the open history.
    pub(super) fn opened(&self) -> PyResult<&OpenHistory> {
        self.open.as_ref().ok_or_else(nothing_open)
    }

    fn opened_mut(&mut self) -> PyResult<&mut OpenHistory> {
        self.open.as_mut().ok_or_else(nothing_open)
    }

    /// Applies `work` to the session and the live objects.
    pub fn with_session<R>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut Session, &mut PythonKernel<'_, '_>) -> R,
    ) -> PyResult<R> {
        let check = self.context.settings.load_check();
        let budget = self.context.settings.budget("store.budget");
        let watches = self.context.settings.flag("watch.pages");
        let has_lost = self.has_lost();
        self.lost_pages = raw::lost_pages();
        raw::stay_first();
        let Self { heap, state, open, .. } = self;
        let open = open.as_mut().ok_or_else(nothing_open)?;
        if has_lost {
            // Only a look at all roots shows which objects the memory belongs to.
            open.session.suspect(&TouchedRoots::All);
        }
        open.session.set_check(check);
        open.session.set_budget(budget);
        let used = heap.with(py, |heap| {
            heap.watches = watches;
            heap.halt_when(Some(Halt::when(Reserve::is_spent)));
            work(&mut open.session, &mut PythonKernel::new(py, heap, state))
        });
        used.map_err(runtime)
    }

    /// Returns whether memory was lost since the session was last used.
    pub fn has_lost(&self) -> bool {
        self.lost_pages != raw::lost_pages()
    }

    /// Records lost memory before anything else is done, so that it is reported to the user.
    pub fn look_for_lost(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.open.is_none() || self.is_paused || !self.has_lost() {
            return Ok(());
        }
        let looked = self.with_session(py, |session, kernel| session.look_outside(kernel))?;
        self.tell_later(looked.map_err(runtime)?);
        Ok(())
    }

    /// Keeps the findings of a look for the next call of `untold`.
    pub fn tell_later(&mut self, recorded: Option<RecordingReport>) {
        self.untold
            .extend(recorded.into_iter().flat_map(|recorded| recorded.warnings));
    }

    /// Starts a session in the notebook's history. A session without a starting state is closed again, since nothing
    /// can be restored in it.
    pub fn begin(
        &mut self,
        py: Python<'_>,
        notebook: &Notebook,
        kernel: KernelDescription,
        must_encrypt: bool,
    ) -> PyResult<(RecordingReport, &'static str)> {
        load_parts(py).map_err(|error| {
            let missing = error.value(py).to_string();
            runtime(PythonCause::Incomplete { missing })
        })?;
        // If a folder was moved while its kernel ran, the notebook has the old path.
        let folder = notebook.path.as_deref().and_then(|path| Path::new(path).parent());
        if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
            self.context = self.context.near(folder);
            self.configure();
        }
        let path = notebook.path.as_deref().map(Path::new);
        let connection = self.connection.as_deref().filter(|_| self.open.is_none());
        let notebook = &Notebook {
            file: path.and_then(clew_cli::file_id),
            restarted: connection
                .and_then(|connection| clew_cli::restarted(&self.context.store, connection, notebook.path.as_deref())),
            ..notebook.clone()
        };
        let (open, belongs) =
            OpenHistory::new(&self.context, notebook, kernel, must_encrypt).map_err(|error| match &error {
                // Only the right key helps, and this message explains where it belongs.
                StoreError::StoreKey { why, .. } => runtime(format!("{error}: {}", self.context.told(&why.hint()))),
                _ => runtime(error),
            })?;
        if let Some(before) = &mut self.open {
            before.unnote();
        }
        if let Some(python) = &mut self.context.python {
            python.candidates.clone_from(&open.candidates);
        }
        // The folder that the history has: readers of the store know no other.
        tell_notebook_folder(py, open.description.folder())?;
        self.open = Some(open);
        self.notebook = notebook.clone();
        let started = self.with_session(py, |session, kernel| session.start(kernel))?;
        if started.is_err() {
            self.open = None;
        }
        if let Some(open) = &mut self.open {
            open.announce(self.connection.clone());
            open.note_kernel(self.connection.as_deref(), notebook.path.as_deref());
        }
        Ok((started.map_err(runtime)?, belongs))
    }

    /// Starts another session if another program removed the files of this one, in the store that the settings name:
    /// it records all live objects as its start. Data that only the lost files contained stays lost, which is
    /// reported.
    ///
    /// # Errors
    /// Nothing can be recorded there. The old session stays, and reports that it is not saved.
    pub fn start_over_after_loss(&mut self, py: Python<'_>) -> PyResult<()> {
        let why = self
            .session()
            .and_then(|session| session.find_loss().map(str::to_owned));
        let Some(why) = why else { return Ok(()) };
        let Some(mut before) = self.open.take() else {
            return Ok(());
        };
        before.unnote();
        let moved = before.session.moved_to();
        if let Some(project) = moved.as_deref().and_then(Path::parent) {
            self.context = self.context.near(project);
        }
        let kernel = before.description.kernel.clone();
        let begun = self.begin(py, &self.notebook.clone(), kernel, before.is_encrypted());
        match begun {
            Ok((recorded, _)) => {
                let run = recorded.label;
                let store = self.context.store.display().to_string();
                let is_followed = moved.is_some_and(|moved| moved == self.context.store);
                let said = if is_followed {
                    EngineMessage::Followed { store, run }
                } else {
                    EngineMessage::StartedOver { why, run, store }
                };
                self.untold.push(said.to_string());
                self.untold.extend(recorded.warnings);
                self.tell_ends()
            }
            Err(error) => {
                self.open = Some(before);
                Err(error)
            }
        }
    }

    /// Applies the settings.
    fn configure(&mut self) {
        self.state.configured = self.context.settings.excluded().to_vec();
        self.state.unsettle();
    }

    /// Completes a line.
    pub fn complete<'a>(&self, line: &'a str) -> (&'a str, Vec<String>) {
        let live = self.live();
        let place = self.open.as_ref().map(|open| open.place(&live));
        clew_cli::complete_line(line, place.as_ref(), &self.context)
    }

    /// Runs one command line.
    pub fn answer(&mut self, py: Python<'_>, words: &[String], busy: bool) -> PyResult<Output> {
        self.context.look_at_clocks();
        let mut arguments = match clew_cli::parse(words, &self.context) {
            Ok(arguments) => arguments,
            Err(output) => return Ok(output),
        };
        if arguments.command.is_written_down() && self.open.is_some() {
            let known = Vec::from_iter(self.texts_kept_out(py)?);
            if let Some(refused) = clew_cli::leave_out_secrets(&mut arguments, &known, &self.context) {
                return Ok(refused);
            }
        }
        if let Subcommand::Doctor(doctor) = &arguments.command {
            let accepts = doctor.accept_end && !clew_cli::is_elsewhere(&arguments);
            if let Some(open) = self.open.as_mut().filter(|_| accepts) {
                open.ends.setbacks.clear();
            }
            self.examine(py)?;
        }
        if let Some(refused) = clew_cli::elsewhere(&arguments, &self.context) {
            return Ok(refused);
        }
        let asked = arguments.command.asked();
        let needs_session = asked.is_some() || (arguments.is_status() && !clew_cli::is_elsewhere(&arguments));
        if needs_session && self.open.is_none() {
            let why = self.refusal.as_deref();
            return Ok(clew_cli::not_recorded(why, &arguments, &self.context));
        }
        let is_forgetting = matches!(arguments.command, Subcommand::Forget(_));
        if (asked.is_some() || is_forgetting) && busy {
            return Ok(clew_cli::busy(&arguments, &self.context));
        }
        Ok(match asked {
            None if is_forgetting => {
                let is_elsewhere = clew_cli::is_elsewhere(&arguments);
                let own = self.open.as_mut().filter(|open| !is_elsewhere && open.is_kept());
                let session = own.map(|open| &mut open.session);
                clew_cli::forget(&arguments, session, &self.context)
            }
            None => self.look(&arguments)?,
            Some(SessionRequest::Move(request, options, maps, keep)) => {
                let history = self.open.as_ref().map(|open| open.session.history());
                let wrong = |history| clew_cli::mapped_wrong(&maps, history, &arguments, &self.context);
                if let Some(refused) = history.and_then(wrong) {
                    return Ok(refused);
                }
                if matches!(
                    request,
                    Request::Resume(_) | Request::Switch(_) | Request::Restore { .. }
                ) {
                    self.recall_versions(py)?;
                }
                match self.perform(py, &request, options, &keep, maps)? {
                    Ok(report) => self.report(&report, &arguments),
                    Err(error) => clew_cli::refuse(&error, &arguments, &self.context),
                }
            }
            Some(SessionRequest::Name(request)) => match self.opened_mut()?.session.name(&request) {
                Ok(named) => clew_cli::named(&request, &named, &arguments, &self.context),
                Err(error) => clew_cli::refuse(&error, &arguments, &self.context),
            },
            Some(SessionRequest::Pause) => self.pause(&arguments),
            Some(SessionRequest::ResumeRecording) => self.resume_recording(py, &arguments)?,
            Some(SessionRequest::Exclude(patterns)) => self.exclude(patterns, &arguments),
            Some(SessionRequest::Include(patterns)) => self.include(&patterns, &arguments),
            Some(SessionRequest::History) => {
                self.opened_mut()?.describe_anew();
                self.say_history(|name| EngineMessage::Belongs { name }, &arguments)?
            }
            Some(SessionRequest::Join(wanted)) => self.goes_on(py, &wanted, &arguments)?,
            Some(SessionRequest::Begin(name)) => self.begins_history(py, name, &arguments)?,
        })
    }

    fn say(&self, message: &EngineMessage, data: MessageData, arguments: &Arguments) -> Output {
        clew_cli::say(&message.to_string(), data, arguments, &self.context)
    }

    /// Continues in the history with this name.
    fn goes_on(&mut self, py: Python<'_>, wanted: &str, arguments: &Arguments) -> PyResult<Output> {
        let all = self.opened()?.session.store().histories().map_err(runtime)?;
        match clew_cli::joined(wanted, &all, arguments, &self.context) {
            // It continues there already: starting again would lose the kernel's position.
            Ok(history) if history == self.opened()?.session.history_id() => {
                self.say_history(|name| EngineMessage::Belongs { name }, arguments)
            }
            Ok(history) => {
                let notebook = Notebook {
                    history: Some(history),
                    run: None,
                    ..self.notebook.clone()
                };
                self.take_up(py, notebook, arguments)
            }
            Err(refused) => Ok(refused),
        }
    }

    /// Starts a history with this name.
    fn begins_history(&mut self, py: Python<'_>, name: String, arguments: &Arguments) -> PyResult<Output> {
        let all = self.opened()?.session.store().histories().map_err(runtime)?;
        if all.iter().any(|(_, description)| description.name == name) {
            return Ok(clew_cli::is_taken(&name, arguments, &self.context));
        }
        let notebook = Notebook {
            name: Some(name),
            ..Notebook::default()
        };
        self.take_up(py, notebook, arguments)
    }

    /// Performs a restore, switch or undo.
    pub(super) fn perform(
        &mut self,
        py: Python<'_>,
        request: &Request,
        options: RestoreOptions,
        keep: &BTreeSet<Root>,
        maps: PathMaps,
    ) -> PyResult<Result<Report, SessionError>> {
        self.state.processes = self.processes(py, &maps);
        self.state.inputs = Some(Arc::new(LocalInputs::new(maps)));
        let moved = self.with_session(py, |session, kernel| {
            session.perform_keeping(kernel, request, options, keep)
        });
        (self.state.processes, self.state.inputs) = (None, None);
        moved
    }

    /// Passes the versions that the history recorded to `clew.libraries`, for messages about missing libraries.
    fn recall_versions(&self, py: Python<'_>) -> PyResult<()> {
        let Some(open) = self.open.as_ref() else {
            return Ok(());
        };
        let packages = clew_cli::packages_of(open.session.history());
        let known = py.import("clew.libraries")?.getattr("recorded")?;
        known.call_method0("clear")?;
        known.call_method1("update", (packages,))?;
        Ok(())
    }

    /// Reports the result of a restore; after a switch or resume, with the notes about the history.
    fn report(&self, report: &Report, arguments: &Arguments) -> Output {
        let now = self.context.now;
        let taken_up = self.open.as_ref().map(|open| match report.action.as_str() {
            "resume" => open.taken_up(&report.to, now),
            "switch" => open.switched(&report.to, now),
            _ => ResumeReport::default(),
        });
        clew_cli::report(report, &taken_up.unwrap_or_default(), arguments, &self.context)
    }

    /// Returns the log ends that are to be recorded, if any.
    pub(crate) fn unnoted(&mut self) -> Option<PendingEnds> {
        // A temporary store would be reported as missing later.
        let open = self.open.as_mut().filter(|open| open.is_kept())?;
        open.ends.unnoted(&open.session)
    }

    /// Reports once that they could not be recorded.
    pub(crate) fn not_noted(&mut self, error: &StoreError) {
        let said = self.open.as_mut().and_then(|open| open.ends.fail(error));
        self.untold.extend(said.map(|said| said.to_string()));
    }

    /// Returns the processes in which cells may rerun if a restore needs it. A process starts only when needed.
    fn processes(&self, py: Python<'_>, maps: &PathMaps) -> Option<Processes> {
        let start = self.start(py, false)?;
        let maps = maps.clone();
        Some(Processes::new(SandboxConfig { maps, ..start }))
    }

    /// Builds values in another process that have not been proved yet, if the user enabled that.
    pub(super) fn prove(&mut self, py: Python<'_>) {
        self.take_proofs();
        if !self.prover.is_free() || !self.context.settings.flag("record.prove") {
            return;
        }
        let unproved = self.session().and_then(|session| session.unproved(prover::MOST));
        if let (Some((run, unproved)), Some(start)) = (unproved, self.start(py, true)) {
            self.prover.begin(start, run, unproved);
        }
    }

    /// Takes the results of proofs; failures are added to the findings.
    pub(super) fn take_proofs(&mut self) {
        let taken = self.prover.take();
        for (proof, roots) in &taken {
            let name = roots.iter().find(|root| root.kind == RootKind::Name);
            if let (Some(why), Some(name)) = (&proof.why, name)
                && self.said_unproved.insert(name.clone())
            {
                let (name, why) = (name.key.clone(), why.clone());
                self.untold.push(EngineMessage::Unproved { name, why }.to_string());
            }
        }
        if let Some(session) = self.session() {
            session.note_proofs(taken.into_iter().map(|(proof, _)| proof).collect());
        }
    }

    /// Returns the configuration of sandbox processes for this history.
    fn start(&self, py: Python<'_>, is_patient: bool) -> Option<SandboxConfig> {
        let open = self.open.as_ref()?;
        let executable = py.import("sys").and_then(|sys| sys.getattr("executable")).ok()?;
        let settings = &self.context.settings;
        Some(SandboxConfig {
            executable: executable.extract::<String>().ok()?.into(),
            limits: ProcessLimits {
                memory: settings.number("scratch.memory"),
                seconds: settings.number("scratch.seconds"),
            },
            store: open.session.store().directory().to_owned(),
            config: self.context.config.clone(),
            history: open.id(),
            is_patient,
            maps: PathMaps::default(),
            environment: self.context.environment(),
        })
    }

    /// Collects facts that only Python code can determine.
    fn examine(&mut self, py: Python<'_>) -> PyResult<()> {
        let facts = py.import("clew.shell.health")?.call_method0("facts")?;
        if let Some(python) = &mut self.context.python {
            python.versions = facts.get_item("versions")?.extract()?;
            python.hooks = facts.get_item("hooks")?.extract()?;
            python.rivals = facts.get_item("rivals")?.extract()?;
            python.unrecorded.clone_from(&self.unrecorded);
        }
        Ok(())
    }

    /// Parses `eval` and `bisect`: returns the question, or the answer that it cannot be asked.
    pub(super) fn question(
        &mut self,
        py: Python<'_>,
        words: &[String],
    ) -> PyResult<Option<(Result<Question, Output>, TypedQuestion)>> {
        self.context.look_at_clocks();
        let Ok(arguments) = clew_cli::parse(words, &self.context) else {
            return Ok(None);
        };
        if !arguments.command.is_question() {
            return Ok(None);
        }
        let own = self.open.as_mut().filter(|_| !clew_cli::is_elsewhere(&arguments));
        let question = if let Some(open) = own {
            // Runs that other kernels recorded meanwhile belong to the history, too. A question never fails because
            // of them.
            open.session.refresh().ok();
            let executable: String = py.import("sys")?.getattr("executable")?.extract()?;
            let live = self.live();
            let place = self.opened()?.place(&live);
            clew_cli::question(&arguments, &place, Some(executable.into()), &self.context)
        } else {
            clew_cli::question_elsewhere(&arguments, &self.context)
        };
        let typed = TypedQuestion {
            arguments,
            context: self.context.clone(),
        };
        Ok(Some((question, typed)))
    }

    fn look(&mut self, arguments: &Arguments) -> PyResult<Output> {
        if let Subcommand::Config(_) = arguments.command {
            let output = clew_cli::look_elsewhere(arguments, &self.context);
            self.context.read_settings();
            self.configure();
            return Ok(output);
        }
        let Some(open) = self.open.as_mut().filter(|_| !clew_cli::is_elsewhere(arguments)) else {
            return Ok(clew_cli::look_elsewhere(arguments, &self.context));
        };
        // Runs that other kernels recorded meanwhile belong to the history, too. A command never fails because of
        // them.
        open.session.refresh().ok();
        open.describe_anew();
        // From now on, a loss is reported.
        open.session.find_loss();
        let (live, open) = (self.live(), self.opened()?);
        let in_flight = if arguments.command.tells_what_runs() {
            open.in_flight(&self.context)
        } else {
            Vec::new()
        };
        let place = HistoryView {
            in_flight: &in_flight,
            ..open.place(&live)
        };
        Ok(clew_cli::look(arguments, &place, &self.context))
    }

    fn pause(&mut self, arguments: &Arguments) -> Output {
        let said = if std::mem::replace(&mut self.is_paused, true) {
            EngineMessage::PausedAlready
        } else {
            EngineMessage::Paused
        };
        self.say(&said, paused(true, None), arguments)
    }

    fn resume_recording(&mut self, py: Python<'_>, arguments: &Arguments) -> PyResult<Output> {
        if !self.is_paused {
            return Ok(self.say(&EngineMessage::NotPaused, paused(false, None), arguments));
        }
        let recorded = match self.with_session(py, |session, kernel| session.unpause(kernel))? {
            Ok(recorded) => recorded,
            Err(error) => return Ok(clew_cli::refuse(&error, arguments, &self.context)),
        };
        self.is_paused = false;
        let run = recorded.map(|recorded| recorded.label);
        let data = paused(false, run.clone());
        Ok(self.say(&EngineMessage::Again { run }, data, arguments))
    }

    fn exclude(&mut self, patterns: Vec<String>, arguments: &Arguments) -> Output {
        let (is_asked, given) = (patterns.is_empty(), patterns.clone());
        self.state.excluded.extend(patterns);
        self.state.unsettle();
        let names = self.told_kept_out();
        let data = excluded(names.clone());
        let said = match names.as_slice() {
            [] => EngineMessage::NothingExcluded,
            _ if is_asked => EngineMessage::KeptOut { names },
            _ => EngineMessage::Excluded { names: given },
        };
        self.say(&said, data, arguments)
    }

    /// Ends exclusions, all or none of them. If one of them does not exist, reports what excludes that name, if
    /// anything does.
    fn include(&mut self, patterns: &[String], arguments: &Arguments) -> Output {
        if let Some(other) = patterns.iter().find(|pattern| !self.state.excluded.contains(*pattern)) {
            let by = self.state.excluded_by(other);
            return clew_cli::not_excluded(other, by.as_deref(), arguments, &self.context);
        }
        for pattern in patterns {
            self.state.excluded.remove(pattern);
        }
        self.state.unsettle();
        let data = excluded(self.told_kept_out());
        let names = patterns.to_vec();
        self.say(&EngineMessage::Included { names }, data, arguments)
    }

    fn say_history(&self, says: impl FnOnce(String) -> EngineMessage, arguments: &Arguments) -> PyResult<Output> {
        let open = self.opened()?;
        let data = MessageData {
            history: Some(open.name()),
            id: Some(open.id()),
            ..MessageData::default()
        };
        Ok(self.say(&says(open.name()), data, arguments))
    }

    /// Returns the message that runs are recorded, and in which history.
    pub fn recording(&self) -> PyResult<EngineMessage> {
        let notebook = &self.notebook;
        let told = [&notebook.path, &notebook.name, &notebook.id];
        let is_found_again = told.iter().any(|told| told.is_some()) || notebook.history.is_some();
        let name = is_found_again.then(|| self.opened().map(OpenHistory::name));
        Ok(EngineMessage::Recording {
            name: name.transpose()?,
        })
    }

    /// Continues in the history of a notebook, and notes this for the next kernels of this one. If that fails, stays
    /// in the current history.
    fn take_up(&mut self, py: Python<'_>, notebook: Notebook, arguments: &Arguments) -> PyResult<Output> {
        let open = self.opened()?;
        let (kernel, is_encrypted) = (open.description.kernel.clone(), open.is_encrypted());
        let notebook = &Notebook {
            own: open.own,
            ..notebook
        };
        let before = (self.open.take(), self.notebook.clone());
        if let Err(error) = self.begin(py, notebook, kernel, is_encrypted) {
            (self.open, self.notebook) = before;
            return Err(error);
        }
        let open = self.opened()?;
        open.note_joined().map_err(runtime)?;
        open.note_kernel(self.connection.as_deref(), before.1.path.as_deref());
        let can_resume = open.can_resume();
        self.tell_ends()?;
        self.say_history(|name| EngineMessage::BelongsNow { name, can_resume }, arguments)
    }

    /// Keeps the messages about rolled-back logs for the next call of `untold`.
    fn tell_ends(&mut self) -> PyResult<()> {
        let said: Vec<String> = self.opened()?.ends.said.iter().map(ToString::to_string).collect();
        self.untold.extend(said);
        Ok(())
    }

    fn live(&self) -> SessionStatus {
        let session = self.open.as_ref().map(|open| &open.session);
        let unsaved = self.open.as_ref().and_then(OpenHistory::unsaved);
        let unsaved = self.unrecorded.as_deref().or(unsaved).map(str::to_owned);
        SessionStatus {
            is_recording: session.is_some() && !self.is_paused,
            is_paused: self.is_paused,
            warnings: self.last_warnings.clone(),
            is_synced: session.is_none_or(Session::is_synced) && unsaved.is_none(),
            unsaved,
            is_temporary: self.open.as_ref().is_some_and(|open| !open.is_kept()),
            parked: session
                .map(|session| session.parked().map(<[Root]>::to_vec).collect())
                .unwrap_or_default(),
            excluded: self.told_kept_out(),
        }
    }

    /// Returns the texts in variables that are excluded or look like credentials.
    fn texts_kept_out(&mut self, py: Python<'_>) -> PyResult<HashSet<String>> {
        let names = self.with_session(py, |_, kernel| kernel.kept_out(None))??;
        let Some(shell) = &self.state.shell else {
            return Ok(HashSet::new());
        };
        let namespace = shell.bind(py).getattr("user_ns")?;
        let mut values = Vec::new();
        for name in names {
            values.push(namespace.get_item(&name)?);
        }
        py.import("clew.secrets")?
            .call_method1("texts_of", (values,))?
            .extract()
    }

    /// Returns the names and patterns that are excluded here or by the settings, and names that look like credentials
    /// with the reason.
    fn told_kept_out(&self) -> Vec<String> {
        let mut told: Vec<String> = self.state.excluded.iter().cloned().collect();
        let configured = self.state.configured.iter();
        told.extend(
            configured
                .filter(|pattern| !self.state.excluded.contains(*pattern))
                .cloned(),
        );
        told.extend(self.state.secrets.iter().map(|(name, why)| format!("{name} ({why})")));
        told
    }
}

fn paused(is_paused: bool, run: Option<String>) -> MessageData {
    MessageData {
        is_paused: Some(is_paused),
        run,
        ..MessageData::default()
    }
}

fn excluded(names: Vec<String>) -> MessageData {
    MessageData {
        excluded: Some(names),
        ..MessageData::default()
    }
}

fn nothing_open() -> PyErr {
    runtime(EngineMessage::NothingOpen)
}

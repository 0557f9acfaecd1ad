//! `Engine`: one session of one history, as the interface for Clew's Python code.

mod convert;
mod ends;
mod inner;
mod message;
mod open_history;
mod question;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use clew_cli::{Context, Interface, Output, PathMaps, Python as Interpreter};
use clew_core::format::CellEnd;
use clew_core::graph::Halt;
use clew_core::id::{Root, RootKind};
use clew_core::plan::{Outcome, OutcomeKind};
use clew_core::restore::cell_texts;
use clew_core::session::{RecordingReport, Request, RestoreOptions, ReusedRun};
use clew_core::store::StoreError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cause::runtime;
use crate::flusher::Flusher;
use crate::kernel::KernelState;
use crate::notebook_cells::ReusableRun;
use crate::panics::pass;
use crate::raw::{GilCell, PythonHeap, Reserve, can_read_any};

use convert::{begun_of, captured, ending_of, interface, kernel_of, notebook_of, run_input};
use inner::Inner;
pub(crate) use message::EngineMessage;
use open_history::Beginning;

/// One session of one history. Only one thread at a time uses it; others wait without holding the GIL.
#[pyclass(frozen, module = "clew._engine")]
pub struct Engine {
    inner: Arc<Mutex<Inner>>,
    /// The thread that uses the engine. If code run by the engine calls the engine, the call is refused, since it
    /// would wait for itself.
    inside: Mutex<Option<ThreadId>>,
    flusher: Flusher,
    /// The id of the process that records.
    process: u32,
}

/// The guard of a thread that uses the engine.
#[allow(clippy::struct_field_names)] // the engine's field has this name
struct EngineGuard<'a> {
    _reserve: Reserve,
    inner: MutexGuard<'a, Inner>,
    inside: &'a Mutex<Option<ThreadId>>,
}

impl Drop for EngineGuard<'_> {
    fn drop(&mut self) {
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl std::ops::Deref for EngineGuard<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::ops::DerefMut for EngineGuard<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

/// How long a thread sleeps before it tries again to enter.
const WAIT: Duration = Duration::from_micros(200);

/// How long a request waits before a look is given up.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long a process that ends waits for its last look at all roots.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How long a kernel that is asked to shut down waits for it: Jupyter kills it after five seconds.
const LAST_LOOK_OF_KERNEL: Duration = Duration::from_millis(2500);

#[pymethods]
impl Engine {
    /// Creates a session. `namespace` is IPython's own dict. `store` and `config` are folders, by default the user's.
    /// `options` may contain `shell` (the interactive shell), `main` (the `__main__` module) and `exclude` (names and
    /// patterns).
    #[new]
    #[pyo3(signature = (namespace, store = None, config = None, options = None))]
    fn new(
        namespace: &Bound<'_, PyDict>,
        store: Option<PathBuf>,
        config: Option<PathBuf>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let option = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            options.map_or(Ok(None), |options| options.get_item(name))
        };
        let main = match option("main")? {
            Some(main) => Some(main),
            None => namespace
                .py()
                .import("sys")?
                .getattr("modules")?
                .get_item("__main__")
                .ok(),
        };
        let heap = GilCell::new(namespace.py(), PythonHeap::new(namespace, main.as_ref())?);
        let mut context = Context::of_process(Interface::Notebook);
        context.config = config.unwrap_or(context.config);
        context.python = Some(interpreter(namespace.py())?);
        context.read_settings();
        if let Some(store) = store {
            context.settings = context.settings.with_store(&store);
            context.store = store;
        }
        let excluded: BTreeSet<String> = match option("exclude")? {
            Some(patterns) => patterns.extract()?,
            None => BTreeSet::new(),
        };
        let shell = option("shell")?.filter(|shell| !shell.is_none()).map(Bound::unbind);
        let state = KernelState {
            shell,
            excluded,
            configured: context.settings.excluded().to_vec(),
            ..KernelState::default()
        };
        let inner = Inner::new(heap, state, context);
        let inner = Arc::new(Mutex::new(inner));
        let engine = Arc::downgrade(&inner);
        let flusher = Flusher::start(move || flush(&engine));
        Ok(Self {
            inner,
            inside: Mutex::new(None),
            flusher,
            process: std::process::id(),
        })
    }

    /// Opens the history of a notebook and records what exists as the starting state.
    fn attach<'py>(&self, py: Python<'py>, notebook: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        let (kernel, connection) = kernel_of(notebook)?;
        inner.connection = connection;
        let begun = inner.begin(py, &notebook_of(notebook)?, kernel, false);
        inner.refusal = begun.as_ref().err().map(|error| error.value(py).to_string());
        let (recorded, belongs) = begun?;
        inner.last_warnings.clone_from(&recorded.warnings);
        let answer = PyDict::new(py);
        let open = inner.opened()?;
        answer.set_item("history", open.name())?;
        answer.set_item("id", open.id())?;
        answer.set_item("belonging", belongs)?;
        answer.set_item("run", &recorded.label)?;
        let problems = inner.context.settings.problems().iter().map(ToString::to_string);
        let passed_over = problems.map(|problem| EngineMessage::PassedOver { problem }.to_string());
        let mut warnings: Vec<String> = passed_over.collect();
        warnings.extend(recorded.warnings);
        answer.set_item("deaths", inner.opened()?.deaths())?;
        let doubt = inner.opened()?.doubt.as_ref();
        warnings.extend(doubt.map(|why| EngineMessage::NobodyTrusted { why: why.to_string() }.to_string()));
        warnings.extend(inner.opened()?.ends.said.iter().map(ToString::to_string));
        let made = inner.opened()?.session.store().made_key();
        warnings.extend(made.map(|path| {
            let path = path.display().to_string();
            EngineMessage::KeyMade { path }.to_string()
        }));
        answer.set_item("warnings", warnings)?;
        answer.set_item("secrets", inner.state.secrets.keys().collect::<Vec<_>>())?;
        let can_resume = inner.opened()?.can_resume();
        answer.set_item("can_resume", can_resume)?;
        let beginning = inner.opened()?.beginning(inner.context.settings.on_start());
        let (resumes, offer) = match beginning {
            Beginning::Silent => (false, None),
            Beginning::Say(said) => (false, Some(said.to_string())),
            Beginning::Resume => (true, None),
        };
        answer.set_item("recording", inner.recording()?.to_string())?;
        answer.set_item("resumes", resumes)?;
        answer.set_item("offer", offer)?;
        Ok(answer)
    }

    /// Writes an in-flight marker for a cell that starts, so that information about it survives this process. It
    /// replaces the previous marker. Writing it is not guaranteed.
    fn begins(&self, py: Python<'_>, cell: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        if inner.is_paused {
            return Ok(());
        }
        // Before the cell, so that its changes are compared with the state before it. If this fails, the capture
        // reports it, and there is no store for a marker.
        if inner.start_over_after_loss(py).is_err() {
            return Ok(());
        }
        let Some(open) = &mut inner.open else { return Ok(()) };
        let (begun, source) = begun_of(cell, &open.begun)?;
        open.note(begun, source.as_deref());
        self.flusher
            .follow(open.note.as_ref().map(|note| note.path().to_owned()));
        Ok(())
    }

    /// Notes in the in-flight marker that the cell has ended, and that its changes are not captured yet. This is not
    /// guaranteed either; the capture, which follows, reports any problem.
    fn ends(&self, py: Python<'_>, duration: u64, ending: &Bound<'_, PyAny>) -> PyResult<()> {
        let ending = ending_of(ending)?;
        if let Some(open) = self.enter(py).ok().as_mut().and_then(|inner| inner.open.as_mut()) {
            open.note_end(CellEnd { duration, ending });
        }
        Ok(())
    }

    /// Finds what a run changed, and stores it.
    fn capture<'py>(&self, py: Python<'py>, run: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        if inner.is_paused {
            return captured(py, &RecordingReport::default());
        }
        let input = run_input(run)?;
        inner.take_proofs();
        let recorded = inner.start_over_after_loss(py).and_then(|()| {
            let recorded = inner.with_session(py, |session, kernel| session.record(kernel, input))?;
            recorded.map_err(runtime)
        });
        inner.unrecorded = recorded.as_ref().err().map(|error| error.value(py).to_string());
        // Recorded or not, the kernel did not die in this cell.
        self.unnote(&mut inner);
        let mut recorded = recorded?;
        recorded.warnings.append(&mut inner.untold);
        if let Err(error) = self.flush(py, &mut inner) {
            recorded.warnings.push(error.to_string());
        }
        inner.last_warnings.clone_from(&recorded.warnings);
        captured(py, &recorded)
    }

    /// Returns whether any names or patterns are excluded.
    fn excludes(&self, py: Python<'_>) -> PyResult<bool> {
        let inner = self.enter(py)?;
        Ok(!(inner.state.excluded.is_empty() && inner.state.configured.is_empty()))
    }

    /// Returns the excluded ones of `words`.
    fn excluded(&self, py: Python<'_>, words: Vec<String>) -> PyResult<Vec<String>> {
        let is_excluded = self.enter(py)?.state.exclusion();
        let found: BTreeSet<String> = words.into_iter().filter(|word| is_excluded(word)).collect();
        Ok(found.into_iter().collect())
    }

    /// Returns what must not be recorded: those of `words` that are excluded (`named`), and the session's own names
    /// that are excluded or look like credentials (`names`). All names are examined; with `touched`, only these and
    /// those that the last look found.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    #[pyo3(signature = (words, touched = None))]
    fn hidden<'py>(
        &self,
        py: Python<'py>,
        words: Vec<String>,
        touched: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        let is_excluded = inner.state.exclusion();
        let named: BTreeSet<&String> = words.iter().filter(|word| is_excluded(word)).collect();
        let names = inner.with_session(py, |_, kernel| kernel.kept_out(touched))??;
        let hidden = PyDict::new(py);
        hidden.set_item("named", named.into_iter().collect::<Vec<_>>())?;
        hidden.set_item("names", names)?;
        Ok(hidden)
    }

    /// Looks for external changes. Returns false if the look was given up because it took long while a request was
    /// waiting: from the start (`is_awaited`), or since one of these file descriptors could be read. A kernel that
    /// shuts down (`is_ending`) waits [`LAST_LOOK_OF_KERNEL`].
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    #[pyo3(signature = (descriptors = Vec::new(), is_awaited = false, is_ending = false))]
    fn idle(&self, py: Python<'_>, descriptors: Vec<i32>, is_awaited: bool, is_ending: bool) -> PyResult<bool> {
        let mut inner = self.enter(py)?;
        if inner.open.is_none() || inner.is_paused {
            return Ok(true);
        }
        self.unnote(&mut inner);
        let begun = Instant::now();
        let halt = Halt::when(move || {
            let is_awaited = begun.elapsed() > PATIENCE && (is_awaited || can_read_any(&descriptors));
            Reserve::is_spent() || is_awaited || is_ending && begun.elapsed() > LAST_LOOK_OF_KERNEL
        });
        let looked = inner.with_session(py, |session, kernel| {
            kernel.heap.halt_when(Some(halt.clone()));
            session.look_outside(kernel)
        })?;
        if halt.was_wanted() && !Reserve::is_spent() {
            return Ok(false);
        }
        inner.tell_later(looked.map_err(runtime)?);
        self.flush(py, &mut inner).map_err(runtime)?;
        Ok(true)
    }

    /// Returns findings outside runs that the user must be told, once.
    fn untold(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(std::mem::take(&mut self.enter(py)?.untold))
    }

    /// Records the results of recorded runs as the results of other cells, one after the other, after the session's
    /// current run. Each item contains a run's id, the id of its history, the cell's id, its `In [n]`, and the
    /// directory in which the cell would have started. Returns the id of the last run, to switch to; `None` if there
    /// were no runs.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn reuse(&self, py: Python<'_>, runs: Vec<ReusableRun>) -> PyResult<Option<String>> {
        let mut inner = self.enter(py)?;
        let last = inner.with_session(py, |session, kernel| {
            let found = runs
                .into_iter()
                .map(|(run, history, cell, execution_count, directory)| {
                    let invalid = |_| runtime(format!("{run} is not a run"));
                    Ok::<_, PyErr>(ReusedRun {
                        run: run.parse().map_err(invalid)?,
                        history: history.parse().map_err(invalid)?,
                        cell,
                        execution_count,
                        directory,
                    })
                });
            let found = found.collect::<Result<Vec<_>, _>>()?;
            session.reuse(kernel, &found).map_err(runtime)
        })??;
        Ok(last.map(|run| run.to_string()))
    }

    /// Switches to a run, or stays at the current one, and restores the variables of that state that are `needed` by
    /// name, and all that are smaller than `at_least` bytes or are not only data. The others are left in the store
    /// until the next restore. Everything is restored if the needed names are unknown.
    ///
    /// Returns the values that could not be restored exactly, with the reasons.
    ///
    /// # Errors
    /// `RuntimeError` if it cannot switch to the run.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn bring(
        &self,
        py: Python<'_>,
        run: Option<String>,
        needed: Option<Vec<String>>,
        at_least: u64,
    ) -> PyResult<Vec<(String, String)>> {
        let mut inner = self.enter(py)?;
        let at = inner.session().and_then(|session| session.at());
        let revision = run.or(at.map(|at| at.to_string())).unwrap_or_default();
        let request = match needed {
            None => Request::Switch(revision),
            Some(names) => Request::SwitchFor {
                revision,
                needed: names.into_iter().map(Root::name).collect(),
                at_least,
            },
        };
        let moved = inner.perform(
            py,
            &request,
            RestoreOptions::default(),
            &BTreeSet::new(),
            PathMaps::default(),
        )?;
        let report = moved.map_err(runtime)?;
        // A live object that still refers to a replaced object does not see the changes that a skipped cell would
        // have made in it.
        let is_wrong = |outcome: &&Outcome| {
            matches!(outcome.kind, OutcomeKind::Lost | OutcomeKind::NotIdentical) || outcome.is_detached
        };
        let wrong = report.outcomes.iter().filter(is_wrong);
        let told = wrong.map(|outcome| {
            let why = outcome.why.clone().unwrap_or_default();
            (outcome.root.to_string(), why)
        });
        Ok(told.collect())
    }

    /// Returns the names of variables that the session has only in the store.
    fn left(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut inner = self.enter(py)?;
        let names = inner.session().map(|session| {
            let roots = session.left().roots().filter(|root| root.kind == RootKind::Name);
            roots.map(|root| root.key.clone()).collect()
        });
        Ok(names.unwrap_or_default())
    }

    /// Returns `In [n]` and source of the history's cells, nearest to the session's state first. Cells of untrusted
    /// people are omitted; the source is empty if it was not recorded completely.
    fn cells(&self, py: Python<'_>) -> PyResult<Vec<(Option<u64>, String)>> {
        let mut inner = self.enter(py)?;
        let Some((session, at)) = inner.session().and_then(|session| session.at().map(|at| (session, at))) else {
            return Ok(Vec::new());
        };
        let history = session.history();
        let number = |run| history.run(&run).and_then(|run| run.execution_count);
        let texts = cell_texts(session.store(), history, at);
        Ok(texts.into_iter().map(|cell| (number(cell.run), cell.text)).collect())
    }

    /// Starts to build values that need a library's code in another process, in order to find out while they exist
    /// whether they can be restored. Returns at once; the next run takes the results.
    fn prove(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        if inner.open.is_some() && !inner.is_paused {
            inner.prove(py);
        }
        Ok(())
    }

    /// Runs one command line, which reads or restores. A usage error is returned as an answer, not raised as an
    /// exception. If `busy`, a cell runs, and nothing is restored. `through` describes the interface if the command
    /// was not typed in the notebook: `interface` (`terminal` or `program`), `width`, `is_coloured`.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    #[pyo3(signature = (argv, busy = false, through = None))]
    fn command<'py>(
        &self,
        py: Python<'py>,
        argv: Vec<String>,
        busy: bool,
        through: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        if !busy {
            inner.look_for_lost(py)?;
        }
        let own = inner.context.clone();
        inner.context = interface(&own, through)?.with_words(&argv);
        let question = inner.question(py, &argv);
        if let Ok(Some((question, typed))) = question {
            // A sandbox process answers it; meanwhile the session can be recorded.
            inner.context = own;
            drop(inner);
            let (output, interrupted) = question::work_out(py, question, &typed);
            return answered(py, &output, interrupted);
        }
        let output = inner.answer(py, &argv, busy);
        question?;
        // The caller's context is dropped; changed settings are kept.
        let asked = std::mem::replace(&mut inner.context, own);
        inner.context.settings = asked.settings;
        inner.context.store = asked.store;
        let output = output?;
        let interrupted = std::mem::take(&mut inner.state.was_interrupted);
        self.flush(py, &mut inner).map_err(runtime)?;
        answered(py, &output, interrupted)
    }

    /// Completes a line after `%clew `: returns the part of the line to replace, and the candidates. Never waits:
    /// during a capture, only the command's own words are completed, without anything from the store.
    fn complete(&self, line: &str) -> (String, Vec<String>) {
        let (piece, words) = match self.inner.try_lock() {
            Ok(inner) => inner.complete(line),
            Err(_) => clew_cli::complete_line(line, None, &Context::of_process(Interface::Notebook)),
        };
        (piece.to_owned(), words)
    }

    /// Returns the value of a setting (`record.outputs`); `None` if there is no such key.
    fn setting(&self, py: Python<'_>, key: &str) -> PyResult<Option<Py<PyAny>>> {
        let value = self.enter(py)?.context.settings.value(key);
        let value = value.map(|value| pythonize::pythonize(py, &value)).transpose()?;
        Ok(value.map(Bound::unbind))
    }

    /// Returns the store's folder.
    fn store(&self, py: Python<'_>) -> PyResult<String> {
        let inner = self.enter(py)?;
        let open = inner.open.as_ref().map(|open| open.session.store().directory());
        Ok(open.unwrap_or(&inner.context.store).display().to_string())
    }

    /// Returns the id of the history that is recorded, if there is one.
    fn history(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let inner = self.enter(py)?;
        Ok(inner.open.as_ref().map(|open| open.session.history_id().to_string()))
    }

    /// Flushes saved data to the disk; other threads run meanwhile.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        match &mut inner.open {
            Some(open) => py.detach(|| open.session.sync()).map_err(runtime),
            None => Ok(()),
        }
    }

    /// Checks for changes since the last run, syncs, and releases files and objects that were set aside.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py);
        let synced = self.sync(py);
        self.flusher.stop();
        let mut inner = self.enter(py)?;
        self.unnote(&mut inner);
        let note = inner.unnoted();
        if let Some(open) = &inner.open {
            // The next kernel finds it by its file anyway.
            open.note_renamed().ok();
        }
        let gone = (inner.open.take(), std::mem::take(&mut inner.state));
        drop(inner);
        // There is no user to report a failure to; the next session writes the record.
        py.detach(|| note.map(|note| note.write().ok()));
        // Releasing objects runs code of theirs, which may call this engine.
        drop(gone);
        synced
    }

    /// Releases everything without writing: in the child of a fork, where only the parent writes and no other thread
    /// exists.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn abandon(slf: Bound<'_, Self>) {
        // Dropping would close files and free objects, which may write, and wait for locks of threads that no longer
        // exist.
        std::mem::forget(slf.clone().unbind());
        if let Ok(mut inner) = slf.get().inner.try_lock() {
            std::mem::forget(inner.open.take());
        }
    }
}

impl Engine {
    /// Records that nothing changed since the last run, if a quick look shows it. Otherwise values are unverified.
    fn check(&self, py: Python<'_>) {
        let Ok(mut inner) = self.enter(py) else { return };
        if inner.open.is_none() || inner.is_paused {
            return;
        }
        let begun = Instant::now();
        let halt = Halt::when(move || Reserve::is_spent() || begun.elapsed() > LAST_LOOK);
        let checked = inner.with_session(py, |session, kernel| {
            kernel.heap.halt_when(Some(halt));
            session.check(kernel)
        });
        // An exception of the check is not reported: the values are unverified then.
        drop(checked);
    }

    /// Flushes commits: in the background after a while, or at once if the user set it so (`store.sync`).
    fn flush(&self, py: Python<'_>, inner: &mut Inner) -> Result<(), StoreError> {
        let seconds = inner.context.settings.number("store.sync");
        if seconds > 0 {
            self.flusher.wake(Duration::from_secs(seconds));
            return Ok(());
        }
        let session = inner.session().filter(|session| !session.is_synced());
        let Some(session) = session else { return Ok(()) };
        // For data that is written in the background.
        self.flusher.wake(Duration::from_secs(1));
        py.detach(|| session.sync())
    }

    /// Removes the in-flight marker: no unrecorded cell is running.
    fn unnote(&self, inner: &mut Inner) {
        self.flusher.follow(None);
        if let Some(open) = &mut inner.open {
            open.unnote();
        }
    }

    fn enter(&self, py: Python<'_>) -> PyResult<EngineGuard<'_>> {
        if std::process::id() != self.process {
            // The child of a fork that did not call `abandon`.
            return Err(runtime(EngineMessage::NothingOpen));
        }
        let me = std::thread::current().id();
        if *self.inside.lock().unwrap_or_else(PoisonError::into_inner) == Some(me) {
            return Err(runtime(EngineMessage::Busy));
        }
        let inner = loop {
            match self.inner.try_lock() {
                Ok(inner) => break inner,
                Err(TryLockError::Poisoned(poisoned)) => break recovered(&self.inner, poisoned),
                Err(TryLockError::WouldBlock) => py.detach(|| std::thread::sleep(WAIT)),
            }
        };
        let reserve = Reserve::begin().ok_or_else(|| runtime(EngineMessage::NoMemory))?;
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
        let inside = EngineGuard {
            _reserve: reserve,
            inner,
            inside: &self.inside,
        };
        pass("enter");
        Ok(inside)
    }
}

/// Flushes once; returns `false` when the engine is gone. The engine is locked only at the beginning and at the end,
/// and the GIL is never held.
fn flush(engine: &Weak<Mutex<Inner>>) -> bool {
    let Some(engine) = engine.upgrade() else { return false };
    // Without enough memory, the flush is left for the next time.
    let Some(_reserve) = Reserve::begin_beside() else {
        return true;
    };
    let begun = {
        let mut inner = locked(&engine);
        pass("flush");
        let session = inner.session().filter(|session| !session.is_synced());
        session.and_then(|session| session.begin_sync().ok())
    };
    if let Some(job) = begun {
        let outcome = job.run();
        if let Some(session) = locked(&engine).session() {
            // A failed flush stops the writer; the next run reports it.
            let _ = session.end_sync(&job, outcome);
        }
    }
    note(&engine);
    true
}

/// Records where the logs end now; this does not block users of the engine.
fn note(engine: &Mutex<Inner>) {
    let note = locked(engine).unnoted();
    let written = note.map_or(Ok(()), |note| note.write());
    if let Err(error) = written {
        locked(engine).not_noted(&error);
    }
}

fn locked(engine: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    engine.lock().unwrap_or_else(|poisoned| recovered(engine, poisoned))
}

/// Recovers the state after a panic. Commits are atomic, so the state can be used. How much of an unfinished write
/// reached the log is unknown: the log is left as it is, and nothing more is appended to it.
fn recovered<'i>(held: &Mutex<Inner>, poisoned: PoisonError<MutexGuard<'i, Inner>>) -> MutexGuard<'i, Inner> {
    held.clear_poison();
    let mut inner = poisoned.into_inner();
    if let Some(session) = inner.session() {
        session.recover();
    }
    inner
}

/// Describes the interpreter and environment of this process.
fn interpreter(py: Python<'_>) -> PyResult<Interpreter> {
    let sys = py.import("sys")?;
    Ok(Interpreter {
        prefix: sys.getattr("prefix")?.extract()?,
        // Empty or `None` if Python is embedded in a program.
        executable: sys.getattr("executable")?.extract().unwrap_or_default(),
        environment: Some(Arc::new(
            py.import("clew.roots.environment")?.getattr("START")?.extract()?,
        )),
        ..Interpreter::default()
    })
}

/// Converts the output of a command to a dict for the shell.
fn answered<'py>(py: Python<'py>, output: &Output, interrupted: bool) -> PyResult<Bound<'py, PyDict>> {
    let answer = PyDict::new(py);
    answer.set_item("exit", output.exit.code())?;
    answer.set_item("text", &*output.printed())?;
    answer.set_item("interrupted", interrupted)?;
    answer.set_item("is_problem", output.is_problem)?;
    answer.set_item("html", output.html.as_deref())?;
    answer.set_item("json", pythonize::pythonize(py, &output.data)?)?;
    Ok(answer)
}

//! `Engine`: one session of one history, as the Python shell sees it.

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

/// One session of one history. One thread at a time is inside; others wait without the interpreter's lock.
#[pyclass(frozen, module = "clew._engine")]
pub struct Engine {
    inner: Arc<Mutex<Inner>>,
    /// The thread that is inside, so that code run by the engine which asks the engine is refused instead of waiting
    /// for itself.
    inside: Mutex<Option<ThreadId>>,
    flusher: Flusher,
    /// The process that records.
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

/// How long a thread sleeps before it looks again whether it may enter.
const WAIT: Duration = Duration::from_micros(200);

/// How long whoever waits does so before a look is given up.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long a process that ends waits for a last look at everything.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How long a kernel that is asked to shut down does: Jupyter kills it after five seconds.
const LAST_LOOK_OF_KERNEL: Duration = Duration::from_millis(2500);

#[pymethods]
impl Engine {
    /// `namespace` is IPython's own dict. `store` and `config` name folders, else the user's. `options` may hold
    /// `shell` (the interactive shell), `main` (the `__main__` module) and `exclude` (names and patterns).
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

    /// Notes that a cell begins, so that what is known of it outlives this process. What was noted before is over. Nobody is
    /// promised that it is written.
    fn begins(&self, py: Python<'_>, cell: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        if inner.is_paused {
            return Ok(());
        }
        // Before the cell, so that what it does is told from what was there. Where it can't be, the capture says so, and there is
        // no store to note it in.
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

    /// Notes that the cell that was noted has ended: what it left is still to be looked at. Nobody is promised this either, and
    /// what stands in the way the capture says, which comes next.
    fn ends(&self, py: Python<'_>, duration: u64, ending: &Bound<'_, PyAny>) -> PyResult<()> {
        let ending = ending_of(ending)?;
        if let Some(open) = self.enter(py).ok().as_mut().and_then(|inner| inner.open.as_mut()) {
            open.note_end(CellEnd { duration, ending });
        }
        Ok(())
    }

    /// Looks at what a run left and stores what changed.
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
        // Recorded or not, it is no cell that its kernel died in.
        self.unnote(&mut inner);
        let mut recorded = recorded?;
        recorded.warnings.append(&mut inner.untold);
        if let Err(error) = self.flush(py, &mut inner) {
            recorded.warnings.push(error.to_string());
        }
        inner.last_warnings.clone_from(&recorded.warnings);
        captured(py, &recorded)
    }

    /// Whether names or patterns are excluded.
    fn excludes(&self, py: Python<'_>) -> PyResult<bool> {
        let inner = self.enter(py)?;
        Ok(!(inner.state.excluded.is_empty() && inner.state.configured.is_empty()))
    }

    /// Those of `words` that are excluded.
    fn excluded(&self, py: Python<'_>, words: Vec<String>) -> PyResult<Vec<String>> {
        let is_excluded = self.enter(py)?.state.exclusion();
        let found: BTreeSet<String> = words.into_iter().filter(|word| is_excluded(word)).collect();
        Ok(found.into_iter().collect())
    }

    /// What must not be recorded: those of `words` that are excluded (`named`), and the session's own names that are
    /// excluded or look like secrets (`names`). All of them are looked at; with `touched` only these, and what the last
    /// look found.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

    /// Looks for changes that no cell made. Gives up, and says so, where it takes long and somebody waits: from the start
    /// (`is_awaited`), or once one of these file descriptors can be read; a kernel that ends (`is_ending`) waits
    /// [`LAST_LOOK_OF_KERNEL`].
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

    /// What was found beside runs that the user has to know, once.
    fn untold(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(std::mem::take(&mut self.enter(py)?.untold))
    }

    /// Takes what recorded runs left for what their cells would leave, one after the other: writes that down behind where the session is. Each
    /// is a run's id, the id of its history, the cell's id, its `In [n]` and the directory that it would have found. The id of the last run, to switch to; `None` if there were none.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

    /// Goes to a run, or stays where the session is, and brings of what it has there what is `needed` by name, and all that is smaller than
    /// `at_least` bytes or more than data; the rest is left in the store until something else moves. All is brought where nobody can tell what is
    /// needed.
    ///
    /// What can't be had as it was, with the reason.
    ///
    /// # Errors
    /// `RuntimeError` if the run can't be gone to.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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
        // A live object that goes on with what was replaced does not see what a cell that did not run would have changed in it.
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

    /// Names of what the session has and only the store holds.
    fn left(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut inner = self.enter(py)?;
        let names = inner.session().map(|session| {
            let roots = session.left().roots().filter(|root| root.kind == RootKind::Name);
            roots.map(|root| root.key.clone()).collect()
        });
        Ok(names.unwrap_or_default())
    }

    /// `In [n]` and source of the history's cells, nearest to the session's state first. Cells of people who are not trusted are not
    /// among them; the source is empty where it was not kept whole.
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

    /// Has values that need a library's code to be built again be built in another process, to know while they live whether
    /// that can be done. Returns at once; what came of it is taken over by the next run.
    fn prove(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        if inner.open.is_some() && !inner.is_paused {
            inner.prove(py);
        }
        Ok(())
    }

    /// Answers one command line, looking or moving. A usage error is an answer, not an exception. Where `busy`, a cell
    /// runs and nothing is moved. `through` says where it was typed, if not in the notebook: `interface` (`terminal` or
    /// `program`), `width`, `is_coloured`.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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
            // A scratch process works it out; meanwhile the session can be recorded.
            inner.context = own;
            drop(inner);
            let (output, interrupted) = question::work_out(py, question, &typed);
            return answered(py, &output, interrupted);
        }
        let output = inner.answer(py, &argv, busy);
        question?;
        // Who asked is forgotten; what was set stays set.
        let asked = std::mem::replace(&mut inner.context, own);
        inner.context.settings = asked.settings;
        inner.context.store = asked.store;
        let output = output?;
        let interrupted = std::mem::take(&mut inner.state.was_interrupted);
        self.flush(py, &mut inner).map_err(runtime)?;
        answered(py, &output, interrupted)
    }

    /// What may come next on a line after `%clew `: the piece of it that this stands for, and the words. Never waits:
    /// where a capture is at work, the words of the command are told and nothing of the store.
    fn complete(&self, line: &str) -> (String, Vec<String>) {
        let (piece, words) = match self.inner.try_lock() {
            Ok(inner) => inner.complete(line),
            Err(_) => clew_cli::complete_line(line, None, &Context::of_process(Interface::Notebook)),
        };
        (piece.to_owned(), words)
    }

    /// What a setting is (`record.outputs`); `None` if there is none of that key.
    fn setting(&self, py: Python<'_>, key: &str) -> PyResult<Option<Py<PyAny>>> {
        let value = self.enter(py)?.context.settings.value(key);
        let value = value.map(|value| pythonize::pythonize(py, &value)).transpose()?;
        Ok(value.map(Bound::unbind))
    }

    /// The store's folder.
    fn store(&self, py: Python<'_>) -> PyResult<String> {
        let inner = self.enter(py)?;
        let open = inner.open.as_ref().map(|open| open.session.store().directory());
        Ok(open.unwrap_or(&inner.context.store).display().to_string())
    }

    /// The id of the history that is recorded, if one is.
    fn history(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let inner = self.enter(py)?;
        Ok(inner.open.as_ref().map(|open| open.session.history_id().to_string()))
    }

    /// Flushes what is saved to the disk; other threads run meanwhile.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        match &mut inner.open {
            Some(open) => py.detach(|| open.session.sync()).map_err(runtime),
            None => Ok(()),
        }
    }

    /// Checks for changes since the last run, syncs, and lets go of files and parked objects.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py);
        let synced = self.sync(py);
        self.flusher.stop();
        let mut inner = self.enter(py)?;
        self.unnote(&mut inner);
        let note = inner.unnoted();
        if let Some(open) = &inner.open {
            // The next kernel finds it by its file all the same.
            open.note_renamed().ok();
        }
        let gone = (inner.open.take(), std::mem::take(&mut inner.state));
        drop(inner);
        // Nobody is there to be told any more; who looks next notes it.
        py.detach(|| note.map(|note| note.write().ok()));
        // Letting go of objects runs code of theirs, which may ask this engine for something.
        drop(gone);
        synced
    }

    /// Lets go without writing: in the child of a fork, where only the parent writes and no other thread lives on.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
    fn abandon(slf: Bound<'_, Self>) {
        // Dropping would close files and free objects, which may write, and wait for locks of threads that are gone.
        std::mem::forget(slf.clone().unbind());
        if let Ok(mut inner) = slf.get().inner.try_lock() {
            std::mem::forget(inner.open.take());
        }
    }
}

impl Engine {
    /// Saves that nothing changed since the last run, where that is so and can be told at once. Where not, values are unverified.
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
        // An exception of a check is nobody's: what it leaves is said to be unverified.
        drop(checked);
    }

    /// Has what was committed flushed: beside the work after a while, or now where the user wants it so (`store.sync`).
    fn flush(&self, py: Python<'_>, inner: &mut Inner) -> Result<(), StoreError> {
        let seconds = inner.context.settings.number("store.sync");
        if seconds > 0 {
            self.flusher.wake(Duration::from_secs(seconds));
            return Ok(());
        }
        let session = inner.session().filter(|session| !session.is_synced());
        let Some(session) = session else { return Ok(()) };
        // For what is noted beside the work.
        self.flusher.wake(Duration::from_secs(1));
        py.detach(|| session.sync())
    }

    /// Nothing runs of which nothing is recorded.
    fn unnote(&self, inner: &mut Inner) {
        self.flusher.follow(None);
        if let Some(open) = &mut inner.open {
            open.unnote();
        }
    }

    fn enter(&self, py: Python<'_>) -> PyResult<EngineGuard<'_>> {
        if std::process::id() != self.process {
            // The child of a fork that nobody told to leave recording to its parent.
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

/// Flushes once; `false` when the engine is gone. The engine is held only to begin and to end it, the interpreter's lock never.
fn flush(engine: &Weak<Mutex<Inner>>) -> bool {
    let Some(engine) = engine.upgrade() else { return false };
    // Without memory to work with it is left for the next time.
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
            // A failed flush stops the writer; the next run says so.
            let _ = session.end_sync(&job, outcome);
        }
    }
    note(&engine);
    true
}

/// Notes where the logs end now; whoever wants the engine waits for nothing of it.
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

/// What is held is committed whole or not at all, so it can be used after a panic. How far came what was just being
/// written nobody knows: that is left where it is, and no more is written behind it.
fn recovered<'i>(held: &Mutex<Inner>, poisoned: PoisonError<MutexGuard<'i, Inner>>) -> MutexGuard<'i, Inner> {
    held.clear_poison();
    let mut inner = poisoned.into_inner();
    if let Some(session) = inner.session() {
        session.recover();
    }
    inner
}

/// The environment that this runs in.
fn interpreter(py: Python<'_>) -> PyResult<Interpreter> {
    let sys = py.import("sys")?;
    Ok(Interpreter {
        prefix: sys.getattr("prefix")?.extract()?,
        // Empty or none where Python is embedded in a program.
        executable: sys.getattr("executable")?.extract().unwrap_or_default(),
        environment: Some(Arc::new(
            py.import("clew.roots.environment")?.getattr("START")?.extract()?,
        )),
        ..Interpreter::default()
    })
}

/// What a command says, as the shell gets it.
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

//! `Engine`: one session of one history, as the Python shell sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::Duration;

use clew_cli::{Asked, Door, Live, Output, Place, Surroundings};
use clew_core::clock::Clock;
use clew_core::format::{Ending, Evidence, HistoryDescription, KernelDescription, RunKind};
use clew_core::history::{Belonging, Notebook, belonging};
use clew_core::id::{HistoryId, Root};
use clew_core::kernel::Touched;
use clew_core::record::RunInput;
use clew_core::session::{Recorded, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::clock::SystemClock;
use crate::flusher::Flusher;
use crate::kernel::{KernelState, PythonKernel};
use crate::raw::{Attached, PythonHeap};

/// One session of one history. One thread at a time is inside; others wait without the interpreter's lock.
#[pyclass(frozen, module = "clew._engine")]
pub struct Engine {
    inner: Arc<Mutex<Inner>>,
    /// The thread that is inside, so that code run by the engine which asks the engine is refused instead of waiting
    /// for itself.
    inside: Mutex<Option<ThreadId>>,
    flusher: Flusher,
}

/// What a thread holds while it is inside.
struct Inside<'a> {
    inner: MutexGuard<'a, Inner>,
    inside: &'a Mutex<Option<ThreadId>>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl std::ops::Deref for Inside<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::ops::DerefMut for Inside<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

pub(crate) struct Inner {
    heap: Attached<PythonHeap>,
    state: KernelState,
    surroundings: Surroundings,
    open: Option<Open>,
    /// Why nothing is recorded, where that was tried.
    refusal: Option<String>,
    last_warnings: Vec<String>,
}

/// How long a thread sleeps before it looks again whether it may enter.
const WAIT: Duration = Duration::from_micros(200);

struct Open {
    session: Session,
    history: HistoryId,
    description: HistoryDescription,
}

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
        let heap = Attached::new(namespace.py(), PythonHeap::new(namespace, main.as_ref())?);
        let mut surroundings = Surroundings::of_process(Door::Notebook);
        surroundings.store = store.unwrap_or(surroundings.store);
        surroundings.config = config.unwrap_or(surroundings.config);
        let excluded: BTreeSet<String> = match option("exclude")? {
            Some(patterns) => patterns.extract()?,
            None => BTreeSet::new(),
        };
        let shell = option("shell")?.filter(|shell| !shell.is_none()).map(Bound::unbind);
        let state = KernelState {
            shell,
            excluded,
            ..KernelState::default()
        };
        let inner = Inner {
            heap,
            state,
            surroundings,
            open: None,
            refusal: None,
            last_warnings: Vec::new(),
        };
        let inner = Arc::new(Mutex::new(inner));
        let flusher = Flusher::over(&inner);
        Ok(Self {
            inner,
            inside: Mutex::new(None),
            flusher,
        })
    }

    /// Opens the history of a notebook and records what exists as the starting state.
    fn attach<'py>(&self, py: Python<'py>, notebook: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        let told = Notebook {
            name: text_of(notebook, "name")?,
            path: text_of(notebook, "path")?,
            id: text_of(notebook, "id")?,
        };
        let kernel = kernel_description(notebook)?;
        let begun = inner.begin(py, &told, kernel);
        inner.refusal = begun.as_ref().err().map(|error| error.value(py).to_string());
        let (recorded, belongs) = begun?;
        inner.last_warnings.clone_from(&recorded.warnings);
        let answer = PyDict::new(py);
        let open = inner.opened()?;
        answer.set_item("history", clew_cli::history_name(open.history, &open.description))?;
        answer.set_item("id", open.history.to_string())?;
        answer.set_item("belonging", belongs)?;
        answer.set_item("run", &recorded.label)?;
        answer.set_item("warnings", &recorded.warnings)?;
        answer.set_item("secrets", inner.state.secrets.keys().collect::<Vec<_>>())?;
        answer.set_item("can_resume", inner.opened()?.can_resume())?;
        Ok(answer)
    }

    /// Looks at what a run left and stores what changed.
    fn capture<'py>(&self, py: Python<'py>, run: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        let input = run_input(run)?;
        let recorded = inner
            .with_session(py, |session, kernel| session.record(kernel, input))?
            .map_err(runtime)?;
        inner.last_warnings.clone_from(&recorded.warnings);
        self.flusher.wake();
        captured(py, &recorded)
    }

    /// Looks for changes that no cell made.
    fn idle(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        if inner.open.is_some() {
            inner
                .with_session(py, |session, kernel| session.look_outside(kernel))?
                .map_err(runtime)?;
            self.flusher.wake();
        }
        Ok(())
    }

    /// Answers one command line, looking or moving. A usage error is an answer, not an exception. Where `busy`, a cell
    /// runs and nothing is moved.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
    #[pyo3(signature = (argv, busy = false))]
    fn command<'py>(&self, py: Python<'py>, argv: Vec<String>, busy: bool) -> PyResult<Bound<'py, PyDict>> {
        let mut inner = self.enter(py)?;
        let output = inner.answer(py, &argv, busy)?;
        let interrupted = std::mem::take(&mut inner.state.was_interrupted);
        self.flusher.wake();
        let answer = PyDict::new(py);
        answer.set_item("exit", output.exit.code())?;
        answer.set_item("text", output.printed())?;
        answer.set_item("interrupted", interrupted)?;
        answer.set_item("html", py.None())?;
        let json = match &output.json {
            Some(value) => py.import("json")?.call_method1("loads", (value.to_string(),))?,
            None => py.None().into_bound(py),
        };
        answer.set_item("json", json)?;
        Ok(answer)
    }

    /// Flushes what is saved to the disk; other threads run meanwhile.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let mut inner = self.enter(py)?;
        match &mut inner.open {
            Some(open) => py.detach(|| open.session.sync()).map_err(runtime),
            None => Ok(()),
        }
    }

    /// Syncs, and lets go of files and parked objects.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let synced = self.sync(py);
        self.flusher.stop();
        let mut inner = self.enter(py)?;
        let gone = (inner.open.take(), std::mem::take(&mut inner.state));
        drop(inner);
        // Letting go of objects runs code of theirs, which may ask this engine for something.
        drop(gone);
        synced
    }

    /// Lets go without writing: in the child of a fork, where only the parent writes and no other thread lives on.
    fn abandon(&self) {
        if let Ok(mut inner) = self.inner.try_lock() {
            // Dropping would close files and free objects, which may write; the parent does that.
            std::mem::forget(inner.open.take());
        }
    }
}

impl Inner {
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        self.open.as_mut().map(|open| &mut open.session)
    }
}

impl Engine {
    fn enter(&self, py: Python<'_>) -> PyResult<Inside<'_>> {
        let me = std::thread::current().id();
        if *self.inside.lock().unwrap_or_else(PoisonError::into_inner) == Some(me) {
            return Err(PyRuntimeError::new_err(
                "Clew is in the middle of another request; ask again after it",
            ));
        }
        let inner = loop {
            match self.inner.try_lock() {
                Ok(inner) => break inner,
                // What is held is committed whole or not at all, so a panic elsewhere leaves it usable.
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => py.detach(|| std::thread::sleep(WAIT)),
            }
        };
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
        Ok(Inside {
            inner,
            inside: &self.inside,
        })
    }
}

impl Inner {
    fn opened(&self) -> PyResult<&Open> {
        self.open
            .as_ref()
            .ok_or_else(|| PyRuntimeError::new_err("No history is open; attach first"))
    }

    fn with_session<R>(
        &mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut Session, &mut PythonKernel<'_, '_>) -> R,
    ) -> PyResult<R> {
        let Self { heap, state, open, .. } = self;
        let open = open
            .as_mut()
            .ok_or_else(|| PyRuntimeError::new_err("No history is open; attach first"))?;
        let used = heap.with(py, |heap| {
            work(&mut open.session, &mut PythonKernel::new(py, heap, state))
        });
        used.map_err(runtime)
    }

    /// Begins a session in the notebook's history. One without a starting state can't be moved: it is no session.
    fn begin(
        &mut self,
        py: Python<'_>,
        notebook: &Notebook,
        kernel: KernelDescription,
    ) -> PyResult<(Recorded, &'static str)> {
        let (open, belongs) = Open::new(&self.surroundings, notebook, kernel).map_err(runtime)?;
        self.open = Some(open);
        let started = self.with_session(py, |session, kernel| session.start(kernel))?;
        if started.is_err() {
            self.open = None;
        }
        Ok((started.map_err(runtime)?, belongs))
    }

    fn answer(&mut self, py: Python<'_>, words: &[String], busy: bool) -> PyResult<Output> {
        self.surroundings.now = SystemClock::default().now();
        let arguments = match clew_cli::parse(words, &self.surroundings) {
            Ok(arguments) => arguments,
            Err(output) => return Ok(output),
        };
        let asked = arguments.word.asked();
        let needs_session = asked.is_some() || (arguments.is_status() && !clew_cli::is_elsewhere(&arguments));
        if needs_session && self.open.is_none() {
            let why = self.refusal.as_deref();
            return Ok(clew_cli::not_recorded(why, &arguments, &self.surroundings));
        }
        if asked.is_some() && busy {
            return Ok(clew_cli::busy(&arguments, &self.surroundings));
        }
        match asked {
            None if clew_cli::is_elsewhere(&arguments) || self.open.is_none() => {
                Ok(clew_cli::look_elsewhere(&arguments, &self.surroundings))
            }
            None => {
                if let Some(open) = &mut self.open {
                    // What other kernels recorded meanwhile is the history's, too. A look never fails for it.
                    open.session.refresh().ok();
                }
                let live = self.live();
                let open = self.opened()?;
                Ok(clew_cli::look(&arguments, &open.place(&live), &self.surroundings))
            }
            Some(Asked::Move(request, options)) => {
                let moved = self.with_session(py, |session, kernel| session.perform(kernel, &request, options))?;
                Ok(match moved {
                    Ok(report) => clew_cli::report(&report, &arguments, &self.surroundings),
                    Err(error) => clew_cli::refuse(&error, &arguments, &self.surroundings),
                })
            }
            Some(Asked::Exclude(patterns)) => {
                self.state.excluded.extend(patterns);
                let excluded: Vec<&String> = self.state.excluded.iter().collect();
                let message = match excluded.as_slice() {
                    [] => "Nothing is excluded".to_owned(),
                    names => format!("Never recorded from now on: {}", join(names)),
                };
                let data = serde_json::json!({ "excluded": excluded });
                Ok(clew_cli::say(&message, data, &arguments, &self.surroundings))
            }
            Some(Asked::History(None)) => {
                let open = self.opened()?;
                let name = clew_cli::history_name(open.history, &open.description);
                let data = serde_json::json!({ "history": name, "id": open.history.to_string() });
                Ok(clew_cli::say(
                    &format!("This notebook belongs to {name}"),
                    data,
                    &arguments,
                    &self.surroundings,
                ))
            }
            Some(Asked::History(Some(name))) => {
                let notebook = Notebook {
                    name: Some(name),
                    ..Notebook::default()
                };
                let kernel = self.opened()?.description.kernel.clone();
                let (open, _) = Open::new(&self.surroundings, &notebook, kernel).map_err(runtime)?;
                self.open = Some(open);
                self.with_session(py, |session, kernel| session.start(kernel))?
                    .map_err(runtime)?;
                let open = self.opened()?;
                let name = clew_cli::history_name(open.history, &open.description);
                let more = if open.can_resume() {
                    ". `%clew resume` takes up its last state"
                } else {
                    ""
                };
                let data = serde_json::json!({ "history": name, "id": open.history.to_string() });
                let message = format!("This notebook now belongs to {name}{more}");
                Ok(clew_cli::say(&message, data, &arguments, &self.surroundings))
            }
        }
    }

    fn live(&self) -> Live {
        let session = self.open.as_ref().map(|open| &open.session);
        let mut excluded: Vec<String> = self.state.excluded.iter().cloned().collect();
        excluded.extend(self.state.secrets.iter().map(|(name, why)| format!("{name} ({why})")));
        Live {
            is_recording: session.is_some(),
            warnings: self.last_warnings.clone(),
            is_synced: session.is_none_or(Session::is_synced),
            parked: session
                .map(|session| session.parked().map(<[Root]>::to_vec).collect())
                .unwrap_or_default(),
            excluded,
        }
    }
}

impl Open {
    /// Opens the store, finds or makes the notebook's history, and begins a session in it. Says in a word how the
    /// notebook belongs to the history.
    fn new(
        surroundings: &Surroundings,
        notebook: &Notebook,
        kernel: KernelDescription,
    ) -> Result<(Self, &'static str), clew_core::store::StoreError> {
        let disk = Arc::new(RealDisk);
        let key = SigningKey::load_or_create(&*disk, &surroundings.config)?;
        let trust = Trust::load(&*disk, &surroundings.config, key.public())?;
        let store = Store::open(disk, &surroundings.store, Access::ReadWrite)?.with_trust(trust);
        let clock = SystemClock::default();
        let description = HistoryDescription {
            time: clock.now(),
            name: notebook.name.clone().unwrap_or_default(),
            path: notebook.path.clone(),
            notebook: notebook.id.clone(),
            kernel,
            ..HistoryDescription::default()
        };
        let belongs = belonging(&store.histories()?, notebook, |path| Path::new(path).exists());
        let (history, word) = match belongs {
            Belonging::Known(id) => (id, "known"),
            Belonging::Renamed(id) => (id, "renamed"),
            Belonging::Copied(_) => (store.create_history(&description)?, "copied"),
            Belonging::New => (store.create_history(&description)?, "new"),
        };
        if matches!(belongs, Belonging::Renamed(_)) {
            store.describe_history(history, &description)?;
        }
        let loaded = store.load(history)?;
        let description = loaded.description();
        let id = store.new_session();
        let writer = store.writer(history, id, &key)?;
        let session = Session::new(id, store, writer, loaded, Box::new(clock));
        Ok((
            Self {
                session,
                history,
                description,
            },
            word,
        ))
    }

    fn can_resume(&self) -> bool {
        self.session
            .history()
            .latest_position(Some(self.session.id()))
            .is_some()
    }

    fn place<'a>(&'a self, live: &'a Live) -> Place<'a> {
        Place {
            store: self.session.store().directory(),
            records: self.session.store(),
            id: self.history,
            description: &self.description,
            history: self.session.history(),
            session: Some(self.session.id()),
            at: self.session.at(),
            damage: &[],
            live: Some(live),
        }
    }
}

fn join(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn runtime(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

fn text_of(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<Option<String>> {
    dict.get_item(key)?.map_or(Ok(None), |value| value.extract())
}

fn kernel_description(notebook: &Bound<'_, PyDict>) -> PyResult<KernelDescription> {
    let Some(kernel) = notebook
        .get_item("kernel")?
        .and_then(|kernel| kernel.cast_into::<PyDict>().ok())
    else {
        return Ok(KernelDescription::default());
    };
    let text = |key: &str| text_of(&kernel, key).map(Option::unwrap_or_default);
    Ok(KernelDescription {
        name: text("name")?,
        executable: text("executable")?,
        language: text("language")?,
        version: text("version")?,
    })
}

fn run_input(run: &Bound<'_, PyDict>) -> PyResult<RunInput> {
    let get = |key: &str| -> PyResult<Bound<'_, PyAny>> {
        run.get_item(key)?
            .ok_or_else(|| PyValueError::new_err(format!("A run needs `{key}`")))
    };
    let touched = match run.get_item("touched")?.filter(|names| !names.is_none()) {
        None => Touched::All,
        Some(names) => Touched::Only(names.extract::<Vec<String>>()?.into_iter().map(Root::name).collect()),
    };
    Ok(RunInput {
        kind: RunKind::Cell,
        source: text_of(run, "source")?,
        output: text_of(run, "output")?,
        cell: text_of(run, "cell")?,
        execution_count: run
            .get_item("execution_count")?
            .map_or(Ok(None), |count| count.extract())?,
        started: get("started")?.extract()?,
        duration: get("duration")?.extract()?,
        ending: ending(&get("ending")?)?,
        evidence: evidence(run)?,
        touched,
    })
}

fn ending(value: &Bound<'_, PyAny>) -> PyResult<Ending> {
    if let Ok(failed) = value.cast::<PyDict>() {
        let exception = text_of(failed, "failed")?.unwrap_or_default();
        return Ok(Ending::Failed { exception });
    }
    match value.extract::<String>()?.as_str() {
        "done" => Ok(Ending::Done),
        "interrupted" => Ok(Ending::Interrupted),
        other => Err(PyValueError::new_err(format!("A run can't end `{other}`"))),
    }
}

/// Evidence by way of JSON: its fields are the record's, and unknown ones are passed over.
fn evidence(run: &Bound<'_, PyDict>) -> PyResult<Evidence> {
    let Some(told) = run.get_item("evidence")?.filter(|told| !told.is_none()) else {
        return Ok(Evidence::default());
    };
    let text: String = run.py().import("json")?.call_method1("dumps", (told,))?.extract()?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(format!("Evidence is malformed: {error}")))
}

fn captured<'py>(py: Python<'py>, recorded: &Recorded) -> PyResult<Bound<'py, PyDict>> {
    let answer = PyDict::new(py);
    answer.set_item("run", recorded.run.map(|_| recorded.label.clone()))?;
    answer.set_item("saved", recorded.run.is_some())?;
    answer.set_item("warnings", PyList::new(py, &recorded.warnings)?)?;
    let nanoseconds = PyDict::new(py);
    nanoseconds.set_item("total", recorded.nanoseconds)?;
    answer.set_item("nanoseconds", nanoseconds)?;
    answer.set_item("changed", recorded.changed)?;
    answer.set_item("nodes", recorded.nodes)?;
    Ok(answer)
}

//! `Visit`: the state after a run, loaded into a process that records nothing, for a sandbox process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use clew_cli::{Context, Interface, StoredHistory};
use clew_core::graph::{Heap, look_jointly};
use clew_core::id::{Root, RootKind, RunId};
use clew_core::kernel::{CoVariableHandover, EncryptedStream};
use clew_core::plan::{Outcome, OutcomeKind};
use clew_core::session::Visit as Visited;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::cause::runtime;
use crate::kernel::{KernelState, PythonKernel, tell_notebook_folder};
use crate::payload::Reader;
use crate::raw::{GilCell, Object, PythonHeap};

/// A root that was not simply restored: kind, key, outcome, reason.
type InexactFields = (String, String, &'static str, String);

/// A history that is only read, and the namespace into which its states are loaded.
#[pyclass(frozen, module = "clew._engine")]
pub struct Visit(Mutex<Inner>);

struct Inner {
    heap: GilCell<PythonHeap>,
    state: KernelState,
    visited: Visited,
    /// Classes that the cell is going to define, and that must get the ids of their first run.
    awaited: Vec<ClassReference>,
}

/// A class of the notebook: its id, and where it is found.
struct ClassReference {
    id: String,
    module: String,
    qualname: String,
}

impl ClassReference {
    /// Reads the id and the place of a class from the payload that the walk wrote (see `raw::class_body`).
    fn of(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let mut text = || Some(str::from_utf8(reader.name()?).ok()?.to_owned());
        let (id, _, qualname, module) = (text()?, text()?, text()?, text()?);
        Some(Self { id, module, qualname })
    }

    /// Returns the class, if the cell defined it: the object of its name that was also created under that name.
    fn find<'py>(&self, main: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let mut found = main.clone();
        for name in self.qualname.split('.') {
            found = found.getattr(name).ok()?;
        }
        let says = |attribute: &str| found.getattr(attribute).and_then(|name| name.extract::<String>()).ok();
        let is_it = found.is_instance_of::<PyType>()
            && says("__module__").as_deref() == Some(&self.module)
            && says("__qualname__").as_deref() == Some(&self.qualname);
        is_it.then_some(found)
    }
}

#[pymethods]
impl Visit {
    /// `namespace` is the dict of `main`. `store` and `config` are folders, `history` is an id.
    #[new]
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn new(
        namespace: &Bound<'_, PyDict>,
        main: &Bound<'_, PyAny>,
        shell: Py<PyAny>,
        store: PathBuf,
        config: PathBuf,
        history: &str,
    ) -> PyResult<Self> {
        let mut context = Context::of_process(Interface::Terminal);
        context.config = config;
        let opened =
            StoredHistory::open(&store, Some(history), &context).map_err(|problem| runtime(problem.message))?;
        tell_notebook_folder(namespace.py(), opened.notebook_folder().as_deref())?;
        let inner = Inner {
            heap: GilCell::new(namespace.py(), PythonHeap::new(namespace, Some(main))?),
            state: KernelState {
                shell: Some(shell),
                ..KernelState::default()
            },
            visited: Visited::new(opened.store, &opened.loaded),
            awaited: Vec::new(),
        };
        Ok(Self(Mutex::new(inner)))
    }

    /// Loads roots of the state after a run, by kind and key, like [`Visited::load`], or all of them. Names in
    /// `again` that are not stored are recreated by rerunning their cell. Returns each root that was not simply
    /// restored: its kind, its key, the word for the outcome, and the reason.
    fn load(
        &self,
        py: Python<'_>,
        run: &str,
        roots: Option<Vec<(String, String)>>,
        again: Vec<String>,
    ) -> PyResult<Vec<InexactFields>> {
        let run = run_of(run)?;
        let roots: Option<Vec<Root>> = roots.map(roots_of).transpose()?;
        let roots = roots.map(BTreeSet::from_iter);
        let again: BTreeSet<Root> = again.into_iter().map(Root::name).collect();
        let outcomes = self
            .with(py, |visited, kernel| visited.load(kernel, run, roots.as_ref(), &again))?
            .map_err(runtime)?;
        Ok(told(outcomes))
    }

    /// Returns the roots of the state after a run, by kind and key.
    fn roots(&self, run: &str) -> PyResult<Vec<(&'static str, String)>> {
        let roots = self.inner().visited.roots(run_of(run)?);
        Ok(roots.into_iter().map(|root| (root.kind.word(), root.key)).collect())
    }

    /// Builds roots of a run, by kind and key, and compares them with their fingerprints. Returns each root that
    /// differs from the stored one, in the form of [`Self::load`].
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn prove(&self, py: Python<'_>, run: &str, roots: Vec<(String, String)>) -> PyResult<Vec<InexactFields>> {
        let run = run_of(run)?;
        let roots = roots_of(roots)?.into_iter().collect();
        let outcomes = self
            .with(py, |visited, kernel| visited.prove(kernel, run, &roots))?
            .map_err(runtime)?;
        Ok(told(outcomes))
    }

    /// Loads what the cell of a run may read, in the state after the previous run. Returns the cell's source, and the
    /// `n` of its `In [n]`.
    fn prepare(&self, py: Python<'_>, run: &str) -> PyResult<(String, Option<u64>)> {
        let run = run_of(run)?;
        let (awaited, main) = self.awaited(py)?;
        let cell = self
            .with(py, |visited, kernel| {
                recognise(&awaited, &main, kernel);
                visited.prepare(kernel, run)
            })?
            .map_err(runtime)?;
        let awaited = cell.classes.iter().filter_map(|payload| ClassReference::of(payload));
        self.inner().awaited = awaited.collect();
        Ok((cell.source, cell.execution_count))
    }

    /// Notes that the prepared cell ran to its end.
    fn ran(&self, py: Python<'_>, run: &str) -> PyResult<()> {
        let run = run_of(run)?;
        self.with(py, |visited, _| visited.ran(run))
    }

    /// Writes the values that the cell of a run created for roots, by kind and key, together to a file, encrypted
    /// with a key. Returns the reason if that fails, otherwise `None`.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn hand_over(
        &self,
        py: Python<'_>,
        run: &str,
        roots: Vec<(String, String)>,
        file: PathBuf,
        key: [u8; 32],
    ) -> PyResult<Option<String>> {
        let (run, roots) = (run_of(run)?, roots_of(roots)?);
        let (awaited, main) = self.awaited(py)?;
        let handed = self.with(py, |visited, kernel| {
            recognise(&awaited, &main, kernel);
            visited.hand_over_of(kernel, run, &roots)
        })?;
        Ok(match handed {
            Ok(handed) => write(&handed, &file, &key).err().map(|error| error.to_string()),
            Err(why) => Some(why),
        })
    }
}

/// Gives classes that a cell defined the ids of their first run.
fn recognise(awaited: &[ClassReference], main: &Bound<'_, PyAny>, kernel: &mut PythonKernel<'_, '_>) {
    for class in awaited {
        if let Some(found) = class.find(main)
            && kernel.heap.definitions.live_id(found.as_ptr().cast()).is_none()
        {
            kernel.heap.definitions.recognise(&found, &class.id);
        }
    }
}

impl Visit {
    /// Returns the classes that the last cell was to define, only once; and the module in which they are found.
    fn awaited<'py>(&self, py: Python<'py>) -> PyResult<(Vec<ClassReference>, Bound<'py, PyAny>)> {
        let awaited = std::mem::take(&mut self.inner().awaited);
        let main = py.import("sys")?.getattr("modules")?.get_item("__main__")?;
        Ok((awaited, main))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The contents are only read, or filled once: a panic elsewhere leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `work` to the visited history and the live objects.
    fn with<R>(&self, py: Python<'_>, work: impl FnOnce(&Visited, &mut PythonKernel<'_, '_>) -> R) -> PyResult<R> {
        let mut inner = self.inner();
        let Inner {
            heap, state, visited, ..
        } = &mut *inner;
        heap.with(py, |heap| work(visited, &mut PythonKernel::new(py, heap, state)))
            .map_err(runtime)
    }
}

fn roots_of(roots: Vec<(String, String)>) -> PyResult<Vec<Root>> {
    let named = roots.into_iter().map(|(kind, key)| {
        let kind = RootKind::from_word(&kind).ok_or_else(|| PyValueError::new_err("There is no such kind of root"))?;
        Ok(Root::new(kind, key))
    });
    named.collect()
}

/// Returns the outcomes of roots that were not simply restored.
fn told(outcomes: Vec<Outcome>) -> Vec<InexactFields> {
    let told = outcomes
        .into_iter()
        .filter(|outcome| !matches!(outcome.kind, OutcomeKind::Restored | OutcomeKind::Unchanged));
    told.map(|outcome| {
        let kind = outcome.root.kind.word().to_owned();
        let why = outcome.why.unwrap_or_default();
        (kind, outcome.root.key, outcome.kind.name(), why)
    })
    .collect()
}

fn run_of(text: &str) -> PyResult<RunId> {
    text.parse()
        .map_err(|_| PyValueError::new_err("A run is named by its id here"))
}

fn write(handed: &CoVariableHandover, path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let file = io::BufWriter::new(fs::File::create(path)?);
    handed.write(&mut EncryptedStream::new(file, key))
}

/// Returns the common hash of names of a namespace, like that of the store's versions; `None` if one does not exist
/// or has no value that can be compared.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn fingerprint(
    namespace: &Bound<'_, PyDict>,
    main: &Bound<'_, PyAny>,
    names: Vec<String>,
) -> PyResult<Option<String>> {
    let mut objects = Vec::new();
    for name in &names {
        let Some(value) = namespace.get_item(name)? else {
            return Ok(None);
        };
        objects.push((Root::name(name), Object::of(&value)));
    }
    let heap = GilCell::new(namespace.py(), PythonHeap::new(namespace, Some(main))?);
    let found = heap.with(namespace.py(), |heap| {
        let found = look_jointly(heap, objects);
        heap.release();
        found
    });
    let found = found.map_err(runtime)?;
    Ok(found.opaque.is_empty().then(|| found.fingerprint.to_string()))
}

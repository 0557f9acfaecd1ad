//! `Visit`: what a run left, loaded into a process that records nothing, as the scratch process sees it.

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

/// A root that was not simply loaded: kind, key, outcome, why.
type InexactFields = (String, String, &'static str, String);

/// A history that is only read, and the namespace that its states are loaded into.
#[pyclass(frozen, module = "clew._engine")]
pub struct Visit(Mutex<Inner>);

struct Inner {
    heap: GilCell<PythonHeap>,
    state: KernelState,
    visited: Visited,
    /// Classes that the cell is going to make, which are to be known as when it ran first.
    awaited: Vec<ClassReference>,
}

/// A class of the notebook: its id, and where it can be found.
struct ClassReference {
    id: String,
    module: String,
    qualname: String,
}

impl ClassReference {
    /// What the walk wrote of a class, as far as that says where it can be found (see `raw::class_body`).
    fn of(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let mut text = || Some(str::from_utf8(reader.name()?).ok()?.to_owned());
        let (id, _, qualname, module) = (text()?, text()?, text()?, text()?);
        Some(Self { id, module, qualname })
    }

    /// The class, if the cell made it: what bears its name and was made under it.
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
    /// `namespace` is the dict of `main`. `store` and `config` name folders, `history` is an id.
    #[new]
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

    /// Loads roots of what a run left, by kind and key, as [`Visited::load`] does, or all; what is not stored of the names in `again` is made by
    /// running its cell again. Each root that was not simply loaded: its kind, its key, the word for what became of it, and why.
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

    /// The roots that a run left, by kind and key.
    fn roots(&self, run: &str) -> PyResult<Vec<(&'static str, String)>> {
        let roots = self.inner().visited.roots(run_of(run)?);
        Ok(roots.into_iter().map(|root| (root.kind.word(), root.key)).collect())
    }

    /// Builds roots of a run, by kind and key, and holds them against their fingerprints. Each that is not as it was stored,
    /// as [`Self::load`] tells it.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
    fn prove(&self, py: Python<'_>, run: &str, roots: Vec<(String, String)>) -> PyResult<Vec<InexactFields>> {
        let run = run_of(run)?;
        let roots = roots_of(roots)?.into_iter().collect();
        let outcomes = self
            .with(py, |visited, kernel| visited.prove(kernel, run, &roots))?
            .map_err(runtime)?;
        Ok(told(outcomes))
    }

    /// Loads what the cell of a run may read, as the run before it left it. The cell's source, and the `n` of its `In [n]`.
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

    /// Says that the cell that was prepared ran to its end.
    fn ran(&self, py: Python<'_>, run: &str) -> PyResult<()> {
        let run = run_of(run)?;
        self.with(py, |visited, _| visited.ran(run))
    }

    /// Writes what the cell of a run made of roots, by kind and key, together into a file, encrypted with a key; why that can't be, else `None`.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

/// Lets classes that a cell made be known as when it ran first.
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
    /// Classes that the last cell was to make, once; and where they can be found.
    fn awaited<'py>(&self, py: Python<'py>) -> PyResult<(Vec<ClassReference>, Bound<'py, PyAny>)> {
        let awaited = std::mem::take(&mut self.inner().awaited);
        let main = py.import("sys")?.getattr("modules")?.get_item("__main__")?;
        Ok((awaited, main))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What is held is read, or filled once: a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses what is visited on the live objects.
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

/// What was not simply loaded.
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

/// What names of a namespace hash to together, as the store's versions do; `None` where one is not there or has no value
/// that could be compared.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

//! `CellReuse` for Python: the cells of a notebook and facts about the machine as typed values, decisions as dicts.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clew_cli::cell_reuse::{self, EnvironmentFacts, Machine, NotebookCell, NotebookOrigin, ReuseOptions};
use clew_cli::{Context, Interface, Problem};
use clew_core::id::{HistoryId, RunId};
use clew_core::session::ReusedRun;
use pyo3::prelude::*;

use crate::cause::runtime;

/// A run to be reused for a cell: its id, the id of its history, the cell's id, its `In [n]`, and the directory in
/// which the cell would have started.
pub type ReusableRun = (String, String, Option<String>, Option<u64>, Option<String>);

/// The decisions of `clew run` about the cells of a notebook.
#[pyclass(frozen, module = "clew._engine")]
pub struct CellReuse {
    reuse: Mutex<cell_reuse::CellReuse>,
    /// The environment of the kernel (`clew.run.environment.Environment`).
    environment: Py<PyAny>,
    /// A function that returns whether two texts are the same code.
    same_code: Py<PyAny>,
}

/// A notebook and its machine, as described by Python code.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct NotebookFacts {
    path: String,
    id: Option<String>,
    history: Option<String>,
    directory: String,
    python: String,
    variables: BTreeMap<String, String>,
    builtins: HashSet<String>,
    standard_modules: HashSet<String>,
}

/// The fields of a decision, for Python.
#[derive(IntoPyObject)]
struct DecisionFields {
    outcome: &'static str,
    why: Vec<String>,
    run: Option<String>,
    end: Option<BTreeMap<&'static str, String>>,
    output: Option<String>,
    duration: Option<u64>,
}

/// The fields of a [`cell_reuse::KernelPreparation`], for Python.
#[derive(Default, IntoPyObject)]
struct PreparationFields {
    runs: Vec<ReusableRun>,
    texts: Vec<String>,
    imports: Vec<String>,
    lost: Vec<(&'static str, &'static str)>,
}

#[pymethods]
impl CellReuse {
    /// Creates the decisions about `cells`. `notebook` contains facts about the notebook and the machine; or, if no
    /// record of it can be used, the reason or `None`. `first`, `only_stale` and `verify` are the user's options.
    #[new]
    #[pyo3(signature = (cells, notebook, environment, same_code, first = None, only_stale = false, verify = false))]
    fn new(
        cells: &Bound<'_, PyAny>,
        notebook: &Bound<'_, PyAny>,
        environment: Py<PyAny>,
        same_code: Py<PyAny>,
        first: Option<String>,
        only_stale: bool,
        verify: bool,
    ) -> PyResult<Self> {
        let cells: Vec<NotebookCell> = pythonize::depythonize(cells)?;
        let (origin, machine) = match notebook.extract::<Option<String>>() {
            Ok(why) => (Err(why), Machine::default()),
            Err(_) => split(notebook.extract()?),
        };
        let wanted = ReuseOptions {
            first,
            only_stale,
            verify,
        };
        let mut context = Context::of_process(Interface::Python);
        context.read_settings();
        let reuse = cell_reuse::CellReuse::of(cells, wanted, origin, machine, context).map_err(raised)?;
        Ok(Self {
            reuse: Mutex::new(reuse),
            environment,
            same_code,
        })
    }

    /// Decides about all cells once, since decisions may depend on later cells; then goes back to before the first
    /// one.
    fn look_ahead(&self, py: Python<'_>) -> PyResult<()> {
        self.with_facts(py, cell_reuse::CellReuse::look_ahead)
    }

    /// Decides about the cell with this `In [n]`.
    fn decide(&self, py: Python<'_>, number: u64) -> PyResult<DecisionFields> {
        let decision = self.with_facts(py, |reuse, facts| reuse.decide(number, facts))?;
        let ids = |(history, run): (HistoryId, RunId)| {
            BTreeMap::from([("history", history.to_string()), ("run", run.to_string())])
        };
        Ok(DecisionFields {
            outcome: if decision.is_restored { "restored" } else { "executed" },
            why: decision.why,
            run: decision.run,
            end: decision.end.map(ids),
            output: decision.output,
            duration: decision.duration,
        })
    }

    /// Returns what a kernel needs before the cell with this `In [n]` is executed; or what cannot be restored, and
    /// why: then the decisions start again.
    fn before_execution(&self, number: u64) -> PreparationFields {
        match self.reuse().before_execution(number) {
            Ok(load) => PreparationFields {
                runs: copied(load.runs),
                texts: load.texts,
                imports: load.imports,
                lost: Vec::new(),
            },
            Err(lost) => PreparationFields {
                lost: vec![lost],
                ..PreparationFields::default()
            },
        }
    }

    /// Returns the reused runs that have not been given to a kernel yet, as `Engine.reuse` takes them.
    fn pending(&self) -> Vec<ReusableRun> {
        copied(self.reuse().pending())
    }

    /// Marks cells to be executed whose runs cannot be restored (`lost`, with the reasons), and goes back to before
    /// the first cell, for a new kernel. Returns the `In [n]` of these cells. If there are none, nothing is done.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn begin_again(&self, lost: Vec<(String, String)>) -> Vec<u64> {
        self.reuse().begin_again(&lost)
    }

    /// Sets the run and directory of the kernel, from which the next cell starts.
    #[pyo3(signature = (run, directory = None))]
    fn stand_at(&self, run: &str, directory: Option<String>) -> PyResult<()> {
        self.reuse().stand_at(run, directory).map_err(raised)
    }

    /// Notes that the cell with this `In [n]` was executed, and that the kernel is `at` a run if it records. Returns
    /// the differences from the run with which the cell is to be compared, as texts; `None` if there is no such run.
    #[pyo3(signature = (number, at = None))]
    fn executed(&self, number: u64, at: Option<&str>) -> Option<Vec<String>> {
        self.reuse().executed(number, at)
    }
}

impl CellReuse {
    fn reuse(&self) -> MutexGuard<'_, cell_reuse::CellReuse> {
        self.reuse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `act` with facts from Python.
    fn with_facts<T>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut cell_reuse::CellReuse, &dyn EnvironmentFacts) -> T,
    ) -> PyResult<T> {
        let facts = PythonFacts {
            environment: self.environment.bind(py),
            same_code: self.same_code.bind(py),
            failed: Mutex::new(None),
        };
        let decided = act(&mut self.reuse(), &facts);
        let failed = facts.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(decided), Err)
    }
}

#[allow(clippy::needless_pass_by_value)] // `map_err` passes it like this
fn raised(problem: Problem) -> PyErr {
    runtime(problem.message)
}

type Origin = Result<(NotebookOrigin, Option<String>), Option<String>>;

fn split(notebook: NotebookFacts) -> (Origin, Machine) {
    let origin = NotebookOrigin {
        path: notebook.path,
        id: notebook.id,
        // The file may be untrusted, and this field may contain anything.
        history: notebook.history.and_then(|id| id.parse().ok()),
    };
    let machine = Machine {
        python: Some(notebook.python),
        variables: notebook.variables,
        builtins: notebook.builtins,
        standard_modules: notebook.standard_modules,
    };
    (Ok((origin, Some(notebook.directory))), machine)
}

fn copied(runs: Vec<ReusedRun>) -> Vec<ReusableRun> {
    let copied = runs.into_iter().map(|run| {
        (
            run.run.to_string(),
            run.history.to_string(),
            run.cell,
            run.execution_count,
            run.directory,
        )
    });
    copied.collect()
}

/// Facts from Python. The first error is kept, and raised when the decision is made.
struct PythonFacts<'a, 'py> {
    environment: &'a Bound<'py, PyAny>,
    same_code: &'a Bound<'py, PyAny>,
    failed: Mutex<Option<PyErr>>,
}

impl<'py> PythonFacts<'_, 'py> {
    fn answer<T: Default + for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
        &self,
        answered: PyResult<Bound<'py, PyAny>>,
    ) -> T {
        answered
            .and_then(|answer| answer.extract::<T>())
            .unwrap_or_else(|error| {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
                T::default()
            })
    }

    fn of_environment<T: Default + for<'a> FromPyObject<'a, 'py, Error = PyErr>>(&self, what: &str, name: &str) -> T {
        self.answer(self.environment.call_method1(what, (name,)))
    }
}

impl EnvironmentFacts for PythonFacts<'_, '_> {
    fn is_same_code(&self, one: &str, other: &str) -> bool {
        self.answer(self.same_code.call1((one, other)))
    }

    fn installed(&self, distribution: &str) -> String {
        self.of_environment("installed", distribution)
    }

    fn edited(&self, distribution: &str) -> Option<String> {
        self.of_environment("edited", distribution)
    }

    fn has_module(&self, name: &str) -> bool {
        self.of_environment("has_module", name)
    }

    fn may_have_module(&self, name: &str) -> bool {
        self.of_environment("may_have_module", name)
    }

    fn has_distributions(&self, known: &str) -> bool {
        self.of_environment("has_distributions", known)
    }

    fn mark_now(&self, path: &str, mark: &str) -> Option<String> {
        self.answer(self.environment.call_method1("mark_now", (path, mark)))
    }
}

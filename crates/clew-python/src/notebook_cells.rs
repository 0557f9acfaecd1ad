//! `CellReuse`: which cells of a notebook need to run again, as whoever runs it asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clew_cli::cell_reuse::{self, CellDecision, NotebookCell, NotebookOrigin, Vouched};
use clew_cli::{Context, Interface};
use clew_core::format::{FileEvidence, ModuleEvidence};
use clew_core::history::flow::Outside;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A run to be taken for a cell: its id, the id of its history, the cell's id, its `In [n]`, the directory
/// that it would have found.
pub type Copied = (String, String, Option<String>, Option<u64>, Option<String>);

/// A walk over a notebook, from its first cell to its last.
#[pyclass(frozen, module = "clew._engine")]
pub struct CellReuse {
    walk: Mutex<cell_reuse::CellReuse>,
}

#[pymethods]
impl CellReuse {
    /// The walk over the notebook at this path, which runs in `directory`; `None` where there is no store yet. `id` is what the file carries,
    /// `history` the one that it was packed with.
    #[staticmethod]
    #[pyo3(signature = (path, id = None, history = None, directory = None, store = None))]
    fn of(
        path: String,
        id: Option<String>,
        history: Option<&str>,
        directory: Option<String>,
        store: Option<std::path::PathBuf>,
    ) -> PyResult<Option<Self>> {
        let mut context = Context::of_process(Interface::Python);
        context.read_settings();
        if let Some(store) = store {
            context.store = store;
        }
        // What a stranger's file names may be anything.
        let history = history.and_then(|id| id.parse().ok());
        let walk = cell_reuse::CellReuse::of(NotebookOrigin { path, id, history }, directory, &context);
        let walk = walk.map_err(|problem| PyRuntimeError::new_err(problem.message))?;
        Ok(walk.map(|walk| Self { walk: Mutex::new(walk) }))
    }

    /// What is to be done about the next cell: its id, its code, its `In [n]`. `outside` tells how things are outside the session; `same_code` says whether two texts are
    /// the same code, where they are not the same text; `vouched` is what its author vouches for: nothing, `pure` or `done`; `counts_results` whether a cell of the notebook reads results by number.
    #[pyo3(signature = (cell, outside, same_code, vouched = None, counts_results = false))]
    fn decide<'py>(
        &self,
        py: Python<'py>,
        cell: (Option<String>, String, u64),
        outside: &Bound<'py, PyAny>,
        same_code: &Bound<'py, PyAny>,
        vouched: Option<&str>,
        counts_results: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (id, source, execution_count) = cell;
        let vouched = match vouched {
            None => Vouched::Nothing,
            Some("pure") => Vouched::Pure,
            Some("done") => Vouched::Done,
            Some(other) => return Err(PyValueError::new_err(format!("the signer of {other} is not trusted"))),
        };
        let cell = NotebookCell {
            id,
            source,
            execution_count,
            vouched,
            counts_results,
        };
        let python: Option<String> = outside.getattr("python")?.extract()?;
        let there = There {
            asked: outside,
            python,
            failed: Mutex::new(None),
        };
        let is_same_code = |one: &str, other: &str| there.answer(same_code.call1((one, other)), false);
        let decided = self.walk().decide(&cell, &there, &is_same_code);
        if let Some(error) = there.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let told = PyDict::new(py);
        match decided {
            CellDecision::Restored {
                run,
                end: (history, id),
                output,
                duration,
                although,
            } => {
                told.set_item("although", although)?;
                told.set_item("run", run)?;
                let end = [("history", history.to_string()), ("run", id.to_string())];
                told.set_item("end", BTreeMap::from(end))?;
                told.set_item("output", output)?;
                told.set_item("duration", duration)?;
            }
            CellDecision::Executed(why) => {
                told.set_item("why", why)?;
                told.set_item("duration", self.walk().last_duration(&cell))?;
            }
        }
        Ok(told)
    }

    /// What was taken since it was asked last, to be brought to a kernel, as `Engine.reuse` takes it.
    fn pending(&self) -> Vec<Copied> {
        let pending = self.walk().pending();
        let told = pending.into_iter().map(|run| {
            let history = run.history.to_string();
            let id = run.run.to_string();
            (id, history, run.cell, run.execution_count, run.directory)
        });
        told.collect()
    }

    /// Whether cells set something in libraries that no record holds.
    fn has_patches(&self) -> bool {
        self.walk().has_patches()
    }

    /// Goes back to before the first cell, and takes such cells for what they left as long as `overlooks`: to know whether anything has to be
    /// executed at all.
    fn overlook_patches(&self, overlooks: bool) {
        self.walk().overlook_patches(overlooks);
    }

    /// Whether several runs wrote one file.
    fn has_overwritten(&self) -> bool {
        self.walk().has_overwritten()
    }

    /// Overlooks from now on that a later run wrote over a file, as long as nothing is executed between.
    fn allow_overwritten(&self) {
        self.walk().allow_overwritten();
    }

    /// Something is executed now, or nothing follows: false if files were overlooked whose last writers are still to be decided. They are overlooked no
    /// more, and the walk has to begin again.
    fn settle_overwritten(&self) -> bool {
        self.walk().settle_overwritten()
    }

    /// Goes back to before the first cell.
    fn start_over(&self) {
        self.walk().begin_again();
    }

    /// Has the walk begin anew, for a new kernel, without the runs that made what could not be brought back (a root and why); the `In [n]` of cells that
    /// these were taken for. Where there are none nothing is done.
    #[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
    fn begin_again(&self, lost: Vec<(String, String)>) -> Vec<u64> {
        let mut walk = self.walk();
        let mut cells: Vec<u64> = lost.iter().filter_map(|(root, why)| walk.refuse(root, why)).collect();
        cells.extend(walk.unsettled());
        if !cells.is_empty() {
            walk.begin_again();
        }
        cells
    }

    /// A kernel is at this run now, in this directory: the next cell finds what that left. False if there is no such run.
    #[pyo3(signature = (run, directory = None))]
    fn stand_at(&self, run: &str, directory: Option<String>) -> PyResult<bool> {
        let found = self.walk().stand_at(run, directory);
        found.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// In what the run `now` of the notebook's own differs from the recorded one that could have been taken for it, in words.
    fn differences(&self, recorded: &str, now: &str) -> Option<Vec<String>> {
        self.walk().differences(recorded, now)
    }
}

impl CellReuse {
    fn walk(&self) -> MutexGuard<'_, cell_reuse::CellReuse> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lies outside, as an object of Python's tells it. The first thing that goes wrong is kept.
struct There<'a, 'py> {
    asked: &'a Bound<'py, PyAny>,
    python: Option<String>,
    failed: Mutex<Option<PyErr>>,
}

impl<'py> There<'_, 'py> {
    fn answer<T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
        &self,
        answered: PyResult<Bound<'py, PyAny>>,
        otherwise: T,
    ) -> T {
        match answered.and_then(|answer| answer.extract::<T>()) {
            Ok(answer) => answer,
            Err(error) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
                otherwise
            }
        }
    }
}

impl Outside for There<'_, '_> {
    fn has_file(&self, file: &FileEvidence) -> bool {
        let told = (&file.path, file.size, file.modified, &file.digest, &file.mark);
        self.answer(self.asked.call_method1("has_file", told), false)
    }

    fn other_module(&self, module: &ModuleEvidence) -> Option<String> {
        module.version.as_ref()?;
        let told = (
            &module.name,
            &module.version,
            &module.distribution,
            &module.digest,
            &module.imports,
        );
        self.answer(self.asked.call_method1("other_module", told), None)
    }

    fn python(&self) -> Option<&str> {
        self.python.as_deref()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.answer(self.asked.call_method1("variable", (name,)), None)
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.answer(self.asked.call_method1("is_builtin", (name,)), true)
    }
}

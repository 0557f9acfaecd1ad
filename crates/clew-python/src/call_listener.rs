//! A function whose calls are reported to another function before it runs.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::raw::audit::is_watched;

/// Calls a function; while a run is watched, calls `told` with the same arguments first. It has no frame of its own,
/// so that tracebacks through it are unchanged.
#[pyclass(frozen, module = "clew._engine", name = "Listened")]
pub struct CallListener {
    function: Py<PyAny>,
    told: Py<PyAny>,
}

#[pymethods]
impl CallListener {
    #[new]
    fn new(function: Py<PyAny>, told: Py<PyAny>) -> Self {
        Self { function, told }
    }

    /// The wrapped function.
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.clone_ref(py)
    }

    #[pyo3(signature = (*arguments, **named))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if is_watched() {
            // An exception of Clew must not become the user's.
            let _ = self.told.bind(py).call(arguments, named);
        }
        self.function.bind(py).call(arguments, named)
    }

    /// Returns the same object, since functions are not copied.
    #[pyo3(name = "__deepcopy__")]
    fn deep_copy<'py>(this: &Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        this.clone()
    }
}

//! Collects the functions that ran, by the interpreter's monitoring.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rustc_hash::FxHashMap;

/// The callback that the interpreter calls when a function starts. It is native because it is called within the
/// user's code: a Python function would take a level of recursion, which may be the user's last, and would raise
/// there.
#[pyclass(frozen, module = "clew._engine", name = "Fired")]
pub struct FunctionStartHook {
    /// The return value that disables an event.
    disable: Py<PyAny>,
    /// Code objects of the functions that started, by address.
    codes: Mutex<FxHashMap<usize, Py<PyAny>>>,
}

#[pymethods]
impl FunctionStartHook {
    #[new]
    fn new(disable: Py<PyAny>) -> Self {
        Self {
            disable,
            codes: Mutex::default(),
        }
    }

    /// Adds a code object.
    #[pyo3(signature = (code, *_rest))]
    fn __call__(&self, code: &Bound<'_, PyAny>, _rest: &Bound<'_, PyTuple>) -> Py<PyAny> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes
            .entry(code.as_ptr() as usize)
            .or_insert_with(|| code.clone().unbind());
        self.disable.clone_ref(code.py())
    }

    /// Returns the code objects since the last `clear`.
    fn codes(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.values().map(|code| code.clone_ref(py)).collect()
    }

    /// Forgets them.
    fn clear(&self) {
        let gone = take(&mut *self.codes.lock().unwrap_or_else(PoisonError::into_inner));
        // Releasing a code object may run other functions, which call this hook.
        drop(gone);
    }
}

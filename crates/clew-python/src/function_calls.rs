//! Which functions ran, as the interpreter's monitoring tells it.

use std::mem::take;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rustc_hash::FxHashMap;

/// What the interpreter calls when a function starts. Native, since it is called in the midst of the user's: a function of
/// Python's needs a step of the recursion that may be the user's last, and raises there.
#[pyclass(frozen, module = "clew._engine", name = "Fired")]
pub struct FunctionStartHook {
    /// Says that an event is not to be told again.
    disable: Py<PyAny>,
    /// Codes that told, by their addresses.
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

    /// Notes a code.
    #[pyo3(signature = (code, *_rest))]
    fn __call__(&self, code: &Bound<'_, PyAny>, _rest: &Bound<'_, PyTuple>) -> Py<PyAny> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes
            .entry(code.as_ptr() as usize)
            .or_insert_with(|| code.clone().unbind());
        self.disable.clone_ref(code.py())
    }

    /// What told since it was last cleared.
    fn codes(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.values().map(|code| code.clone_ref(py)).collect()
    }

    /// Forgets them.
    fn clear(&self) {
        let gone = take(&mut *self.codes.lock().unwrap_or_else(PoisonError::into_inner));
        // Letting go of a code may run others, which tell.
        drop(gone);
    }
}

//! Converts Python exceptions to errors of the engine: why something was not built, or why the session cannot be read
//! or changed.

use clew_core::kernel::{BuildError, KernelError};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyModuleNotFoundError, PyNameError};
use pyo3::prelude::*;

use crate::cause::PythonCause;

/// Converts an exception to the reason why something was not built.
pub(crate) fn build_error(py: Python<'_>, error: &PyErr) -> BuildError {
    if error.is_instance_of::<PyMemoryError>(py) {
        BuildError::NoMemory
    } else if let Some(cause) = missing(py, error) {
        cause.into()
    } else if error.is_instance_of::<PyNameError>(py) {
        BuildError::Unbound(error.to_string())
    } else {
        cell_error(py, error)
    }
}

/// Returns the cause for a missing import, with advice.
fn missing(py: Python<'_>, error: &PyErr) -> Option<PythonCause> {
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return None;
    }
    let module: String = error.value(py).getattr("name").ok()?.extract().ok()?;
    lacks(py, &module)
}

/// Returns the cause for a library's name that is not available here; `None` if the name belongs to no library.
pub(crate) fn lacks(py: Python<'_>, name: &str) -> Option<PythonCause> {
    let libraries = py.import("clew.libraries").ok()?;
    let said = libraries.call_method1("lacks", (name,)).ok()?;
    let (library, package, version): (String, String, Option<String>) = said.extract().ok()?;
    Some(match version {
        Some(version) => PythonCause::NotInLibrary {
            name: name.to_owned(),
            library,
            version,
        },
        None => PythonCause::NoLibrary {
            module: library,
            package,
        },
    })
}

/// Converts an exception to the reason why a rerun cell created nothing.
pub(crate) fn cell_error(py: Python<'_>, error: &PyErr) -> BuildError {
    match kernel_error(py, error) {
        KernelError::Interrupted => BuildError::Interrupted,
        KernelError::NoMemory => BuildError::NoMemory,
        KernelError::Failed(why) => BuildError::Failed(why),
    }
}

/// Converts an exception to the reason why the session cannot be read or changed.
pub(crate) fn kernel_error(py: Python<'_>, error: &PyErr) -> KernelError {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        KernelError::Interrupted
    } else if error.is_instance_of::<PyMemoryError>(py) {
        KernelError::NoMemory
    } else {
        KernelError::Failed(error.to_string())
    }
}

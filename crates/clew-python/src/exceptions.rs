//! What Python's exceptions mean for the engine: why something was not built, or why the session can't be read or changed.

use clew_core::kernel::{BuildError, KernelError};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyModuleNotFoundError, PyNameError};
use pyo3::prelude::*;

use crate::cause::PythonCause;

/// A Python exception in words, as the reason why something was not built.
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

/// What an import did not find, in words that say what to do.
fn missing(py: Python<'_>, error: &PyErr) -> Option<PythonCause> {
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return None;
    }
    let module: String = error.value(py).getattr("name").ok()?.extract().ok()?;
    lacks(py, &module)
}

/// What to say of a name of a library that is not to be had here; nothing of what is no library's.
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

/// The same, as the reason why a cell that ran again made nothing.
pub(crate) fn cell_error(py: Python<'_>, error: &PyErr) -> BuildError {
    match kernel_error(py, error) {
        KernelError::Interrupted => BuildError::Interrupted,
        KernelError::NoMemory => BuildError::NoMemory,
        KernelError::Failed(why) => BuildError::Failed(why),
    }
}

/// A Python exception in words, as the reason why the session can't be read or changed.
pub(crate) fn kernel_error(py: Python<'_>, error: &PyErr) -> KernelError {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        KernelError::Interrupted
    } else if error.is_instance_of::<PyMemoryError>(py) {
        KernelError::NoMemory
    } else {
        KernelError::Failed(error.to_string())
    }
}

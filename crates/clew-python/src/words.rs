//! Properties of a command line that the shell needs before it passes the line to the engine.

use clew_cli::Intent;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Splits the line after `%clew` into words, and returns them with what they will do, like [`intent`].
///
/// # Errors
/// `ValueError` if a quote is not closed.
#[pyfunction]
pub fn read_line<'py>(py: Python<'py>, line: &str) -> PyResult<Bound<'py, PyDict>> {
    let words = clew_cli::split_line(line).map_err(|error| PyValueError::new_err(error.to_string()))?;
    intent(py, words)
}

/// Returns `words` with what they will do: whether the command restores live state (`moves`), and then `waits` for another
/// running cell; whether it needs a sandbox process (`asks`), sets settings (`sets`), or transfers data to other
/// places (`carries`), which the native command does. If it `seals`, the changes of the running cell so far are
/// recorded first.
///
/// # Errors
/// There is not enough memory.
#[pyfunction]
pub fn intent(py: Python<'_>, words: Vec<String>) -> PyResult<Bound<'_, PyDict>> {
    let intent = clew_cli::intent(&words);
    let told = PyDict::new(py);
    told.set_item("moves", matches!(intent, Intent::Moves { .. }))?;
    told.set_item("waits", intent == Intent::Moves { waits: true })?;
    let seals = matches!(
        intent,
        Intent::Moves { .. } | Intent::Forgets | Intent::Carries { state: true }
    );
    told.set_item("seals", seals)?;
    told.set_item("asks", intent == Intent::Asks)?;
    told.set_item("sets", intent == Intent::Sets)?;
    told.set_item("carries", matches!(intent, Intent::Carries { .. }))?;
    told.set_item("words", words)?;
    Ok(told)
}

/// Returns the hash of a file's bytes; `None` if it cannot be read. Other threads run meanwhile.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn digest_of(py: Python<'_>, path: std::path::PathBuf) -> Option<String> {
    py.detach(|| clew_cli::digest_of(&path))
}

/// Returns a mark by which only this user recognizes a small file; `None` if it cannot be read, or there is no key
/// yet.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn mark_of(py: Python<'_>, path: std::path::PathBuf) -> Option<String> {
    py.detach(|| clew_cli::mark_of(&path))
}

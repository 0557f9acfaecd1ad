//! What the shell must know of a line before it hands it to the engine.

use clew_cli::Intent;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Splits the line after `%clew` into words, and returns them with what they are about to do, as [`intent`] does.
///
/// # Errors
/// `ValueError` where a quote is not closed.
#[pyfunction]
pub fn read_line<'py>(py: Python<'py>, line: &str) -> PyResult<Bound<'py, PyDict>> {
    let words = clew_cli::split_line(line).map_err(|error| PyValueError::new_err(error.to_string()))?;
    intent(py, words)
}

/// Returns `words` with what they are about to do: `moves` what is live, and then `waits` for another cell that runs; `asks` a scratch
/// process; `sets` settings; `carries` to other places, which the native command does. What it `seals` before it is what the running cell did so far.
///
/// # Errors
/// Where memory runs out.
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

/// The hash of a file's bytes; `None` where it can't be read. Other threads run meanwhile.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn digest_of(py: Python<'_>, path: std::path::PathBuf) -> Option<String> {
    py.detach(|| clew_cli::digest_of(&path))
}

/// By what this user, and nobody else, knows a small file again; `None` where it can't be read, or there is no key yet.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn mark_of(py: Python<'_>, path: std::path::PathBuf) -> Option<String> {
    py.detach(|| clew_cli::mark_of(&path))
}

//! Judges texts as credentials on their own (`clew_cli::secrets`), and finds those in values
//! (`kernel/credential_search.rs`).

use clew_cli::secrets;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::kernel::credential_search::Search;

/// Encodes a text for Rust; nothing is cached in the user's string. Characters that cannot be encoded are replaced.
fn encoded(text: &Bound<'_, PyString>) -> String {
    let bytes = text.encode_utf8().ok();
    let whole = bytes.and_then(|bytes: Bound<'_, PyBytes>| String::from_utf8(bytes.as_bytes().to_vec()).ok());
    whole.unwrap_or_else(|| text.to_string_lossy().into_owned())
}

fn all(texts: &[Bound<'_, PyString>]) -> Vec<String> {
    texts.iter().map(encoded).collect()
}

/// Returns why a text under this name is a credential; `None` if neither the name nor the text suggests it.
#[pyfunction]
pub fn judged_secret(name: &Bound<'_, PyString>, text: &Bound<'_, PyString>) -> Option<&'static str> {
    secrets::judged(&encoded(name), &encoded(text))
}

/// Returns why a value that is not a text must not be stored under this name; `None` if it contains no credential.
#[pyfunction]
pub fn secret_within(name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Search::new(value.py())?.first(&encoded(name), value)
}

/// Returns the texts in such a value that must not be shown.
#[pyfunction]
pub fn secrets_within(name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    Search::new(value.py())?.texts(&encoded(name), value)
}

/// Returns the credentials in a text under this name that are distinctive enough to be recognized again.
#[pyfunction]
pub fn credentials_in(name: &Bound<'_, PyString>, text: &Bound<'_, PyString>) -> Vec<String> {
    secrets::credentials_in(&encoded(name), &encoded(text))
}

/// Returns whether a text is distinctive enough to be a credential in any context.
#[pyfunction]
pub fn is_distinct(text: &Bound<'_, PyString>) -> bool {
    secrets::is_distinct(&encoded(text))
}

/// Returns whether a text contains one of the `known` texts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn holds_known(text: &Bound<'_, PyString>, known: Vec<Bound<'_, PyString>>) -> bool {
    secrets::holds_known(&encoded(text), &all(&known))
}

/// Returns whether a prompt asks for a credential.
#[pyfunction]
pub fn asks_for_credential(prompt: &Bound<'_, PyString>) -> bool {
    secrets::asks_for_one(&encoded(prompt))
}

/// Returns names that a source binds to results of calls that return credentials.
#[pyfunction]
pub fn given_names(source: &Bound<'_, PyString>) -> Vec<String> {
    secrets::given_names(&encoded(source))
}

/// Returns values of environment variables that look like credentials.
#[pyfunction]
pub fn secret_variables() -> Vec<String> {
    secrets::secret_variables()
}

/// Returns a displayed text without parts that look like credentials or are one of the `known` texts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn redacted<'py>(text: Bound<'py, PyString>, known: Vec<Bound<'py, PyString>>) -> Bound<'py, PyString> {
    let whole = encoded(&text);
    let kept = secrets::redacted(&whole, &all(&known));
    if kept == whole {
        text
    } else {
        PyString::new(text.py(), &kept)
    }
}

/// Returns a cell's source without those, descriptions of the removed parts, and the removed texts that are
/// recognized elsewhere.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn masked<'py>(
    source: Bound<'py, PyString>,
    known: Vec<Bound<'py, PyString>>,
) -> (Bound<'py, PyString>, Vec<String>, Vec<String>) {
    let masked = secrets::masked(&encoded(&source), &all(&known));
    if masked.taken.is_empty() {
        return (source, masked.taken, masked.texts);
    }
    (PyString::new(source.py(), &masked.kept), masked.taken, masked.texts)
}

/// Returns the beginning of a sentence that reports the removed parts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn left_out(taken: Vec<String>) -> String {
    secrets::left_out(&taken)
}

//! What a text is by itself: a credential, or not (`clew_cli::secrets`); and which are in a value (`kernel/credential_search.rs`).

use clew_cli::secrets;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::kernel::credential_search::Search;

/// A text in Rust's encoding, of which nothing is kept within the user's string. What can't be encoded is replaced.
fn encoded(text: &Bound<'_, PyString>) -> String {
    let bytes = text.encode_utf8().ok();
    let whole = bytes.and_then(|bytes: Bound<'_, PyBytes>| String::from_utf8(bytes.as_bytes().to_vec()).ok());
    whole.unwrap_or_else(|| text.to_string_lossy().into_owned())
}

fn all(texts: &[Bound<'_, PyString>]) -> Vec<String> {
    texts.iter().map(encoded).collect()
}

/// Why a text under this name is a credential; `None` if neither speaks for it.
#[pyfunction]
pub fn judged_secret(name: &Bound<'_, PyString>, text: &Bound<'_, PyString>) -> Option<&'static str> {
    secrets::judged(&encoded(name), &encoded(text))
}

/// Why a value that is no text must not be stored under this name; `None` if nothing in it speaks against that.
#[pyfunction]
pub fn secret_within(name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Search::new(value.py())?.first(&encoded(name), value)
}

/// The texts in such a value that must not be shown.
#[pyfunction]
pub fn secrets_within(name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    Search::new(value.py())?.texts(&encoded(name), value)
}

/// The credentials in a text under this name, as far as each says enough to be known again.
#[pyfunction]
pub fn credentials_in(name: &Bound<'_, PyString>, text: &Bound<'_, PyString>) -> Vec<String> {
    secrets::credentials_in(&encoded(name), &encoded(text))
}

/// Whether a text is so much by itself that it is a credential wherever it stands.
#[pyfunction]
pub fn is_distinct(text: &Bound<'_, PyString>) -> bool {
    secrets::is_distinct(&encoded(text))
}

/// Whether one of the `known` texts stands in a text.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn holds_known(text: &Bound<'_, PyString>, known: Vec<Bound<'_, PyString>>) -> bool {
    secrets::holds_known(&encoded(text), &all(&known))
}

/// Whether a prompt asks for a credential.
#[pyfunction]
pub fn asks_for_credential(prompt: &Bound<'_, PyString>) -> bool {
    secrets::asks_for_one(&encoded(prompt))
}

/// Names that a source binds to what hands out credentials.
#[pyfunction]
pub fn given_names(source: &Bound<'_, PyString>) -> Vec<String> {
    secrets::given_names(&encoded(source))
}

/// Values of environment variables that look like credentials.
#[pyfunction]
pub fn secret_variables() -> Vec<String> {
    secrets::secret_variables()
}

/// A text that was shown without what looks like a credential or is one of the `known` texts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn redacted<'py>(text: Bound<'py, PyString>, known: Vec<Bound<'py, PyString>>) -> Bound<'py, PyString> {
    let whole = encoded(&text);
    let kept = secrets::redacted(&whole, &all(&known));
    if kept == whole {
        text
    } else {
        PyString::new(text.py(), &kept)
    }
}

/// A cell's source without those, what was taken out in words, and the texts of it that are known again elsewhere.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

/// Says that something was left out, as a sentence begins with it.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn left_out(taken: Vec<String>) -> String {
    secrets::left_out(&taken)
}

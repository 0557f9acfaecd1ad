//! What of a value `clew.secrets` is asked about: texts and small containers as they are, of instances and functions what they
//! hold. Most values have nothing to look at, and cost no call.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFunction, PyList, PyString, PyTuple};

use crate::raw::written::{own_attributes, written_in};

/// Containers of more members are data, for `is_secret` too.
const LARGEST: usize = 64;
/// How deep instances in instances are looked into.
const DEEPEST: u32 = 2;

/// What `is_secret` is to look at; `None` where nothing in the value could be a credential.
pub(crate) fn searched<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if may_hide_secret(value) {
        return Ok(Some(value.clone()));
    }
    held(value, DEEPEST)
}

/// What an instance, a class or a function holds that may be a credential, by its names.
fn held<'py>(value: &Bound<'py, PyAny>, depth: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let found = PyDict::new(py);
    let named = if let Ok(function) = value.cast_exact::<PyFunction>() {
        let written = written_in(function)?;
        let constants: Vec<_> = written
            .constants
            .into_iter()
            .filter(may_be_part)
            .take(LARGEST)
            .collect();
        if !constants.is_empty() {
            found.set_item("__code__", constants)?;
        }
        written.defaults
    } else {
        own_attributes(value)
    };
    for (name, value) in named {
        if may_hide_secret(&value) {
            found.set_item(name, value)?;
        } else if depth > 1
            && let Some(inner) = held(&value, depth - 1)?
        {
            found.set_item(name, inner)?;
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let class = py.import("clew.secrets")?.getattr("Attributes")?;
    class.call1((found,)).map(Some)
}

/// Whether a value is exactly text or bytes.
pub(super) fn is_text(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>() || value.is_exact_instance_of::<PyBytes>()
}

/// Whether `is_secret` has something to look at: most names need no call.
fn may_hide_secret(value: &Bound<'_, PyAny>) -> bool {
    is_text(value)
        || value.is_exact_instance_of::<PyByteArray>()
        || value.is_exact_instance_of::<PyDict>()
        || value
            .cast_exact::<PyList>()
            .is_ok_and(|list| list.len() <= LARGEST && list.iter().any(|item| may_be_part(&item)))
        || value
            .cast_exact::<PyTuple>()
            .is_ok_and(|tuple| tuple.len() <= LARGEST && tuple.iter().any(|item| may_be_part(&item)))
}

/// Whether a member of a list may hold a secret: a text that is long enough, or a container.
fn may_be_part(item: &Bound<'_, PyAny>) -> bool {
    const SHORTEST: usize = 16;
    let is_long = || item.len().is_ok_and(|length| length >= SHORTEST);
    let is_container = item.is_exact_instance_of::<PyDict>()
        || item.is_exact_instance_of::<PyList>()
        || item.is_exact_instance_of::<PyTuple>();
    is_container || (is_text(item) && is_long())
}

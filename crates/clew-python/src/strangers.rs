//! Determines which values of untrusted histories may be built: plain data, in encodings that run no code whatever
//! their parts are.
//!
//! It uses a list of what is allowed, since a list of what is forbidden is never complete: a weak reference runs its
//! callback when its object is freed, an instance its `__del__`, a `map` its function, and a module its code when it
//! is imported.

use clew_core::graph::Arena;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyType};

use crate::kinds;
use crate::payload::Reader;

/// Returns whether building, keeping and releasing the objects of a stream runs none of its code.
pub(crate) fn is_data(py: Python<'_>, arena: &Arena<'_>) -> PyResult<bool> {
    let mut is_part = vec![false; arena.len()];
    for number in 0..arena.len() {
        for child in arena.node(number as u32).children {
            is_part[*child as usize] = true;
        }
    }
    for (number, is_part) in is_part.into_iter().enumerate() {
        let node = arena.node(number as u32);
        let is_fine = match node.kind {
            kinds::OPAQUE
            | kinds::NONE..=kinds::NOT_IMPLEMENTED
            | kinds::ENUM_MEMBER
            | kinds::MAPPINGPROXY
            | kinds::DICT_VIEW
            | kinds::MEMORY
            | kinds::ITERATOR
            | kinds::MEMORYVIEW
            | kinds::GENERIC_ALIAS => true,
            // The name of a library's function is only a name; as a part of other data, the function could be called.
            kinds::MODULE => !is_part && module(py, node.payload)?.is_some(),
            kinds::GLOBAL => named(py, node.payload)?.is_some_and(|found| !is_part || found.is_instance_of::<PyType>()),
            kinds::CODEC => is_native(py, node.payload)?,
            _ => false,
        };
        if !is_fine {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns a module that is already loaded, or comes with a library that Clew knows. No other module is imported:
/// neither one next to an untrusted notebook, nor one that runs code on import.
fn module<'py>(py: Python<'py>, name: &[u8]) -> PyResult<Option<Bound<'py, PyModule>>> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Ok(None);
    };
    let top = name.split('.').next().unwrap_or_default();
    let libraries = py.import("clew.codecs")?.getattr("LIBRARIES")?;
    if libraries.contains(top)? && py.import(top).is_err() {
        return Ok(None);
    }
    let loaded = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let found = loaded.get_item(name)?.filter(|_| name != "__main__");
    Ok(found.and_then(|found| found.cast_into::<PyModule>().ok()))
}

/// Returns the object of a name, if the name leads through a module and classes only.
fn named<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut reader = Reader::new(payload);
    let (Some(name), Some(path)) = (reader.name(), reader.name()) else {
        return Ok(None);
    };
    let (Some(module), Ok(path)) = (module(py, name)?, std::str::from_utf8(path)) else {
        return Ok(None);
    };
    let mut parts = path.split('.');
    let mut found = module.dict().get_item(parts.next().unwrap_or_default())?;
    for part in parts {
        let scope = found.filter(PyAnyMethods::is_instance_of::<PyType>);
        found = match scope {
            Some(scope) => scope.getattr("__dict__")?.get_item(part).ok(),
            None => None,
        };
    }
    Ok(found)
}

/// Returns whether a codec runs no code that its parts name.
fn is_native(py: Python<'_>, payload: &[u8]) -> PyResult<bool> {
    let Some(Ok(name)) = Reader::new(payload).name().map(std::str::from_utf8) else {
        return Ok(false);
    };
    let codec = py.import("clew.codecs")?.call_method1("named", (name,))?;
    codec.getattr("native")?.extract()
}

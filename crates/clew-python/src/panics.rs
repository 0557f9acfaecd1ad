//! Panics of the engine, which are defects: each reaches Python as an exception, and from there the user in one line.
//!
//! Rust's own words would go to the process's standard error as well, which a notebook shows under the cell. So they are kept
//! for that line instead; of threads of the engine's own nobody else hears, and there they stay what they are.

use std::panic::{set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// Where the engine panicked last.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// How threads are named that no exception leaves.
const OWN_THREADS: &str = "clew-";

/// Has panics noted from now on.
pub(crate) fn note() {
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with(OWN_THREADS)) {
            return before(panic);
        }
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

/// Where the engine panicked last, for whoever tells of it; told once.
#[pyfunction]
pub fn panicked_at() -> Option<String> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

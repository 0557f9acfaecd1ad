//! Panics of the engine, which are bugs: each reaches Python as an exception, and the user as one line.
//!
//! Rust's own message would also go to standard error, which a notebook shows under the cell. Instead, the location
//! is kept for that line. Panics in the engine's own threads reach no exception, so there Rust's message is printed.
//!
//! Tests make the engine panic on demand, to see what a bug does to a session. Otherwise this only costs reading a
//! flag.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// The location of the last panic.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// The start of the names of threads whose panics do not become exceptions.
const OWN_THREADS: &str = "clew-";

/// Installs the hook that notes panics.
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

/// Returns the location of the last panic, for the error message; only once.
#[pyfunction]
pub fn panicked_at() -> Option<String> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The engine's steps between which Rust works without Python.
const STEPS: [&str; 15] = [
    "enter",
    "roots",
    "rebound",
    "some_roots",
    "settle",
    "build",
    "noticed",
    "withheld",
    "install",
    "clear_staging",
    "summary",
    "refusal",
    "describe_stream",
    "wait",
    "flush",
];

static IS_WANTED: AtomicBool = AtomicBool::new(false);
static WANTED: Mutex<Option<String>> = Mutex::new(None);

/// Marks the start of a step.
pub(crate) fn pass(step: &str) {
    debug_assert!(STEPS.contains(&step), "{step} is not listed");
    if IS_WANTED.load(Ordering::Relaxed) {
        strike(step);
    }
}

#[cold]
fn strike(step: &str) {
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted.as_deref() == Some(step) {
        *wanted = None;
        IS_WANTED.store(false, Ordering::Relaxed);
        drop(wanted);
        panic!("planted in `{step}`");
    }
}

/// Makes the engine panic once, when this step starts next; `None` cancels that. Returns whether the previous planned
/// panic has happened.
#[pyfunction]
pub fn panic_at(step: Option<String>) -> bool {
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let has_come = wanted.is_none();
    IS_WANTED.store(step.is_some(), Ordering::Relaxed);
    *wanted = step;
    has_come
}

/// Returns the step at which a panic is still planned.
#[pyfunction]
pub fn panic_wanted() -> Option<String> {
    WANTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Returns the steps at which a panic can be planned.
#[pyfunction]
pub fn panic_steps() -> Vec<&'static str> {
    STEPS.to_vec()
}

//! Panics of the engine, which are defects: each reaches Python as an exception, and from there the user in one line.
//!
//! Rust's own words would go to the process's standard error as well, which a notebook shows under the cell. So they are kept
//! for that line instead; of threads of the engine's own nobody else hears, and there they stay what they are.
//!
//! Tests have the engine panic on demand, to try what a defect does to a session. Unless that is wanted it costs reading a flag.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Steps of the engine's between which Rust works without Python.
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

/// A step begins.
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

/// Has the engine panic once, where this step begins next; with `None` nowhere any more. Whether the last one that was
/// wanted came.
#[pyfunction]
pub fn panic_at(step: Option<String>) -> bool {
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let has_come = wanted.is_none();
    IS_WANTED.store(step.is_some(), Ordering::Relaxed);
    *wanted = step;
    has_come
}

/// The step at which it is still to panic.
#[pyfunction]
pub fn panic_wanted() -> Option<String> {
    WANTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The steps at which it can.
#[pyfunction]
pub fn panic_steps() -> Vec<&'static str> {
    STEPS.to_vec()
}

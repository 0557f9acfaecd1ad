//! Panics on demand: tests try what a defect of the engine's does to a session. Unless one is wanted it costs reading a flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

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

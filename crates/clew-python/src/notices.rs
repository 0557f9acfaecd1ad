//! What codecs notice while they make an object that keeps it from being what was stored.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

static NOTICED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says why what is being decoded differs from what was stored, for people.
#[pyfunction]
pub fn notice(why: String) {
    NOTICED.lock().unwrap_or_else(PoisonError::into_inner).insert(why);
}

static LACKS_FRAMES: AtomicBool = AtomicBool::new(false);

/// Says that a traceback is decoded, which has no variables of its frames then.
#[pyfunction]
pub fn lacks_frames() {
    LACKS_FRAMES.store(true, Ordering::Relaxed);
}

/// Whether that was said since the last call.
pub(crate) fn take_lacks_frames() -> bool {
    LACKS_FRAMES.swap(false, Ordering::Relaxed)
}

/// What was noticed since the last call.
pub(crate) fn take_noticed() -> BTreeSet<String> {
    take(&mut *NOTICED.lock().unwrap_or_else(PoisonError::into_inner))
}

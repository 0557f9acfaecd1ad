//! Notices of codecs that an object which they make differs from the stored one.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

static NOTICED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes why the object that is being decoded differs from the stored one, in readable form.
#[pyfunction]
pub fn notice(why: String) {
    NOTICED.lock().unwrap_or_else(PoisonError::into_inner).insert(why);
}

static LACKS_FRAMES: AtomicBool = AtomicBool::new(false);

/// Notes that a traceback is being decoded: its frames have no variables.
#[pyfunction]
pub fn lacks_frames() {
    LACKS_FRAMES.store(true, Ordering::Relaxed);
}

/// Returns whether that was noted since the last call.
pub(crate) fn take_lacks_frames() -> bool {
    LACKS_FRAMES.swap(false, Ordering::Relaxed)
}

/// Returns the notices since the last call.
pub(crate) fn take_noticed() -> BTreeSet<String> {
    take(&mut *NOTICED.lock().unwrap_or_else(PoisonError::into_inner))
}

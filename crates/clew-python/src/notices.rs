//! What codecs notice while they make an object that keeps it from being what was stored.

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

static NOTICED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says why what is being decoded differs from what was stored, for people.
#[pyfunction]
pub fn notice(why: String) {
    NOTICED.lock().unwrap_or_else(PoisonError::into_inner).insert(why);
}

/// What was noticed since the last call.
pub(crate) fn take_noticed() -> BTreeSet<String> {
    take(&mut *NOTICED.lock().unwrap_or_else(PoisonError::into_inner))
}

//! The collector of cycles, off for a while.

use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

/// While this lives, no cycles are collected: no code of the user's runs for that, and what is made is not gone through
/// again and again. Of a million small objects that is half of what making them costs.
pub(crate) struct CollectorPause<'py> {
    was_on: bool,
    _attached: PhantomData<Python<'py>>,
}

impl<'py> CollectorPause<'py> {
    pub fn begin(_py: Python<'py>) -> Self {
        Self {
            // SAFETY: attached.
            was_on: unsafe { ffi::PyGC_Disable() } != 0,
            _attached: PhantomData,
        }
    }
}

impl Drop for CollectorPause<'_> {
    fn drop(&mut self) {
        if self.was_on {
            // SAFETY: attached, as long as the lifetime says.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

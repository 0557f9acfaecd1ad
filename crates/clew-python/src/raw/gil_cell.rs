//! A cell for a value that may only be used with the GIL: it can be stored anywhere, and is opened with a token.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// Holds a value that may only be used with the GIL. The cell can be stored in a class or sent to a thread, since the
/// value is only accessible with a token, by one user at a time.
pub struct GilCell<T> {
    value: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: only `with` gives access to the value; it takes a token (its thread is attached) and allows one user at a
// time. The value is bound to the interpreter, not to a thread.
unsafe impl<T> Send for GilCell<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for GilCell<T> {}

/// The value is in use: by another thread, or by code that the value itself runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Clew is busy in another thread of this kernel")]
pub struct BusyError;

impl<T> GilCell<T> {
    /// Creates a cell. The token shows that the caller may use the value.
    pub fn new(_py: Python<'_>, value: T) -> Self {
        Self {
            value: UnsafeCell::new(value),
            taken: AtomicBool::new(false),
        }
    }

    /// Gives access to the value.
    ///
    /// # Errors
    /// The value is already in use.
    pub fn with<R>(&self, _py: Python<'_>, use_it: impl FnOnce(&mut T) -> R) -> Result<R, BusyError> {
        struct Close<'a>(&'a AtomicBool);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        if self.taken.swap(true, Ordering::Acquire) {
            return Err(BusyError);
        }
        let _close = Close(&self.taken);
        // SAFETY: the flag excludes all other users until `_close` is dropped.
        Ok(use_it(unsafe { &mut *self.value.get() }))
    }
}

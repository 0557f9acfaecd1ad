//! A place for what may only be touched with the interpreter lock: it can be kept anywhere and opened with a token.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// Holds a value that must not leave the interpreter lock. It can be kept in a class or sent to a thread, since it is
/// only reached with a token, by one user at a time.
pub struct GilCell<T> {
    value: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: the value is reached by `with` alone, which takes a token (its thread is attached) and lets in one user at a
// time. What it holds is bound to the interpreter, not to a thread.
unsafe impl<T> Send for GilCell<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for GilCell<T> {}

/// Someone else is inside: another thread, or code that the value itself runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Clew is busy in another thread of this kernel")]
pub struct BusyError;

impl<T> GilCell<T> {
    /// Puts a value in. The token shows that the caller may.
    pub fn new(_py: Python<'_>, value: T) -> Self {
        Self {
            value: UnsafeCell::new(value),
            taken: AtomicBool::new(false),
        }
    }

    /// Opens the place.
    ///
    /// # Errors
    /// Someone else has it open.
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
        // SAFETY: the flag keeps everyone else out until `_close` is dropped.
        Ok(use_it(unsafe { &mut *self.value.get() }))
    }
}

//! Holds Ctrl+C back during operations that must not be interrupted, and determines which ones a cell should receive.
//!
//! Python's own handler only notes SIGINT; its Python part runs before the next bytecode, which may be after a walk
//! of a second. So while SIGINT is held back, Clew's own handler replaces it and notes the time.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;

unsafe extern "C" {
    // A handler as a number: `SIG_DFL` and `SIG_IGN` are not functions. A kernel ignores SIGINT between requests.
    fn PyOS_setsig(signal: c_int, handler: usize) -> usize;
}

const SIGINT: c_int = 2;

/// When SIGINT last came while it was held back, in nanoseconds since the epoch; 0 if it did not.
static CAME: AtomicI64 = AtomicI64::new(0);
/// The number of nested holds.
static HOLDS: AtomicUsize = AtomicUsize::new(0);
/// Whether a Ctrl+C ended code of the user that Clew had called.
static STRUCK: AtomicBool = AtomicBool::new(false);

/// Notes the time. Reading the clock and storing a number are all that a signal handler may do here.
extern "C" fn note(_: c_int) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    CAME.store(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX), Ordering::Relaxed);
}

/// Holds SIGINT back until this is dropped.
pub(crate) struct Hold {
    before: Option<usize>,
}

impl Hold {
    /// Starts to hold it back. Only the outermost of nested holds has an effect.
    pub fn begin(_py: Python<'_>) -> Self {
        if HOLDS.fetch_add(1, Ordering::Relaxed) > 0 {
            return Self { before: None };
        }
        CAME.store(0, Ordering::Relaxed);
        // SAFETY: handlers are only changed attached, so no other thread of this interpreter changes them meanwhile;
        // ours is a function that is always valid and does only what a handler may.
        let before = unsafe { PyOS_setsig(SIGINT, note as extern "C" fn(c_int) as usize) };
        Self { before: Some(before) }
    }

    /// Returns when SIGINT came, in nanoseconds since the epoch.
    pub fn came() -> Option<i64> {
        Some(CAME.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HOLDS.fetch_sub(1, Ordering::Relaxed);
        if let Some(before) = self.before {
            // SAFETY: it was the handler before, and the interpreter, which owns it, still exists.
            unsafe {
                PyOS_setsig(SIGINT, before);
            }
        }
    }
}

/// Notes that a Ctrl+C ended code of the user that Clew had called. Returns false if it cannot have been one, since
/// it is held back: then the code itself raised the exception.
pub(super) fn strike() -> bool {
    let is_one = HOLDS.load(Ordering::Relaxed) == 0;
    STRUCK.fetch_or(is_one, Ordering::Relaxed);
    is_one
}

/// Returns whether that happened since the last call.
pub(crate) fn was_struck() -> bool {
    STRUCK.swap(false, Ordering::Relaxed)
}

/// A `with` block in which SIGINT is noted instead of delivered.
///
/// The user's cell is over, so Ctrl+C cannot be meant for it, but for what comes next. `at` tells when it came, and
/// the hooks deliver it to a cell that was already waiting.
#[pyclass(module = "clew._engine", name = "Held")]
#[derive(Default)]
pub struct InterruptGuard {
    hold: Option<Hold>,
    came: Option<i64>,
}

#[pymethods]
impl InterruptGuard {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// When it came, in seconds since the epoch; `None` if it did not.
    #[getter]
    #[allow(clippy::cast_precision_loss)] // a double holds the time of day to a microsecond
    fn at(&self) -> Option<f64> {
        self.came.map(|came| came as f64 / 1e9)
    }

    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyRefMut<'_, Self> {
        slf.hold = Some(Hold::begin(slf.py()));
        slf
    }

    fn __exit__(&mut self, _kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _place: &Bound<'_, PyAny>) {
        self.came = Hold::came();
        self.hold = None;
    }
}

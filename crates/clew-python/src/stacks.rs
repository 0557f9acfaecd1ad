//! The frames of other threads, read without releasing the interpreter in between.
//!
//! Python code that does this may crash the process. Up to 3.12, `f_back` creates a frame object, which may start the
//! collector; a finalizer then lets the other thread continue, and the result is read from memory that the thread has
//! since used for another frame. `sys._current_frames` may deadlock in the same way
//! (<https://github.com/python/cpython/issues/106883>). Here no Python code runs, and the collector is off.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::raw::CollectorPause;

/// A frame of another thread: the globals of its code, and the addresses of its local variables' values.
type Locals<'py> = (Bound<'py, PyAny>, FxHashSet<usize>);

/// Returns whether another thread runs code of a namespace.
///
/// # Errors
/// The interpreter cannot return the frames.
#[pyfunction]
pub fn runs_elsewhere(namespace: &Bound<'_, PyDict>) -> PyResult<bool> {
    let _uncollected = CollectorPause::begin(namespace.py());
    for (_, frame) in frames_elsewhere(namespace.py())? {
        if frame.getattr("f_globals")?.is(namespace) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the frames of the other threads, innermost first, by thread id.
///
/// # Errors
/// The interpreter cannot return the frames.
#[pyfunction]
pub fn locals_elsewhere(py: Python<'_>) -> PyResult<FxHashMap<u64, Vec<Locals<'_>>>> {
    let _uncollected = CollectorPause::begin(py);
    let mut found = FxHashMap::<u64, Vec<Locals<'_>>>::default();
    for (thread, frame) in frames_elsewhere(py)? {
        let held = values(&frame.getattr("f_locals")?)?;
        let addresses = held.iter().map(|value| value.as_ptr() as usize).collect();
        let frames = found.entry(thread).or_default();
        frames.push((frame.getattr("f_globals")?, addresses));
    }
    Ok(found)
}

/// Returns the values of local variables; none if reading them would run user code: `exec` accepts any mapping for
/// them.
fn values<'py>(locals: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let is_known = locals.is_exact_instance_of::<PyDict>() || locals.get_type().name()? == "FrameLocalsProxy";
    if !is_known {
        return Ok(PyList::empty(locals.py()));
    }
    locals.cast::<PyMapping>()?.values()
}

/// Returns the frames of every other thread, innermost first. The collector must be off.
fn frames_elsewhere(py: Python<'_>) -> PyResult<Vec<(u64, Bound<'_, PyAny>)>> {
    let own: u64 = py.import("threading")?.call_method0("get_ident")?.extract()?;
    let innermost = py.import("sys")?.call_method0("_current_frames")?;
    let mut frames = Vec::new();
    for (thread, mut frame) in innermost.cast_into::<PyDict>()? {
        let thread = thread.extract()?;
        while thread != own && !frame.is_none() {
            let outer = frame.getattr("f_back")?;
            frames.push((thread, std::mem::replace(&mut frame, outer)));
        }
    }
    Ok(frames)
}

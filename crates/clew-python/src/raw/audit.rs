//! The audit hook: which events of the interpreter are passed to Python, and when none is.
//!
//! A hook can never be removed, and the interpreter calls every hook for every `id()` and attribute of a module. So
//! the hook is native and returns at once unless a run is watched and the event is one of a few.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFrame, PyModule, PyString};
use rustc_hash::FxHashSet;

unsafe extern "C" {
    fn PySys_AddAuditHook(
        hook: unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// The audit events to pass on, and their receiver.
struct AuditWatch {
    events: FxHashSet<Box<[u8]>>,
    told: Py<PyAny>,
}

/// Only some occurrences of this event are passed on, and in another form.
const FRAME_TAKEN: &CStr = c"sys._getframe";

static WATCHED: OnceLock<AuditWatch> = OnceLock::new();
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// How often code was executed since the watch began: a loop may call `eval` a million times.
static EXECUTED: AtomicU32 = AtomicU32::new(0);
/// How many executions are passed on: large libraries have a thousand modules.
const MOST_EXECUTED: u32 = 3000;

/// Installs the hook: from then on `told(event, arguments)` is called for `events` while [`watch_events`] is on. Only
/// the first call has an effect.
#[pyfunction]
pub fn hang_audit_hook(events: Vec<String>, told: Py<PyAny>) -> PyResult<()> {
    let events = events
        .into_iter()
        .map(|event| event.into_bytes().into_boxed_slice())
        .collect();
    if WATCHED.set(AuditWatch { events, told }).is_err() {
        return Ok(());
    }
    // SAFETY: the interpreter is running and initialized, since it calls this function; `hook` is a function that is
    // always valid, since the module is never unloaded, and takes no data.
    let status = unsafe { PySys_AddAuditHook(hook, std::ptr::null_mut()) };
    if status == 0 {
        Ok(())
    } else {
        Err(PyRuntimeError::new_err("The interpreter refused the audit hook"))
    }
}

/// Turns the watch on or off; if it is off, the hook is inert.
#[pyfunction]
pub fn watch_events(on: bool) {
    if !ACTIVE.swap(on, Ordering::Relaxed) {
        EXECUTED.store(0, Ordering::Relaxed);
    }
}

/// Returns whether events are watched.
pub fn is_watched() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

/// Returns whether the main interpreter runs here. The hook is called for all interpreters of the process, and another
/// one must not touch the main one's objects.
fn is_main_interpreter() -> bool {
    // SAFETY: the watched events are raised by code that runs, so there is a thread state.
    unsafe { ffi::PyInterpreterState_Get() == ffi::PyInterpreterState_Main() }
}

/// Never stops the audited action: failures in here must not affect the user's code.
unsafe extern "C" fn hook(event: *const c_char, arguments: *mut ffi::PyObject, _: *mut c_void) -> c_int {
    if !ACTIVE.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: the interpreter passes the event's name as a C string, and `arguments` as a tuple or null, both
    // borrowed for the call, and holds the GIL meanwhile.
    unsafe { hand_on(CStr::from_ptr(event), arguments) };
    0
}

/// Calls Python for a watched event.
///
/// # Safety
/// The GIL is held and `arguments` is a live object or null.
unsafe fn hand_on(event: &CStr, arguments: *mut ffi::PyObject) {
    let Some(watched) = WATCHED.get() else { return };
    if !watched.events.contains(event.to_bytes()) || !is_main_interpreter() {
        return;
    }
    if event == c"exec" && EXECUTED.fetch_add(1, Ordering::Relaxed) >= MOST_EXECUTED {
        return;
    }
    // SAFETY: the caller holds the GIL.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the caller's promise.
    let Some(mut arguments) = (unsafe { Bound::from_borrowed_ptr_or_opt(py, arguments) }) else {
        return;
    };
    if event == FRAME_TAKEN {
        let Some(told) = of_notebook(&arguments) else { return };
        arguments = told;
    }
    let name = PyString::new(py, &event.to_string_lossy());
    // An exception of Clew must not become the user's.
    let _ = watched.told.bind(py).call1((name, arguments));
}

/// Returns a frame of the notebook that is taken, with the frame of the code that takes it; `None` for other frames:
/// logging takes one for each message.
fn of_notebook<'py>(arguments: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = arguments.py();
    let frame = arguments.get_item(0).ok()?.cast_into::<PyFrame>().ok()?;
    let notebook = notebook(py)?;
    if !frame.getattr("f_globals").ok()?.is(&notebook) {
        return None;
    }
    // SAFETY: the GIL is held, and the frame is borrowed.
    let taker = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) };
    (frame, taker).into_pyobject(py).ok().map(Bound::into_any)
}

/// Returns the variables of the notebook.
fn notebook(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the GIL is held. The module is borrowed, or null with an exception set.
    let module = unsafe { Bound::from_borrowed_ptr_or_err(py, ffi::PyImport_AddModule(c"__main__".as_ptr())) };
    Some(module.ok()?.cast_into::<PyModule>().ok()?.dict().into_any())
}

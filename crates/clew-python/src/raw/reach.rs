//! Codes of the notebook's functions that objects can reach, and functions of libraries, found as the collector sees objects: nothing of
//! the user's is called.
//!
//! On Python 3.11 this stands in for watching which functions ran: what a name can reach, a run that names it may
//! call. On 3.12+ it finds functions that no cell defined under our eyes (those a move brought back, `exec`).

use std::collections::VecDeque;
use std::ffi::{CStr, c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::FxHashSet;

/// A search that meets more objects, or a larger container, gives up: then any function counts as reachable.
const MOST_OBJECTS: usize = 5_000;
const LARGEST_CONTAINER: ffi::Py_ssize_t = 1_000;
/// What may look names up counts so many references away from an object at most: `[{"above": df.query}]` has three. Farther away lies what a
/// library keeps for itself: an event loop leads to the kernel, and so to all names.
const DEEPEST: u32 = 5;

/// What `objects` reach: codes of the functions over `namespace`; what else may look names up: functions of libraries, calls of methods by
/// their names, `namespace` itself; whether the search saw all of them; and annotations of those functions and of the notebook's classes.
#[pyfunction]
pub fn codes_within<'py>(objects: &Bound<'py, PyList>, namespace: &Bound<'py, PyDict>) -> Within<'py> {
    let mut search = Search {
        py: objects.py(),
        namespace: namespace.as_ptr(),
        waiting: objects.iter().map(|one| (one.as_ptr(), 0)).collect(),
        met: FxHashSet::default(),
        codes: Vec::new(),
        foreign: Vec::new(),
        annotations: Vec::new(),
    };
    let is_complete = search.run();
    (search.codes, search.foreign, is_complete, search.annotations)
}

type Found<'py> = Vec<Bound<'py, PyAny>>;
type Within<'py> = (Found<'py>, Found<'py>, bool, Found<'py>);

/// Objects are borrowed: while it lasts nothing of Python's runs, so that none of them goes.
struct Search<'py> {
    py: Python<'py>,
    namespace: *mut ffi::PyObject,
    /// Each with how many references it lies away from the objects, the nearest first.
    waiting: VecDeque<(*mut ffi::PyObject, u32)>,
    met: FxHashSet<*mut ffi::PyObject>,
    codes: Found<'py>,
    foreign: Found<'py>,
    /// Tuples and dictionaries with them.
    annotations: Found<'py>,
}

impl Search<'_> {
    /// Whether it saw everything.
    fn run(&mut self) -> bool {
        while let Some((one, depth)) = self.waiting.pop_front() {
            // SAFETY: live, as all that waits.
            let kind = unsafe { ffi::Py_TYPE(one) };
            if is_plain(kind) || self.met.contains(&one) {
                continue;
            }
            // SAFETY: live, and of that type.
            let is_large = one != self.namespace && unsafe { length(one, kind) } > LARGEST_CONTAINER;
            if self.met.len() > MOST_OBJECTS || is_large {
                return false;
            }
            self.met.insert(one);
            // SAFETY: live; functions are taken for such by their type alone.
            unsafe {
                if one == self.namespace || is_module_over(one, self.namespace) {
                    self.may_look_up(one, depth);
                    continue;
                }
                if kind == &raw mut ffi::PyFunction_Type {
                    self.function(one, depth);
                    continue;
                }
                if is_foreign_function(kind) {
                    self.may_look_up(one, depth);
                }
                if !is_foreign(self.py, one) {
                    self.of_class(one);
                    let mut held = Vec::new();
                    referents(one, &mut held);
                    self.waiting.extend(held.into_iter().map(|one| (one, depth + 1)));
                }
            }
        }
        true
    }

    /// # Safety
    /// `function` is a live function.
    unsafe fn function(&mut self, function: *mut ffi::PyObject, depth: u32) {
        // SAFETY: as the caller promises; its fields are null or live.
        unsafe {
            let fields = super::function::fields(function);
            if fields.func_globals == self.namespace {
                self.codes.push(Bound::from_borrowed_ptr(self.py, fields.func_code));
                self.annotated(fields.func_annotations);
            } else {
                self.may_look_up(function, depth);
            }
            let held = [
                fields.func_closure,
                fields.func_defaults,
                fields.func_kwdefaults,
                fields.func_dict,
            ];
            let held = held.into_iter().filter(|field| !field.is_null());
            self.waiting.extend(held.map(|field| (field, depth + 1)));
        }
    }

    /// Notes the annotations of a class.
    ///
    /// # Safety
    /// `one` is live and no class of a library.
    unsafe fn of_class(&mut self, one: *mut ffi::PyObject) {
        // SAFETY: as the caller promises. A class made in Python has a dict with text for keys: to look one up runs no code.
        unsafe {
            if ffi::PyType_Check(one) != 0 {
                let dict = (*one.cast::<ffi::PyTypeObject>()).tp_dict;
                self.annotated(ffi::PyDict_GetItemWithError(
                    dict,
                    pyo3::intern!(self.py, "__annotations__").as_ptr(),
                ));
            }
        }
    }

    /// # Safety
    /// `annotations` is live or null.
    unsafe fn annotated(&mut self, annotations: *mut ffi::PyObject) {
        if !annotations.is_null() {
            // SAFETY: as the caller promises.
            self.annotations
                .push(unsafe { Bound::from_borrowed_ptr(self.py, annotations) });
        }
    }

    /// # Safety
    /// `one` is live.
    unsafe fn may_look_up(&mut self, one: *mut ffi::PyObject, depth: u32) {
        if depth <= DEEPEST {
            // SAFETY: as the caller promises.
            self.foreign.push(unsafe { Bound::from_borrowed_ptr(self.py, one) });
        }
    }
}

/// Whether nothing can be reached from objects of exactly this type.
fn is_plain(kind: *mut ffi::PyTypeObject) -> bool {
    [
        &raw mut ffi::PyLong_Type,
        &raw mut ffi::PyFloat_Type,
        &raw mut ffi::PyUnicode_Type,
        &raw mut ffi::PyBool_Type,
        &raw mut ffi::PyBytes_Type,
        &raw mut ffi::PyComplex_Type,
        &raw mut ffi::PyRange_Type,
        &raw mut ffi::PySlice_Type,
        &raw mut ffi::PyCode_Type,
    ]
    .contains(&kind)
}

/// Whether objects of exactly this type are functions that are not written in Python.
fn is_foreign_function(kind: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type has a name.
    let is_called_by_name = || unsafe { CStr::from_ptr((*kind).tp_name) } == c"operator.methodcaller";
    kind == &raw mut ffi::PyCFunction_Type || is_called_by_name()
}

/// Whether it is the module whose variables are in `namespace`.
///
/// # Safety
/// Both are live.
unsafe fn is_module_over(one: *mut ffi::PyObject, namespace: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises; the dictionary of a module is borrowed from it.
    unsafe { ffi::PyModule_Check(one) != 0 && ffi::PyModule_GetDict(one) == namespace }
}

/// How long a builtin container is; 0 for anything else.
///
/// # Safety
/// `one` is live and of exactly this type.
unsafe fn length(one: *mut ffi::PyObject, kind: *mut ffi::PyTypeObject) -> ffi::Py_ssize_t {
    let is_one_of = |types: &[*mut ffi::PyTypeObject]| types.contains(&kind);
    // SAFETY: each is asked of its own type only.
    unsafe {
        if is_one_of(&[&raw mut ffi::PyList_Type, &raw mut ffi::PyTuple_Type]) {
            ffi::Py_SIZE(one)
        } else if is_one_of(&[&raw mut ffi::PyDict_Type]) {
            ffi::PyDict_Size(one)
        } else if is_one_of(&[&raw mut ffi::PySet_Type, &raw mut ffi::PyFrozenSet_Type]) {
            ffi::PySet_Size(one)
        } else {
            0
        }
    }
}

/// Whether it is a module or a class of a library: nothing of the notebook's hangs below it.
///
/// # Safety
/// `one` is live.
pub(super) unsafe fn is_foreign(py: Python<'_>, one: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises. A class made in Python has a dict with text for keys: to look one up runs no code.
    unsafe {
        if ffi::PyType_Check(one) == 0 {
            return ffi::PyModule_Check(one) != 0;
        }
        let class = one.cast::<ffi::PyTypeObject>();
        if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) == 0 {
            return true;
        }
        let module = ffi::PyDict_GetItemWithError((*class).tp_dict, pyo3::intern!(py, "__module__").as_ptr());
        let is_text = !module.is_null() && ffi::PyUnicode_CheckExact(module) != 0;
        !(is_text && ffi::PyUnicode_CompareWithASCIIString(module, c"__main__".as_ptr()) == 0)
    }
}

/// Adds what the collector says that `one` holds.
///
/// # Safety
/// `one` is live.
unsafe fn referents(one: *mut ffi::PyObject, held: &mut Vec<*mut ffi::PyObject>) {
    unsafe extern "C" fn note(object: *mut ffi::PyObject, held: *mut c_void) -> c_int {
        // SAFETY: the list below, which nobody else has meanwhile.
        unsafe { (*held.cast::<Vec<*mut ffi::PyObject>>()).push(object) };
        0
    }
    // SAFETY: as the caller promises. Types say by their traversal what they hold; it runs no code of Python's.
    unsafe {
        if ffi::PyObject_IS_GC(one) != 0
            && let Some(traverse) = (*ffi::Py_TYPE(one)).tp_traverse
        {
            traverse(one, note, (&raw mut *held).cast());
        }
    }
}

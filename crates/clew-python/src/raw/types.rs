//! Properties of types that can be read without running code: name, bases, attributes.

use std::ffi::{CStr, c_int};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyType};
use rustc_hash::FxHashSet;

use super::collector::CollectorPause;
use super::scalar::{text, text_of};

unsafe extern "C" {
    fn _PyType_Lookup(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// Converts the status of an interpreter call that returns no object.
pub(super) fn done(py: Python<'_>, status: c_int) -> PyResult<()> {
    if status == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
}

/// A type object, alive while the look runs (its instances and the modules hold it).
pub(super) type Type = *mut ffi::PyTypeObject;

/// Returns the attribute `name` of the type, searched along its bases like the interpreter does, without descriptors.
///
/// # Safety
/// Both are live and the interpreter is attached.
pub(super) unsafe fn lookup(class: Type, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises; returns a borrowed reference or null without setting an error for str names.
    unsafe { _PyType_Lookup(class, name) }
}

/// Returns the type's own attribute dict.
///
/// # Safety
/// `class` is live and ready.
pub(super) unsafe fn own_dict(class: Type) -> *mut ffi::PyObject {
    // Static builtin types of 3.12 and later keep their dict elsewhere; the call returns a new reference, and the type
    // keeps the dict.
    #[cfg(Py_3_12)]
    // SAFETY: as the caller promises.
    unsafe {
        let dict = ffi::PyType_GetDict(class);
        ffi::Py_XDECREF(dict);
        dict
    }
    #[cfg(not(Py_3_12))]
    // SAFETY: as the caller promises.
    unsafe {
        (*class).tp_dict
    }
}

/// Returns the class whose own attributes are in this dict, among all classes of the process. Holders of the dict may
/// exist longer than the class: then there is none.
pub(super) fn class_with_dict(py: Python<'_>, dict: *mut ffi::PyObject) -> Option<Type> {
    let _uncollected = CollectorPause::begin(py);
    // The call goes past a metaclass's own `__subclasses__`.
    let subclasses = py.get_type::<PyType>().getattr("__subclasses__").ok()?;
    let mut seen = FxHashSet::default();
    let mut open = vec![py.get_type::<PyAny>()];
    while let Some(class) = open.pop() {
        // SAFETY: a live class.
        if unsafe { own_dict(class.as_type_ptr()) } == dict {
            return Some(class.as_type_ptr());
        }
        if seen.insert(class.as_type_ptr()) {
            let found = subclasses.call1((class,)).ok()?.cast_into::<PyList>().ok()?;
            open.extend(found.iter().filter_map(|class| class.cast_into().ok()));
        }
    }
    None
}

/// # Safety
/// `class` is live.
pub(super) unsafe fn is_heap(class: Type) -> bool {
    // SAFETY: as the caller promises.
    unsafe { ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0 }
}

/// # Safety
/// `object` is live.
pub(super) unsafe fn is_type(object: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    unsafe { ffi::PyType_Check(object) != 0 }
}

/// Returns whether `class` is `base` or derived from it.
///
/// # Safety
/// Both are live.
pub(super) unsafe fn derives(class: Type, base: Type) -> bool {
    // SAFETY: as the caller promises; walks the MRO, runs nothing.
    unsafe { class == base || ffi::PyType_IsSubtype(class, base) != 0 }
}

/// Returns the value under a str key of a dict, or of an instance of a subclass, bypassing overridden methods.
/// Borrowed; null if there is none.
///
/// # Safety
/// `dict` is null or a live dict, `key` is a live exact str.
pub(super) unsafe fn item(dict: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    if dict.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: as the caller promises. A key of another type with the same hash could run its `__eq__`; dicts of
    // modules and classes contain strings, and an error there means the same as not found.
    unsafe {
        let found = ffi::PyDict_GetItemWithError(dict, key);
        if found.is_null() {
            ffi::PyErr_Clear();
        }
        found
    }
}

/// Iterates over keys and values of a dict, or of an instance of a subclass.
///
/// # Safety
/// `dict` is live, and nothing changes it during the iteration.
pub(super) unsafe fn entries(
    dict: *mut ffi::PyObject,
) -> impl Iterator<Item = (*mut ffi::PyObject, *mut ffi::PyObject)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: as the caller promises.
        let is_one = unsafe { ffi::PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 };
        is_one.then_some((key, value))
    })
}

/// Calls `look` with a temporary str.
pub(super) fn with_str<R>(text: &[u8], look: impl FnOnce(*mut ffi::PyObject) -> R) -> R {
    // SAFETY: the heap is only used attached. The collector does not track a str, and dropping it runs nothing.
    let py = unsafe { Python::assume_attached() };
    let text = PyString::new(py, &String::from_utf8_lossy(text));
    look(text.as_ptr())
}

/// Returns module and qualified name of a type, as the interpreter made it: no metaclass is called.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn type_names(class: Type, module_key: *mut ffi::PyObject) -> (Vec<u8>, Vec<u8>) {
    // SAFETY: as the caller promises; a heap type's qualname is a str, a static type's name a C string.
    unsafe {
        if is_heap(class) {
            let module = text_of(item(own_dict(class), module_key)).unwrap_or_else(|| b"builtins".to_vec());
            return (module, qualname(class));
        }
        let full = CStr::from_ptr((*class).tp_name).to_bytes();
        match full.iter().rposition(|byte| *byte == b'.') {
            Some(dot) => (full[..dot].to_vec(), full[dot + 1..].to_vec()),
            None => (b"builtins".to_vec(), full.to_vec()),
        }
    }
}

/// Returns the qualified name of a heap type.
///
/// # Safety
/// `class` is a live heap type.
pub(super) unsafe fn qualname(class: Type) -> Vec<u8> {
    // SAFETY: as the caller promises; the name is a str.
    unsafe { text((*class.cast::<ffi::PyHeapTypeObject>()).ht_qualname) }
}

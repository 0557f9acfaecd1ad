//! Functions, described by their parts: code, defaults, closure, attributes; never by the globals they read.
//!
//! ```text
//! payload  = mask name qualname annotations part
//! mask     = module 1 | doc 2 | defaults 4 | kwdefaults 8 | closure 16 | type parameters 32 | annotate 64
//! annotations, part = as a dict in `attributes`: 0 none | 1 names follow | 2 the dict is a child
//! children = globals, code, those of the mask in order, annotations, part
//! ```
//! Annotations are a tuple until they are first read: both forms are written alike. From Python 3.14 on, a function
//! of its own, *annotate*, creates them when they are first read. Both are written: `functools.wraps` copies *annotate*,
//! and the annotations may have been changed. An earlier Python keeps *annotate* as an attribute of the function.

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
#[cfg(Py_3_14)]
use pyo3::types::PyFunction;

use super::attributes::{named_pairs, write_dict, write_pairs};
use super::object::Object;
use super::scalar::{text, write_name};

/// Returns the parts of a function, borrowed.
///
/// # Safety
/// `function` is a live function.
pub(super) unsafe fn fields<'a>(function: *mut ffi::PyObject) -> &'a ffi::PyFunctionObject {
    // SAFETY: as the caller promises; nothing changes it while the walk describes it.
    unsafe { &*function.cast::<ffi::PyFunctionObject>() }
}

/// Returns the function that creates the annotations when they are first read, or null.
///
/// # Safety
/// `function` is a live function.
#[cfg(Py_3_14)]
pub(super) unsafe fn annotate(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises.
    unsafe { fields(function).func_annotate }
}

/// Returns the function that created the annotations in a later Python, or null. Without annotations there was none: such an attribute is
/// the user's.
///
/// # Safety
/// `function` is a live function.
#[cfg(not(Py_3_14))]
pub(super) unsafe fn annotate(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises; the dict of a function is null or a dict.
    unsafe {
        let dict = fields(function).func_dict;
        let annotations = fields(function).func_annotations;
        let are_there = !annotations.is_null()
            && if ffi::PyTuple_CheckExact(annotations) != 0 {
                ffi::PyTuple_GET_SIZE(annotations) > 0
            } else {
                ffi::PyDict_Size(annotations) > 0
            };
        if !are_there || dict.is_null() || ffi::Py_REFCNT(dict) != 1 || ffi::PyDict_CheckExact(dict) == 0 {
            return std::ptr::null_mut();
        }
        let pairs = named_pairs(dict).unwrap_or_default();
        let found = pairs.into_iter().find(|(name, _)| is_annotate(*name));
        found
            .filter(|(_, value)| ffi::PyFunction_Check(*value) != 0)
            .map_or(std::ptr::null_mut(), |(_, value)| value)
    }
}

/// Gives a function annotations. The function that creates them stays: Python's own setter would remove it.
#[cfg(Py_3_14)]
pub(crate) fn set_annotations(function: &Bound<'_, PyAny>, annotations: &Bound<'_, PyDict>) -> PyResult<()> {
    let function = function.cast::<PyFunction>()?.as_ptr().cast::<ffi::PyFunctionObject>();
    // SAFETY: a live function, whose field owns a reference, or is null; a dict is what it may hold. The old one is released last, since
    // that may run code.
    unsafe {
        let before = std::ptr::replace(&raw mut (*function).func_annotations, annotations.clone().into_ptr());
        ffi::Py_XDECREF(before);
    }
    Ok(())
}

/// Gives a function annotations.
#[cfg(not(Py_3_14))]
pub(crate) fn set_annotations(function: &Bound<'_, PyAny>, annotations: &Bound<'_, PyDict>) -> PyResult<()> {
    function.setattr("__annotations__", annotations)
}

/// Returns the globals of a function.
///
/// # Safety
/// `function` is a live function.
pub(super) unsafe fn globals(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises.
    unsafe { fields(function).func_globals }
}

/// Returns the module (may be null or not a str) and the qualified name of a function.
///
/// # Safety
/// `function` is a live function.
pub(super) unsafe fn function_names(function: *mut ffi::PyObject) -> (*mut ffi::PyObject, *mut ffi::PyObject) {
    // SAFETY: as the caller promises.
    unsafe { (fields(function).func_module, fields(function).func_qualname) }
}

/// Describes a function completely, with its globals as given.
///
/// # Safety
/// `function` is a live function and the interpreter is attached.
pub(super) unsafe fn describe_function(function: *mut ffi::PyObject, globals: Object, node: &mut Node<'_, Object>) {
    node.kind(crate::kinds::FUNCTION);
    // SAFETY: as the caller promises; all fields are null or live.
    unsafe {
        let fields = fields(function);
        let annotate = annotate(function);
        #[cfg(Py_3_12)]
        let parameters = some_parameters(fields.func_typeparams);
        #[cfg(not(Py_3_12))]
        let parameters = std::ptr::null_mut();
        let optional = [
            fields.func_module,
            fields.func_doc,
            fields.func_defaults,
            fields.func_kwdefaults,
            fields.func_closure,
            parameters,
            annotate,
        ];
        node.child(globals);
        node.child(Object::new(fields.func_code));
        let mut mask = 0;
        for (bit, field) in optional.into_iter().enumerate() {
            if !field.is_null() && field != ffi::Py_None() {
                mask |= 1 << bit;
                node.child(Object::new(field));
            }
        }
        node.payload().push(mask);
        write_name(fields.func_name, node.payload());
        write_name(fields.func_qualname, node.payload());
        write_annotations(fields.func_annotations, fields.func_code, node);
        write_attributes(fields.func_dict, !annotate.is_null(), node);
    }
}

/// # Safety
/// `name` is a live str.
unsafe fn is_annotate(name: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    unsafe { text(name) == b"__annotate__" }
}

/// Writes the attributes of a function. *annotate* is none of them, where it is kept there.
///
/// # Safety
/// `dict` is null or the live dict of a function.
unsafe fn write_attributes(dict: *mut ffi::PyObject, has_annotate: bool, node: &mut Node<'_, Object>) {
    // SAFETY: as the caller promises; nothing changes the dict meanwhile. Before Python 3.14, *annotate* comes from it.
    unsafe {
        if !cfg!(Py_3_14)
            && has_annotate
            && let Some(pairs) = named_pairs(dict)
        {
            write_pairs(pairs.iter().copied().filter(|(name, _)| !is_annotate(*name)), node);
        } else {
            write_dict(dict, node);
        }
    }
}

/// Returns the type parameters of a function, or null if there are none: an empty tuple (which `functools.wraps`
/// leaves) makes no visible difference, and Python 3.11 cannot store it.
///
/// # Safety
/// `parameters` is null or live.
#[cfg(Py_3_12)]
unsafe fn some_parameters(parameters: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises.
    let is_empty = unsafe {
        !parameters.is_null() && ffi::PyTuple_CheckExact(parameters) != 0 && ffi::PyTuple_GET_SIZE(parameters) == 0
    };
    if is_empty { std::ptr::null_mut() } else { parameters }
}

/// # Safety
/// `annotations` is null, or the live tuple or dict of a function, and `code` its live code.
unsafe fn write_annotations(annotations: *mut ffi::PyObject, code: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: as the caller promises; a tuple holds name, value, name, value …
    unsafe {
        if annotations.is_null() || ffi::PyTuple_CheckExact(annotations) == 0 {
            // References that attrs held while it made the class are garbage until the next collection, which is no
            // change of the function.
            let is_held =
                !annotations.is_null() && ffi::Py_REFCNT(annotations) > 1 && ffi::PyDict_CheckExact(annotations) != 0;
            if is_held
                && is_by_attrs(code)
                && let Some(pairs) = named_pairs(annotations)
            {
                write_pairs(pairs.iter().copied(), node);
                return;
            }
            write_dict(annotations, node);
            return;
        }
        let items = ffi::PyTuple_GET_SIZE(annotations);
        let pairs = (0..items / 2).map(|nth| {
            (
                ffi::PyTuple_GET_ITEM(annotations, nth * 2),
                ffi::PyTuple_GET_ITEM(annotations, nth * 2 + 1),
            )
        });
        write_pairs(pairs, node);
    }
}

/// Returns whether attrs made the function of this code.
///
/// # Safety
/// `code` is live code and the interpreter is attached.
unsafe fn is_by_attrs(code: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    let py = unsafe { Python::assume_attached() };
    let file = Object::new(code).bound(py).getattr("co_filename");
    file.is_ok_and(|file| {
        file.extract::<&str>()
            .is_ok_and(|file| file.starts_with("<attrs generated "))
    })
}

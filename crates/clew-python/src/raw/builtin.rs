//! Builtin functions and methods, and the descriptors of builtin types: written by name.

use std::ffi::CStr;

use clew_core::graph::Node;
use pyo3::ffi;

use super::object::Object;
use super::scalar::{text_of, write_text};
use super::types::is_type;
use crate::kinds;
use crate::payload::Write;

/// Returns the object to which a builtin function is bound: null or a module for plain functions.
fn bound_to(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: callers found a live builtin function by its type.
    unsafe { (*function.cast::<ffi::PyCFunctionObject>()).m_self }
}

/// Returns whether a builtin function belongs to a module or a type, and not to an object of the user.
pub(super) fn is_by_name(function: *mut ffi::PyObject) -> bool {
    let owner = bound_to(function);
    // SAFETY: null or live.
    owner.is_null() || unsafe { ffi::PyModule_Check(owner) != 0 || is_type(owner) }
}

/// Writes an object that is found by name.
pub(super) fn write_global(module: &[u8], name: &[u8], node: &mut Node<'_, Object>) {
    node.kind(kinds::GLOBAL);
    node.payload().name(module);
    node.payload().name(name);
}

/// Describes a builtin function: by module and name, or by name and the object to which it is bound.
///
/// # Safety
/// `function` is a live builtin function.
pub(super) unsafe fn describe_builtin(function: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    let owner = bound_to(function);
    // SAFETY: as the caller promises; the method definition outlives its functions.
    unsafe {
        let raw = function.cast::<ffi::PyCFunctionObject>();
        let name = CStr::from_ptr((*(*raw).m_ml).ml_name).to_bytes();
        if owner.is_null() || ffi::PyModule_Check(owner) != 0 {
            let module = text_of((*raw).m_module).unwrap_or_else(|| b"builtins".to_vec());
            return write_global(&module, name, node);
        }
        node.kind(kinds::BUILTIN_METHOD);
        node.payload().extend_from_slice(name);
        node.child(Object::new(owner));
    }
}

/// Describes a descriptor of a type by the type and its name.
///
/// # Safety
/// `descriptor` is a live method, getset, member, classmethod or wrapper descriptor.
pub(super) unsafe fn describe_descriptor(descriptor: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    node.kind(kinds::DESCRIPTOR);
    // SAFETY: as the caller promises: all of them begin with type and name.
    unsafe {
        let raw = descriptor.cast::<ffi::PyDescrObject>();
        write_text((*raw).d_name, node.payload());
        node.child(Object::new((*raw).d_type.cast()));
    }
}

/// Returns a field of an object of an exact builtin type, read through a C getter. Borrowed from the object; null if
/// it does not exist.
///
/// # Safety
/// `object` is live and owns what the getter returns.
pub(super) unsafe fn field(object: *mut ffi::PyObject, name: &CStr) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises: dropping the new reference leaves the object's own.
    unsafe {
        let found = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if found.is_null() {
            ffi::PyErr_Clear();
            return found;
        }
        ffi::Py_DECREF(found);
        found
    }
}

/// Appends a text that a C getter creates, such as the name of a method wrapper: only the caller owns it.
///
/// # Safety
/// `object` is live and the interpreter is attached; the attribute is a str.
pub(super) unsafe fn write_made(object: *mut ffi::PyObject, name: &CStr, out: &mut Vec<u8>) {
    // SAFETY: as the caller promises; the reference is kept until the text is written.
    unsafe {
        let made = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if made.is_null() {
            return ffi::PyErr_Clear();
        }
        write_text(made, out);
        ffi::Py_DECREF(made);
    }
}

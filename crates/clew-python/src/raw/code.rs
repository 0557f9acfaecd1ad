//! Code objects, by value. Where the code stood in its file is stored but not compared.
//!
//! ```text
//! payload = version argcount posonlyargcount kwonlyargcount nlocals stacksize flags
//!           name qualname code exceptiontable names varnames freevars cellvars
//!           (version and counts LEB128; lists are a count and names)
//! aside   = filename firstlineno linetable
//! child   = the constants
//! ```

use std::ffi::CStr;

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;

use super::collector::CollectorPause;
use super::object::Object;
use super::scalar::{write_name, write_text};
use crate::payload::Write;

/// Bytecode of one minor version says nothing to another.
pub(crate) const BYTECODE: u64 = (pyo3_version() >> 16) as u64;

const fn pyo3_version() -> i32 {
    if cfg!(Py_3_14) {
        0x030e_0000
    } else if cfg!(Py_3_13) {
        0x030d_0000
    } else if cfg!(Py_3_12) {
        0x030c_0000
    } else {
        0x030b_0000
    }
}

const NUMBERS: [&CStr; 6] = [
    c"co_argcount",
    c"co_posonlyargcount",
    c"co_kwonlyargcount",
    c"co_nlocals",
    c"co_stacksize",
    c"co_flags",
];

/// An attribute of a code object, as a new reference. Its getters are C and make at most strings and tuples.
///
/// # Safety
/// `code` is a live code object and the interpreter is attached.
unsafe fn get(code: *mut ffi::PyObject, name: &CStr) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises.
    unsafe { ffi::PyObject_GetAttrString(code, name.as_ptr()) }
}

/// Describes a code object. The collector is off meanwhile, since tuples of names may be made.
///
/// # Safety
/// `code` is a live code object and the interpreter is attached.
pub(super) unsafe fn describe_code(code: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    node.kind(crate::kinds::CODE);
    // SAFETY: as the caller promises; every reference made here is dropped again, none of them runs code when dropped.
    unsafe {
        let _uncollected = CollectorPause::begin(Python::assume_attached());
        node.payload().number(BYTECODE);
        for name in NUMBERS {
            write_number(code, name, node.payload());
        }
        for name in [c"co_name", c"co_qualname"] {
            write_string(code, name, node.payload());
        }
        for name in [c"co_code", c"co_exceptiontable"] {
            write_bytes(code, name, node.payload());
        }
        for name in [c"co_names", c"co_varnames", c"co_freevars", c"co_cellvars"] {
            write_strings(code, name, node.payload());
        }
        write_string(code, c"co_filename", node.aside());
        write_number(code, c"co_firstlineno", node.aside());
        write_bytes(code, c"co_linetable", node.aside());
        let constants = get(code, c"co_consts");
        if !constants.is_null() {
            // The code object owns them.
            ffi::Py_DECREF(constants);
            node.child(Object::new(constants));
        }
    }
}

/// Writes what a code object does, without its constants' values: bytecode and names, its own and those of the code within.
///
/// # Safety
/// `code` is a live code object, the interpreter is attached and its collector off.
pub(super) unsafe fn write_bytecode(code: *mut ffi::PyObject, out: &mut Vec<u8>) {
    // SAFETY: as the caller promises; constants are a tuple.
    unsafe {
        write_bytes(code, c"co_code", out);
        for name in [c"co_names", c"co_varnames", c"co_freevars", c"co_cellvars"] {
            write_strings(code, name, out);
        }
        let constants = get(code, c"co_consts");
        for nth in 0..ffi::PyTuple_GET_SIZE(constants) {
            let constant = ffi::PyTuple_GET_ITEM(constants, nth);
            if ffi::Py_TYPE(constant) == &raw mut ffi::PyCode_Type {
                write_bytecode(constant, out);
            }
        }
        ffi::Py_XDECREF(constants);
    }
}

unsafe fn write_number(code: *mut ffi::PyObject, name: &CStr, out: &mut Vec<u8>) {
    // SAFETY: the caller passes a live code object.
    unsafe {
        let value = get(code, name);
        out.number(u64::try_from(ffi::PyLong_AsLongLong(value)).unwrap_or(0));
        ffi::Py_XDECREF(value);
    }
}

unsafe fn write_string(code: *mut ffi::PyObject, name: &CStr, out: &mut Vec<u8>) {
    // SAFETY: the caller passes a live code object; the attribute is a str.
    unsafe {
        let value = get(code, name);
        write_name(value, out);
        ffi::Py_XDECREF(value);
    }
}

unsafe fn write_bytes(code: *mut ffi::PyObject, name: &CStr, out: &mut Vec<u8>) {
    // SAFETY: the caller passes a live code object; the attribute is bytes.
    unsafe {
        let value = get(code, name);
        let start = ffi::PyBytes_AsString(value).cast::<u8>();
        out.name(std::slice::from_raw_parts(start, ffi::PyBytes_Size(value) as usize));
        ffi::Py_XDECREF(value);
    }
}

unsafe fn write_strings(code: *mut ffi::PyObject, name: &CStr, out: &mut Vec<u8>) {
    // SAFETY: the caller passes a live code object; the attribute is a tuple of str.
    unsafe {
        let value = get(code, name);
        let count = ffi::PyTuple_GET_SIZE(value);
        out.number(count as u64);
        for nth in 0..count {
            let mut text = Vec::new();
            write_text(ffi::PyTuple_GET_ITEM(value, nth), &mut text);
            out.name(&text);
        }
        ffi::Py_XDECREF(value);
    }
}

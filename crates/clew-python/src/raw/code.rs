//! Code objects, by value. Their position in the file is stored but not compared.
//!
//! ```text
//! payload = version argcount posonlyargcount kwonlyargcount nlocals stacksize flags
//!           name qualname code exceptiontable names varnames freevars cellvars
//!           (version and counts LEB128; lists are a count and names)
//! aside   = filename firstlineno linetable
//! child   = the constants
//! ```

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyString, PyTuple};

use super::collector::CollectorPause;
use super::object::Object;
use super::scalar::{text, write_name};
use crate::payload::Write;

/// The version of this Python's bytecode: other minor versions cannot run it.
pub(crate) const BYTECODE: u64 = if cfg!(Py_3_15) {
    0x030f
} else if cfg!(Py_3_14) {
    0x030e
} else if cfg!(Py_3_13) {
    0x030d
} else if cfg!(Py_3_12) {
    0x030c
} else {
    0x030b
};

const NUMBERS: [&str; 6] = [
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
];

/// Describes a code object. The collector is off meanwhile, since tuples of names may be made.
///
/// # Safety
/// `code` is a live code object and the interpreter is attached.
pub(super) unsafe fn describe_code(code: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    node.kind(crate::kinds::CODE);
    // SAFETY: as the caller promises.
    let py = unsafe { Python::assume_attached() };
    let _uncollected = CollectorPause::begin(py);
    let code = Object::new(code).bound(py);
    node.payload().number(BYTECODE);
    for name in NUMBERS {
        write_number(&code, name, node.payload());
    }
    for name in ["co_name", "co_qualname"] {
        write_string(&code, name, node.payload());
    }
    for name in ["co_code", "co_exceptiontable"] {
        write_bytes(&code, name, node.payload());
    }
    write_names(&code, node.payload());
    write_string(&code, "co_filename", node.aside());
    write_number(&code, "co_firstlineno", node.aside());
    write_bytes(&code, "co_linetable", node.aside());
    if let Ok(constants) = code.getattr("co_consts") {
        // The code object owns them.
        node.child(Object::of(&constants));
    }
}

/// Writes what a code object does, without its constants' values: bytecode and names, its own and those of nested
/// code. The collector is off meanwhile.
pub(super) fn write_bytecode(code: &Bound<'_, PyAny>, out: &mut Vec<u8>) {
    write_bytes(code, "co_code", out);
    write_names(code, out);
    for constant in tuple(code, "co_consts") {
        if constant.is_exact_instance_of::<PyCode>() {
            write_bytecode(&constant, out);
        }
    }
}

fn write_names(code: &Bound<'_, PyAny>, out: &mut Vec<u8>) {
    for list in ["co_names", "co_varnames", "co_freevars", "co_cellvars"] {
        let names = tuple(code, list);
        out.number(names.len() as u64);
        for name in names {
            // SAFETY: live, and the attribute is a tuple of str.
            out.name(&unsafe { text(name.as_ptr()) });
        }
    }
}

/// Returns the items of an attribute that is a tuple.
fn tuple<'py>(code: &Bound<'py, PyAny>, name: &str) -> Vec<Bound<'py, PyAny>> {
    let items = code.getattr(name).and_then(|items| Ok(items.cast_into::<PyTuple>()?));
    items.map(|items| items.iter().collect()).unwrap_or_default()
}

fn write_number(code: &Bound<'_, PyAny>, name: &str, out: &mut Vec<u8>) {
    out.number(code.getattr(name).and_then(|number| number.extract()).unwrap_or(0));
}

fn write_string(code: &Bound<'_, PyAny>, name: &str, out: &mut Vec<u8>) {
    let found = code.getattr(name).and_then(|found| Ok(found.cast_into::<PyString>()?));
    if let Ok(found) = found {
        // SAFETY: a live str.
        unsafe { write_name(found.as_ptr(), out) };
    }
}

fn write_bytes(code: &Bound<'_, PyAny>, name: &str, out: &mut Vec<u8>) {
    let found = code.getattr(name).and_then(|found| Ok(found.cast_into::<PyBytes>()?));
    if let Ok(found) = found {
        out.name(found.as_bytes());
    }
}

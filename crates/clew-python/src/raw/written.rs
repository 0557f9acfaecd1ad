//! What instances, classes and functions hold under names of their own, read where it lies: no code runs, no dict is made,
//! no audit hook is told. Numbers and functions are left out: whoever asks looks for texts.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyFunction, PyModule, PyString, PyTuple, PyType};

use super::attributes::{Attributes, Pair, attributes, named_pairs, slots};
use super::reach::is_foreign;
use super::types::{Type, is_heap, own_dict};

/// A name and what is under it.
pub(crate) type Named<'py> = (String, Bound<'py, PyAny>);

/// Who has more attributes holds data, and is not gone through at every look.
const MOST: isize = 64;

/// What an instance has of its own: attributes and slots; of a class of the notebook what the user gave it.
pub(crate) fn own_attributes<'py>(value: &Bound<'py, PyAny>) -> Vec<Named<'py>> {
    if value.is_instance_of::<PyModule>() {
        return Vec::new();
    }
    let is_class = value.is_instance_of::<PyType>();
    // SAFETY: live objects and an attached interpreter; what they hold is made owned before anything else happens.
    unsafe {
        let object = value.as_ptr();
        if is_class {
            return of_class(value.py(), object.cast());
        }
        let class = ffi::Py_TYPE(object);
        let pairs = match attributes(object) {
            Attributes::None => Vec::new(),
            Attributes::Values(pairs) => pairs.collect(),
            Attributes::Dict(dict) => few_pairs(dict),
        };
        let mut found = owned(value.py(), pairs);
        let slots = if is_heap(class) { slots(class) } else { Vec::new() };
        for slot in slots {
            if let Some((name, held)) = slot.of(object).filter(|(_, held)| may_hold_text(*held)) {
                found.push((name, Bound::from_borrowed_ptr(value.py(), held)));
            }
        }
        found.extend(of_class(value.py(), class));
        found
    }
}

/// The attributes of a class of the notebook's, and nothing of others: these are not stored.
///
/// # Safety
/// `class` is live.
unsafe fn of_class(py: Python<'_>, class: Type) -> Vec<Named<'_>> {
    // SAFETY: as the caller promises; the dict of a class changes only while code runs.
    unsafe {
        if is_foreign(py, class.cast()) {
            return Vec::new();
        }
        let mut named = owned(py, few_pairs(own_dict(class)));
        named.retain(|(name, _)| !name.starts_with("__"));
        named
    }
}

/// # Safety
/// `dict` is a live dict.
unsafe fn few_pairs(dict: *mut ffi::PyObject) -> Vec<Pair> {
    // SAFETY: as the caller promises.
    unsafe {
        if ffi::PyDict_Size(dict) > MOST {
            return Vec::new();
        }
        named_pairs(dict).unwrap_or_default()
    }
}

/// # Safety
/// Names are live strings, values live objects.
unsafe fn owned(py: Python<'_>, pairs: Vec<Pair>) -> Vec<Named<'_>> {
    let own = |(name, value): Pair| {
        // SAFETY: as the caller promises.
        unsafe {
            if !may_hold_text(value) {
                return None;
            }
            let name = Bound::from_borrowed_ptr(py, name).cast_into::<PyString>().ok()?;
            Some((name.to_string_lossy().into_owned(), Bound::from_borrowed_ptr(py, value)))
        }
    };
    pairs.into_iter().filter_map(own).collect()
}

/// Whether an object is text, a container, or an instance that has attributes of its own.
///
/// # Safety
/// `object` is live.
unsafe fn may_hold_text(object: *mut ffi::PyObject) -> bool {
    const TEXTS: std::ffi::c_ulong = ffi::Py_TPFLAGS_UNICODE_SUBCLASS
        | ffi::Py_TPFLAGS_BYTES_SUBCLASS
        | ffi::Py_TPFLAGS_DICT_SUBCLASS
        | ffi::Py_TPFLAGS_LIST_SUBCLASS
        | ffi::Py_TPFLAGS_TUPLE_SUBCLASS
        | ffi::Py_TPFLAGS_HEAPTYPE;
    // SAFETY: as the caller promises.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyType_GetFlags(class) & TEXTS != 0
            || ffi::PyByteArray_CheckExact(object) != 0
            || (*class).tp_dictoffset != 0 && ffi::PyFunction_Check(object) == 0
    }
}

/// What is written in a function.
pub(crate) struct Written<'py> {
    /// Its defaults, by the names of its parameters.
    pub defaults: Vec<Named<'py>>,
    /// The constants of its code, and of the functions in it.
    pub constants: Vec<Bound<'py, PyAny>>,
}

/// Reads what is written in a function.
pub(crate) fn written_in<'py>(function: &Bound<'py, PyFunction>) -> PyResult<Written<'py>> {
    let py = function.py();
    // SAFETY: an exact function; what it holds is borrowed and made owned at once.
    let (code, defaults, by_name) = unsafe {
        let object = function.as_ptr();
        let owned = |pointer: *mut ffi::PyObject| Bound::from_borrowed_ptr_or_opt(py, pointer);
        (
            owned(ffi::PyFunction_GetCode(object)),
            owned(ffi::PyFunction_GetDefaults(object)),
            owned(ffi::PyFunction_GetKwDefaults(object)),
        )
    };
    let mut written = Written {
        defaults: Vec::new(),
        constants: Vec::new(),
    };
    let Some(code) = code else {
        return Ok(written);
    };
    if let Some(defaults) = defaults.and_then(|defaults| defaults.cast_into::<PyTuple>().ok()) {
        let count: usize = code.getattr("co_argcount")?.extract()?;
        let names = code.getattr("co_varnames")?.cast_into::<PyTuple>()?;
        let first = count.saturating_sub(defaults.len());
        let names = names.iter().skip(first).map(|name| name.to_string());
        written.defaults.extend(names.zip(defaults.iter()));
    }
    if let Some(by_name) = by_name.and_then(|by_name| by_name.cast_into::<PyDict>().ok()) {
        let named = by_name.iter().map(|(name, value)| (name.to_string(), value));
        written.defaults.extend(named);
    }
    let mut open = vec![code];
    while let Some(code) = open.pop() {
        for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()?.iter() {
            if constant.is_instance_of::<PyCode>() {
                open.push(constant);
            } else {
                written.constants.push(constant);
            }
        }
    }
    Ok(written)
}

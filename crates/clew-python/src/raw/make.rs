//! Makes objects where no safe call does: puts parts in place without calling the object's class.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::class_body::{ANNOTATIONS_KEPT, attributes_of, is_made_anew};
use super::types::{Type, done, lookup, own_dict, with_str};

/// Makes a tuple of this length, full of None, that no other code has seen yet.
pub(crate) fn open_tuple(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyTuple>> {
    let none = py.None().into_bound(py);
    PyTuple::new(py, (0..length).map(|_| none.clone()))
}

/// Puts an item into a tuple that [`open_tuple`] made. Holders of the tuple see it change: only cycles hold it so
/// early.
pub(crate) fn fill_tuple(tuple: &Bound<'_, PyTuple>, at: usize, item: Bound<'_, PyAny>) {
    assert!(at < tuple.len());
    // SAFETY: within the tuple; the reference to the item is moved into it, that to the old item (None) is dropped.
    unsafe {
        let place = ffi::PyTuple_GET_ITEM(tuple.as_ptr(), at as isize);
        ffi::PyTuple_SET_ITEM(tuple.as_ptr(), at as isize, item.into_ptr());
        ffi::Py_DECREF(place);
    }
}

/// Sets an attribute of an instance itself: no `__setattr__` of its class and no property runs.
pub(crate) fn set_own_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = object.py();
    // SAFETY: live objects; the generic call would run a data descriptor of that name, so the dict is used then.
    unsafe {
        let found = lookup(ffi::Py_TYPE(object.as_ptr()), name.as_ptr());
        let intercepts = !found.is_null() && (*ffi::Py_TYPE(found)).tp_descr_set.is_some();
        if intercepts {
            let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut());
            let dict = Bound::from_owned_ptr_or_err(py, dict)?;
            return dict.cast_into::<PyDict>()?.set_item(name, value);
        }
        let status = ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr());
        done(py, status)
    }
}

/// Gives an instance exactly this dict.
pub(crate) fn set_own_dict(object: &Bound<'_, PyAny>, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = object.py();
    let name = PyString::intern(py, "__dict__");
    // Uses the interpreter's own setter, even if a class of the user has another `__dict__`: since 3.13 attributes
    // may be stored beside the dict, and the generic call leaves those in force.
    for class in object.get_type().mro() {
        let found = class
            .cast::<PyType>()
            .ok()
            .and_then(|class| class_attribute(class, &name));
        // SAFETY: a live object's type is live.
        let setter = found.filter(|found| unsafe { ffi::Py_TYPE(found.as_ptr()) == &raw mut ffi::PyGetSetDescr_Type });
        if let Some(setter) = setter {
            return setter.call_method1("__set__", (object, dict)).map(drop);
        }
    }
    // SAFETY: live objects; the call checks that the object can have a dict.
    let status = unsafe { ffi::PyObject_GenericSetDict(object.as_ptr(), dict.as_ptr(), std::ptr::null_mut()) };
    done(py, status)
}

/// Returns the attribute of this name which a class itself has, without bases, metaclass or descriptors.
pub(crate) fn class_attribute<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    let own = |name: *mut ffi::PyObject| {
        // SAFETY: a live class and a live str; what is found is live.
        unsafe {
            let found = super::types::item(own_dict(class.as_type_ptr()), name);
            Bound::from_borrowed_ptr_or_opt(class.py(), found)
        }
    };
    own(name.as_ptr()).or_else(|| {
        let is_kept = cfg!(Py_3_14) && name == "__annotations__";
        is_kept.then(|| with_str(ANNOTATIONS_KEPT, own)).flatten()
    })
}

/// Returns the dict in which a class keeps its own attributes.
pub(crate) fn class_dict<'py>(class: &Bound<'py, PyType>) -> Bound<'py, PyDict> {
    // SAFETY: the dict of a live class is an exact, live dict.
    unsafe { Bound::from_borrowed_ptr(class.py(), own_dict(class.as_type_ptr())).cast_into_unchecked() }
}

/// Returns the class `depth` steps down the chain of first bases.
pub(crate) fn base_at<'py>(class: &Bound<'py, PyType>, depth: u64) -> Option<Bound<'py, PyType>> {
    let mut at: Type = class.as_type_ptr();
    for _ in 0..depth {
        // SAFETY: the chain of bases of a live type is live and ends with null.
        at = unsafe { (*at).tp_base };
        if at.is_null() {
            return None;
        }
    }
    // SAFETY: as above.
    Some(unsafe { Bound::from_borrowed_ptr(class.py(), at.cast()).cast_into_unchecked() })
}

/// Sets an attribute of a class like the `class` statement: the metaclass's `__setattr__` does not run.
pub(crate) fn set_class_attribute(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if cfg!(Py_3_14) && name == "__annotations__" && !class_dict(class).contains(name)? {
        // Python's own setter would remove the function that creates them.
        let kept = PyString::intern(class.py(), "__annotations_cache__");
        return set_class_attribute(class, &kept, value);
    }
    if let Some(done) = set_past_metaclass(class, name, value) {
        return done;
    }
    // SAFETY: `type`'s own setter, a live class; null deletes.
    let status = unsafe {
        let set = ffi::PyType_Type.tp_setattro.expect("`type` sets attributes");
        set(
            class.as_ptr(),
            name.as_ptr(),
            value.map_or(std::ptr::null_mut(), Bound::as_ptr),
        )
    };
    done(class.py(), status)
}

/// Sets an attribute in the class's own dict if the metaclass has a property of that name, which `type`'s setter
/// would call; otherwise returns `None`.
fn set_past_metaclass(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> Option<PyResult<()>> {
    // SAFETY: a live class of a live metaclass; after a change of its dict the interpreter is notified, as it
    // requires.
    unsafe {
        let metaclass = ffi::Py_TYPE(class.as_ptr());
        let found = lookup(metaclass, name.as_ptr());
        let is_types_own = lookup(&raw mut ffi::PyType_Type, name.as_ptr()) == found;
        if found.is_null() || is_types_own || (*ffi::Py_TYPE(found)).tp_descr_set.is_none() {
            return None;
        }
        let dict = own_dict(class.as_type_ptr());
        let status = match value {
            Some(value) => ffi::PyDict_SetItem(dict, name.as_ptr(), value.as_ptr()),
            None => ffi::PyDict_DelItem(dict, name.as_ptr()),
        };
        ffi::PyType_Modified(class.as_type_ptr());
        Some(done(class.py(), status))
    }
}

/// Makes a class like `type`, whatever the metaclass would do. No hook of a base runs.
pub(crate) fn new_class<'py>(
    metaclass: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
    bases: &Bound<'py, PyTuple>,
    attributes: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyType>> {
    let py = metaclass.py();
    let arguments = PyTuple::new(py, [name.as_any(), bases.as_any(), attributes.as_any()])?;
    let _hushed = super::class_creation::SubclassHookGuard::new(bases)?;
    // SAFETY: `type`'s own constructor with a metaclass that the caller checked to derive from `type`.
    unsafe {
        let new = ffi::PyType_Type.tp_new.expect("`type` makes classes");
        let made = new(metaclass.as_type_ptr(), arguments.as_ptr(), std::ptr::null_mut());
        Ok(Bound::from_owned_ptr_or_err(py, made)?.cast_into::<PyType>()?)
    }
}

/// Removes the attributes of a new class that its stored body does not name.
pub(crate) fn remove_other_attributes(class: &Bound<'_, PyType>, names: &[&[u8]]) -> PyResult<()> {
    let own = class.as_type_ptr();
    // SAFETY: a live class; its attributes are live.
    let others: Vec<Vec<u8>> = unsafe {
        attributes_of(own)
            .into_iter()
            .filter(|(name, value)| !is_made_anew(own, name, *value))
            .map(|(name, _)| name)
            .filter(|name| !names.contains(&name.as_slice()))
            .collect()
    };
    for name in others {
        let name = PyString::new(class.py(), &String::from_utf8_lossy(&name));
        set_class_attribute(class, &name, None)?;
    }
    Ok(())
}

/// Makes a staticmethod or classmethod around `function`, without attributes of its own yet.
pub(crate) fn new_method<'py>(function: &Bound<'py, PyAny>, is_static: bool) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a live object; the result is a new reference, or null with an error.
    let made = unsafe {
        let made = if is_static {
            ffi::PyStaticMethod_New(function.as_ptr())
        } else {
            ffi::PyClassMethod_New(function.as_ptr())
        };
        Bound::from_owned_ptr_or_err(function.py(), made)?
    };
    if cfg!(Py_3_15) {
        // They are the function's name, module and text of documentation.
        made.getattr("__dict__")?.cast_into::<PyDict>()?.clear();
    }
    Ok(made)
}

//! Makes a class without the hooks that a class statement runs: all that they would have done is stored.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::collector::CollectorPause;
use super::facts::along_bases;
use super::types::{Type, done, is_heap, item, own_dict};

/// Removes `__init_subclass__` of the given bases while a class is made; puts it back when dropped.
///
/// No user code runs in between: the collector is off, and making an empty class calls no other hook.
pub(super) struct SubclassHookGuard<'py> {
    name: Bound<'py, PyString>,
    replaced: Vec<(Type, Bound<'py, PyAny>)>,
    _uncollected: CollectorPause<'py>,
}

impl<'py> SubclassHookGuard<'py> {
    pub fn new(bases: &Bound<'py, PyTuple>) -> PyResult<Self> {
        let py = bases.py();
        let name = PyString::intern(py, "__init_subclass__");
        // SAFETY: attached; live objects. The hook of `object` does nothing, and any class can have it.
        unsafe {
            let mut hushed = Self {
                name,
                replaced: Vec::new(),
                _uncollected: CollectorPause::begin(py),
            };
            let quiet = item(own_dict(&raw mut ffi::PyBaseObject_Type), hushed.name.as_ptr());
            for base in bases.iter() {
                if !super::types::is_type(base.as_ptr()) {
                    continue;
                }
                for class in along_bases(base.as_ptr().cast()) {
                    hushed.hush(py, class, quiet)?;
                }
            }
            Ok(hushed)
        }
    }

    unsafe fn hush(&mut self, py: Python<'py>, class: Type, quiet: *mut ffi::PyObject) -> PyResult<()> {
        // SAFETY: the caller passes live objects; the dict is the class's own.
        unsafe {
            let dict = own_dict(class);
            let found = item(dict, self.name.as_ptr());
            if found.is_null() || found == quiet || !is_heap(class) {
                return Ok(());
            }
            let found = Bound::from_borrowed_ptr(py, found);
            done(py, ffi::PyDict_SetItem(dict, self.name.as_ptr(), quiet))?;
            ffi::PyType_Modified(class);
            self.replaced.push((class, found));
        }
        Ok(())
    }
}

impl Drop for SubclassHookGuard<'_> {
    fn drop(&mut self) {
        for (class, found) in self.replaced.drain(..).rev() {
            // SAFETY: the classes are bases of a live class; setting an existing entry cannot fail.
            unsafe {
                ffi::PyDict_SetItem(own_dict(class), self.name.as_ptr(), found.as_ptr());
                ffi::PyType_Modified(class);
            }
        }
    }
}

//! Determines which load of the user's own module a class or function comes from, so that objects of different source
//! are never treated as the same.
//!
//! A module that is imported or reloaded gets a new spec: then its source is read once, and its definitions are
//! remembered. They identify its classes and functions: an undo across a reload finds the old ones again.

use std::cell::RefCell;

use clew_core::id::Fingerprint;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyType};
use rustc_hash::FxHashMap;

use super::builtin::field;
use super::types::{is_type, item, own_dict, with_str};

/// The load that created a class or function of the user's own modules: stored after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoadMark {
    /// The digest of the source.
    pub source: [u8; 16],
    /// The number of the load among those of exactly this source, from 1.
    pub load: u32,
}

/// One execution of a module.
struct Load {
    spec: Option<Py<PyAny>>,
    mark: LoadMark,
    /// Its classes and functions, by name.
    code: Py<PyDict>,
}

/// All known loads of the user's own modules.
#[derive(Default)]
pub(super) struct Loads {
    by_module: RefCell<FxHashMap<Vec<u8>, Vec<Load>>>,
}

impl Loads {
    /// Notes the load of a module, if it is a new one.
    pub fn sight(&self, name: &str, module: &Bound<'_, PyModule>) -> PyResult<()> {
        let (py, dict) = (module.py(), module.dict());
        let spec = dict.get_item("__spec__")?;
        let mut all = self.by_module.borrow_mut();
        let loads = all.entry(name.as_bytes().to_vec()).or_default();
        let is_same = |load: &Load| match (&load.spec, &spec) {
            (Some(known), Some(spec)) => known.as_ptr() == spec.as_ptr(),
            (None, None) => true,
            _ => false,
        };
        if loads.last().is_some_and(is_same) {
            return Ok(());
        }
        let file: Option<String> = dict.get_item("__file__")?.and_then(|file| file.extract().ok());
        // A missing source counts as empty.
        let text = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let source = Fingerprint::of(&text).0;
        let earlier = loads.iter().filter(|load| load.mark.source == source);
        let load = 1 + earlier.map(|load| load.mark.load).max().unwrap_or(0);
        let code = PyDict::new(py);
        for (key, value) in dict.iter() {
            if value.is_instance_of::<PyType>() || value.is_instance_of::<PyFunction>() {
                code.set_item(key, value)?;
            }
        }
        loads.push(Load {
            spec: spec.map(Bound::unbind),
            mark: LoadMark { source, load },
            code: code.unbind(),
        });
        Ok(())
    }

    /// Returns whether a module of this name is the user's own.
    pub fn knows(&self, module: &[u8]) -> bool {
        self.by_module.borrow().contains_key(module)
    }

    /// Returns the load that `object`, called `path` in `module`, comes from; `live` is the object found under that
    /// name now.
    pub fn mark(
        &self,
        module: &[u8],
        path: &[u8],
        object: *mut ffi::PyObject,
        live: *mut ffi::PyObject,
    ) -> Option<LoadMark> {
        let all = self.by_module.borrow();
        let loads = all.get(module)?;
        let made_by = loads.iter().rev().find(|load| load.find(path) == object);
        // Objects created after their module was loaded belong to the newest load.
        let made_by = made_by.or_else(|| loads.last().filter(|_| live == object));
        made_by.map(|load| load.mark)
    }

    /// Returns the objects that all loads of `module` call `path`, the newest first. Borrowed.
    pub fn all_called(&self, module: &[u8], path: &[u8]) -> Vec<*mut ffi::PyObject> {
        let all = self.by_module.borrow();
        let loads = all.get(module).map_or(&[][..], Vec::as_slice);
        let found = loads.iter().rev().map(|load| load.find(path));
        found.filter(|object| !object.is_null()).collect()
    }

    /// Renumbers the only load of a source in this process to the number that another process gave it in `mark`.
    pub fn renumber(&self, module: &[u8], mark: LoadMark) {
        let mut all = self.by_module.borrow_mut();
        let loads = all.get_mut(module).map_or(&mut [][..], Vec::as_mut_slice);
        let mut same: Vec<&mut Load> = loads
            .iter_mut()
            .filter(|load| load.mark.source == mark.source)
            .collect();
        if let [only] = same.as_mut_slice()
            && only.mark.load < mark.load
        {
            only.mark = mark;
        }
    }
}

impl Load {
    fn find(&self, path: &[u8]) -> *mut ffi::PyObject {
        inside(find_in(self.code.as_ptr(), path))
    }
}

/// Finds `path` (with dots) in a dict and in the classes it holds. Borrowed; null if there is none.
pub(super) fn find_in(dict: *mut ffi::PyObject, path: &[u8]) -> *mut ffi::PyObject {
    let (mut scope, mut found) = (dict, std::ptr::null_mut());
    for part in path.split(|byte| *byte == b'.') {
        if scope.is_null() {
            return std::ptr::null_mut();
        }
        // SAFETY: scopes are dicts of live modules, loads and classes; nothing changes them meanwhile.
        unsafe {
            found = with_str(part, |part| item(scope, part));
            scope = if !found.is_null() && is_type(found) {
                own_dict(found.cast())
            } else {
                std::ptr::null_mut()
            };
        }
    }
    found
}

/// Returns the function in a static method or class method, under whose name the method is found.
pub(super) fn inside(found: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: null, or a live object that its class holds; the wrapped function lives as long.
    unsafe {
        let wraps = |kind| ffi::Py_TYPE(found) == kind;
        if !found.is_null() && (wraps(&raw mut ffi::PyStaticMethod_Type) || wraps(&raw mut ffi::PyClassMethod_Type)) {
            return field(found, c"__func__");
        }
    }
    found
}

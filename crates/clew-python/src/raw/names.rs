//! Objects that are found by name: classes, functions and single objects of modules. They are looked up in memory;
//! nothing is imported.

use std::cell::RefCell;

use clew_core::id::Fingerprint;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{WellKnownObjects, along_bases};
use super::module_loads::{LoadMark, Loads, find_in, inside};
use super::scalar::text_of;
use super::types::{Type, entries, is_heap, item, type_names, with_str};

/// The modules of the process, for the names of objects.
pub(super) struct ModuleNames {
    modules: Py<PyDict>,
    /// The original values of library attributes that cells set, by `module:path`: such names always refer to the
    /// original values. `None` in a process that records no cells.
    originals: Option<Py<PyDict>>,
    /// The top-level names of modules of the standard library, and the beginnings of their paths.
    standard: FxHashSet<Vec<u8>>,
    standard_folders: Vec<String>,
    /// By the name of a package or module: whether it comes from the interpreter or an installed distribution.
    library: RefCell<FxHashMap<Vec<u8>, bool>>,
    /// Whether a class is a definition of the notebook; kept for one look.
    definition: RefCell<FxHashMap<Type, bool>>,
    /// The loads that created the classes of the user's own modules; kept for one look.
    marks: RefCell<FxHashMap<Type, Option<LoadMark>>>,
    /// The loads of the user's own modules.
    pub loads: Loads,
}

impl ModuleNames {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let mut standard = FxHashSet::default();
        for name in sys.getattr("stdlib_module_names")?.try_iter()? {
            standard.insert(name?.extract::<String>()?.into_bytes());
        }
        let standard_folders = py
            .import("clew.installation")?
            .call_method0("standard_folders")?
            .extract()?;
        Ok(Self {
            modules: sys.getattr("modules")?.cast_into()?.unbind(),
            originals: None,
            standard,
            standard_folders,
            library: RefCell::default(),
            definition: RefCell::default(),
            marks: RefCell::default(),
            loads: Loads::default(),
        })
    }

    /// Forgets what may have changed since the last look.
    pub fn begin(&mut self, py: Python<'_>) {
        if self.originals.is_none() {
            let patched = self
                .modules
                .bind(py)
                .get_item("clew.roots.library_patches")
                .ok()
                .flatten();
            let originals = patched.and_then(|patched| patched.getattr("ORIGINALS").ok());
            self.originals = originals.and_then(|found| found.cast_into().ok()).map(Bound::unbind);
        }
        self.library.borrow_mut().clear();
        self.definition.borrow_mut().clear();
        self.marks.borrow_mut().clear();
    }

    /// Returns the number of loaded modules.
    pub fn count(&self, py: Python<'_>) -> usize {
        self.modules.bind(py).len()
    }

    /// Forgets which load created which class.
    pub fn forget_marks(&self) {
        self.marks.borrow_mut().clear();
    }

    /// Returns the live module of this name. Borrowed; null if there is none.
    pub fn module(&self, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: `sys.modules` is held; callers pass a live str.
        unsafe { item(self.modules.as_ptr(), name) }
    }

    /// Returns the original value of a library's attribute that a cell may have set. Borrowed; null if there is none.
    pub fn original(&self, module: &[u8], path: &[u8]) -> *mut ffi::PyObject {
        let Some(originals) = &self.originals else {
            return std::ptr::null_mut();
        };
        // SAFETY: the dict is held.
        if unsafe { ffi::PyDict_Size(originals.as_ptr()) } == 0 {
            return std::ptr::null_mut();
        }
        let key = [module, b":", path].concat();
        // SAFETY: as above; the key is a live str.
        with_str(&key, |key| unsafe { item(originals.as_ptr(), key) })
    }

    /// Finds `path` (with dots) in the module called `module`, ignoring values that cells set there. Borrowed; null
    /// if there is none.
    pub fn find(&self, module: &[u8], path: &[u8]) -> *mut ffi::PyObject {
        let original = self.original(module, path);
        if !original.is_null() {
            return original;
        }
        let is_enum = module == b"enum";
        // Some packages hold the objects of a module, such as `numpy.rec`, and load the module itself on first use.
        let ends = module.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        let packages = ends.map(|(at, _)| &module[..at]).rev();
        let loaded = [module]
            .into_iter()
            .chain(packages)
            .map(|name| with_str(name, |name| self.module(name)));
        let found = loaded
            .into_iter()
            .find(|module| !module.is_null())
            .map_or(std::ptr::null_mut(), |module| {
                // SAFETY: a live object; only modules are searched.
                let scope = unsafe {
                    if ffi::PyModule_Check(module) == 0 {
                        return std::ptr::null_mut();
                    }
                    ffi::PyModule_GetDict(module)
                };
                find_in(scope, path)
            });
        // All Enums of a session share a static method of Enum. As a part of each it makes them one co-variable, and
        // only then members of two of them can refer to each other.
        if is_enum { found } else { inside(found) }
    }

    /// Returns whether `object` is found under these names (false unless both are str) in a module other than
    /// `__main__`.
    pub fn resolves(&self, module: *mut ffi::PyObject, name: *mut ffi::PyObject, object: *mut ffi::PyObject) -> bool {
        // SAFETY: the names are null or live.
        unsafe {
            let (Some(module), Some(path)) = (text_of(module), text_of(name)) else {
                return false;
            };
            module != b"__main__"
                && (self.find(&module, &path) == object || self.mark(&module, &path, object).is_some())
        }
    }

    /// Returns the load that created `object`, called `path` in a module of the user; `None` if it is from elsewhere.
    pub fn mark(&self, module: &[u8], path: &[u8], object: *mut ffi::PyObject) -> Option<LoadMark> {
        if !self.loads.knows(module) {
            return None;
        }
        self.loads.mark(module, path, object, self.find(module, path))
    }

    /// Returns the load that created a class: by its own source, and those of its bases in the user's own modules.
    ///
    /// # Safety
    /// `class` is live.
    pub unsafe fn mark_of_class(&self, class: Type, known: &WellKnownObjects) -> Option<LoadMark> {
        // SAFETY: as the caller promises; its bases are live.
        unsafe {
            if !is_heap(class) {
                return None;
            }
            if let Some(found) = self.marks.borrow().get(&class) {
                return *found;
            }
            let mark_of = |class: Type| {
                let (module, name) = type_names(class, known.module_key);
                self.mark(&module, &name, class.cast())
            };
            let found = mark_of(class).map(|own| {
                let bases = along_bases(class).into_iter().skip(1).filter_map(mark_of);
                bases.fold(own, |mark, base| LoadMark {
                    source: Fingerprint::of(&[mark.source, base.source].concat()).0,
                    load: mark.load.max(base.load),
                })
            });
            self.marks.borrow_mut().insert(class, found);
            found
        }
    }

    /// Returns whether a class belongs to the notebook: it is defined there, or cannot be found by name.
    ///
    /// # Safety
    /// `class` is live.
    pub unsafe fn is_definition(&self, class: Type, known: &WellKnownObjects) -> bool {
        if let Some(found) = self.definition.borrow().get(&class) {
            return *found;
        }
        // SAFETY: as the caller promises.
        let found = unsafe {
            is_heap(class) && {
                let (module, name) = type_names(class, known.module_key);
                module == b"__main__"
                    || self.find(&module, &name) != class.cast() && self.mark(&module, &name, class.cast()).is_none()
            }
        };
        self.definition.borrow_mut().insert(class, found);
        found
    }

    /// Returns whether a module comes from the interpreter or an installed distribution, and not from the user's own
    /// files.
    pub fn is_library(&self, module: &[u8]) -> bool {
        let top = module.split(|byte| *byte == b'.').next().unwrap_or_default();
        if top == b"__main__" {
            return false;
        }
        if self.standard.contains(top) {
            // A module of the user may have replaced it.
            return self.is_installed(top).unwrap_or(true);
        }
        // Packages without a file (`mpl_toolkits`, `google`) may come from several places: the modules in them show
        // from which.
        let ends = module
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'.')
            .map(|(at, _)| at);
        let mut packages = ends.chain([module.len()]).map(|end| &module[..end]);
        packages.find_map(|package| self.is_installed(package)).unwrap_or(false)
    }

    /// Returns whether a package or module is in a folder of installed distributions; `None` if it has no file.
    fn is_installed(&self, module: &[u8]) -> Option<bool> {
        if let Some(found) = self.library.borrow().get(module) {
            return Some(*found);
        }
        let file = self.find(module, b"__file__");
        // SAFETY: a live object of the module's dict, or null.
        let path = unsafe { text_of(file)? };
        let path = String::from_utf8_lossy(&path);
        let is_standard = self.standard_folders.iter().any(|folder| path.starts_with(folder));
        let found = is_standard || path.contains("site-packages") || path.contains("dist-packages");
        self.library.borrow_mut().insert(module.to_vec(), found);
        Some(found)
    }

    /// Returns instances of `class` that its own module holds by name, if the module is a library's: sentinels and
    /// singletons.
    ///
    /// # Safety
    /// `class` is live and `module` is the name of its module.
    pub unsafe fn held_by_library(&self, class: Type, module: &[u8]) -> Vec<(*mut ffi::PyObject, Vec<u8>)> {
        if module == b"__main__" || !self.is_library(module) {
            return Vec::new();
        }
        // SAFETY: modules found by name are live; nothing changes their dicts meanwhile.
        unsafe {
            let live = with_str(module, |module| self.module(module));
            if live.is_null() || ffi::PyModule_Check(live) == 0 {
                return Vec::new();
            }
            entries(ffi::PyModule_GetDict(live))
                .filter(|(_, value)| ffi::Py_TYPE(*value) == class)
                .filter_map(|(key, value)| Some((value, text_of(key)?)))
                .collect()
        }
    }
}

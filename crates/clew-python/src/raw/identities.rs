//! Objects in a walk that depend on more than their stream contains: functions, classes, modules, and objects that
//! exist once per process.
//!
//! The stream only names them; the globals of a function or the version of a library are not in it. Code that
//! computes keys for use in other processes requests these objects after each walk.

use pyo3::prelude::*;
use rustc_hash::FxHashSet;

use super::heap::PythonHeap;
use super::object::{EncounteredObjects, Object};

/// The kind of an object that a walk encountered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityKind {
    /// An object of a library, by its module and name: the library's version determines it.
    Library(String, String),
    /// A function that the walk described completely.
    Function,
    /// A function or class of the user's own modules, by its module and name: the walk only named it.
    Own(String, String),
    /// A module of the user's own.
    OwnModule(String),
    /// An object that exists once per process, by the engine's name for it.
    Token(&'static str),
}

impl PythonHeap {
    /// Makes walks independent of this process, so that they differ only in values: classes of the notebook are
    /// identified by their names, and encountered objects are noted.
    pub(crate) fn note_what_is_met(&mut self) {
        self.met = EncounteredObjects(Some(FxHashSet::default()));
        self.definitions.name_by_name();
    }

    /// Returns the objects encountered since the last call, unordered. They live as long as the heap keeps what it
    /// walked.
    pub(crate) fn take_met(&mut self) -> Vec<Object> {
        self.met.0.as_mut().map(|met| met.drain().collect()).unwrap_or_default()
    }

    /// Returns whether a module belongs to the interpreter or an installed package.
    pub(crate) fn is_of_library(&self, module: &str) -> bool {
        self.names.is_library(module.as_bytes())
    }

    /// Returns the kind of an encountered object.
    pub(crate) fn kind_of_met(&self, object: &Bound<'_, PyAny>) -> IdentityKind {
        if let Some(token) = self.tokens.get(&object.as_ptr()) {
            return IdentityKind::Token(token);
        }
        let text = |name: &str| object.getattr(name).ok().and_then(|name| name.extract::<String>().ok());
        if object.is_instance_of::<pyo3::types::PyModule>() {
            let module = text("__name__").unwrap_or_default();
            return if self.is_of_library(&module) {
                IdentityKind::Library(module, String::new())
            } else {
                IdentityKind::OwnModule(module)
            };
        }
        let (module, name) = (text("__module__"), text("__qualname__"));
        let kind = object.get_type();
        let of_kind = |name: &str| kind.getattr(name).ok().and_then(|name| name.extract::<String>().ok());
        let module = module
            .or_else(|| of_kind("__module__"))
            .unwrap_or_else(|| "builtins".to_owned());
        let name = name.or_else(|| of_kind("__qualname__")).unwrap_or_default();
        let is_function = object.is_instance_of::<pyo3::types::PyFunction>();
        let is_there = self.names.find(module.as_bytes(), name.as_bytes()) == object.as_ptr();
        match (self.is_of_library(&module), is_function) {
            // A wrapper has the names of the wrapped function: its globals tell where it belongs.
            (_, true) if !is_there || module == "__main__" => IdentityKind::Function,
            (true, _) => IdentityKind::Library(module, name),
            (false, _) => IdentityKind::Own(module, name),
        }
    }
}

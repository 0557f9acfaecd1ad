//! What a walk meets that stands for more than its stream says: functions, classes, modules, and what there is one of.
//!
//! The stream names them, and does not show what they are made of elsewhere: the globals of a function, the version of a
//! library. Whoever makes keys that hold beyond this process asks for them after each walk.

use pyo3::prelude::*;
use rustc_hash::FxHashSet;

use super::heap::PythonHeap;
use super::object::{EncounteredObjects, Object};

/// The kind of an object that a walk encountered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityKind {
    /// A library's, by its module and name: its version says what it is.
    Library(String, String),
    /// A function that the walk showed whole.
    Function,
    /// A function or class of the user's own modules: the walk only named it. With its module and name.
    Own(String, String),
    /// A module of the user's own.
    OwnModule(String),
    /// What a process has one of, by the engine's word for it.
    Token(&'static str),
}

impl PythonHeap {
    /// A heap whose walks can be told from those of other processes by nothing but values: classes of the notebook are known by their
    /// names, and what is met is noted.
    pub(crate) fn note_what_is_met(&mut self) {
        self.met = EncounteredObjects(Some(FxHashSet::default()));
        self.definitions.name_by_name();
    }

    /// What was met since the last call, in no order. Objects live as long as the heap keeps what it walked.
    pub(crate) fn take_met(&mut self) -> Vec<Object> {
        self.met.0.as_mut().map(|met| met.drain().collect()).unwrap_or_default()
    }

    /// Whether a module belongs to the interpreter or an installed package.
    pub(crate) fn is_of_library(&self, module: &str) -> bool {
        self.names.is_library(module.as_bytes())
    }

    /// What an object that was met is.
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
            // A wrapper bears the names of what it wraps: its globals tell whose it is.
            (_, true) if !is_there || module == "__main__" => IdentityKind::Function,
            (true, _) => IdentityKind::Library(module, name),
            (false, _) => IdentityKind::Own(module, name),
        }
    }
}

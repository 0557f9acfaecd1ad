//! Notebook classes of a load.

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::{Builder, Made, malformed};

/// Classes staged for a load: built, but not yet what the notebook has.
#[derive(Default)]
pub struct Definitions {
    classes: FxHashMap<String, Py<PyAny>>,
}

impl Definitions {
    /// The staged class of a definition.
    pub fn class_of<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        self.classes.get(id).map(|class| class.bind(py).clone())
    }

    /// A member of a staged Enum, before its class knows it.
    pub(super) fn member<'py>(&self, _py: Python<'py>, _class: &Bound<'py, PyAny>, _name: &[u8]) -> Option<Bound<'py, PyAny>> {
        None
    }
}

impl<'py> Builder<'py, '_> {
    pub(super) fn make_definition(&mut self, _number: u32, _node: &ArenaNode<'_>) -> Made<'py> {
        Err(malformed("definitions can't be built yet"))
    }

    pub(super) fn fill_definition(&mut self, _number: u32, _node: &ArenaNode<'_>) -> Result<(), BuildError> {
        Ok(())
    }
}

//! Tuples, lists, dicts and sets: made empty, filled after their parts are made.

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

use super::{BuildResult, Builder, malformed};
use crate::kinds;
use crate::payload::Reader;
use crate::raw::{make, sets};

/// Returns how many children globals need first: if other objects refer to the dict, too, the child is that dict.
pub(super) fn globals_need(node: &ArenaNode<'_>) -> usize {
    usize::from(node.payload.first() == Some(&0))
}

impl<'py> Builder<'py, '_> {
    /// Makes the globals of functions: a dict with the standard entries, or the dict to which other objects refer,
    /// too.
    pub(super) fn make_globals(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        if globals_need(node) > 0 {
            return self.child(node, 0);
        }
        let globals = PyDict::new(self.py);
        self.tried(globals.set_item("__name__", "__main__"))?;
        self.tried(globals.set_item("__builtins__", self.tried(self.py.import("builtins"))?))?;
        Ok(globals.into_any())
    }

    /// Adds the names that the functions may read.
    pub(super) fn fill_globals(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let Some((1, names)) = node.payload.split_first() else {
            return Ok(());
        };
        let (globals, values) = (self.object(number)?, self.children(node, 0)?);
        let read = self.read_dict(&mut Reader::new(names), &mut values.iter())?;
        let globals = globals.cast::<PyDict>().map_err(|_| malformed("globals are no dict"))?;
        read.map_or(Ok(()), |read| self.tried(globals.update(read.as_mapping())))
    }

    pub(super) fn make_container(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let py = self.py;
        let made = match node.kind {
            kinds::TUPLE => make::open_tuple(py, node.children.len()).map(Bound::into_any),
            kinds::LIST => Ok(PyList::empty(py).into_any()),
            kinds::DICT => Ok(PyDict::new(py).into_any()),
            kinds::SET => PySet::empty(py).map(Bound::into_any),
            _ => return self.make_frozenset(node),
        };
        self.tried(made)
    }

    fn make_frozenset(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let members = self.children(node, 0)?;
        let made = self.tried(PyFrozenSet::empty(self.py))?;
        if sets::fill(made.as_any(), node.payload, &members) {
            return Ok(made.into_any());
        }
        self.tried(PyFrozenSet::new(self.py, sets::as_added(members)))
            .map(Bound::into_any)
    }

    pub(super) fn fill_container(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let object = self.object(number)?;
        let children = node.children.iter().map(|child| self.object(*child));
        match node.kind {
            kinds::TUPLE => {
                let tuple = object.cast::<PyTuple>().map_err(|_| malformed("no tuple"))?;
                for (at, child) in children.enumerate() {
                    make::fill_tuple(tuple, at, child?);
                }
            }
            kinds::LIST => self.fill_list(&object, &self.children(node, 0)?)?,
            kinds::DICT => self.fill_dict(&object, &self.children(node, 0)?)?,
            _ => {
                let members = self.children(node, 0)?;
                if !sets::fill(&object, node.payload, &members) {
                    // Removes what an invalid table may have left.
                    let set = object.cast::<PySet>().map_err(|_| malformed("no set"))?;
                    set.clear();
                    let mut members = sets::as_added(members).into_iter();
                    members.try_for_each(|member| self.tried(set.add(member)))?;
                }
            }
        }
        Ok(())
    }

    /// Puts items into a list, or the list part of an instance, bypassing methods of subclasses.
    pub(super) fn fill_list(&self, list: &Bound<'py, PyAny>, items: &[Bound<'py, PyAny>]) -> Result<(), BuildError> {
        let list = list.cast::<PyList>().map_err(|_| malformed("no list"))?;
        items.iter().try_for_each(|item| self.tried(list.append(item)))
    }

    /// Puts keys and values into a dict, or the dict part of an instance, bypassing methods of subclasses.
    pub(super) fn fill_dict(&self, dict: &Bound<'py, PyAny>, items: &[Bound<'py, PyAny>]) -> Result<(), BuildError> {
        let dict = dict.cast::<PyDict>().map_err(|_| malformed("no dict"))?;
        if !items.len().is_multiple_of(2) {
            return Err(malformed("a key has no value"));
        }
        items
            .chunks(2)
            .try_for_each(|pair| self.tried(dict.set_item(&pair[0], &pair[1])))
    }
}

//! Instances: made by the base that contains their C part, then given attributes and slots by name.

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyString, PyTuple};

use super::scalars::float;
use super::{BuildResult, Builder, malformed};
use crate::cause::PythonCause;
use crate::payload::Reader;
use crate::raw::{Base, make, sets};

/// The parsed payload of an instance.
struct Instance<'a> {
    base: Base,
    /// The bytes of the base part (text, number), if it has any.
    bytes: &'a [u8],
    /// The number of children of the base part.
    held: usize,
    rest: Reader<'a>,
}

/// The payload of the class of dataclasses' fields. An empty `doc` (3.14) is stored as none, as earlier versions have none.
const FIELD: &[u8] = b"\x0bdataclasses\x05Field";

fn cut() -> BuildError {
    malformed("an instance is cut short")
}

fn read<'a>(node: &ArenaNode<'a>) -> Result<Instance<'a>, BuildError> {
    let mut rest = Reader::new(node.payload);
    let base = rest.byte().and_then(Base::from_number).ok_or_else(cut)?;
    let (mut bytes, mut held) = (&[][..], 0);
    match base {
        Base::Object => {}
        Base::Dict | Base::List | Base::Tuple => held = rest.count(node.children.len()).ok_or_else(cut)?,
        Base::Set | Base::Frozenset => held = 1,
        Base::Str | Base::Int | Base::Bytes => bytes = rest.name().ok_or_else(cut)?,
        Base::Float => bytes = rest.take(8).ok_or_else(cut)?,
        Base::Complex => bytes = rest.take(16).ok_or_else(cut)?,
    }
    Ok(Instance {
        base,
        bytes,
        held,
        rest,
    })
}

/// Returns an error if an instance cannot be read.
pub(super) fn check(node: &ArenaNode<'_>) -> Result<(), BuildError> {
    read(node).map(drop)
}

/// Returns how many children are needed first: the class, and the base's children if the base cannot be filled later.
pub(super) fn needed_first(node: &ArenaNode<'_>) -> usize {
    match read(node) {
        Ok(instance) if matches!(instance.base, Base::Tuple | Base::Frozenset) => 1 + instance.held,
        _ => 1,
    }
}

impl<'py> Builder<'py, '_> {
    pub(super) fn make_instance(&mut self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let py = self.py;
        let class = self.child_of_type(node, 0, "an instance has no class")?;
        let instance = read(node)?;
        let class = self.wide(class, node, instance.rest.clone());
        let held = |count: usize| {
            (1..=count)
                .map(|at| self.child(node, at))
                .collect::<Result<Vec<_>, _>>()
        };
        let part = match instance.base {
            Base::Object | Base::Dict | Base::List | Base::Set => None,
            Base::Tuple => Some(self.tried(PyTuple::new(py, held(instance.held)?))?.into_any()),
            Base::Frozenset => {
                let members: Vec<Bound<'py, PyAny>> =
                    self.tried(self.child(node, 1)?.try_iter().and_then(Iterator::collect))?;
                Some(self.tried(PyFrozenSet::new(py, members))?.into_any())
            }
            Base::Str => Some(self.text(instance.bytes)?.into_any()),
            Base::Bytes => Some(PyBytes::new(py, instance.bytes).into_any()),
            Base::Int => Some(self.int(instance.bytes)?),
            Base::Float => Some(pyo3::types::PyFloat::new(py, float(instance.bytes)?).into_any()),
            Base::Complex => Some(self.complex(instance.bytes)?),
        };
        self.tried(self.heap.new_instance(&class, instance.base, part.as_ref()))
    }

    /// Gives an instance the attributes that exist already: it is hashed before the others are made.
    pub(super) fn begin_instance(&self, number: u32) -> Result<(), BuildError> {
        let (node, object) = (self.arena.node(number), self.object(number)?);
        let mut instance = read(&node)?;
        let rest = &mut instance.rest;
        if rest.byte().ok_or_else(cut)? != 1 {
            return Ok(());
        }
        let parts = node.children.get(1 + instance.held..).ok_or_else(cut)?;
        for part in parts.iter().take(rest.number().ok_or_else(cut)? as usize) {
            let name = self.name(rest.name().ok_or_else(cut)?)?;
            if let Some(value) = &self.objects[*part as usize] {
                self.tried(make::set_own_attribute(&object, &name, value))?;
            }
        }
        Ok(())
    }

    pub(super) fn fill_instance(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let object = self.object(number)?;
        let mut instance = read(node)?;
        if self.begun.contains(&number) {
            // Its attributes must have their recorded order.
            self.tried(make::set_own_dict(&object, &PyDict::new(self.py)))?;
        }
        let children = self.children(node, 1)?;
        let (held, part) = children.split_at_checked(instance.held).ok_or_else(cut)?;
        match instance.base {
            Base::Dict => self.fill_dict(&object, held)?,
            Base::List => self.fill_list(&object, held)?,
            Base::Set => self.tried(sets::fill_alike(&object, &held[0]))?,
            _ => {}
        }
        self.fill_part(&object, &mut instance.rest, part)?;
        if cfg!(Py_3_14) && self.arena.node(node.children[0]).payload == FIELD && !self.tried(object.hasattr("doc"))? {
            self.fill_slot(&object, 0, &self.name(b"doc")?, &self.py.None().into_bound(self.py))?;
        }
        Ok(())
    }

    /// Gives an object its Python part: `rest` contains the names of the `values`.
    pub(super) fn fill_part(
        &self,
        object: &Bound<'py, PyAny>,
        rest: &mut Reader<'_>,
        values: &[Bound<'py, PyAny>],
    ) -> Result<(), BuildError> {
        let mut values = values.iter();
        let mut value = || values.next().ok_or_else(cut);
        match rest.byte().ok_or_else(cut)? {
            0 => {}
            1 => {
                for _ in 0..rest.number().ok_or_else(cut)? {
                    let name = self.name(rest.name().ok_or_else(cut)?)?;
                    self.tried(make::set_own_attribute(object, &name, value()?))?;
                }
            }
            _ => {
                let dict = value()?
                    .cast::<PyDict>()
                    .map_err(|_| malformed("attributes are no dict"))?;
                self.tried(make::set_own_dict(object, dict))?;
            }
        }
        for _ in 0..rest.number().ok_or_else(cut)? {
            let depth = rest.number().ok_or_else(cut)?;
            let name = self.name(rest.name().ok_or_else(cut)?)?;
            self.fill_slot(object, depth, &name, value()?)?;
        }
        Ok(())
    }

    fn fill_slot(
        &self,
        object: &Bound<'py, PyAny>,
        depth: u64,
        name: &Bound<'py, PyString>,
        value: &Bound<'py, PyAny>,
    ) -> Result<(), BuildError> {
        let class = make::base_at(&object.get_type(), depth);
        let slot = class.and_then(|class| make::class_attribute(&class, name));
        let slot = slot.ok_or_else(|| PythonCause::NoSlot { name: name.to_string() })?;
        self.tried(slot.call_method1("__set__", (object, value)).map(drop))
    }

    /// Reads a dict that is stored like a Python part: by name, or as a child.
    pub(super) fn read_dict(
        &self,
        rest: &mut Reader<'_>,
        values: &mut std::slice::Iter<'_, Bound<'py, PyAny>>,
    ) -> Result<Option<Bound<'py, PyDict>>, BuildError> {
        match rest.byte().ok_or_else(cut)? {
            0 => Ok(None),
            1 => {
                let dict = PyDict::new(self.py);
                for _ in 0..rest.number().ok_or_else(cut)? {
                    let name = self.name(rest.name().ok_or_else(cut)?)?;
                    self.tried(dict.set_item(name, values.next().ok_or_else(cut)?))?;
                }
                Ok(Some(dict))
            }
            _ => {
                let dict = values.next().ok_or_else(cut)?.cast::<PyDict>();
                Ok(Some(dict.map_err(|_| malformed("attributes are no dict"))?.clone()))
            }
        }
    }
}

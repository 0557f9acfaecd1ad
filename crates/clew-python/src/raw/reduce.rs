//! Objects that only code can describe: codecs first, then reducers.
//!
//! ```text
//! CODEC    payload  = name version flags        flags: 1 there is state
//!          children = type, args (a tuple), [state]
//! REDUCE   payload  = flags items(LEB128) pairs(LEB128) part
//!          flags    = 1 state | 2 setter | 4 the part is only compared, not put back
//!          children = callable, args, [state], [setter], items …, key, value …, part
//! ```
//! The Python part is written in addition to a reducer's parts: for a class whose C part hides state, the reducer may
//! omit the attributes; and if a reducer of the user's own class omits a field, this must be noticed, since the field
//! will not be restored.

use clew_core::graph::Node;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString, PyTuple};

use super::attributes::{named_pairs, write_pairs, write_part};
use super::builtin::write_global;
use super::codecs::reason;
use super::facts::{Base, Shape};
use super::function_cache::contents;
use super::heap::PythonHeap;
use super::object::{Guise, Object};
use crate::cause::PythonCause;
use crate::kinds;
use crate::payload::Write;

/// There is a state.
pub(crate) const STATE: u8 = 1;
/// There is a state setter.
pub(crate) const SETTER: u8 = 2;
/// The Python part is compared and not restored.
pub(crate) const COMPARED: u8 = 4;

impl PythonHeap {
    /// Describes an object that was deferred. May run code.
    pub(super) fn reduce_object(&mut self, object: Object, node: &mut Node<'_, Object>) -> Result<(), String> {
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let live = object.bound(py);
        if object.guise() == Guise::Globals {
            return self
                .describe_globals(&live, node)
                .map_err(|error| reason(&error, &live));
        }
        self.describe_by_code(&live, node)
            .map_err(|error| reason(&error, &live))
    }

    fn describe_by_code(&mut self, object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) -> PyResult<()> {
        // SAFETY: a live object's type is live.
        let facts = unsafe { self.facts(object.get_type().as_type_ptr()) };
        if let Shape::Instance(base @ (Base::Set | Base::Frozenset)) = facts.shape {
            return self.describe_set_instance(object, base, node);
        }
        match facts.shape {
            Shape::Cached => return self.describe_cached(object, node),
            Shape::Memoryview => return describe_view(object, node),
            _ => {}
        }
        match self.codecs.find(&object.get_type())? {
            Some(codec) => self.describe_by_codec(object, &codec, node),
            None => self.describe_by_reducer(object, node),
        }
    }

    /// Describes globals of functions: the names that these may read, unless other code refers to the dict and may
    /// read all of it.
    fn describe_globals(&mut self, globals: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) -> PyResult<()> {
        node.kind(kinds::GLOBALS);
        let read = globals
            .py()
            .import("clew.codecs.function_globals")?
            .call_method1("names_read", (globals,))?;
        let Ok(read) = read.cast_into::<PyDict>() else {
            node.payload().push(0);
            node.child(Object::of(globals));
            return Ok(());
        };
        node.payload().push(1);
        // SAFETY: a live dict, to which nothing else refers, with the names of variables as keys.
        unsafe {
            let pairs = named_pairs(read.as_ptr()).unwrap_or_default();
            write_pairs(pairs.into_iter(), node);
        }
        self.keep_made(read.into_any().unbind());
        Ok(())
    }

    /// Describes an instance of a subclass of set, with a copy of the set, since only whole nodes are unordered.
    /// Copying a set reuses its stored hashes and runs nothing.
    fn describe_set_instance(
        &mut self,
        object: &Bound<'_, PyAny>,
        base: Base,
        node: &mut Node<'_, Object>,
    ) -> PyResult<()> {
        let py = object.py();
        let copy = PySet::empty(py)?;
        if matches!(base, Base::Set) {
            super::sets::fill_alike(&copy, object)?;
        } else {
            // Python iterates over a new one in an order of its own.
            // SAFETY: a live frozenset; its members are live.
            let members = unsafe { super::sets::members(object.as_ptr()) };
            let members = members.map(|member| Object::new(member).bound(py)).collect();
            for member in super::sets::as_added(members) {
                copy.add(member)?;
            }
        }
        node.kind(kinds::INSTANCE);
        node.child(Object::of(object.get_type().as_any()));
        node.payload().push(base as u8);
        node.child(Object::of(copy.as_any()));
        self.keep_made(copy.into_any().unbind());
        self.write_own_part(object, node);
        Ok(())
    }

    /// Describes the result of `functools.cache`: the function, the size, and the contents. The contents are
    /// compared, so that a cache with values of another state is never treated as this one.
    fn describe_cached(&mut self, object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) -> PyResult<()> {
        let parameters = object.call_method0("cache_parameters")?;
        let (size, typed) = (parameters.get_item("maxsize")?, parameters.get_item("typed")?);
        let contents = contents(object)?;
        node.kind(kinds::CACHED);
        node.payload().number(contents.len() as u64);
        node.child(Object::of(&object.getattr("__wrapped__")?));
        node.child(Object::of(&size));
        node.child(Object::of(&typed));
        contents.iter().for_each(|part| node.child(Object::of(part)));
        self.keep_made(parameters.unbind());
        contents.into_iter().for_each(|part| self.keep_made(part.unbind()));
        self.write_own_part(object, node);
        Ok(())
    }

    fn describe_by_codec(
        &mut self,
        object: &Bound<'_, PyAny>,
        codec: &Bound<'_, PyAny>,
        node: &mut Node<'_, Object>,
    ) -> PyResult<()> {
        let parts = codec.getattr("encode")?.call1((object,))?;
        self.keep_made(parts.clone().unbind());
        let two_steps = !codec.getattr("fill")?.is_none();
        let name: String = codec.getattr("name")?.extract()?;
        node.kind(kinds::CODEC);
        node.payload().name(name.as_bytes());
        node.payload().number(codec.getattr("version")?.extract()?);
        node.payload().push(u8::from(two_steps));
        let stands_for = codec.getattr("kind")?;
        if stands_for.is_none() {
            node.child(Object::of(object.get_type().as_any()));
        } else {
            // The codec holds it, and lives until the look ends.
            node.child(Object::of(&stands_for));
        }
        if two_steps {
            let (args, state) = (parts.getattr("args")?, parts.getattr("state")?);
            node.child(Object::of(&args));
            node.child(Object::of(&state));
        } else {
            node.child(Object::of(&parts));
        }
        Ok(())
    }

    fn describe_by_reducer(&mut self, object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) -> PyResult<()> {
        let reduced = self.codecs.reduce(object)?;
        if let Ok(name) = reduced.cast::<PyString>() {
            return describe_global(object, name, node);
        }
        let parts = reduced.cast::<PyTuple>()?.clone();
        self.keep_made(reduced.unbind());
        let (state, setter) = (parts.get_item(2)?, parts.get_item(5)?);
        let (items, pairs) = (list(&parts.get_item(3)?)?, list(&parts.get_item(4)?)?);
        // SAFETY: a live object's type is live.
        let facts = unsafe { self.facts(object.get_type().as_type_ptr()) };
        let flags = if state.is_none() { 0 } else { STATE }
            | if setter.is_none() { 0 } else { SETTER }
            | if facts.own_reducer { COMPARED } else { 0 };
        node.kind(kinds::REDUCE);
        node.payload().push(flags);
        node.payload().number(items.len() as u64);
        node.payload().number(pairs.len() as u64);
        node.child(Object::of(&parts.get_item(0)?));
        node.child(Object::of(&parts.get_item(1)?));
        for part in [&state, &setter] {
            if !part.is_none() {
                node.child(Object::of(part));
            }
        }
        for item in items {
            node.child(Object::of(&item));
        }
        for pair in pairs {
            let pair = pair.cast_into::<PyTuple>()?;
            node.child(Object::of(&pair.get_item(0)?));
            node.child(Object::of(&pair.get_item(1)?));
        }
        self.write_forgotten_part(object, node);
        Ok(())
    }

    /// Writes the Python part.
    fn write_own_part(&self, object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) {
        // SAFETY: a live object and the slots of its type.
        unsafe {
            let facts = self.facts(object.get_type().as_type_ptr());
            write_part(object.as_ptr(), &facts.slots, node);
        }
    }

    /// Writes the Python part, if the reducer may omit it.
    fn write_forgotten_part(&mut self, object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) {
        // SAFETY: a live object's type is live.
        unsafe {
            let class = object.get_type().as_type_ptr();
            let facts = self.facts(class);
            let (module, _) = super::types::type_names(class, self.known.module_key);
            if facts.own_reducer || !self.names.is_library(&module) && super::types::is_heap(class) {
                self.write_own_part(object, node);
            } else {
                node.payload().extend([0, 0]);
            }
        }
    }
}

/// Describes a memoryview by its position in the memory of its exporter.
fn describe_view(object: &Bound<'_, PyAny>, node: &mut Node<'_, Object>) -> PyResult<()> {
    let exporter = object.getattr("obj")?;
    if exporter.is_none() {
        return Err(PythonCause::NoOwner.into());
    }
    let (view, whole) = (PyUntypedBuffer::get(object)?, PyUntypedBuffer::get(&exporter)?);
    let (start, base) = (view.buf_ptr() as usize, whole.buf_ptr() as usize);
    let step = if view.dimensions() == 1 && !view.is_c_contiguous() {
        view.strides()[0]
    } else {
        0
    };
    let is_told = view.is_c_contiguous() || step > 0;
    if !whole.is_c_contiguous() || !is_told || start < base || view.suboffsets().is_some() {
        return Err(PythonCause::MemoryGaps.into());
    }
    node.kind(kinds::MEMORYVIEW);
    node.payload().number((start - base) as u64);
    node.payload().number(step.unsigned_abs() as u64);
    node.payload().number(u64::from(view.readonly()));
    node.payload().name(view.format().to_bytes());
    view.shape()
        .iter()
        .for_each(|length| node.payload().number(*length as u64));
    // The exporter lives as long as the view.
    node.child(Object::of(&exporter));
    Ok(())
}

/// Returns a list of a reducer, empty if there is none.
fn list<'py>(part: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if part.is_none() {
        return Ok(Vec::new());
    }
    Ok(part.cast::<PyList>()?.iter().collect())
}

/// Describes an object whose reducer returns a string, which names a global: `module:name`, or a name in the object's
/// own module.
fn describe_global(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>, node: &mut Node<'_, Object>) -> PyResult<()> {
    let text: String = name.extract()?;
    let (module, path) = match text.split_once(':') {
        Some((module, path)) => (module.to_owned(), path.to_owned()),
        None => (object.getattr("__module__")?.extract()?, text),
    };
    if module == "__main__" {
        return Err(PythonCause::NotebookName { path }.into());
    }
    write_global(module.as_bytes(), path.as_bytes(), node);
    Ok(())
}

//! The structure of a notebook class, from which its id is derived: names, bases, slots, and the bytecode of its
//! methods.
//!
//! Constants and attribute values are not part of it. The id is in the store, where a digest of values would let a
//! reader confirm a guess.

use pyo3::ffi;
use pyo3::prelude::*;

use super::class_body::ClassBody;
use super::code::write_bytecode;
use super::collector::CollectorPause;
use super::facts::WellKnownObjects;
use super::function::fields;
use super::object::Object;
use super::types::{Type, type_names};
use crate::payload::Write;

/// Attributes that are added to a class when it is used.
const ADDED: [&[u8]; 1] = [b"__slotnames__"];

/// Returns the structure of a class as bytes. `id_of` returns the ids of those of its bases that are notebook
/// classes.
///
/// # Safety
/// `class` is a live heap type and the interpreter is attached.
pub(super) unsafe fn of<'a>(class: Type, known: &WellKnownObjects, id_of: impl Fn(Type) -> Option<&'a str>) -> Vec<u8> {
    // SAFETY: as the caller promises; the parts of a live class are live.
    unsafe {
        let _uncollected = CollectorPause::begin(Python::assume_attached());
        let mut body = ClassBody::of(class, String::new(), known);
        let mut out = Vec::new();
        for name in [&body.qualname, &body.module] {
            out.name(name);
        }
        write_names(body.slots.iter().map(Vec::as_slice), &mut out);
        out.push(body.flags);
        let bases = (0..ffi::PyTuple_GET_SIZE(body.bases))
            .map(|nth| ffi::PyTuple_GET_ITEM(body.bases, nth).cast::<ffi::PyTypeObject>());
        for kind in std::iter::once(body.metaclass.cast()).chain(bases) {
            let (module, name) = type_names(kind, known.module_key);
            out.name(&module);
            out.name(&name);
            out.name(id_of(kind).unwrap_or_default().as_bytes());
        }
        write_names(body.members.iter().map(|(name, _)| name.as_slice()), &mut out);
        body.attributes.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, value) in &body.attributes {
            if ADDED.contains(&name.as_slice()) {
                continue;
            }
            out.name(name);
            if ffi::PyFunction_Check(*value) != 0 {
                let code = Object::new(fields(*value).func_code).bound(Python::assume_attached());
                write_bytecode(&code, &mut out);
            }
        }
        out
    }
}

fn write_names<'a>(names: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let names: Vec<&[u8]> = names.collect();
    out.number(names.len() as u64);
    names.iter().for_each(|name| out.name(name));
}

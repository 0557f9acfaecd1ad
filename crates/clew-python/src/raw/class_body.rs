//! The body of a notebook class: the parts that are written.
//!
//! ```text
//! payload  = id name qualname module slots(count names) flags members(count names) attributes(count names)
//! flags    = 1 instances have a dict | 2 instances have weak references | 4 the class declares slots
//! aside    = varint(count) name*      all attributes in their order; then line (LEB128) or nothing
//! children = metaclass, bases (a tuple), a member of an Enum each in order, an attribute's value each by name
//! ```
//! Attributes that the class statement creates are omitted: descriptors of slots, `__dict__` and `__weakref__`.
//!
//! From Python 3.14 on, a function creates the annotations when they are first read (`__annotate_func__`), and they are kept
//! beside it (`__annotations_cache__`). Both are written, annotations under the name that earlier versions have. Reading
//! `__annotate__` of a class without such a function keeps `None` there, which is not written.

use clew_core::graph::Node;
use pyo3::ffi;

use super::attributes::own_slots;
use super::enums;
use super::facts::WellKnownObjects;
use super::function::function_names;
use super::object::Object;
use super::scalar::{text, text_of};
use super::types::{Type, entries, own_dict, qualname, type_names};
use crate::kinds;
use crate::payload::Write;

/// Returns whether an attribute is a function with the qualified name of a method of this class.
pub(super) fn is_method(class: &[u8], name: &[u8], value: *mut ffi::PyObject) -> bool {
    // SAFETY: callers pass attributes of live classes.
    let full = unsafe {
        if ffi::PyFunction_Check(value) == 0 {
            return false;
        }
        text(function_names(value).1)
    };
    full.strip_prefix(class).and_then(|rest| rest.strip_prefix(b".")) == Some(name)
}

/// The annotations of a class; from Python 3.14 on, the key under which they are kept; and the function that creates them.
pub(crate) const ANNOTATIONS: &[u8] = b"__annotations__";
pub(super) const ANNOTATIONS_KEPT: &[u8] = b"__annotations_cache__";
pub(crate) const ANNOTATE: &[u8] = b"__annotate_func__";

/// Returns the attributes of a class by name, unordered.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn attributes_of(class: Type) -> Vec<(Vec<u8>, *mut ffi::PyObject)> {
    // SAFETY: as the caller promises; nothing changes the dict meanwhile.
    let mut found: Vec<_> = unsafe {
        entries(own_dict(class))
            .filter_map(|(key, value)| Some((text_of(key)?, value)))
            .collect()
    };
    if cfg!(Py_3_14) {
        // SAFETY: `None` is always live.
        found.retain(|(name, value)| name != ANNOTATE || *value != unsafe { ffi::Py_None() });
        for (name, _) in found.iter_mut().filter(|(name, _)| name == ANNOTATIONS_KEPT) {
            ANNOTATIONS.clone_into(name);
        }
    }
    found
}

/// Returns the class that an attribute refers to as a descriptor of slots, `__dict__` or `__weakref__`; null for other attributes.
///
/// # Safety
/// `value` is live.
pub(super) unsafe fn described_class(value: *mut ffi::PyObject) -> Type {
    // SAFETY: as the caller promises; the types of descriptors live as long as the process.
    unsafe {
        let kind = ffi::Py_TYPE(value);
        if kind == &raw mut ffi::PyGetSetDescr_Type || kind == &raw mut ffi::PyMemberDescr_Type {
            (*value.cast::<ffi::PyDescrObject>()).d_type
        } else {
            std::ptr::null_mut()
        }
    }
}

/// Returns whether the class statement creates this attribute of `class` automatically.
///
/// # Safety
/// Both are live.
pub(super) unsafe fn is_made_anew(class: Type, name: &[u8], value: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    let own = unsafe { described_class(value) };
    let generated = matches!(name, b"_abc_impl" | b"__firstlineno__");
    // Since Python 3.15, all classes share the descriptors of these two.
    let shared = matches!(name, b"__dict__" | b"__weakref__") && own == &raw mut ffi::PyBaseObject_Type;
    generated || own == class || shared
}

/// The parts of a class that are written. All pointers are borrowed from it.
pub(super) struct ClassBody {
    pub id: String,
    pub name: Vec<u8>,
    pub qualname: Vec<u8>,
    pub module: Vec<u8>,
    pub slots: Vec<Vec<u8>>,
    pub flags: u8,
    pub line: Option<u64>,
    pub metaclass: *mut ffi::PyObject,
    pub bases: *mut ffi::PyObject,
    pub members: Vec<(Vec<u8>, *mut ffi::PyObject)>,
    /// In their order in the class.
    pub attributes: Vec<(Vec<u8>, *mut ffi::PyObject)>,
}

/// Instances have a dict, but instances of the base have none.
pub(crate) const HAS_DICT: u8 = 1;
/// Instances can be referred to weakly, but instances of the base cannot.
pub(crate) const HAS_WEAK: u8 = 2;
/// The class declares slots.
pub(crate) const SAYS_SLOTS: u8 = 4;

impl ClassBody {
    /// Reads a live heap type.
    ///
    /// # Safety
    /// `class` is a live heap type.
    pub unsafe fn of(class: Type, id: String, known: &WellKnownObjects) -> Self {
        // SAFETY: as the caller promises; the parts of a live class are live.
        unsafe {
            let mut attributes = attributes_of(class);
            let says_slots = attributes.iter().any(|(name, _)| name == b"__slots__");
            let line = attributes
                .iter()
                .find(|(name, _)| name == b"__firstlineno__")
                .map(|(_, line)| number(*line));
            attributes.retain(|(name, value)| !is_made_anew(class, name, *value));
            let base = (*class).tp_base;
            let mut flags = if says_slots { SAYS_SLOTS } else { 0 };
            if (*class).tp_dictoffset != 0 && (*base).tp_dictoffset == 0 {
                flags |= HAS_DICT;
            }
            if (*class).tp_weaklistoffset != 0 && (*base).tp_weaklistoffset == 0 {
                flags |= HAS_WEAK;
            }
            Self {
                id,
                name: text((*class.cast::<ffi::PyHeapTypeObject>()).ht_name),
                qualname: qualname(class),
                module: type_names(class, known.module_key).0,
                slots: own_slots(class),
                flags,
                line,
                metaclass: ffi::Py_TYPE(class.cast()).cast(),
                bases: (*class).tp_bases,
                members: enums::members(class, known),
                attributes,
            }
        }
    }

    /// Describes the body. Its methods are written completely here, and by name elsewhere.
    pub fn describe(mut self, node: &mut Node<'_, Object>) {
        node.kind(kinds::DEFINITION);
        for name in [self.id.as_bytes(), &self.name, &self.qualname, &self.module] {
            node.payload().name(name);
        }
        node.payload().number(self.slots.len() as u64);
        self.slots.iter().for_each(|slot| node.payload().name(slot));
        node.payload().push(self.flags);
        self.write_order(node.aside());
        node.child(Object::new(self.metaclass));
        node.child(Object::new(self.bases));
        node.payload().number(self.members.len() as u64);
        for (name, member) in &self.members {
            node.payload().name(name);
            node.child(Object::new(*member).whole());
        }
        self.attributes.sort_by(|one, other| one.0.cmp(&other.0));
        node.payload().number(self.attributes.len() as u64);
        for (name, value) in &self.attributes {
            node.payload().name(name);
            let child = Object::new(*value);
            node.child(if is_method(&self.qualname, name, *value) {
                child.whole()
            } else {
                child
            });
        }
    }

    fn write_order(&self, aside: &mut Vec<u8>) {
        aside.number(self.attributes.len() as u64);
        self.attributes.iter().for_each(|(name, _)| aside.name(name));
        if let Some(line) = self.line {
            aside.number(line);
        }
    }
}

fn number(object: *mut ffi::PyObject) -> u64 {
    // SAFETY: an attribute of a live class; if it is not an int, there is an error, which is cleared.
    let number = unsafe {
        let number = ffi::PyLong_AsLongLong(object);
        ffi::PyErr_Clear();
        number
    };
    u64::try_from(number).unwrap_or(0)
}

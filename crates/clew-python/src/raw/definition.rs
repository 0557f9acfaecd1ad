//! Notebook classes: which live class is which definition, and the body of one.
//!
//! ```text
//! payload  = name qualname module slots(count names) flags attributes(count names) members(count names)
//! flags    = 1 instances have a dict | 2 instances have weak references | 4 the class says its slots
//! aside    = varint(count) name*      all attributes in their order; then line (LEB128) or nothing
//! children = metaclass, bases (a tuple), an attribute's value each by name, a member of an Enum each in order
//! ```
//! Attributes that the class statement makes anew are left out: descriptors of slots, `__dict__` and `__weakref__`.

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::FxHashMap;

use super::facts::{Known, type_names};
use super::function::function_names;
use super::object::Object;
use super::scalar::{write_name, write_text};
use super::types::{Type, own_dict};
use crate::kinds;
use crate::payload::Write;

enum Hold {
    /// Met in this look; made weak when it ends, since a weak reference is an object of its own.
    Strong(Py<PyAny>),
    Weak(Py<PyWeakrefReference>),
}

impl Hold {
    fn live<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Strong(class) => Some(class.bind(py).clone()),
            Self::Weak(weak) => weak.bind(py).upgrade(),
        }
    }
}

/// Which live class is which definition, for as long as the class lives.
#[derive(Default)]
pub(super) struct Definitions {
    by_class: FxHashMap<Type, (String, Hold)>,
    by_id: FxHashMap<String, Type>,
    /// Functions that are attributes of notebook classes, with the class's id and their name. For one look.
    methods: FxHashMap<*mut ffi::PyObject, (String, Vec<u8>)>,
}

impl Definitions {
    /// The id of a class, a new one if it is met for the first time.
    pub fn meet(&mut self, class: Type) -> String {
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        if let Some((id, hold)) = self.by_class.get(&class)
            && hold.live(py).is_some_and(|live| live.as_ptr() == class.cast())
        {
            return id.clone();
        }
        let id = new_id();
        self.adopt(&Object::new(class.cast()).bound(py), &id);
        self.index(class);
        id
    }

    pub fn adopt(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        let pointer = class.as_ptr().cast();
        self.by_class
            .insert(pointer, (id.to_owned(), Hold::Strong(class.clone().unbind())));
        self.by_id.insert(id.to_owned(), pointer);
    }

    pub fn class_of<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let pointer = self.by_id.get(id)?;
        let (known, hold) = self.by_class.get(pointer)?;
        hold.live(py).filter(|live| known == id && live.as_ptr() == pointer.cast())
    }

    pub fn id_of(&self, class: &Bound<'_, PyAny>) -> Option<String> {
        let (id, hold) = self.by_class.get(&class.as_ptr().cast())?;
        hold.live(class.py()).filter(|live| live.is(class)).map(|_| id.clone())
    }

    /// The class and the name under which a function is an attribute of a notebook class.
    pub fn method(&self, function: *mut ffi::PyObject) -> Option<&(String, Vec<u8>)> {
        self.methods.get(&function)
    }

    /// Whether an attribute of `class` is one of its methods.
    pub fn is_method_of(&self, class: Type, value: Object) -> bool {
        let own = self.by_class.get(&class);
        let found = self.methods.get(&value.pointer());
        matches!((own, found), (Some((id, _)), Some((of, _))) if id == of)
    }

    /// Finds the methods of all classes known so far.
    pub fn index_methods(&mut self) {
        self.methods.clear();
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let live: Vec<Type> = self
            .by_class
            .iter()
            .filter(|(class, (_, hold))| hold.live(py).is_some_and(|live| live.as_ptr() == class.cast()))
            .map(|(class, _)| *class)
            .collect();
        for class in live {
            self.index(class);
        }
    }

    fn index(&mut self, class: Type) {
        let Some((id, _)) = self.by_class.get(&class) else { return };
        // SAFETY: the class is live, and so are its attributes.
        unsafe {
            let mut own = Vec::new();
            write_text((*class.cast::<ffi::PyHeapTypeObject>()).ht_qualname, &mut own);
            own.push(b'.');
            for (name, value) in attributes_of(class) {
                if ffi::PyFunction_Check(value) == 0 {
                    continue;
                }
                let mut full = Vec::new();
                write_text(function_names(value).1, &mut full);
                if full.strip_prefix(own.as_slice()) == Some(name.as_slice()) {
                    self.methods.insert(value, (id.clone(), name));
                }
            }
        }
    }

    /// Lets go of classes met in the look that ends.
    pub fn let_go(&mut self, py: Python<'_>) {
        self.methods.clear();
        for (_, hold) in self.by_class.values_mut() {
            let weak = match hold {
                Hold::Strong(class) => PyWeakrefReference::new(class.bind(py)).ok(),
                Hold::Weak(_) => None,
            };
            if let Some(weak) = weak {
                *hold = Hold::Weak(weak.unbind());
            }
        }
        self.by_class.retain(|_, (_, hold)| hold.live(py).is_some());
        let live = &self.by_class;
        self.by_id.retain(|id, class| live.get(class).is_some_and(|(known, _)| known == id));
    }
}

/// A fresh id. Not from a generator of the user's: recording draws nothing.
fn new_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// The attributes of a class by name, unordered.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn attributes_of(class: Type) -> Vec<(Vec<u8>, *mut ffi::PyObject)> {
    let mut found = Vec::new();
    // SAFETY: as the caller promises; nothing changes the dict meanwhile.
    unsafe {
        let (dict, mut at) = (own_dict(class), 0);
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        while ffi::PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 {
            if ffi::PyUnicode_CheckExact(key) != 0 {
                let mut name = Vec::new();
                write_text(key, &mut name);
                found.push((name, value));
            }
        }
    }
    found
}

/// Whether the class statement makes this attribute of `class` by itself.
///
/// # Safety
/// Both are live.
unsafe fn is_made_anew(class: Type, name: &[u8], value: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises; the types of descriptors live as long as the process.
    unsafe {
        let kind = ffi::Py_TYPE(value);
        let own = kind == &raw mut ffi::PyGetSetDescr_Type || kind == &raw mut ffi::PyMemberDescr_Type;
        let generated = matches!(name, b"_abc_impl" | b"__firstlineno__");
        generated || (own && (*value.cast::<ffi::PyDescrObject>()).d_type == class)
    }
}

/// Describes a notebook class as the body of its definition.
///
/// # Safety
/// `class` is a live heap type.
pub(super) unsafe fn describe_body(class: Type, known: &Known, own: &Definitions, node: &mut Node<'_, Object>) {
    node.kind(kinds::DEFINITION);
    // SAFETY: as the caller promises; what a class holds is live.
    unsafe {
        let heap = class.cast::<ffi::PyHeapTypeObject>();
        write_name((*heap).ht_name, node.payload());
        write_name((*heap).ht_qualname, node.payload());
        let (module, _) = type_names(class, known);
        node.payload().name(&module);
        let slots = super::attributes::own_slots(class);
        node.payload().number(slots.len() as u64);
        slots.iter().for_each(|slot| node.payload().name(slot));
        let mut attributes = attributes_of(class);
        let base = (*class).tp_base;
        let says_slots = attributes.iter().any(|(name, _)| name == b"__slots__");
        let flags = u8::from((*class).tp_dictoffset != 0 && (*base).tp_dictoffset == 0)
            | u8::from((*class).tp_weaklistoffset != 0 && (*base).tp_weaklistoffset == 0) << 1
            | u8::from(says_slots) << 2;
        node.payload().push(flags);
        let line = attributes.iter().find(|(name, _)| name == b"__firstlineno__").map(|(_, line)| *line);
        attributes.retain(|(name, value)| !is_made_anew(class, name, *value));
        write_order(&attributes, line, node.aside());
        attributes.sort_by(|one, other| one.0.cmp(&other.0));
        node.payload().number(attributes.len() as u64);
        node.child(Object::new(ffi::Py_TYPE(class.cast()).cast()));
        node.child(Object::new((*class).tp_bases));
        for (name, value) in attributes {
            node.payload().name(&name);
            let value = Object::new(value);
            // A method is written whole here and by name everywhere else.
            node.child(if own.is_method_of(class, value) { value.whole() } else { value });
        }
        let members = super::enums::members(class, known);
        node.payload().number(members.len() as u64);
        for (name, member) in members {
            node.payload().name(&name);
            node.child(Object::new(member).whole());
        }
    }
}

fn write_order(attributes: &[(Vec<u8>, *mut ffi::PyObject)], line: Option<*mut ffi::PyObject>, aside: &mut Vec<u8>) {
    aside.number(attributes.len() as u64);
    attributes.iter().for_each(|(name, _)| aside.name(name));
    if let Some(line) = line {
        // SAFETY: an attribute of a live class; no int gives an error, which is cleared.
        let line = unsafe {
            let line = ffi::PyLong_AsLongLong(line);
            ffi::PyErr_Clear();
            line
        };
        aside.number(u64::try_from(line).unwrap_or(0));
    }
}


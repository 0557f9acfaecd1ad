//! The Python part of an instance: its attribute dict and its slots, with their names.
//!
//! A dict that has never been requested does not exist: since 3.11 the values are stored in or beside the instance,
//! and the names in the class. Requesting `__dict__` would create it for good (64 bytes per instance), so both are
//! read in place. The layouts are those of 3.11, 3.12, and 3.13 to 3.15; [`layout_is_known`] tests them on a probe, and if
//! they differ, the dict of instances is requested after all.
//!
//! ```text
//! part  = flags dict slots
//! flags = 0 no dict | 1 names follow | 2 the dict is a child
//! dict  = varint(count) name*           only with flags 1; one child each, in order
//! slots = varint(count) slot*           set ones only; one child each
//! slot  = varint(depth of the class that declares it, 0 is the instance's own) name
//! ```

use std::ffi::CStr;

use clew_core::graph::Node;
use pyo3::ffi;

use super::object::Object;
use super::scalar::write_name;
use super::types::{Type, entries, is_heap};
use crate::payload::Write;

unsafe extern "C" {
    fn _PyObject_GetDictPtr(object: *mut ffi::PyObject) -> *mut *mut ffi::PyObject;
}

/// The flag of a type whose instances' dict pointer is before the object.
pub(super) const MANAGED_DICT: std::ffi::c_ulong = 1 << 4;
#[cfg(Py_3_13)]
const INLINE_VALUES: std::ffi::c_ulong = 1 << 2;

/// The location of an instance's attributes.
pub(super) enum Attributes {
    /// It has none.
    None,
    /// In a dict that exists.
    Dict(*mut ffi::PyObject),
    /// Beside the instance, in this order.
    Values(Pairs),
}

/// The name and the value of an attribute of a live object.
pub(super) type AttributePair = (*mut ffi::PyObject, *mut ffi::PyObject);

/// The head of a dict's keys, as shared by the instances of a class.
#[repr(C)]
struct Keys {
    references: isize,
    log2_size: u8,
    log2_index_bytes: u8,
    kind: u8,
    version: u32,
    usable: isize,
    entries: isize,
}

/// The kind of keys that instances share; their entries are pairs of pointers, of which the first is the name.
const SPLIT: u8 = 2;

/// Values of attributes beside an instance: the pointers, and the index of each in the order of insertion.
#[derive(Clone, Copy)]
struct Values {
    first: *const *mut ffi::PyObject,
    used: usize,
    order: *const u8,
    step: isize,
}

impl Values {
    /// Up to 3.12: the byte before the values is the length of the prefix; before it are the number of values and the
    /// order, backwards.
    #[cfg(not(Py_3_13))]
    unsafe fn at(pointer: *const *mut ffi::PyObject) -> Self {
        // SAFETY: the caller passes a live values block of this version.
        unsafe {
            let bytes = pointer.cast::<u8>();
            Self {
                first: pointer,
                used: usize::from(*bytes.sub(2)),
                order: bytes.sub(3),
                step: -1,
            }
        }
    }

    /// From 3.13: capacity, size, embedded, valid; then the values, then the order.
    #[cfg(Py_3_13)]
    unsafe fn at(block: *const u8) -> Option<Self> {
        // SAFETY: the caller passes the inline values of a live instance.
        unsafe {
            let (capacity, used, valid) = (*block, *block.add(1), *block.add(3));
            if valid == 0 {
                return None;
            }
            let first = block.add(size_of::<usize>()).cast::<*mut ffi::PyObject>();
            Some(Self {
                first,
                used: usize::from(used),
                order: first.add(usize::from(capacity)).cast(),
                step: 1,
            })
        }
    }

    /// Returns names and values in the order of insertion.
    ///
    /// # Safety
    /// The values belong to a live instance of `class`.
    unsafe fn pairs(self, class: Type) -> Pairs {
        // SAFETY: a class whose instances have values has cached keys; entries follow the index.
        unsafe {
            let keys = (*class.cast::<ffi::PyHeapTypeObject>()).ht_cached_keys.cast::<Keys>();
            if keys.is_null() {
                return Pairs {
                    values: self,
                    names: std::ptr::null(),
                    next: self.used,
                };
            }
            debug_assert_eq!((*keys).kind, SPLIT);
            let entries = keys
                .cast::<u8>()
                .add(size_of::<Keys>() + (1_usize << (*keys).log2_index_bytes));
            Pairs {
                values: self,
                names: entries.cast(),
                next: 0,
            }
        }
    }
}

/// Names and values beside an instance, which is live and does not change during the iteration.
#[derive(Clone)]
pub(super) struct Pairs {
    values: Values,
    names: *const *mut ffi::PyObject,
    next: usize,
}

impl Iterator for Pairs {
    type Item = AttributePair;

    fn next(&mut self) -> Option<AttributePair> {
        while self.next < self.values.used {
            let nth = self.next as isize;
            self.next += 1;
            // SAFETY: indices in the order are below the number of values and of the class's keys.
            let (name, value) = unsafe {
                let index = usize::from(*self.values.order.offset(self.values.step * nth));
                (*self.names.add(index * 2), *self.values.first.add(index))
            };
            if !value.is_null() {
                return Some((name, value));
            }
        }
        None
    }
}

/// Returns the location of `object`'s attributes. Creates no dict.
///
/// # Safety
/// `object` is live and the interpreter is attached.
pub(super) unsafe fn attributes(object: *mut ffi::PyObject) -> Attributes {
    // SAFETY: as the caller promises.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if ffi::PyType_GetFlags(class) & MANAGED_DICT != 0 {
            return managed(object, class);
        }
        if (*class).tp_dictoffset == 0 {
            return Attributes::None;
        }
        let place = _PyObject_GetDictPtr(object);
        if place.is_null() || (*place).is_null() {
            Attributes::None
        } else {
            Attributes::Dict(*place)
        }
    }
}

#[cfg(not(Py_3_12))]
unsafe fn managed(object: *mut ffi::PyObject, class: Type) -> Attributes {
    // SAFETY: the flag promises both pointers before the object (3.11: values at -4, dict at -3).
    unsafe {
        let values = *object.cast::<*const *mut ffi::PyObject>().sub(4);
        if !values.is_null() {
            return Attributes::Values(Values::at(values).pairs(class));
        }
        some_dict(*object.cast::<*mut ffi::PyObject>().sub(3))
    }
}

#[cfg(all(Py_3_12, not(Py_3_13)))]
unsafe fn managed(object: *mut ffi::PyObject, class: Type) -> Attributes {
    // SAFETY: the flag promises a word before the object: a dict, or values with the lowest bit set (one less).
    unsafe {
        let word = *object.cast::<usize>().sub(3);
        if word & 1 != 0 {
            return Attributes::Values(Values::at((word + 1) as *const _).pairs(class));
        }
        some_dict(word as *mut ffi::PyObject)
    }
}

#[cfg(Py_3_13)]
unsafe fn managed(object: *mut ffi::PyObject, class: Type) -> Attributes {
    // SAFETY: the flags promise a dict pointer before the object, and inline values behind its head.
    unsafe {
        let dict = *object.cast::<*mut ffi::PyObject>().sub(3);
        if dict.is_null() && ffi::PyType_GetFlags(class) & INLINE_VALUES != 0 {
            // Up to 3.13 only classes of the size of `PyObject` have them.
            let block = object.byte_offset((*class).tp_basicsize).cast::<u8>();
            return match Values::at(block) {
                Some(values) => Attributes::Values(values.pairs(class)),
                None => Attributes::None,
            };
        }
        some_dict(dict)
    }
}

fn some_dict(dict: *mut ffi::PyObject) -> Attributes {
    if dict.is_null() {
        Attributes::None
    } else {
        Attributes::Dict(dict)
    }
}

/// A slot of a class: the class's depth below the instance's own, the slot's name and offset.
#[derive(Debug)]
pub(super) struct ClassSlot {
    depth: u64,
    name: Vec<u8>,
    offset: isize,
    /// Whether `None` is written as if the slot were empty: an earlier version of Python does not have it.
    pub(super) is_optional: bool,
}

impl ClassSlot {
    /// Returns whether this is the slot of dataclasses' fields that Python 3.14 added, if the class is that of fields.
    pub fn is_doc_of_field(&self) -> bool {
        self.depth == 0 && self.name == b"doc"
    }
}

/// Returns the slots that Python classes among `class` and its bases declare.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn slots(class: Type) -> Vec<ClassSlot> {
    // SAFETY: as the caller promises.
    let declared = unsafe { declared(class) };
    let slot = |(depth, name, offset): (u64, &CStr, isize)| ClassSlot {
        depth,
        name: name.to_bytes().to_vec(),
        offset,
        is_optional: false,
    };
    declared.map(slot).collect()
}

/// Returns the depth, name and offset of the same slots.
///
/// # Safety
/// `class` is live as long as the result is used.
pub(super) unsafe fn declared<'a>(class: Type) -> impl Iterator<Item = (u64, &'a CStr, isize)> {
    // SAFETY: the chain of bases of a live type is live.
    let bases = std::iter::successors(Some(class), |at| {
        Some(unsafe { (**at).tp_base }).filter(|base| !base.is_null())
    });
    bases.zip(0..).flat_map(|(at, depth)| {
        // SAFETY: a heap type has as many members as its size says, directly after it; names of members live as long.
        let own = unsafe { if is_heap(at) { members(at) } else { &[] } };
        own.iter().filter_map(move |member| {
            if member.type_code != ffi::Py_T_OBJECT_EX || member.name.is_null() {
                return None;
            }
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(member.name) };
            let is_own = name != c"__dict__" && name != c"__weakref__";
            is_own.then_some((depth, name, member.offset))
        })
    })
}

/// Returns the names of the slots that `class` itself declares.
///
/// # Safety
/// `class` is a live heap type.
pub(super) unsafe fn own_slots(class: Type) -> Vec<Vec<u8>> {
    // SAFETY: as the caller promises; members of a live type have names.
    let members = unsafe { members(class) };
    members
        .iter()
        .filter(|member| !member.name.is_null())
        // SAFETY: as above.
        .map(|member| unsafe { CStr::from_ptr(member.name) }.to_bytes().to_vec())
        .collect()
}

/// Returns the members of a heap type.
///
/// # Safety
/// `class` is a live heap type.
pub(super) unsafe fn members<'a>(class: Type) -> &'a [ffi::PyMemberDef] {
    // SAFETY: as the caller promises: its size counts the members, which follow the metatype's own fields.
    unsafe {
        let count = ffi::Py_SIZE(class.cast());
        let first = class.byte_offset((*ffi::Py_TYPE(class.cast())).tp_basicsize);
        std::slice::from_raw_parts(first.cast(), usize::try_from(count).unwrap_or(0))
    }
}

/// Appends the Python part of `object` to the payload and its values to the children.
///
/// # Safety
/// `object` is live, `slots` are those of its type.
pub(super) unsafe fn write_part(object: *mut ffi::PyObject, slots: &[ClassSlot], node: &mut Node<'_, Object>) {
    // SAFETY: as the caller promises; all pointers found are owned by the live object.
    unsafe {
        match attributes(object) {
            Attributes::None => node.payload().push(0),
            Attributes::Values(pairs) => write_pairs(pairs, node),
            Attributes::Dict(dict) => write_dict(dict, node),
        }
        let value_of = |slot: &ClassSlot| *object.byte_offset(slot.offset).cast::<*mut ffi::PyObject>();
        let is_set = |slot: &&ClassSlot| {
            let value = value_of(slot);
            !(value.is_null() || slot.is_optional && value == ffi::Py_None())
        };
        node.payload().number(slots.iter().filter(is_set).count() as u64);
        for slot in slots.iter().filter(is_set) {
            node.payload().number(slot.depth);
            node.payload().name(&slot.name);
            node.child(Object::new(value_of(slot)));
        }
    }
}

/// Writes a dict that belongs to an object: its items if nothing else refers to it, otherwise the dict itself.
///
/// # Safety
/// `dict` is null or a live dict.
pub(super) unsafe fn write_dict(dict: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: as the caller promises.
    unsafe {
        if dict.is_null() {
            node.payload().push(0);
            return;
        }
        if ffi::Py_REFCNT(dict) == 1
            && ffi::PyDict_CheckExact(dict) != 0
            && let Some(pairs) = named_pairs(dict)
        {
            write_pairs(pairs.iter().copied(), node);
        } else {
            node.payload().push(2);
            node.child(Object::new(dict));
        }
    }
}

/// # Safety
/// Names are live strings, values live objects.
pub(super) unsafe fn write_pairs(pairs: impl Iterator<Item = AttributePair> + Clone, node: &mut Node<'_, Object>) {
    let count = pairs.clone().count();
    if count == 0 {
        node.payload().push(0);
        return;
    }
    node.payload().push(1);
    node.payload().number(count as u64);
    for (key, value) in pairs {
        let value = Object::new(value);
        value.prefetch();
        // SAFETY: as the caller promises.
        unsafe { write_name(key, node.payload()) };
        node.child(value);
    }
}

/// Returns the items of a dict if all its keys are exact strings.
///
/// # Safety
/// `dict` is a live dict.
pub(super) unsafe fn named_pairs(dict: *mut ffi::PyObject) -> Option<Vec<AttributePair>> {
    // SAFETY: as the caller promises; nothing changes the dict meanwhile.
    let pairs = unsafe { entries(dict) };
    // SAFETY: keys of a live dict are live.
    let named = |(key, value)| unsafe { (ffi::PyUnicode_CheckExact(key) != 0).then_some((key, value)) };
    pairs.map(named).collect()
}

/// Returns the instance's own attribute of this name. Borrowed.
///
/// # Safety
/// `object` is live and the interpreter is attached.
pub(super) unsafe fn named(object: *mut ffi::PyObject, name: &[u8]) -> Option<*mut ffi::PyObject> {
    // SAFETY: as the caller promises.
    let pairs = unsafe {
        match attributes(object) {
            Attributes::None => Vec::new(),
            Attributes::Values(pairs) => pairs.collect(),
            Attributes::Dict(dict) => named_pairs(dict).unwrap_or_default(),
        }
    };
    let mut text = Vec::new();
    pairs.into_iter().find_map(|(key, value)| {
        text.clear();
        // SAFETY: names of attributes are live str.
        unsafe { super::scalar::write_text(key, &mut text) };
        (text == name).then_some(value)
    })
}

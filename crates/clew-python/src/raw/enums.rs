//! Members of Enums: found by name in their class.

use clew_core::graph::Node;
use pyo3::ffi;

use super::attributes::{named, named_pairs};
use super::facts::WellKnownObjects;
use super::object::Object;
use super::scalar::{text, text_of};
use super::types::{Type, derives, item, lookup, with_str};
use crate::kinds;

/// Returns the dict of members of an Enum class. Borrowed; null if it has none.
unsafe fn member_map(class: Type) -> *mut ffi::PyObject {
    // SAFETY: the caller passes a live class.
    unsafe {
        let map = with_str(b"_member_map_", |name| lookup(class, name));
        if map.is_null() || ffi::PyDict_CheckExact(map) == 0 {
            std::ptr::null_mut()
        } else {
            map
        }
    }
}

/// Returns the members of a class that is an Enum, in order; none otherwise. Aliases are only in the map itself.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn members(class: Type, known: &WellKnownObjects) -> Vec<(Vec<u8>, *mut ffi::PyObject)> {
    // SAFETY: as the caller promises.
    unsafe {
        if known.enum_type.is_null() || !derives(ffi::Py_TYPE(class.cast()), known.enum_type) {
            return Vec::new();
        }
        let map = member_map(class);
        if map.is_null() {
            return Vec::new();
        }
        named_pairs(map)
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, member)| ffi::Py_TYPE(*member) == class)
            .filter_map(|(key, member)| {
                let name = text(key);
                (name_of(member)? == name).then_some((name, member))
            })
            .collect()
    }
}

/// Returns the name that an instance of an Enum has as its own.
unsafe fn name_of(member: *mut ffi::PyObject) -> Option<Vec<u8>> {
    // SAFETY: the caller passes a live object; its attributes are live.
    unsafe { text_of(named(member, b"_name_")?) }
}

/// Returns the name under which the class of a member holds it.
unsafe fn held_name(member: *mut ffi::PyObject) -> Option<Vec<u8>> {
    // SAFETY: the caller passes a live object.
    unsafe {
        let (map, name) = (member_map(ffi::Py_TYPE(member)), name_of(member)?);
        (!map.is_null() && with_str(&name, |key| item(map, key)) == member).then_some(name)
    }
}

/// Returns whether the class of an Enum's instance holds it by name: combinations of flags are not held.
///
/// # Safety
/// `member` is live.
pub(super) unsafe fn is_member(member: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    unsafe { held_name(member).is_some() }
}

/// Describes a member of an Enum by its class and name; returns false if it is none.
///
/// # Safety
/// `member` is live.
pub(super) unsafe fn describe_member(member: *mut ffi::PyObject, node: &mut Node<'_, Object>) -> bool {
    // SAFETY: as the caller promises.
    let Some(name) = (unsafe { held_name(member) }) else {
        return false;
    };
    node.kind(kinds::ENUM_MEMBER);
    node.payload().extend_from_slice(&name);
    // SAFETY: as above.
    node.child(Object::new(unsafe { ffi::Py_TYPE(member) }.cast()));
    true
}

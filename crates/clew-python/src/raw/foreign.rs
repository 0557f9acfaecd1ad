//! Objects that are described in the form in which another version stored them: code that was recompiled here from
//! the same source, substitutes for names that a library here does not have, and objects that it has under other
//! names.
//!
//! They run as the objects that they are here. So the same function has the same fingerprint under every version, and
//! can be restored where its original bytecode can run (decision 32).

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::object::Object;

/// The stored form of an object that another version of Python made.
pub(crate) struct ForeignObject {
    /// The object here. Held, so that its address stays unique.
    pub object: Py<PyAny>,
    pub kind: u16,
    pub payload: Vec<u8>,
    pub aside: Vec<u8>,
    /// The constants of code, as the other version has them.
    pub child: Option<Py<PyAny>>,
}

/// All live objects with a foreign form, by address.
#[derive(Default)]
pub(crate) struct ForeignObjects {
    all: FxHashMap<*mut ffi::PyObject, ForeignObject>,
    /// Objects that were described under their own names, as records of this session contain them; they keep these
    /// names.
    seen: FxHashSet<*mut ffi::PyObject>,
    /// Objects that have another name until built values were compared with the stored ones, with their previous
    /// form.
    for_now: Vec<(*mut ffi::PyObject, Option<ForeignObject>)>,
}

impl ForeignObjects {
    /// Registers the stored form of an object.
    pub fn add(&mut self, foreign: ForeignObject) {
        self.all.insert(foreign.object.as_ptr(), foreign);
    }

    /// Registers that a library's object with the name `own` is stored under another name: for the rest of the
    /// session if the object was not described before, otherwise only for the comparison.
    pub fn call(&mut self, foreign: ForeignObject, own: &[u8]) {
        let object = foreign.object.as_ptr();
        let known = self.all.get(&object);
        if known.map_or(own, |known| known.payload.as_slice()) == foreign.payload {
            return;
        }
        let is_first = known.is_none() && !self.seen.contains(&object);
        let before = self.all.insert(object, foreign);
        if !is_first {
            self.for_now.push((object, before));
        }
    }

    /// Restores the names of objects that had another one for a comparison.
    pub fn end_comparison(&mut self) {
        while let Some((object, before)) = self.for_now.pop() {
            match before {
                Some(before) => self.all.insert(object, before),
                None => self.all.remove(&object),
            };
        }
    }

    /// Notes that an object was described under its own name.
    pub fn see(&mut self, object: *mut ffi::PyObject) {
        self.seen.insert(object);
    }

    /// Releases objects to which nothing else refers. Code refers to other code, so this is repeated until nothing
    /// changes.
    pub fn let_go(&mut self) {
        let mut before = usize::MAX;
        while self.all.len() < before {
            before = self.all.len();
            self.all.retain(|pointer, _| Object::new(*pointer).references() > 1);
        }
    }

    /// Describes an object in its stored form; returns false if it has none.
    pub fn describe(&self, object: *mut ffi::PyObject, node: &mut Node<'_, Object>) -> bool {
        let Some(foreign) = self.all.get(&object) else {
            return false;
        };
        node.kind(foreign.kind);
        node.payload().extend_from_slice(&foreign.payload);
        node.aside().extend_from_slice(&foreign.aside);
        if let Some(child) = &foreign.child {
            node.child(Object::new(child.as_ptr()));
        }
        true
    }
}

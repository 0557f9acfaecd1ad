//! Objects that are described as another version stored them: code compiled here of the same source, what stands for a name that a
//! library here has not, and what it has under another name.
//!
//! They run as what they are. So the same function has the same fingerprint under every version, and goes back to where its bytecode
//! can run (decision 32).

use clew_core::graph::Node;
use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::object::Object;

/// The stored form of an object that another version of Python made.
pub(crate) struct ForeignObject {
    /// The object here. Kept, so that its address stays its own.
    pub object: Py<PyAny>,
    pub kind: u16,
    pub payload: Vec<u8>,
    pub aside: Vec<u8>,
    /// The constants of code, as the other version has them.
    pub child: Option<Py<PyAny>>,
}

/// All live objects of this kind, by address.
#[derive(Default)]
pub(crate) struct ForeignObjects {
    all: FxHashMap<*mut ffi::PyObject, ForeignObject>,
    /// What was described under its own name: what this session recorded says so, and it keeps it.
    seen: FxHashSet<*mut ffi::PyObject>,
    /// What is called otherwise until what is built has been held against what is stored, and what it was called before.
    for_now: Vec<(*mut ffi::PyObject, Option<ForeignObject>)>,
}

impl ForeignObjects {
    /// Takes note of what an object is stored as.
    pub fn add(&mut self, foreign: ForeignObject) {
        self.all.insert(foreign.object.as_ptr(), foreign);
    }

    /// Takes note that a library's object, which calls itself `own`, is stored under another name: for the session where that is the
    /// first that is heard of it, else as long as it takes to compare.
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

    /// What was called otherwise for a comparison has its name again.
    pub fn end_comparison(&mut self) {
        while let Some((object, before)) = self.for_now.pop() {
            match before {
                Some(before) => self.all.insert(object, before),
                None => self.all.remove(&object),
            };
        }
    }

    /// Takes note that an object was described under its own name.
    pub fn see(&mut self, object: *mut ffi::PyObject) {
        self.seen.insert(object);
    }

    /// Lets go of what nothing else holds. Code holds code, so in as many rounds as it takes.
    pub fn let_go(&mut self) {
        let mut before = usize::MAX;
        while self.all.len() < before {
            before = self.all.len();
            self.all.retain(|pointer, _| Object::new(*pointer).references() > 1);
        }
    }

    /// Describes an object as it was stored; false if it is no such object.
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

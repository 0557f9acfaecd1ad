//! Keys of tasks: computed from what a task does and is given, by content alone (decision 42).
//!
//! The walk describes an object and names its references to other objects. Here these names are followed: globals
//! that a function's code reads, by their values; the user's own functions and classes, by their code; notebook
//! classes, by their bodies; libraries, by their versions. Reached objects are hashed in the order of labels and
//! numbered when they are first met, so that cycles end, and the order of sets and of memory has no influence.

mod mentions;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::LazyLock;

use clew_core::graph::{Heap, content};
use clew_core::id::{Fingerprint, TaskKey};
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::doubts::{ArgumentConditions, DeterminismChecks};
use super::files;
use super::keyless::KeylessCause;
use crate::raw::identities::IdentityKind;
use crate::raw::{Object, PythonHeap};

/// The version of the contents of keys. It must be raised if an unchanged task would get another key.
const VERSION: u8 = 2;

/// References to other objects: by label, with the object to follow if there is one.
type Mentions = BTreeMap<Vec<u8>, Option<Object>>;

/// An object alone, with its references.
struct Unit {
    hash: [u8; 32],
    mentions: Mentions,
    /// Functions in it with conditions on their arguments.
    needing: ConditionalFunctions,
    /// Files that are part of it, as it names them.
    files: Vec<String>,
}

/// Functions, each with the conditions on its arguments.
type ConditionalFunctions = Vec<(Object, ArgumentConditions)>;

/// An object with everything that it refers to.
struct ObjectClosure {
    hash: [u8; 32],
    /// The functions in it with conditions on their arguments.
    needing: ConditionalFunctions,
    files: BTreeSet<String>,
}

/// The key of a task, and the files that are part of its code and its own arguments.
pub(super) type KeyWithFiles = (TaskKey, BTreeSet<String>);

/// Computes keys of many tasks at one moment: shared objects are walked once.
pub(super) struct Keys<'h, 'py> {
    py: Python<'py>,
    heap: &'h mut PythonHeap,
    /// Called with a top-level module: returns its version, or `None` if it belongs to no library.
    version_of: Bound<'py, PyAny>,
    /// Called with a function: returns the names in its code (`clew.adapters.task_code`).
    named_by: Bound<'py, PyAny>,
    /// Dotted names of objects with other results at each use; with `()` at the end: if called without arguments.
    unrepeatable: HashSet<String>,
    doubts: DeterminismChecks<'py>,
    versions: FxHashMap<String, Option<String>>,
    units: FxHashMap<Object, Result<Rc<Unit>, KeylessCause>>,
    mentions: FxHashMap<Object, Result<Rc<Mentions>, KeylessCause>>,
    callables: FxHashMap<Object, Result<Rc<ObjectClosure>, KeylessCause>>,
    kept: Vec<Bound<'py, PyAny>>,
}

/// Initialized once, since hashing the domain tag takes time.
static TAGGED: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("clew 2026 task part v1"));

/// Returns a label that is unique for these parts.
fn label(parts: &[&[u8]]) -> Vec<u8> {
    let mut label = Vec::new();
    for part in parts {
        label.extend_from_slice(&(part.len() as u32).to_be_bytes());
        label.extend_from_slice(part);
    }
    label
}

impl<'h, 'py> Keys<'h, 'py> {
    pub fn new(
        heap: &'h mut PythonHeap,
        version_of: &Bound<'py, PyAny>,
        named_by: &Bound<'py, PyAny>,
        unrepeatable: HashSet<String>,
        doubts: DeterminismChecks<'py>,
    ) -> Self {
        let py = version_of.py();
        heap.note_what_is_met();
        Self {
            py,
            heap,
            version_of: version_of.clone(),
            named_by: named_by.clone(),
            unrepeatable,
            doubts,
            versions: FxHashMap::default(),
            units: FxHashMap::default(),
            mentions: FxHashMap::default(),
            callables: FxHashMap::default(),
            kept: Vec::new(),
        }
    }

    /// Returns the key of a task that calls `callable` with `given`, and with the results of the tasks with the keys
    /// `inputs`.
    pub fn task(
        &mut self,
        callable: &Bound<'py, PyAny>,
        given: &Bound<'py, PyAny>,
        inputs: &[TaskKey],
    ) -> Result<KeyWithFiles, KeylessCause> {
        let object = Object::of(callable);
        let known = self.callables.get(&object).cloned();
        let called = known.unwrap_or_else(|| {
            let found = self
                .doubts
                .called(callable)
                .and_then(|()| self.hash_of(object))
                .map(Rc::new);
            self.callables.insert(object, found.clone());
            found
        })?;
        let whole = self.hash_of(Object::of(given))?;
        if !called.needing.is_empty() || !whole.needing.is_empty() {
            let needing = [&called.needing[..], &whole.needing[..]].concat();
            self.doubts.settle(callable, &needing, given)?;
        }
        let version = self.py.version_info();
        let mut plain = Vec::with_capacity(80 + 32 * inputs.len());
        plain.extend_from_slice(&[VERSION, Fingerprint::VERSION, version.major, version.minor]);
        plain.extend_from_slice(&called.hash);
        plain.extend_from_slice(&whole.hash);
        inputs.iter().for_each(|input| plain.extend_from_slice(&input.0));
        let mut files = whole.files;
        files.extend(called.files.iter().cloned());
        Ok((TaskKey::of(&plain), files))
    }

    /// Hashes an object with everything that it refers to.
    fn hash_of(&mut self, object: Object) -> Result<ObjectClosure, KeylessCause> {
        let first = Rc::new(self.look(object, true)?);
        if first.mentions.is_empty() {
            return Ok(ObjectClosure {
                hash: first.hash,
                needing: first.needing.clone(),
                files: first.files.iter().cloned().collect(),
            });
        }
        let (mut needing, mut files) = (ConditionalFunctions::new(), BTreeSet::new());
        let mut hasher = TAGGED.clone();
        let mut numbers: FxHashMap<Object, u32> = FxHashMap::from_iter([(object, 0)]);
        let mut waiting = VecDeque::from([first]);
        while let Some(unit) = waiting.pop_front() {
            files.extend(unit.files.iter().cloned());
            needing.extend(unit.needing.iter().cloned());
            hasher.update(&unit.hash);
            hasher.update(&(unit.mentions.len() as u64).to_be_bytes());
            for (label, mentioned) in &unit.mentions {
                hasher.update(&(label.len() as u64).to_be_bytes());
                hasher.update(label);
                let Some(mentioned) = mentioned else { continue };
                let next = numbers.len() as u32;
                let number = *numbers.entry(*mentioned).or_insert(next);
                hasher.update(&number.to_be_bytes());
                if number == next {
                    waiting.push_back(self.unit(*mentioned)?);
                }
            }
        }
        let hash = *hasher.finalize().as_bytes();
        Ok(ObjectClosure { hash, needing, files })
    }

    fn unit(&mut self, object: Object) -> Result<Rc<Unit>, KeylessCause> {
        if let Some(known) = self.units.get(&object) {
            return known.clone();
        }
        let found = self.look(object, false).map(Rc::new);
        self.units.insert(object, found.clone());
        found
    }

    /// `is_given`: whether it is the callable or the arguments of a task.
    fn look(&mut self, object: Object, is_given: bool) -> Result<Unit, KeylessCause> {
        let found = content(self.heap, object);
        let (met, discovered) = (self.heap.take_met(), self.heap.discovered());
        if let Some(opaque) = found.opaque.first() {
            return Err(KeylessCause::NoValue(opaque.why.clone()));
        }
        let mut mentions = Mentions::new();
        for (root, class) in discovered {
            mentions.insert(label(&[b"class", root.key.as_bytes()]), Some(class));
        }
        let mut needing = ConditionalFunctions::new();
        for object in met {
            if is_given {
                self.given(object)?;
            }
            for (label, mentioned) in self.mentions_of(object)?.iter() {
                match mentions.insert(label.clone(), *mentioned) {
                    Some(other) if other != *mentioned => return Err(KeylessCause::TwoModules),
                    _ => {}
                }
            }
            needing.extend(self.doubts.needs(object).map(|needs| (object, needs)));
        }
        let mut files = Vec::new();
        for path in files::paths(&found.stream) {
            if let Some(digest) = files::digest(&path).map_err(KeylessCause::failed)? {
                mentions.insert(label(&[b"file", path.as_bytes(), &digest]), None);
                files.push(path);
            }
        }
        Ok(Unit {
            hash: found.hash,
            mentions,
            needing,
            files,
        })
    }

    /// Checks a library's object that is the callable, or an argument, for other results at each use.
    fn given(&mut self, object: Object) -> Result<(), KeylessCause> {
        let bound = object.bound(self.py);
        match self.heap.kind_of_met(&bound) {
            IdentityKind::Library(..) if !object.is_whole() => self.doubts.given(&bound),
            _ => Ok(()),
        }
    }
}

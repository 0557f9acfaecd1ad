//! Keys of tasks: what a task does and what it is given, by content alone (decision 42).
//!
//! The walk shows an object and names what it refers to elsewhere. Here those names are followed: globals that a function's code
//! reads, by their values; the user's own functions and classes, by their code; notebook classes, by their bodies; libraries, by their
//! versions. What is reached is written down in the order of labels and numbered as it is first met, so that cycles end and the
//! order of sets and of memory plays no part.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::LazyLock;

use clew_core::graph::{Heap, content};
use clew_core::id::{Fingerprint, TaskKey};
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyFunction, PyModule, PyType};
use rustc_hash::FxHashMap;

use super::code::{From, Named, Operations, Way};
use super::doubts::{Doubts, Needs};
use super::files;
use super::keyless::Keyless;
use crate::raw::met::Kind;
use crate::raw::{Object, PythonHeap};

/// The version of what a key is made of. A change that gives an unchanged task another key raises it.
const VERSION: u8 = 2;

/// What is referred to elsewhere: by label, and the object to follow where there is one.
type Mentions = BTreeMap<Vec<u8>, Option<Object>>;

/// An object alone, and what it refers to.
struct Unit {
    hash: [u8; 32],
    mentions: Mentions,
    /// Functions in it whose arguments count.
    needing: Needing,
    /// Files that count in it, as it names them.
    files: Vec<String>,
}

/// Functions, each with what has to be true of its arguments.
type Needing = Vec<(Object, Needs)>;

/// An object with all that it refers to.
struct Whole {
    hash: [u8; 32],
    /// The functions there whose arguments count.
    needing: Needing,
    files: BTreeSet<String>,
}

/// A task's key, and the files that count in what it does and is given itself.
pub(super) type Keyed = (TaskKey, BTreeSet<String>);

/// Makes keys of many tasks of one moment: what they share is looked at once.
pub(super) struct Keys<'h, 'py> {
    py: Python<'py>,
    heap: &'h mut PythonHeap,
    operations: Operations,
    /// Called with a top-level module: its version, or `None` if no library has it.
    version_of: Bound<'py, PyAny>,
    /// Dotted names of what gives something else each time; `()` behind one: if it is called with nothing.
    unrepeatable: HashSet<String>,
    doubts: Doubts<'py>,
    versions: FxHashMap<String, Option<String>>,
    units: FxHashMap<Object, Result<Rc<Unit>, Keyless>>,
    mentions: FxHashMap<Object, Result<Rc<Mentions>, Keyless>>,
    named: FxHashMap<Object, Rc<Named>>,
    callables: FxHashMap<Object, Result<Rc<Whole>, Keyless>>,
    kept: Vec<Bound<'py, PyAny>>,
}

/// The domain tag is hashed once.
static TAGGED: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("clew 2026 task part v1"));

/// A label that no other parts make.
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
        unrepeatable: HashSet<String>,
        doubts: Doubts<'py>,
    ) -> PyResult<Self> {
        let py = version_of.py();
        heap.note_what_is_met();
        Ok(Self {
            py,
            heap,
            operations: Operations::of_interpreter(py)?,
            version_of: version_of.clone(),
            unrepeatable,
            doubts,
            versions: FxHashMap::default(),
            units: FxHashMap::default(),
            mentions: FxHashMap::default(),
            named: FxHashMap::default(),
            callables: FxHashMap::default(),
            kept: Vec::new(),
        })
    }

    /// The key of a task that calls `callable` with `given`, into which the results of the tasks of these keys go.
    pub fn task(
        &mut self,
        callable: &Bound<'py, PyAny>,
        given: &Bound<'py, PyAny>,
        inputs: &[TaskKey],
    ) -> Result<Keyed, Keyless> {
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

    /// What an object is, with all that it refers to.
    fn hash_of(&mut self, object: Object) -> Result<Whole, Keyless> {
        let first = Rc::new(self.look(object, true)?);
        if first.mentions.is_empty() {
            return Ok(Whole {
                hash: first.hash,
                needing: first.needing.clone(),
                files: first.files.iter().cloned().collect(),
            });
        }
        let (mut needing, mut files) = (Needing::new(), BTreeSet::new());
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
        Ok(Whole { hash, needing, files })
    }

    fn unit(&mut self, object: Object) -> Result<Rc<Unit>, Keyless> {
        if let Some(known) = self.units.get(&object) {
            return known.clone();
        }
        let found = self.look(object, false).map(Rc::new);
        self.units.insert(object, found.clone());
        found
    }

    /// `is_given`: whether it is what a task calls, or is given.
    fn look(&mut self, object: Object, is_given: bool) -> Result<Unit, Keyless> {
        let found = content(self.heap, object);
        let (met, discovered) = (self.heap.take_met(), self.heap.discovered());
        if let Some(opaque) = found.opaque.first() {
            return Err(Keyless::NoValue(opaque.why.clone()));
        }
        let mut mentions = Mentions::new();
        for (root, class) in discovered {
            mentions.insert(label(&[b"class", root.key.as_bytes()]), Some(class));
        }
        let mut needing = Needing::new();
        for object in met {
            if is_given {
                self.given(object)?;
            }
            for (label, mentioned) in self.mentions_of(object)?.iter() {
                match mentions.insert(label.clone(), *mentioned) {
                    Some(other) if other != *mentioned => return Err(Keyless::TwoModules),
                    _ => {}
                }
            }
            needing.extend(self.doubts.needs(object).map(|needs| (object, needs)));
        }
        let mut files = Vec::new();
        for path in files::paths(&found.stream) {
            if let Some(digest) = files::digest(&path).map_err(Keyless::failed)? {
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

    /// What of a library is called itself, or given, may be what gives something else each time.
    fn given(&mut self, object: Object) -> Result<(), Keyless> {
        let bound = object.bound(self.py);
        match self.heap.kind_of_met(&bound) {
            Kind::Library(..) if !object.is_whole() => self.doubts.given(&bound),
            _ => Ok(()),
        }
    }

    fn mentions_of(&mut self, object: Object) -> Result<Rc<Mentions>, Keyless> {
        if let Some(known) = self.mentions.get(&object) {
            return known.clone();
        }
        let bound = object.bound(self.py);
        let mut mentions = Mentions::new();
        let made = self.mention(object, &bound, &mut mentions);
        let made = made.map(|()| Rc::new(mentions));
        self.kept.push(bound);
        self.mentions.insert(object, made.clone());
        made
    }

    fn mention(&mut self, object: Object, bound: &Bound<'py, PyAny>, mentions: &mut Mentions) -> Result<(), Keyless> {
        if object.is_whole() {
            return match bound.cast::<PyFunction>() {
                Ok(function) => self.globals(function.as_any(), mentions),
                Err(_) => Ok(()),
            };
        }
        match self.heap.kind_of_met(bound) {
            Kind::Token(token) => repeatable(token),
            Kind::Library(module, name) => {
                self.check(&format!("{module}.{name}"), &[], false)?;
                self.library(&module, mentions)
            }
            Kind::Function => self.globals(bound, mentions),
            Kind::Own(module, name) => self.own(bound, &module, &name, mentions),
            Kind::OwnModule(name) => {
                let module = bound.cast::<PyModule>().map_err(Keyless::failed)?;
                let all = module.dict().keys().iter().filter_map(|key| key.extract().ok());
                self.attributes(module, &name, &all.collect::<Vec<String>>(), mentions)
            }
        }
    }

    /// A library by its version.
    fn library(&mut self, module: &str, mentions: &mut Mentions) -> Result<(), Keyless> {
        let top = module.split('.').next().unwrap_or_default();
        let version = self.version(top)?;
        let version = version.ok_or_else(|| Keyless::NoVersion(top.to_owned()))?;
        mentions.insert(label(&[b"library", top.as_bytes(), version.as_bytes()]), None);
        Ok(())
    }

    fn version(&mut self, top: &str) -> Result<Option<String>, Keyless> {
        if let Some(known) = self.versions.get(top) {
            return Ok(known.clone());
        }
        let found = self.version_of.call1((top,)).and_then(|found| found.extract());
        let found: Option<String> = found.map_err(Keyless::failed)?;
        self.versions.insert(top.to_owned(), found.clone());
        Ok(found)
    }

    /// A function or class of the user's own modules, by what it is made of.
    fn own(
        &mut self,
        bound: &Bound<'py, PyAny>,
        module: &str,
        name: &str,
        mentions: &mut Mentions,
    ) -> Result<(), Keyless> {
        if !bound.is_instance_of::<PyFunction>() && !bound.is_instance_of::<PyType>() {
            return Err(Keyless::Hidden(format!("{module}.{name}")));
        }
        self.kept.push(bound.clone());
        let place = label(&[b"own", module.as_bytes(), name.as_bytes()]);
        mentions.insert(place, Some(Object::whole_of(bound)));
        Ok(())
    }

    /// What a function's code reads beside its arguments.
    fn globals(&mut self, function: &Bound<'py, PyAny>, mentions: &mut Mentions) -> Result<(), Keyless> {
        let globals = function.getattr("__globals__").map_err(Keyless::failed)?;
        let globals = globals.cast_into::<PyDict>().map_err(Keyless::failed)?;
        let text = |key: &str| globals.get_item(key).ok().flatten()?.extract::<String>().ok();
        let module = text("__name__").unwrap_or_default();
        if self.heap.is_of_library(&module) {
            return self.library(&module, mentions);
        }
        let named = self.named(&function.getattr("__code__").map_err(Keyless::failed)?)?;
        for way in &named.ways {
            self.way(way, &globals)?;
        }
        self.doubts.function(function)?;
        for name in &named.globals {
            self.global(name, &module, &globals, &named, mentions)?;
        }
        let package = text("__package__").unwrap_or_default();
        for import in &named.imports {
            self.import(import, &package, &named, mentions)?;
        }
        Ok(())
    }

    fn named(&mut self, code: &Bound<'py, PyAny>) -> Result<Rc<Named>, Keyless> {
        let object = Object::of(code);
        if let Some(known) = self.named.get(&object) {
            return Ok(Rc::clone(known));
        }
        let named =
            Named::of(code.cast::<PyCode>().map_err(Keyless::failed)?, &self.operations).map_err(Keyless::failed)?;
        let named = Rc::new(named);
        self.kept.push(code.clone());
        self.named.insert(object, Rc::clone(&named));
        Ok(named)
    }

    fn global(
        &mut self,
        name: &str,
        module: &str,
        globals: &Bound<'py, PyDict>,
        named: &Named,
        mentions: &mut Mentions,
    ) -> Result<(), Keyless> {
        let Some(value) = globals.get_item(name).map_err(Keyless::failed)? else {
            mentions.insert(label(&[b"none", module.as_bytes(), name.as_bytes()]), None);
            return Ok(());
        };
        if let Ok(found) = value.cast::<PyModule>() {
            let path: String = found
                .getattr("__name__")
                .and_then(|name| name.extract())
                .map_err(Keyless::failed)?;
            let place = label(&[b"module", module.as_bytes(), name.as_bytes(), path.as_bytes()]);
            mentions.insert(place, None);
            return self.module(found, &path, named, mentions);
        }
        mentions.insert(
            label(&[b"global", module.as_bytes(), name.as_bytes()]),
            Some(Object::of(&value)),
        );
        self.kept.push(value);
        Ok(())
    }

    fn module(
        &mut self,
        module: &Bound<'py, PyModule>,
        path: &str,
        named: &Named,
        mentions: &mut Mentions,
    ) -> Result<(), Keyless> {
        if self.heap.is_of_library(path) {
            return self.library(path, mentions);
        }
        let names: Vec<String> = named.attributes.iter().cloned().collect();
        self.attributes(module, path, &names, mentions)
    }

    /// What a module of the user's own has under these names; modules inside it the same way.
    fn attributes(
        &mut self,
        module: &Bound<'py, PyModule>,
        path: &str,
        names: &[String],
        mentions: &mut Mentions,
    ) -> Result<(), Keyless> {
        let mut waiting = vec![(module.clone(), path.to_owned())];
        let mut seen = HashSet::from([path.to_owned()]);
        while let Some((module, path)) = waiting.pop() {
            for name in names.iter().filter(|name| !name.starts_with("__")) {
                let Ok(Some(value)) = module.dict().get_item(name) else {
                    continue;
                };
                let Ok(inner) = value.cast::<PyModule>() else {
                    let place = label(&[b"global", path.as_bytes(), name.as_bytes()]);
                    mentions.insert(place, Some(Object::of(&value)));
                    self.kept.push(value);
                    continue;
                };
                let inside: String = inner
                    .getattr("__name__")
                    .and_then(|name| name.extract())
                    .map_err(Keyless::failed)?;
                if self.heap.is_of_library(&inside) {
                    self.library(&inside, mentions)?;
                } else if seen.insert(inside.clone()) {
                    waiting.push((inner.clone(), inside));
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, path: &str, package: &str, named: &Named, mentions: &mut Mentions) -> Result<(), Keyless> {
        let top = path.split('.').next().unwrap_or_default();
        if !top.is_empty() && self.version(top)?.is_some() {
            return self.library(top, mentions);
        }
        let modules = self
            .py
            .import("sys")
            .and_then(|sys| sys.getattr("modules"))
            .map_err(Keyless::failed)?;
        let beside = format!("{package}.{path}");
        for path in [path, beside.trim_end_matches('.')] {
            if let Ok(module) = modules
                .get_item(path)
                .and_then(|found| Ok(found.cast_into::<PyModule>()?))
            {
                // `import a.b` binds `a`.
                let names: Vec<String> = named.attributes.iter().cloned().collect();
                return self.attributes(&module, path, &names, mentions);
            }
        }
        Err(Keyless::ImportsLater(path.to_owned()))
    }

    /// Whether a way that code goes ends at what gives the same each time.
    fn way(&mut self, way: &Way, globals: &Bound<'py, PyDict>) -> Result<(), Keyless> {
        let from = match &way.from {
            From::Import(path) => path.clone(),
            From::Global(name) => {
                let Some(value) = globals.get_item(name).map_err(Keyless::failed)? else {
                    return self.check(&format!("builtins.{name}"), &way.attributes, way.is_called_bare);
                };
                let text = |name: &str| value.getattr(name).and_then(|name| name.extract::<String>()).ok();
                if value.is_instance_of::<PyModule>() {
                    text("__name__").unwrap_or_default()
                } else if value.is_instance_of::<PyType>() {
                    let name = text("__qualname__").unwrap_or_default();
                    format!("{}.{name}", text("__module__").unwrap_or_default())
                } else {
                    // What it is, and whose, the walk tells.
                    match (text("__module__"), text("__name__")) {
                        (Some(module), Some(name)) => format!("{module}.{name}"),
                        _ => return Ok(()),
                    }
                }
            }
        };
        self.check(&from, &way.attributes, way.is_called_bare)
    }

    fn check(&self, from: &str, attributes: &[String], is_called_bare: bool) -> Result<(), Keyless> {
        let mut path = String::new();
        for part in from.split('.').chain(attributes.iter().map(String::as_str)) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
            if self.unrepeatable.contains(&path) {
                return Err(Keyless::Unrepeatable(path));
            }
        }
        if is_called_bare && self.unrepeatable.contains(&format!("{path}()")) {
            return Err(Keyless::Unseeded(path));
        }
        Ok(())
    }
}

/// Whether what a process has one of gives the same in each.
fn repeatable(token: &str) -> Result<(), Keyless> {
    match token {
        "random" | "numpy random" | "numpy bit generator" => Err(Keyless::Draws),
        "environ" => Err(Keyless::Environment),
        "stdin" | "original stdin" => Err(Keyless::Typed),
        token if token.starts_with("shell") => Err(Keyless::Shell),
        _ => Ok(()),
    }
}

//! The live objects of a Python process, for the engine's walk.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use clew_core::graph::{Extent, Halt, Heap, Identity, Leaf, Node};
use clew_core::id::Root;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use rustc_hash::{FxHashMap, FxHashSet};

use super::attributes::{Attributes, attributes};
use super::builtin::field;
use super::codecs::{Codecs, Sharing};
use super::definition::Definitions;
use super::facts::{Shape, TypeFacts, WellKnownObjects, along_bases, classify, names_along_bases};
use super::foreign::ForeignObjects;
use super::function::{function_names, globals};
use super::heap_mappings::MappedRegions;
use super::leaf::{self, SHORT};
use super::memory::{ExportedMemory, HeldRanges};
use super::memory_reserve::Reserve;
use super::module_loads::LoadMark;
use super::names::ModuleNames;
use super::object::{EncounteredObjects, Guise, Object};
use super::probe;
use super::region::Region;
use super::scalar::{text_bytes, text_of};
use super::serial::Serials;
use super::types::{Type, entries, type_names};

/// The depth to which tuples and frozensets are searched for objects that are not plain values.
const VALUE_DEPTH: u32 = 16;

/// The objects of this process. There is one heap per session, since it maps live classes to definitions.
///
/// Everything here reads raw memory while the GIL is held, so a heap is only used on its thread: keep it in a
/// [`super::GilCell`], which requires the GIL.
pub struct PythonHeap {
    pub(super) known: WellKnownObjects,
    pub(super) names: ModuleNames,
    pub(super) facts: RefCell<FxHashMap<Type, Rc<TypeFacts>>>,
    /// The facts requested last: objects of one type often follow each other.
    last: RefCell<Option<(Type, Rc<TypeFacts>)>>,
    pub(crate) definitions: Definitions,
    pub(super) tokens: FxHashMap<*mut ffi::PyObject, &'static str>,
    pub(super) namespace: *mut ffi::PyObject,
    pub(super) shown: HeldRanges,
    mapped: MappedRegions,
    pub(super) met: EncounteredObjects,
    /// Whether pages of ordinary memory are watched.
    pub(crate) watches: bool,
    /// Whether handles have a value: the information to create them again. Results computed with a handle depend on
    /// more than that.
    pub(crate) keeps_handles: bool,
    /// Whether this look has begun.
    begun: bool,
    /// The number of modules when the names of libraries were read.
    modules: usize,
    kept: Vec<Py<PyAny>>,
    serials: Serials,
    discovered: Vec<(Root, Object)>,
    announced: FxHashSet<*mut ffi::PyObject>,
    pub(super) copyreg: FxHashSet<Type>,
    pub(super) codecs: Codecs,
    /// Values with attributes to which names are bound: setting an attribute through one name changes all roots that
    /// share the value.
    bound: FxHashSet<usize>,
    /// The number of modules when these were found.
    bound_with: usize,
    pub(crate) foreign: ForeignObjects,
    /// Cells of the target history (`clew.sources`), once code was searched in them.
    pub(crate) sources: Option<Py<PyAny>>,
    noticed: RefCell<BTreeSet<String>>,
    halt: Option<Halt>,
    /// References that keep the raw pointers above valid.
    _held: Vec<Py<PyAny>>,
    _this_thread: PhantomData<*mut ()>,
}

impl PythonHeap {
    /// Returns the original value of a library's attribute that a cell may have set.
    pub fn original<'py>(&self, py: Python<'py>, module: &str, path: &str) -> Option<Bound<'py, PyAny>> {
        let found = self.names.original(module.as_bytes(), path.as_bytes());
        // SAFETY: null, or held by the dict that it was found in.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, found) }
    }

    /// Creates a heap for this process, whose notebook has the given namespace (IPython's own dict) and `__main__`
    /// module.
    ///
    /// # Errors
    /// An exception of the interpreter, or objects have another layout in memory than this build expects.
    pub fn new(namespace: &Bound<'_, PyDict>, main: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let py = namespace.py();
        let mut held: Vec<Py<PyAny>> = vec![namespace.as_any().clone().unbind()];
        held.extend(main.map(|main| main.clone().unbind()));
        let known = probe::known(py, &mut held)?;
        let (exact, types) = probe::exact_types(py)?;
        held.extend(types);
        probe::layout_is_known(py)?;
        Ok(Self {
            names: ModuleNames::new(py)?,
            facts: RefCell::new(exact),
            last: RefCell::default(),
            definitions: Definitions::default(),
            tokens: FxHashMap::default(),
            namespace: namespace.as_ptr(),
            shown: HeldRanges::default(),
            mapped: MappedRegions::default(),
            met: EncounteredObjects::default(),
            watches: false,
            keeps_handles: true,
            begun: false,
            modules: 0,
            kept: Vec::new(),
            serials: Serials::default(),
            discovered: Vec::new(),
            announced: FxHashSet::default(),
            copyreg: FxHashSet::default(),
            codecs: Codecs::default(),
            bound: FxHashSet::default(),
            bound_with: 0,
            foreign: ForeignObjects::default(),
            sources: None,
            noticed: RefCell::default(),
            halt: None,
            known,
            _held: held,
            _this_thread: PhantomData,
        })
    }

    /// Notes which of these objects, to which all names are bound, are values with attributes. Returns whether they
    /// are others than at the last call: then other roots may belong together.
    pub(crate) fn bind_values(&mut self, bound: impl Iterator<Item = (usize, usize)>) -> bool {
        // SAFETY: see `py`.
        let py = unsafe { Python::assume_attached() };
        let modules = self.names.count(py);
        if modules != self.bound_with {
            self.bound_with = modules;
            // As in `begin`: a library was imported since.
            let _ = self.codecs.begin(py);
        }
        let before = std::mem::take(&mut self.bound);
        if self.codecs.has_bound_values() {
            self.bound = bound
                .filter(|(class, _)| self.codecs.joins_bound(*class))
                .map(|(_, object)| object)
                .collect();
        }
        self.bound != before
    }

    /// Notes an object that was built for a root.
    pub(crate) fn bind_value(&mut self, object: &Bound<'_, PyAny>) {
        if self.codecs.joins_bound(object.get_type_ptr().addr()) {
            self.bound.insert(object.as_ptr().addr());
        }
    }

    /// Sets a condition for ending looks without a result.
    pub fn halt_when(&mut self, halt: Option<Halt>) {
        self.halt = halt;
    }

    /// Notes memory over which objects are built.
    pub(crate) fn add_region(&mut self, region: &Arc<Region>) {
        self.mapped.add(region);
    }

    /// Ends a load: its staged definitions are installed or forgotten.
    pub fn end_staging(&mut self, is_installed: bool) {
        self.definitions.end_staging(is_installed);
        self.sources = None;
        self.foreign.end_comparison();
    }

    /// Returns the live object without a value that has this serial number.
    pub(crate) fn unstored_object<'py>(&self, py: Python<'py>, serial: u64) -> Option<Bound<'py, PyAny>> {
        self.serials.object(py, serial)
    }

    /// Keeps objects without a value alive as long as this heap.
    pub(crate) fn set_aside(&mut self, py: Python<'_>, serials: &[u64]) {
        serials.iter().for_each(|serial| self.serials.set_aside(py, *serial));
    }

    /// Returns the notebook's namespace.
    pub fn namespace<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        Object::new(self.namespace)
            .bound(py)
            .cast_into()
            .expect("a heap is made with a dict")
    }

    pub(super) fn py(&self) -> Python<'_> {
        // SAFETY: a heap is created with a token, stays on its thread ([`Self::_this_thread`]) and cannot be moved
        // into a closure that runs detached, which must be `Send`.
        unsafe { Python::assume_attached() }
    }

    /// Reads what may have changed since the last look: tokens, notebook classes, registered reducers.
    fn begin(&mut self) {
        if self.begun {
            return;
        }
        self.begun = true;
        // SAFETY: see `py`.
        let py = unsafe { Python::assume_attached() };
        self.tokens = probe::tokens(py, self.namespace);
        self.copyreg = probe::registered_reducers(py);
        self.modules = self.names.count(py);
        // Without codecs, objects of libraries go through their reducers, which shows that the installation is
        // broken.
        let _ = self.codecs.begin(py);
        self.names.begin(py);
        // SAFETY: the namespace is live; classes in it are too.
        unsafe {
            for (_, value) in entries(self.namespace) {
                if ffi::PyType_Check(value) != 0 && self.names.is_definition(value.cast(), &self.known) {
                    self.meet_definition(value.cast());
                }
            }
            self.definitions.index_methods();
        }
    }

    /// Reads the unique objects (`NaN` of `NumPy`), reducers and codecs of newly imported libraries: built values are
    /// looked at by the same rules as the stored ones were.
    pub(crate) fn learn_libraries(&mut self) {
        let known = self.codecs.files();
        // SAFETY: see `py`.
        let py = unsafe { Python::assume_attached() };
        let modules = self.names.count(py);
        if modules != self.modules {
            self.modules = modules;
            self.tokens = probe::tokens(py, self.namespace);
            self.copyreg = probe::registered_reducers(py);
            self.names.begin(py);
        }
        // As in `begin`.
        let _ = self.codecs.begin(py);
        if self.codecs.files() > known {
            self.codecs.let_go();
            self.last.take();
            self.facts.borrow_mut().retain(|_, facts| probe::is_exact(facts.shape));
        }
    }

    /// Returns the facts about the object's type.
    ///
    /// # Safety
    /// `class` is live.
    pub(super) unsafe fn facts(&self, class: Type) -> Rc<TypeFacts> {
        if let Some((last, facts)) = &*self.last.borrow()
            && *last == class
        {
            return Rc::clone(facts);
        }
        // SAFETY: as the caller promises.
        let facts = unsafe { self.looked_up(class) };
        *self.last.borrow_mut() = Some((class, Rc::clone(&facts)));
        facts
    }

    /// # Safety
    /// `class` is live.
    unsafe fn looked_up(&self, class: Type) -> Rc<TypeFacts> {
        if let Some(found) = self.facts.borrow().get(&class) {
            return Rc::clone(found);
        }
        // SAFETY: as the caller promises.
        let mut facts = unsafe { classify(class, &self.known) };
        if self.copyreg.contains(&class) && matches!(facts.shape, Shape::Instance(_)) {
            facts.shape = Shape::Deferred;
        }
        // SAFETY: as above.
        unsafe {
            if matches!(facts.shape, Shape::Instance(_) | Shape::Deferred) {
                self.refine(class, &mut facts);
            }
        }
        let facts = Rc::new(facts);
        self.facts.borrow_mut().insert(class, Rc::clone(&facts));
        facts
    }

    /// Adds the facts that codecs and libraries have about a type that is not the interpreter's own.
    ///
    /// # Safety
    /// `class` is live.
    unsafe fn refine(&self, class: Type, facts: &mut TypeFacts) {
        // SAFETY: as the caller promises; its bases are live too.
        unsafe {
            let (module, _) = type_names(class, self.known.module_key);
            facts.globals = self.names.held_by_library(class, &module);
            facts.own_reducer &= !self.names.is_library(&module);
            facts.sharing = self.codecs.exact(class).unwrap_or(Sharing::Joins);
            if along_bases(class)
                .into_iter()
                .any(|base| self.codecs.exact(base).is_some())
            {
                facts.shape = Shape::Deferred;
            }
            let names = names_along_bases(class, &self.known);
            let is_kept = self.keeps_handles && self.codecs.exact(class).is_some();
            if let Some(word) = self.codecs.word(names.iter().cloned()).filter(|_| !is_kept) {
                let name = String::from_utf8_lossy(&names[0]).into_owned();
                facts.why = Some(format!(
                    "{}: {word}",
                    name.trim_start_matches("builtins.").trim_start_matches('_')
                ));
                facts.shape = Shape::WithoutValue;
            }
        }
    }

    /// Holds the memory of an exporter until the look ends.
    pub(super) fn hold_memory(&mut self, owner: *mut ffi::PyObject) -> bool {
        let held = {
            let py = self.py();
            ExportedMemory::of(&Object::new(owner).bound(py)).and_then(|memory| Py::new(py, memory))
        };
        let memory = held.ok();
        let is_held = memory.is_some();
        self.kept.extend(memory.map(Py::into_any));
        is_held
    }

    /// Returns the name by which a library holds this object, according to the facts about its type.
    pub(super) fn global_name(facts: &TypeFacts, pointer: *mut ffi::PyObject) -> Option<&[u8]> {
        facts
            .globals
            .iter()
            .find(|(held, _)| *held == pointer)
            .map(|(_, name)| name.as_slice())
    }

    /// Returns the id of a notebook class, which is also derived from the ids of its bases.
    pub(super) fn meet_definition(&mut self, class: Type) -> String {
        if let Some(id) = self.definitions.live_id(class) {
            return id.to_owned();
        }
        // SAFETY: callers pass a live class; so are its bases.
        unsafe {
            for base in along_bases(class).into_iter().skip(1).rev() {
                if self.names.is_definition(base, &self.known) {
                    self.definitions.meet(base, &self.known);
                }
            }
        }
        self.definitions.meet(class, &self.known)
    }

    /// Refers to a notebook class, and makes it a root of this look.
    pub(super) fn refer_to_definition(&mut self, class: *mut ffi::PyObject) -> String {
        let id = self.meet_definition(class.cast());
        if self.announced.insert(class) {
            let root = Root::new(clew_core::id::RootKind::Definition, id.clone());
            self.discovered.push((root, Object::new(class).whole()));
        }
        id
    }

    /// Returns whether a function is written by name: as a method of a notebook class, or because a library's module
    /// holds it.
    pub(super) fn is_function_by_name(&self, function: *mut ffi::PyObject) -> bool {
        self.definitions.method(function).is_some() || self.names_in_library(function).is_some()
    }

    /// Returns module and qualified name of a function that a library's module holds under them.
    pub(super) fn names_in_library(
        &self,
        function: *mut ffi::PyObject,
    ) -> Option<(*mut ffi::PyObject, *mut ffi::PyObject)> {
        // SAFETY: the caller found a live function by its type.
        unsafe {
            let (module, name) = function_names(function);
            let is_there = globals(function) != self.namespace && self.names.resolves(module, name, function);
            is_there.then_some((module, name))
        }
    }

    /// Returns module and qualified name of a cached function that a library's module holds under them: its contents
    /// are not state of the user.
    pub(super) fn cached_in_library(&self, cached: *mut ffi::PyObject) -> Option<(Vec<u8>, Vec<u8>)> {
        // SAFETY: the caller found a live cache by its type; the dict is its own, and names in it are live.
        unsafe {
            let Attributes::Dict(own) = attributes(cached) else {
                return None;
            };
            let text = |name: &std::ffi::CStr| text_of(ffi::PyDict_GetItemString(own, name.as_ptr()));
            let (module, path) = (text(c"__module__")?, text(c"__qualname__")?);
            let is_there = self.names.is_library(&module) && self.names.find(&module, &path) == cached;
            is_there.then_some((module, path))
        }
    }

    /// Returns module and name of a sentinel that a library's module holds under them.
    pub(super) fn sentinel_in_library(
        &self,
        pointer: *mut ffi::PyObject,
    ) -> Option<(*mut ffi::PyObject, *mut ffi::PyObject)> {
        // SAFETY: the walk passes live objects; a sentinel holds both.
        unsafe {
            if ffi::Py_TYPE(pointer) != self.known.sentinel {
                return None;
            }
            let (module, name) = (field(pointer, c"__module__"), field(pointer, c"__name__"));
            self.names.resolves(module, name, pointer).then_some((module, name))
        }
    }

    /// Returns which load made a class or function of the user's own modules; `None` for other objects.
    pub(super) fn mark_of(&self, pointer: *mut ffi::PyObject) -> Option<LoadMark> {
        // SAFETY: callers pass live objects; the names of a function are null or live.
        unsafe {
            if ffi::PyType_Check(pointer) != 0 {
                return self.names.mark_of_class(pointer.cast(), &self.known);
            }
            if ffi::PyFunction_Check(pointer) == 0 {
                return None;
            }
            let (module, name) = function_names(pointer);
            self.names.mark(&text_of(module)?, &text_of(name)?, pointer)
        }
    }

    /// Notes that a module is the user's own, and which load of it this is.
    ///
    /// # Errors
    /// Any exception while its dict is read.
    pub fn sight(&mut self, name: &str, module: &Bound<'_, PyModule>) -> PyResult<()> {
        self.names.loads.sight(name, module)
    }

    /// Returns, among `found`, which is `path` in `module` now, and the objects of that name from earlier loads, the
    /// one that the load `wanted` made.
    pub(crate) fn made_by<'py>(
        &self,
        found: &Bound<'py, PyAny>,
        (module, path): (&str, &str),
        wanted: LoadMark,
    ) -> Option<Bound<'py, PyAny>> {
        self.names.forget_marks();
        let fits = |object: &Bound<'py, PyAny>| self.mark_of(object.as_ptr()) == Some(wanted);
        let (module, path) = (module.as_bytes(), path.as_bytes());
        let earlier = self.names.loads.all_called(module, path);
        let all = || {
            let earlier = earlier.iter().map(|object| Object::new(*object).bound(found.py()));
            std::iter::once(found.clone()).chain(earlier)
        };
        all().find(fits).or_else(|| {
            self.names.loads.renumber(module, wanted);
            self.names.forget_marks();
            all().find(fits)
        })
    }

    /// Notes why a value that is being built cannot equal the stored one.
    pub(crate) fn notice(&self, why: String) {
        self.noticed.borrow_mut().insert(why);
    }

    /// Returns the notes since the last call.
    pub(crate) fn take_noticed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut *self.noticed.borrow_mut())
    }

    /// Returns the references that are kept for the walk.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.kept.iter()
    }

    /// Keeps a reference to an object that was created for the walk.
    pub(super) fn keep_made(&mut self, made: Py<PyAny>) {
        self.kept.push(made);
    }

    fn counted(pointer: *mut ffi::PyObject, facts: &TypeFacts) -> Identity {
        // SAFETY: the walk passes live objects; the offset of the list of weak references comes from the type.
        unsafe {
            if ffi::Py_REFCNT(pointer) > 1 {
                return Identity::Shared;
            }
            let watched = facts.weak != 0 && !(*pointer.byte_offset(facts.weak).cast::<*mut ffi::PyObject>()).is_null();
            if watched { Identity::Shared } else { Identity::Sole }
        }
    }

    /// Returns whether a tuple or frozenset contains only plain values.
    fn holds_only_values(&self, pointer: *mut ffi::PyObject, depth: u32) -> bool {
        if depth == 0 {
            return false;
        }
        // SAFETY: the walk passes a live tuple or frozenset; its items are live.
        unsafe {
            if ffi::PyTuple_CheckExact(pointer) != 0 {
                return (0..ffi::PyTuple_GET_SIZE(pointer))
                    .all(|nth| self.is_plain_value(ffi::PyTuple_GET_ITEM(pointer, nth), depth));
            }
            super::sets::members(pointer).all(|member| self.is_plain_value(member, depth))
        }
    }

    fn is_plain_value(&self, pointer: *mut ffi::PyObject, depth: u32) -> bool {
        // SAFETY: a live object's type is live.
        let facts = unsafe { self.facts(ffi::Py_TYPE(pointer)) };
        match facts.shape {
            Shape::Tuple | Shape::Frozenset => self.holds_only_values(pointer, depth - 1),
            _ => matches!(self.identity_of(pointer, &facts), Identity::Plain | Identity::Value),
        }
    }

    fn identity_of(&self, pointer: *mut ffi::PyObject, facts: &TypeFacts) -> Identity {
        match facts.shape {
            Shape::None
            | Shape::Bool
            | Shape::Int
            | Shape::Ellipsis
            | Shape::NotImplemented
            | Shape::Class
            | Shape::Module
            | Shape::Logger
            | Shape::Descriptor
            | Shape::Range => Identity::Plain,
            Shape::EnumMember if !self.is_combination(pointer) => Identity::Plain,
            Shape::Float => self.identity_of_float(pointer, facts),
            // SAFETY: by its shape, it is a live complex; numpy's floats have the layout of the interpreter's.
            Shape::Complex if unsafe { is_nan_complex(pointer) } => Self::counted(pointer, facts),
            Shape::Complex => Identity::Plain,
            Shape::Deferred if unsafe { is_nan_float(pointer) } => Self::counted(pointer, facts),
            Shape::Str => long(unsafe_text_bytes(pointer)),
            // SAFETY: by its shape, it is a live bytes object.
            Shape::Bytes => long(unsafe { ffi::Py_SIZE(pointer) } as usize),
            Shape::Code => Identity::Value,
            Shape::Tuple | Shape::Frozenset => self.identity_of_frozen(pointer, facts),
            Shape::Function if self.is_function_by_name(pointer) => Identity::Plain,
            Shape::Cached if self.cached_in_library(pointer).is_some() => Identity::Plain,
            Shape::Builtin if super::builtin::is_by_name(pointer) => Identity::Plain,
            Shape::Instance(_) | Shape::Deferred if Self::global_name(facts, pointer).is_some() => Identity::Plain,
            Shape::Deferred if self.sentinel_in_library(pointer).is_some() => Identity::Plain,
            Shape::Deferred if facts.sharing == Sharing::IsPlain => Identity::Value,
            Shape::Deferred if facts.sharing == Sharing::JoinsBound && !self.bound.contains(&pointer.addr()) => {
                Identity::Value
            }
            // Objects that exist once per process are also held by their modules.
            _ => match Self::counted(pointer, facts) {
                Identity::Shared if self.tokens.contains_key(&pointer) => Identity::Plain,
                counted => counted,
            },
        }
    }

    /// Returns whether an instance of a notebook's Enum is not a member by name.
    fn is_combination(&self, pointer: *mut ffi::PyObject) -> bool {
        // SAFETY: callers pass a live instance of an Enum.
        unsafe { self.names.is_definition(ffi::Py_TYPE(pointer), &self.known) && !super::enums::is_member(pointer) }
    }

    fn identity_of_float(&self, pointer: *mut ffi::PyObject, facts: &TypeFacts) -> Identity {
        // SAFETY: by its shape, it is a live float.
        let value = unsafe { ffi::PyFloat_AS_DOUBLE(pointer) };
        // Not equal to itself: containers compare it by identity, so its identity is observable.
        if value.is_nan() && !self.tokens.contains_key(&pointer) {
            return Self::counted(pointer, facts);
        }
        Identity::Plain
    }

    fn identity_of_frozen(&self, pointer: *mut ffi::PyObject, facts: &TypeFacts) -> Identity {
        // SAFETY: by its shape, it is a live tuple or frozenset.
        let empty = match facts.shape {
            Shape::Tuple => unsafe { ffi::Py_SIZE(pointer) == 0 },
            _ => unsafe { ffi::PySet_Size(pointer) == 0 },
        };
        match Self::counted(pointer, facts) {
            _ if empty => Identity::Plain,
            Identity::Shared if self.holds_only_values(pointer, VALUE_DEPTH) => Identity::Value,
            counted => counted,
        }
    }
}

/// Returns the identity of an object of one of the commonest types, which are recognized by address alone.
#[inline]
fn common_identity(pointer: *mut ffi::PyObject) -> Option<Identity> {
    // SAFETY: the walk passes live objects; exact types have their known layouts. Lists, dicts, tuples and strings
    // cannot be referred to weakly.
    unsafe {
        let class = ffi::Py_TYPE(pointer);
        if class == &raw mut ffi::PyUnicode_Type {
            Some(match long(text_bytes(pointer)) {
                // Only its single holder can show it.
                Identity::Value if ffi::Py_REFCNT(pointer) == 1 => Identity::Sole,
                identity => identity,
            })
        } else if class == &raw mut ffi::PyLong_Type || pointer == ffi::Py_None() {
            Some(Identity::Plain)
        } else if class == &raw mut ffi::PyFloat_Type {
            (!ffi::PyFloat_AS_DOUBLE(pointer).is_nan()).then_some(Identity::Plain)
        } else if class == &raw mut ffi::PyList_Type || class == &raw mut ffi::PyDict_Type {
            (ffi::Py_REFCNT(pointer) == 1).then_some(Identity::Sole)
        } else if class == &raw mut ffi::PyTuple_Type {
            (ffi::Py_REFCNT(pointer) == 1 && ffi::Py_SIZE(pointer) > 0).then_some(Identity::Sole)
        } else {
            None
        }
    }
}

fn unsafe_text_bytes(pointer: *mut ffi::PyObject) -> usize {
    // SAFETY: callers found a live str by its type.
    unsafe { text_bytes(pointer) }
}

/// Returns whether a live complex is unequal to itself.
unsafe fn is_nan_complex(pointer: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    let value = unsafe { (*pointer.cast::<ffi::PyComplexObject>()).cval };
    value.real.is_nan() || value.imag.is_nan()
}

/// Returns whether a live object is a float of a library's class (`numpy.float64`) that is unequal to itself.
unsafe fn is_nan_float(pointer: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises; subclasses begin with the float.
    unsafe { ffi::PyFloat_Check(pointer) != 0 && ffi::PyFloat_AS_DOUBLE(pointer).is_nan() }
}

fn long(bytes: usize) -> Identity {
    if bytes > SHORT {
        Identity::Value
    } else {
        Identity::Plain
    }
}

impl Heap for PythonHeap {
    type Object = Object;

    const OPAQUE_KIND: u16 = crate::kinds::OPAQUE;

    fn identity(&self, object: Object) -> Identity {
        let pointer = object.pointer();
        if let Some(identity) = common_identity(pointer) {
            return identity;
        }
        // SAFETY: the walk passes live objects.
        let facts = unsafe { self.facts(ffi::Py_TYPE(pointer)) };
        if object.guise() == Guise::Whole {
            return Self::counted(pointer, &facts);
        }
        self.identity_of(pointer, &facts)
    }

    fn binds(&self, object: Object) -> bool {
        let pointer = object.pointer();
        // SAFETY: the walk passes live objects; the shape determines what may be read of them.
        unsafe {
            let facts = self.facts(ffi::Py_TYPE(pointer));
            match facts.shape {
                Shape::None | Shape::Bool | Shape::Ellipsis | Shape::NotImplemented => false,
                Shape::Class | Shape::Module | Shape::Builtin | Shape::Descriptor => false,
                Shape::EnumMember => self.is_combination(pointer),
                Shape::Int => {
                    let mut overflow = 0;
                    let value = ffi::PyLong_AsLongLongAndOverflow(pointer, &raw mut overflow);
                    // The interpreter has each of these once, up to 256 before Python 3.15.
                    overflow != 0 || !(-5..=1024).contains(&value)
                }
                Shape::Str => super::scalar::is_interned(pointer) == 0 && ffi::PyUnicode_GET_LENGTH(pointer) > 1,
                Shape::Bytes => ffi::Py_SIZE(pointer) > 1,
                Shape::Tuple => ffi::Py_SIZE(pointer) > 0,
                Shape::Function => !self.is_function_by_name(pointer),
                Shape::Cached => self.cached_in_library(pointer).is_none(),
                _ => !self.tokens.contains_key(&pointer) && Self::global_name(&facts, pointer).is_none(),
            }
        }
    }

    #[inline]
    fn write_leaf(&self, object: Object, leaf: &mut Leaf<'_>) -> bool {
        // SAFETY: the walk passes live objects.
        object.guise() == Guise::Usual && unsafe { leaf::write(object.pointer(), leaf) }
    }

    #[inline]
    fn expect(&self, object: Object) {
        object.prefetch();
    }

    fn describe(&mut self, object: Object, node: &mut Node<'_, Object>) {
        // SAFETY: the walk passes live objects, and nothing else runs until it returns.
        unsafe { self.describe_object(object, node) };
    }

    fn reduce(&mut self, object: Object, node: &mut Node<'_, Object>) -> Result<(), String> {
        self.reduce_object(object, node)
    }

    fn keep(&mut self, object: Object) {
        self.begin();
        let kept = object.bound(self.py()).unbind();
        self.kept.push(kept);
    }

    fn release(&mut self) {
        self.shown.clear();
        self.mapped.let_go();
        self.announced.clear();
        self.discovered.clear();
        self.begun = false;
        self.last.take();
        self.facts.borrow_mut().retain(|_, facts| probe::is_exact(facts.shape));
        // SAFETY: see `py`.
        let py = unsafe { Python::assume_attached() };
        self.codecs.let_go();
        self.definitions.let_go(py);
        self.serials.let_go(py);
        // This runs code.
        drop(std::mem::take(&mut self.kept));
    }

    fn serial(&mut self, object: Object) -> u64 {
        // SAFETY: see `py`.
        let py = unsafe { Python::assume_attached() };
        self.serials.of(&object.bound(py))
    }

    fn address(&self, object: Object) -> u64 {
        object.pointer().addr() as u64
    }

    fn discovered(&mut self) -> Vec<(Root, Object)> {
        self.announced.clear();
        std::mem::take(&mut self.discovered)
    }

    fn bytes(&self, address: u64, length: u64) -> Option<&[u8]> {
        self.shown.bytes(address, length)
    }

    fn is_out_of_memory(&self) -> bool {
        Reserve::is_spent()
    }

    fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    fn untouched(&self, extent: &Extent) -> Vec<Option<u128>> {
        let known = self.mapped.untouched(extent);
        #[cfg(target_os = "linux")]
        if known.is_empty() && self.watches {
            return super::page_watch::untouched(extent);
        }
        known
    }

    fn is_lost(&self, extent: &Extent) -> bool {
        MappedRegions::is_lost(extent)
    }

    #[cfg(target_os = "linux")]
    fn remember(&self, extent: &Extent, hashes: &[u128]) {
        if self.watches {
            super::page_watch::remember(extent, hashes);
        }
    }
}

/// Returns `object` if it is memory that a codec passed.
pub(super) fn memory_of(object: &Bound<'_, PyAny>) -> Option<Py<ExportedMemory>> {
    object
        .cast_exact::<ExportedMemory>()
        .ok()
        .map(|memory| memory.clone().unbind())
}

//! Notebook classes: which live class is which definition, and the body of one.
//!
//! ```text
//! payload  = id name qualname module slots(count names) flags members(count names) attributes(count names)
//! flags    = 1 instances have a dict | 2 instances have weak references | 4 the class says its slots
//! aside    = varint(count) name*      all attributes in their order; then line (LEB128) or nothing
//! children = metaclass, bases (a tuple), a member of an Enum each in order, an attribute's value each by name
//! ```
//! Attributes that the class statement makes anew are left out: descriptors of slots, `__dict__` and `__weakref__`.

use clew_core::graph::Node;
use clew_core::id::Fingerprint;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{self, type_names};
use super::function::function_names;
use super::object::Object;
use super::scalar::write_text;
use super::structure;
use super::twin::Twin;
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

/// A class with its id and its rank.
struct KnownClass {
    id: String,
    hold: Hold,
    rank: u64,
}

/// Which live class is which definition, for as long as the class lives.
#[derive(Default)]
pub(crate) struct Definitions {
    by_class: FxHashMap<Type, KnownClass>,
    by_id: FxHashMap<String, Type>,
    /// Every id that a class of this session had. Another class never gets one of them, also when the first is gone.
    taken: FxHashSet<String>,
    /// Whether ids are made of names, so that another process makes the same ones.
    by_name: bool,
    met: u64,
    /// Functions that are attributes of notebook classes, with the class's id and their name. For one look.
    methods: FxHashMap<*mut ffi::PyObject, (String, Vec<u8>)>,
    /// New attributes for classes that live, staged by a load.
    staged: Vec<Py<Twin>>,
    /// Classes that a load made, and whether they have their attributes yet: a class that another one needs may be
    /// there before all that its own attributes refer to is.
    new_classes: Vec<(String, Py<PyAny>, bool)>,
}

impl Definitions {
    /// The id of a class, a new one if it is met for the first time. Its bases are to be met before it.
    pub(super) fn meet(&mut self, class: Type, known: &facts::WellKnownObjects) -> String {
        if let Some(id) = self.live_id(class) {
            return id.to_owned();
        }
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let id = if self.by_name {
            self.named_id(class)
        } else {
            self.id_by_structure(class, known)
        };
        self.adopt(&Object::new(class.cast()).bound(py), &id);
        self.index(class);
        id
    }

    /// The id of a class that was met before and lives.
    pub fn live_id(&self, class: Type) -> Option<&str> {
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let known = self.by_class.get(&class)?;
        let is_it = known.hold.live(py).is_some_and(|live| live.as_ptr() == class.cast());
        is_it.then_some(&known.id)
    }

    /// From now on ids are made of names.
    pub fn name_by_name(&mut self) {
        self.by_name = true;
    }

    /// Takes a live heap type apart. Where ids are made of names, without what pickling an instance leaves at the class.
    ///
    /// # Safety
    /// `class` is a live heap type.
    pub(super) unsafe fn body_of(&self, class: Type, id: String, known: &facts::WellKnownObjects) -> ClassBody {
        // SAFETY: as the caller promises.
        let mut body = unsafe { ClassBody::of(class, id, known) };
        if self.by_name {
            body.attributes.retain(|(name, _)| name != b"__slotnames__");
        }
        body
    }

    /// An id made of the class's structure: a cell that defines the same class in another process gives it the same id.
    fn id_by_structure(&self, class: Type, known: &facts::WellKnownObjects) -> String {
        // SAFETY: callers pass a live heap type.
        let structure = unsafe { structure::of(class, known, |base| self.live_id(base)) };
        let nth = |count: u32| Fingerprint::of(&[&structure[..], &count.to_be_bytes()].concat()).to_string();
        (0..u32::MAX)
            .map(nth)
            .find(|id| !self.taken.contains(id))
            .expect("fewer classes than numbers")
    }

    /// An id made of the class's name, and of how many of that name were met before.
    fn named_id(&self, class: Type) -> String {
        let mut name = Vec::new();
        // SAFETY: callers pass a live heap type.
        unsafe { write_text((*class.cast::<ffi::PyHeapTypeObject>()).ht_qualname, &mut name) };
        let nth = |count: u32| Fingerprint::of(&[&name[..], &count.to_be_bytes()].concat()).to_string();
        (0..u32::MAX)
            .map(nth)
            .find(|id| !self.by_id.contains_key(id))
            .expect("fewer classes than numbers")
    }

    pub fn adopt(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        let pointer = class.as_ptr().cast();
        self.met += 1;
        let known = KnownClass {
            id: id.to_owned(),
            hold: Hold::Strong(class.clone().unbind()),
            rank: self.met,
        };
        self.by_class.insert(pointer, known);
        self.by_id.insert(id.to_owned(), pointer);
        self.taken.insert(id.to_owned());
    }

    /// Has a class known by an id that it was recorded with in another process.
    pub fn recognise(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        self.adopt(class, id);
        self.index(class.as_ptr().cast());
    }

    pub fn class_of<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let pointer = self.by_id.get(id)?;
        let known = self.by_class.get(pointer)?;
        known
            .hold
            .live(py)
            .filter(|live| known.id == id && live.as_ptr() == pointer.cast())
    }

    pub fn id_of(&self, class: &Bound<'_, PyAny>) -> Option<String> {
        let known = self.by_class.get(&class.as_ptr().cast())?;
        known
            .hold
            .live(class.py())
            .filter(|live| live.is(class))
            .map(|_| known.id.clone())
    }

    /// The class and the name under which a function is an attribute of a notebook class.
    pub fn method(&self, function: *mut ffi::PyObject) -> Option<&(String, Vec<u8>)> {
        self.methods.get(&function)
    }

    /// Finds the methods of all classes known so far.
    pub fn index_methods(&mut self) {
        self.methods.clear();
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let mut live: Vec<(u64, Type)> = self
            .by_class
            .iter()
            .filter(|(class, known)| known.hold.live(py).is_some_and(|live| live.as_ptr() == class.cast()))
            .map(|(class, known)| (known.rank, *class))
            .collect();
        live.sort_unstable();
        for (_, class) in live {
            self.index(class);
        }
        let staged: Vec<Py<Twin>> = self.staged.iter().map(|twin| twin.clone_ref(py)).collect();
        for twin in staged {
            self.index_twin(&twin);
        }
    }

    fn index_twin(&mut self, twin: &Py<Twin>) {
        let twin = twin.get();
        for (name, value) in &twin.attributes {
            if is_method(&twin.qualname, name, value.as_ptr()) {
                self.methods.insert(value.as_ptr(), (twin.id.clone(), name.clone()));
            }
        }
    }

    /// Takes in what a load stages: a class that is new, or new attributes of one that lives.
    pub fn stage_class(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        self.adopt(class, id);
        self.new_classes.push((id.to_owned(), class.clone().unbind(), false));
    }

    pub fn stage_twin(&mut self, twin: &Bound<'_, Twin>) {
        self.staged.push(twin.clone().unbind());
        self.index_twin(&twin.clone().unbind());
    }

    /// Has a function that was built for a class that lives count as a method of it, for as long as the two are compared; whether it
    /// did not before.
    pub fn stage_method(&mut self, id: &str, class: &[u8], name: &[u8], function: &Bound<'_, PyAny>) -> bool {
        let is_new = is_method(class, name, function.as_ptr()) && !self.methods.contains_key(&function.as_ptr());
        if is_new {
            self.methods.insert(function.as_ptr(), (id.to_owned(), name.to_vec()));
        }
        is_new
    }

    /// Ends that. It may be gone soon, and another object at its place.
    pub fn unstage_method(&mut self, function: &Bound<'_, PyAny>) {
        self.methods.remove(&function.as_ptr());
    }

    /// An attribute that a staged twin gives its class.
    pub fn staged_attribute<'py>(&self, py: Python<'py>, id: &str, name: &[u8]) -> Option<Bound<'py, PyAny>> {
        let twin = self.staged.iter().find(|twin| twin.get().id == id)?.get();
        let found = twin.attributes.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.bind(py).clone())
    }

    /// A class that a load made and could not fill yet.
    pub fn unfilled<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let found = self.new_classes.iter().find(|(own, _, is_full)| own == id && !is_full);
        found.map(|(_, class, _)| class.bind(py).clone())
    }

    /// Says that a staged class has its attributes.
    pub fn fill(&mut self, class: Type, id: &str) {
        for (own, _, is_full) in &mut self.new_classes {
            *is_full |= own == id;
        }
        self.index(class);
    }

    /// Ends a load. What was staged and not installed is forgotten.
    pub fn end_staging(&mut self, is_installed: bool) {
        self.staged.clear();
        for (id, _, is_full) in std::mem::take(&mut self.new_classes) {
            if !(is_installed && is_full)
                && let Some(class) = self.by_id.remove(&id)
            {
                self.by_class.remove(&class);
            }
        }
    }

    fn index(&mut self, class: Type) {
        let Some(known) = self.by_class.get(&class) else { return };
        let id = known.id.clone();
        // SAFETY: the class is live, and so are its attributes.
        let (own, attributes) = unsafe {
            let mut own = Vec::new();
            write_text((*class.cast::<ffi::PyHeapTypeObject>()).ht_qualname, &mut own);
            (own, attributes_of(class))
        };
        for (name, value) in attributes {
            // Two classes may hold one function (`dataclass(slots=True)` makes a second class): the first one met has it.
            if is_method(&own, &name, value) {
                self.methods.entry(value).or_insert_with(|| (id.clone(), name));
            }
        }
    }

    /// Lets go of classes met in the look that ends.
    pub fn let_go(&mut self, py: Python<'_>) {
        self.methods.clear();
        for known in self.by_class.values_mut() {
            let weak = match &known.hold {
                Hold::Strong(class) => PyWeakrefReference::new(class.bind(py)).ok(),
                Hold::Weak(_) => None,
            };
            if let Some(weak) = weak {
                known.hold = Hold::Weak(weak.unbind());
            }
        }
        self.by_class.retain(|_, known| known.hold.live(py).is_some());
        let live = &self.by_class;
        self.by_id
            .retain(|id, class| live.get(class).is_some_and(|known| known.id == *id));
    }
}

/// Whether an attribute is a function whose own name says that it belongs there.
fn is_method(class: &[u8], name: &[u8], value: *mut ffi::PyObject) -> bool {
    let mut full = Vec::new();
    // SAFETY: callers pass attributes of live classes.
    unsafe {
        if ffi::PyFunction_Check(value) == 0 {
            return false;
        }
        write_text(function_names(value).1, &mut full);
    }
    full.strip_prefix(class).and_then(|rest| rest.strip_prefix(b".")) == Some(name)
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
pub(super) unsafe fn is_made_anew(class: Type, name: &[u8], value: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises; the types of descriptors live as long as the process.
    unsafe {
        let kind = ffi::Py_TYPE(value);
        let own = kind == &raw mut ffi::PyGetSetDescr_Type || kind == &raw mut ffi::PyMemberDescr_Type;
        let generated = matches!(name, b"_abc_impl" | b"__firstlineno__");
        generated || (own && (*value.cast::<ffi::PyDescrObject>()).d_type == class)
    }
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

/// Instances have a dict that their base's have not.
pub(crate) const HAS_DICT: u8 = 1;
/// Instances can be referred to weakly, and their base's can not.
pub(crate) const HAS_WEAK: u8 = 2;
/// The class says its slots.
pub(crate) const SAYS_SLOTS: u8 = 4;

impl ClassBody {
    /// Takes a live heap type apart.
    ///
    /// # Safety
    /// `class` is a live heap type.
    pub unsafe fn of(class: Type, id: String, known: &facts::WellKnownObjects) -> Self {
        // SAFETY: as the caller promises; what a class holds is live.
        unsafe {
            let heap = class.cast::<ffi::PyHeapTypeObject>();
            let (mut name, mut qualname) = (Vec::new(), Vec::new());
            write_text((*heap).ht_name, &mut name);
            write_text((*heap).ht_qualname, &mut qualname);
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
                name,
                qualname,
                module: type_names(class, known).0,
                slots: super::attributes::own_slots(class),
                flags,
                line,
                metaclass: ffi::Py_TYPE(class.cast()).cast(),
                bases: (*class).tp_bases,
                members: super::enums::members(class, known),
                attributes,
            }
        }
    }

    /// Shows the body. Its methods are written whole here, by name elsewhere.
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
    // SAFETY: an attribute of a live class; no int gives an error, which is cleared.
    let number = unsafe {
        let number = ffi::PyLong_AsLongLong(object);
        ffi::PyErr_Clear();
        number
    };
    u64::try_from(number).unwrap_or(0)
}

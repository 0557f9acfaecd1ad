//! Notebook classes: maps live classes to definitions.

use clew_core::id::Fingerprint;
use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::class_body::{ClassBody, attributes_of, is_method};
use super::facts;
use super::object::Object;
use super::serial::Pin;
use super::structure;
use super::twin::Twin;
use super::types::{Type, own_dict, qualname};

/// A class with its id and its rank.
struct KnownClass {
    id: String,
    /// A class that was met in this look is held strongly. The hold becomes weak when the look ends, since a weak
    /// reference is an object of its own.
    hold: Pin,
    rank: u64,
}

/// Maps live classes to definitions, for as long as the classes live.
#[derive(Default)]
pub(crate) struct Definitions {
    by_class: FxHashMap<Type, KnownClass>,
    by_id: FxHashMap<String, Type>,
    /// Every id that a class of this session had. No other class gets one of them, even after the first one is gone.
    taken: FxHashSet<String>,
    /// Whether ids are derived from names, so that another process derives the same ones.
    by_name: bool,
    met: u64,
    /// Functions that are attributes of notebook classes, with the class's id and their name. Valid for one look.
    methods: FxHashMap<*mut ffi::PyObject, (String, Vec<u8>)>,
    /// New attributes for live classes, staged by a load.
    staged: Vec<Py<Twin>>,
    /// Classes that a load made, and whether they have their attributes yet: a class that another one needs may be
    /// made before everything that its own attributes refer to.
    new_classes: Vec<(String, Py<PyAny>, bool)>,
}

impl Definitions {
    /// Returns the id of a class, a new one if it is met for the first time. Its bases must be met before it.
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
        self.recognise(&Object::new(class.cast()).bound(py), &id);
        id
    }

    /// Returns the id of a live class that was met before.
    pub fn live_id(&self, class: Type) -> Option<&str> {
        // SAFETY: the heap is only used attached.
        let py = unsafe { Python::assume_attached() };
        let known = self.by_class.get(&class)?;
        let is_it = known.hold.live(py).is_some_and(|live| live.as_ptr() == class.cast());
        is_it.then_some(&known.id)
    }

    /// Derives ids from names from now on.
    pub fn name_by_name(&mut self) {
        self.by_name = true;
    }

    /// Reads a live heap type. If ids are derived from names, without the attribute that pickling an instance adds to
    /// the class.
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

    /// Derives an id from the class's structure: a cell that defines the same class in another process gives it the
    /// same id.
    fn id_by_structure(&self, class: Type, known: &facts::WellKnownObjects) -> String {
        // SAFETY: callers pass a live heap type.
        let structure = unsafe { structure::of(class, known, |base| self.live_id(base)) };
        first_free(&structure, |id| !self.taken.contains(id))
    }

    /// Derives an id from the class's name, and the number of classes of this name that were met before.
    fn named_id(&self, class: Type) -> String {
        // SAFETY: callers pass a live heap type.
        let name = unsafe { qualname(class) };
        first_free(&name, |id| !self.by_id.contains_key(id))
    }

    pub fn adopt(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        let pointer = class.as_ptr().cast();
        self.met += 1;
        let known = KnownClass {
            id: id.to_owned(),
            hold: Pin::Strong(class.clone().unbind()),
            rank: self.met,
        };
        self.by_class.insert(pointer, known);
        self.by_id.insert(id.to_owned(), pointer);
        self.taken.insert(id.to_owned());
    }

    /// Registers a class under the id with which it was recorded in another process.
    pub fn recognise(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        self.adopt(class, id);
        self.index(class.as_ptr().cast());
    }

    /// Returns the class, met in this look, whose own attributes are in this dict.
    pub(super) fn with_dict(&self, dict: *mut ffi::PyObject) -> Option<Type> {
        let met = self
            .by_class
            .iter()
            .filter(|(_, known)| matches!(known.hold, Pin::Strong(_)));
        // SAFETY: strongly held, so live.
        met.map(|(class, _)| *class)
            .find(|class| unsafe { own_dict(*class) } == dict)
    }

    pub fn class_of<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let pointer = self.by_id.get(id)?;
        let known = self.by_class.get(pointer)?;
        known
            .hold
            .live(py)
            .filter(|live| known.id == id && live.as_ptr() == pointer.cast())
    }

    /// Returns the class and the name under which a function is an attribute of a notebook class.
    pub fn method(&self, function: *mut ffi::PyObject) -> Option<&(String, Vec<u8>)> {
        self.methods.get(&function)
    }

    /// Finds the methods of all known classes.
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

    /// Registers a new class that a load stages.
    pub fn stage_class(&mut self, class: &Bound<'_, PyAny>, id: &str) {
        self.adopt(class, id);
        self.new_classes.push((id.to_owned(), class.clone().unbind(), false));
    }

    pub fn stage_twin(&mut self, twin: &Bound<'_, Twin>) {
        self.staged.push(twin.clone().unbind());
        self.index_twin(&twin.clone().unbind());
    }

    /// Treats a function that was built for a live class as its method while the two are compared. Returns whether it
    /// was not treated so before.
    pub fn stage_method(&mut self, id: &str, class: &[u8], name: &[u8], function: &Bound<'_, PyAny>) -> bool {
        let is_new = is_method(class, name, function.as_ptr()) && !self.methods.contains_key(&function.as_ptr());
        if is_new {
            self.methods.insert(function.as_ptr(), (id.to_owned(), name.to_vec()));
        }
        is_new
    }

    /// Ends that. The function may be freed soon, and another object may get its address.
    pub fn unstage_method(&mut self, function: &Bound<'_, PyAny>) {
        self.methods.remove(&function.as_ptr());
    }

    /// Returns an attribute that a staged twin gives its class.
    pub fn staged_attribute<'py>(&self, py: Python<'py>, id: &str, name: &[u8]) -> Option<Bound<'py, PyAny>> {
        let twin = self.staged.iter().find(|twin| twin.get().id == id)?.get();
        let found = twin.attributes.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.bind(py).clone())
    }

    /// Returns a class that a load made and has not filled yet.
    pub fn unfilled<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let found = self.new_classes.iter().find(|(own, _, is_full)| own == id && !is_full);
        found.map(|(_, class, _)| class.bind(py).clone())
    }

    /// Notes that a staged class has its attributes.
    pub fn fill(&mut self, class: Type, id: &str) {
        for (own, _, is_full) in &mut self.new_classes {
            *is_full |= own == id;
        }
        self.index(class);
    }

    /// Ends a load. Staged definitions that were not installed are forgotten.
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
        let (own, attributes) = unsafe { (qualname(class), attributes_of(class)) };
        for (name, value) in attributes {
            // Two classes may share a function (`dataclass(slots=True)` makes a second class): it belongs to the
            // first one met.
            if is_method(&own, &name, value) {
                self.methods.entry(value).or_insert_with(|| (id.clone(), name));
            }
        }
    }

    /// Releases classes that were met in the look that ends.
    pub fn let_go(&mut self, py: Python<'_>) {
        self.methods.clear();
        for known in self.by_class.values_mut() {
            if let Pin::Strong(class) = &known.hold {
                known.hold = Pin::of(class.bind(py));
            }
        }
        self.by_class.retain(|_, known| known.hold.live(py).is_some());
        let live = &self.by_class;
        self.by_id
            .retain(|id, class| live.get(class).is_some_and(|known| known.id == *id));
    }
}

/// Returns the first free id derived from these bytes and a number.
fn first_free(bytes: &[u8], is_free: impl Fn(&String) -> bool) -> String {
    let nth = |count: u32| Fingerprint::of(&[bytes, &count.to_be_bytes()].concat()).to_string();
    let mut ids = (0..u32::MAX).map(nth);
    ids.find(is_free).expect("fewer classes than numbers")
}

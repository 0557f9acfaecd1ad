//! Finds the code of the notebook's functions that objects can reach, and functions of libraries. It uses the
//! collector's view of objects, and looks into arrays and weak references, which the collector does not: no user code
//! is called.
//!
//! On Python 3.11 this replaces monitoring of the functions that ran: a run that uses a name may call everything
//! reachable from it. On 3.12+ it finds functions that no recorded cell defined (those that a restore brought back,
//! `exec`).

use std::collections::VecDeque;
use std::ffi::{CStr, c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::FxHashSet;

use super::array::{ArrayElements, array_type, members};
use super::text_columns::objects_of;
use super::types::{Type, derives, entries, is_heap, item, own_dict};

/// A search that visits more objects gives up: then any function counts as reachable.
const MOST_OBJECTS: usize = 5_000;
/// Members of larger containers do not count as visited if their type shows that they refer to nothing; neither do
/// members of arrays.
const LARGEST_CONTAINER: ffi::Py_ssize_t = 1_000;
/// The most references from an object to something that may look up names: `[{"above": df.query}]` has three. More
/// distant objects are internals of libraries: an event loop leads to the kernel, and so to all names.
const DEEPEST: u32 = 5;
/// A search gives up if such containers have more members together, including the referents of the members.
const MOST_MEMBERS: usize = 1 << 25;

/// Returns what `objects` reach: the code of functions over `namespace`; other objects that may look up names:
/// functions of libraries, calls of methods by name, `namespace` itself; whether the search saw everything; and the
/// annotations of those functions and of the notebook's classes.
///
/// `packed` contains texts that were found in arrays, by the address where the array's objects begin in memory: the
/// second item of each tuple is the list of texts. An array that refers to the same texts is not searched again.
#[pyfunction]
pub fn codes_within<'py>(
    objects: &Bound<'py, PyList>,
    namespace: &Bound<'py, PyDict>,
    packed: Bound<'py, PyDict>,
) -> ReachResult<'py> {
    let mut search = Search {
        py: objects.py(),
        namespace: namespace.as_ptr(),
        arrays: array_type(objects.py()),
        packed,
        waiting: objects.iter().map(|one| (one.as_ptr(), 0)).collect(),
        waiting_last: VecDeque::new(),
        met: FxHashSet::default(),
        within: FxHashSet::default(),
        members: 0,
        bare: std::ptr::null_mut(),
        codes: Vec::new(),
        foreign: Vec::new(),
        annotations: Vec::new(),
    };
    let is_complete = search.run();
    (search.codes, search.foreign, is_complete, search.annotations)
}

type FoundObjects<'py> = Vec<Bound<'py, PyAny>>;
type ReachResult<'py> = (FoundObjects<'py>, FoundObjects<'py>, bool, FoundObjects<'py>);

/// Objects are borrowed: no Python code runs during the search, so that none of them is freed.
struct Search<'py> {
    py: Python<'py>,
    namespace: *mut ffi::PyObject,
    /// The type of numpy's arrays; null if numpy is not loaded.
    arrays: Type,
    packed: Bound<'py, PyDict>,
    /// Objects to be visited, with their distance from the first objects, the nearest first.
    waiting: VecDeque<(*mut ffi::PyObject, u32)>,
    /// Objects that are searched for functions only, after everything else: objects reached from them do not count as
    /// looking up names.
    waiting_last: VecDeque<*mut ffi::PyObject>,
    met: FxHashSet<*mut ffi::PyObject>,
    /// Referents of members of arrays and large containers, as far as they are searched.
    within: FxHashSet<*mut ffi::PyObject>,
    /// The number of such members that were visited.
    members: usize,
    /// The type of the last one without referents.
    bare: Type,
    codes: FoundObjects<'py>,
    foreign: FoundObjects<'py>,
    /// The tuples and dicts that contain them.
    annotations: FoundObjects<'py>,
}

impl Search<'_> {
    /// Runs the search; returns whether it saw everything.
    fn run(&mut self) -> bool {
        while let Some((one, depth)) = self.next() {
            // SAFETY: live, like all waiting objects.
            let kind = unsafe { ffi::Py_TYPE(one) };
            if is_plain(kind) || self.met.contains(&one) {
                continue;
            }
            if self.met.len() > MOST_OBJECTS {
                return false;
            }
            self.met.insert(one);
            // SAFETY: live; it is only treated as an object of its own type.
            unsafe {
                if one == self.namespace || is_module_over(one, self.namespace) {
                    self.may_look_up(one, depth);
                    continue;
                }
                if kind == &raw mut ffi::PyFunction_Type {
                    self.function(one, depth);
                    continue;
                }
                if ffi::PyType_Check(one) != 0 {
                    self.class(one.cast(), depth);
                    continue;
                }
                if length(one, kind) > LARGEST_CONTAINER {
                    if !self.large(one, depth) {
                        return false;
                    }
                    continue;
                }
                if is_foreign_function(kind) {
                    self.may_look_up(one, depth);
                }
                if ffi::PyModule_Check(one) != 0 {
                    continue;
                }
                if self.is_array(kind) && !self.array(one, depth) {
                    return false;
                }
                if ffi::PyWeakref_Check(one) != 0 {
                    self.waiting_last.extend(referent(one));
                }
                self.referents(one, kind, depth);
            }
        }
        true
    }

    fn next(&mut self) -> Option<(*mut ffi::PyObject, u32)> {
        let last = || self.waiting_last.pop_front().map(|one| (one, DEEPEST + 1));
        self.waiting.pop_front().or_else(last)
    }

    /// Searches the referents of an object, and its class: the class's methods may be the notebook's.
    ///
    /// # Safety
    /// `one` is live and of exactly this type.
    unsafe fn referents(&mut self, one: *mut ffi::PyObject, kind: Type, depth: u32) {
        let mut held = Vec::new();
        // SAFETY: as the caller promises.
        unsafe {
            referents(one, &mut held);
            if is_heap(kind) {
                held.push(kind.cast());
            }
        }
        self.waiting.extend(held.into_iter().map(|one| (one, depth + 1)));
    }

    /// Searches a class. What matters is which parts of it come from the notebook, not the module that it claims.
    ///
    /// - If a cell defined it, or made it from functions of the notebook: all of it.
    /// - If its module holds it: only its bases, and functions of the notebook that were set in it.
    /// - Otherwise a library may have made it from objects of the notebook: these are found, but what the library
    ///   added to it does not count as looking up names.
    ///
    /// # Safety
    /// `class` is live.
    unsafe fn class(&mut self, class: Type, depth: u32) {
        // SAFETY: as the caller promises; the dict of a class changes only while code runs, its bases are a tuple or null.
        unsafe {
            if !is_heap(class) {
                return;
            }
            let is_in_module = is_in_its_module(self.py, class);
            let set_there = self.notebook_functions(own_dict(class));
            if !is_foreign(self.py, class.cast()) || !(is_in_module || set_there.is_empty()) {
                self.of_class(class.cast());
                self.referents(class.cast(), ffi::Py_TYPE(class.cast()), depth);
            } else if is_in_module {
                self.waiting.extend(set_there.into_iter().map(|one| (one, depth + 1)));
                let bases = (*class).tp_bases;
                let count = if bases.is_null() {
                    0
                } else {
                    ffi::PyTuple_GET_SIZE(bases)
                };
                let bases = (0..count).map(|place| (ffi::PyTuple_GET_ITEM(bases, place), depth + 1));
                self.waiting.extend(bases);
            } else {
                let mut held = Vec::new();
                referents(class.cast(), &mut held);
                held.push(ffi::Py_TYPE(class.cast()).cast());
                self.waiting_last.extend(held);
            }
        }
    }

    /// Returns functions of the notebook among the attributes of a class: direct ones, those in properties and the
    /// like, and those in closures.
    ///
    /// # Safety
    /// `dict` is null or the live dict of a class.
    unsafe fn notebook_functions(&self, dict: *mut ffi::PyObject) -> Vec<*mut ffi::PyObject> {
        let mut found = Vec::new();
        if dict.is_null() {
            return found;
        }
        let mut held = Vec::new();
        // SAFETY: as the caller promises; nothing changes the dict meanwhile, and its contents are live.
        unsafe {
            for (_, value) in entries(dict) {
                held.clear();
                let kind = ffi::Py_TYPE(value);
                if kind == &raw mut ffi::PyFunction_Type {
                    held.push(value);
                    held.extend(in_closure(value));
                } else if is_wrapper(kind) {
                    referents(value, &mut held);
                }
                found.extend(held.iter().filter(|one| self.is_of_notebook(**one)));
            }
        }
        found
    }

    /// Returns whether this is a function over the namespace.
    ///
    /// # Safety
    /// `one` is null or live.
    unsafe fn is_of_notebook(&self, one: *mut ffi::PyObject) -> bool {
        // SAFETY: as the caller promises, and a function by its type.
        unsafe {
            !one.is_null()
                && ffi::Py_TYPE(one) == &raw mut ffi::PyFunction_Type
                && super::function::globals(one) == self.namespace
        }
    }

    fn is_array(&self, kind: Type) -> bool {
        // SAFETY: types of live objects.
        !self.arrays.is_null() && unsafe { derives(kind, self.arrays) }
    }

    /// Searches the members of an array. Returns whether it saw all of them.
    ///
    /// Most arrays of objects contain texts or numbers, so their types are checked first. A member is not noted as a
    /// visited object: only its referents are, once.
    ///
    /// # Safety
    /// `array` is a live array of numpy's.
    unsafe fn array(&mut self, array: *mut ffi::PyObject, depth: u32) -> bool {
        // SAFETY: as the caller promises.
        let members = match unsafe { members(self.py, array) } {
            ArrayElements::None => return true,
            ArrayElements::Unknown => return false,
            ArrayElements::Objects(members) => members,
        };
        if members.row().is_some_and(|row| self.is_packed(row)) {
            return true;
        }
        // SAFETY: an array holds live objects.
        members.all(|member| unsafe { self.member(member, depth + 1) })
    }

    /// Returns whether a row of objects is a list of packed texts.
    fn is_packed(&self, row: &[usize]) -> bool {
        let known = self.packed.get_item(row.as_ptr().addr()).ok().flatten();
        let texts = known.and_then(|known| known.get_item(1).ok()?.cast_into::<PyList>().ok());
        // SAFETY: nothing changes the list meanwhile: no Python code runs.
        texts.is_some_and(|texts| row == unsafe { objects_of(&texts) })
    }

    /// Searches the members of a large container like those of an array. Returns whether it saw all of them.
    ///
    /// # Safety
    /// `container` is a live list, tuple, set or dictionary.
    unsafe fn large(&mut self, container: *mut ffi::PyObject, depth: u32) -> bool {
        unsafe extern "C" fn look(member: *mut ffi::PyObject, search: *mut c_void) -> c_int {
            // SAFETY: the search below, which nothing else uses meanwhile; a container holds live objects.
            let (search, depth) = unsafe { &mut *search.cast::<(&mut Search<'_>, u32)>() };
            // SAFETY: as above.
            c_int::from(!unsafe { search.member(member, *depth) })
        }
        // SAFETY: as the caller promises; the traversal of these types visits their members, and runs no code.
        unsafe {
            let traverse = (*ffi::Py_TYPE(container)).tp_traverse;
            let mut state: (&mut Self, u32) = (self, depth + 1);
            traverse.is_some_and(|traverse| traverse(container, look, (&raw mut state).cast()) == 0)
        }
    }

    /// Searches a member of an array or of a large container. Returns whether the search continues.
    ///
    /// # Safety
    /// `member` is live.
    unsafe fn member(&mut self, member: *mut ffi::PyObject, depth: u32) -> bool {
        self.members += 1;
        // SAFETY: as the caller promises.
        let kind = unsafe { ffi::Py_TYPE(member) };
        if kind == self.bare {
            return self.members <= MOST_MEMBERS;
        }
        let mut held = Vec::new();
        // SAFETY: live, and of that type.
        unsafe {
            if self.is_bare(kind) {
                self.bare = kind;
            } else if kind == self.arrays && matches!(members(self.py, member), ArrayElements::None) {
                // It contains numbers.
            } else if self.is_more_than_a_holder(member) {
                held.push(member);
            } else {
                referents(member, &mut held);
                if is_heap(kind) {
                    held.push(kind.cast());
                }
            }
        }
        self.members += held.len();
        for one in held {
            // SAFETY: live, like the object that refers to it.
            if !unsafe { self.is_bare(ffi::Py_TYPE(one)) } && self.within.insert(one) {
                self.waiting.push_back((one, depth));
            }
        }
        self.members <= MOST_MEMBERS && self.within.len() <= MOST_OBJECTS
    }

    /// Returns whether objects of exactly this type refer to nothing, and have no code of the notebook.
    ///
    /// # Safety
    /// `kind` is live.
    unsafe fn is_bare(&self, kind: Type) -> bool {
        // SAFETY: as the caller promises.
        let has_nothing = || unsafe { ffi::PyType_HasFeature(kind, ffi::Py_TPFLAGS_HAVE_GC) == 0 && !is_heap(kind) };
        is_plain(kind) || (has_nothing() && !self.is_array(kind))
    }

    /// Returns whether an object matters beyond the referents that the collector sees.
    ///
    /// # Safety
    /// `one` is live.
    unsafe fn is_more_than_a_holder(&self, one: *mut ffi::PyObject) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let kind = ffi::Py_TYPE(one);
            kind == &raw mut ffi::PyFunction_Type
                || is_foreign_function(kind)
                || ffi::PyType_Check(one) != 0
                || ffi::PyModule_Check(one) != 0
                || ffi::PyWeakref_Check(one) != 0
                || self.is_array(kind)
                || one == self.namespace
        }
    }

    /// # Safety
    /// `function` is a live function.
    unsafe fn function(&mut self, function: *mut ffi::PyObject, depth: u32) {
        // SAFETY: as the caller promises; its fields are null or live.
        unsafe {
            let fields = super::function::fields(function);
            let mut depth = depth;
            if fields.func_globals == self.namespace {
                self.codes.push(Bound::from_borrowed_ptr(self.py, fields.func_code));
                self.annotated(fields.func_annotations);
                // What may look up names for a function of the notebook counts, at any distance of the function.
                depth = if depth > DEEPEST { 0 } else { depth };
            } else {
                self.may_look_up(function, depth);
            }
            let held = [
                fields.func_closure,
                fields.func_defaults,
                fields.func_kwdefaults,
                fields.func_dict,
                super::function::annotate(function),
            ];
            let held = held.into_iter().filter(|field| !field.is_null());
            self.waiting.extend(held.map(|field| (field, depth + 1)));
        }
    }

    /// Notes the annotations of a class.
    ///
    /// # Safety
    /// `one` is live and not a class of a library.
    unsafe fn of_class(&mut self, one: *mut ffi::PyObject) {
        // SAFETY: as the caller promises. A class made in Python has a dict with str keys, so that a lookup runs no
        // code.
        unsafe {
            if ffi::PyType_Check(one) != 0 {
                let dict = (*one.cast::<ffi::PyTypeObject>()).tp_dict;
                self.annotated(ffi::PyDict_GetItemWithError(
                    dict,
                    pyo3::intern!(self.py, "__annotations__").as_ptr(),
                ));
            }
        }
    }

    /// # Safety
    /// `annotations` is live or null.
    unsafe fn annotated(&mut self, annotations: *mut ffi::PyObject) {
        if !annotations.is_null() {
            // SAFETY: as the caller promises.
            self.annotations
                .push(unsafe { Bound::from_borrowed_ptr(self.py, annotations) });
        }
    }

    /// # Safety
    /// `one` is live.
    unsafe fn may_look_up(&mut self, one: *mut ffi::PyObject, depth: u32) {
        if depth <= DEEPEST {
            // SAFETY: as the caller promises.
            self.foreign.push(unsafe { Bound::from_borrowed_ptr(self.py, one) });
        }
    }
}

/// Returns whether nothing can be reached from objects of exactly this type.
fn is_plain(kind: *mut ffi::PyTypeObject) -> bool {
    [
        &raw mut ffi::PyLong_Type,
        &raw mut ffi::PyFloat_Type,
        &raw mut ffi::PyUnicode_Type,
        &raw mut ffi::PyBool_Type,
        &raw mut ffi::PyBytes_Type,
        &raw mut ffi::PyComplex_Type,
        &raw mut ffi::PyRange_Type,
        &raw mut ffi::PySlice_Type,
        &raw mut ffi::PyCode_Type,
    ]
    .contains(&kind)
}

/// Returns whether objects of exactly this type are functions that are not written in Python.
fn is_foreign_function(kind: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type has a name.
    let is_called_by_name = || unsafe { CStr::from_ptr((*kind).tp_name) } == c"operator.methodcaller";
    kind == &raw mut ffi::PyCFunction_Type || is_called_by_name()
}

/// Returns whether this is the module whose variables are in `namespace`.
///
/// # Safety
/// Both are live.
unsafe fn is_module_over(one: *mut ffi::PyObject, namespace: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises; the dictionary of a module is borrowed from it.
    unsafe { ffi::PyModule_Check(one) != 0 && ffi::PyModule_GetDict(one) == namespace }
}

/// Returns the length of a builtin container; 0 for other objects.
///
/// # Safety
/// `one` is live and of exactly this type.
unsafe fn length(one: *mut ffi::PyObject, kind: *mut ffi::PyTypeObject) -> ffi::Py_ssize_t {
    let is_one_of = |types: &[*mut ffi::PyTypeObject]| types.contains(&kind);
    // SAFETY: each function is called for its own type only.
    unsafe {
        if is_one_of(&[&raw mut ffi::PyList_Type, &raw mut ffi::PyTuple_Type]) {
            ffi::Py_SIZE(one)
        } else if is_one_of(&[&raw mut ffi::PyDict_Type]) {
            ffi::PyDict_Size(one)
        } else if is_one_of(&[&raw mut ffi::PySet_Type, &raw mut ffi::PyFrozenSet_Type]) {
            ffi::PySet_Size(one)
        } else {
            0
        }
    }
}

/// Returns whether this is a module or a class of a library: it leads to nothing of the notebook.
///
/// # Safety
/// `one` is live.
pub(super) unsafe fn is_foreign(py: Python<'_>, one: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises. A class made in Python has a dict with str keys, so that a lookup runs no code.
    unsafe {
        if ffi::PyType_Check(one) == 0 {
            return ffi::PyModule_Check(one) != 0;
        }
        let class = one.cast::<ffi::PyTypeObject>();
        if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) == 0 {
            return true;
        }
        let module = ffi::PyDict_GetItemWithError((*class).tp_dict, pyo3::intern!(py, "__module__").as_ptr());
        let is_text = !module.is_null() && ffi::PyUnicode_CheckExact(module) != 0;
        !(is_text && ffi::PyUnicode_CompareWithASCIIString(module, c"__main__".as_ptr()) == 0)
    }
}

/// Returns whether its module has the class under its name, as modules have the classes that they define.
///
/// # Safety
/// `class` is a live heap type.
unsafe fn is_in_its_module(py: Python<'_>, class: Type) -> bool {
    // SAFETY: as the caller promises; dicts of modules and classes have str keys, so that a lookup runs no code.
    unsafe {
        let module = item(own_dict(class), pyo3::intern!(py, "__module__").as_ptr());
        if module.is_null() || ffi::PyUnicode_CheckExact(module) == 0 {
            return true;
        }
        let loaded = item(ffi::PyImport_GetModuleDict(), module);
        if loaded.is_null() || ffi::PyModule_Check(loaded) == 0 {
            return false;
        }
        let name = Bound::from_borrowed_ptr(py, (*class.cast::<ffi::PyHeapTypeObject>()).ht_qualname);
        let Ok(name) = name.extract::<&str>() else {
            return false;
        };
        let (mut found, mut dict) = (std::ptr::null_mut(), ffi::PyModule_GetDict(loaded));
        for part in name.split('.') {
            found = item(dict, pyo3::types::PyString::new(py, part).as_ptr());
            if found.is_null() {
                return false;
            }
            dict = if ffi::PyType_Check(found) != 0 {
                own_dict(found.cast())
            } else {
                std::ptr::null_mut()
            };
        }
        found == class.cast()
    }
}

/// Returns whether objects of exactly this type wrap functions as attributes of a class.
fn is_wrapper(kind: Type) -> bool {
    [
        &raw mut ffi::PyStaticMethod_Type,
        &raw mut ffi::PyClassMethod_Type,
        &raw mut ffi::PyProperty_Type,
    ]
    .contains(&kind)
}

/// Returns the contents of the cells of a function's closure.
///
/// # Safety
/// `function` is a live function.
unsafe fn in_closure(function: *mut ffi::PyObject) -> Vec<*mut ffi::PyObject> {
    // SAFETY: as the caller promises; a closure is a tuple of cells.
    unsafe {
        let closure = super::function::fields(function).func_closure;
        let count = if closure.is_null() {
            0
        } else {
            ffi::PyTuple_GET_SIZE(closure)
        };
        (0..count)
            .map(|place| (*ffi::PyTuple_GET_ITEM(closure, place).cast::<ffi::PyCellObject>()).ob_ref)
            .collect()
    }
}

/// Returns the referent of a weak reference, while it lives.
///
/// # Safety
/// `reference` is a live weak reference.
pub(super) unsafe fn referent(reference: *mut ffi::PyObject) -> Option<*mut ffi::PyObject> {
    // SAFETY: as the caller promises; the reference may still refer to an object that is being freed, which has no
    // references then.
    unsafe {
        let referent = (*reference.cast::<ffi::PyWeakReference>()).wr_object;
        let is_alive = !referent.is_null() && referent != ffi::Py_None() && ffi::Py_REFCNT(referent) > 0;
        is_alive.then_some(referent)
    }
}

/// Adds the referents of `one`, according to the collector.
///
/// # Safety
/// `one` is live.
unsafe fn referents(one: *mut ffi::PyObject, held: &mut Vec<*mut ffi::PyObject>) {
    unsafe extern "C" fn note(object: *mut ffi::PyObject, held: *mut c_void) -> c_int {
        // SAFETY: the list below, which nothing else uses meanwhile.
        unsafe { (*held.cast::<Vec<*mut ffi::PyObject>>()).push(object) };
        0
    }
    // SAFETY: as the caller promises. The traversal of a type visits its referents; it runs no Python code.
    unsafe {
        if ffi::PyObject_IS_GC(one) != 0
            && let Some(traverse) = (*ffi::Py_TYPE(one)).tp_traverse
        {
            traverse(one, note, (&raw mut *held).cast());
        }
    }
}

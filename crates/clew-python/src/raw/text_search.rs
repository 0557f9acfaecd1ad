//! Finds the parts of a value that are texts, or may lead to texts, by reading memory. No code runs, no dict is
//! created, no audit event is raised. Numbers are skipped, and objects that are never stored with a value: modules,
//! classes of libraries, frames.

use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::attributes::{AttributePair, Attributes, attributes, declared};
use super::collector::CollectorPause;
use super::function::{annotate, fields};
use super::reach::is_foreign;
use super::scalar::text as text_as_written;
use super::sets;
use super::types::{Type, entries, is_heap, own_dict};

/// Larger containers are data, and are not searched at every look.
const LARGEST: usize = 64;
/// The same for dicts: an environment is larger.
const LARGEST_DICT: usize = 256;

/// A step on the path from a value to a text in it.
#[derive(Clone)]
pub(crate) enum PathStep<'py> {
    /// The name of an attribute, a parameter, or a variable of a closure.
    Attribute(Bound<'py, PyString>),
    /// A key of a dict.
    Key(Bound<'py, PyAny>),
    /// A position in a list.
    Place(usize),
    /// A constant of a function.
    Constant(usize),
    /// Somewhere inside.
    Inside,
    /// The class or base of the value: not shown in the path.
    Class,
}

/// A part of a value, and the step to it.
pub(crate) type ChildValue<'py> = (PathStep<'py>, Bound<'py, PyAny>);

/// Returns whether a value is text, or may contain some.
pub(crate) fn may_hold_text(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: live, and the interpreter is attached.
    unsafe { leads_to_text(value.as_ptr()) }
}

/// Returns whether a value is text or bytes, of any class.
pub(crate) fn is_writing(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: live, and the interpreter is attached.
    unsafe { is_text(value.as_ptr()) }
}

/// Collects the parts of a value; returns false if there are so many that they count as data. Unnamed texts shorter
/// than `shortest` are skipped.
pub(crate) fn parts<'py>(value: &Bound<'py, PyAny>, found: &mut Vec<ChildValue<'py>>, shortest: usize) -> bool {
    let mut parts = Parts {
        py: value.py(),
        shortest: isize::try_from(shortest).unwrap_or(isize::MAX),
        found,
        is_whole: true,
    };
    // SAFETY: live objects and an attached interpreter; their parts become owned before anything else happens.
    unsafe { parts.of(value.as_ptr()) };
    parts.is_whole
}

/// Returns a text for examination, and whether it is complete: if it is longer than `most`, only its first `head`
/// characters are returned. Nothing is cached in the user's string; each byte of bytes objects becomes a character.
pub(crate) fn beginning(text: &Bound<'_, PyAny>, most: usize, head: usize) -> (String, bool) {
    // SAFETY: live, and of the type that each function expects; bytes are copied before anything else happens.
    unsafe {
        let object = text.as_ptr();
        if ffi::PyUnicode_Check(object) != 0 {
            let is_whole = ffi::PyUnicode_GET_LENGTH(object) as usize <= most;
            let last = if is_whole {
                ffi::PY_SSIZE_T_MAX
            } else {
                head as ffi::Py_ssize_t
            };
            let shown = Bound::from_owned_ptr_or_opt(text.py(), ffi::PyUnicode_Substring(object, 0, last));
            if shown.is_none() {
                ffi::PyErr_Clear();
            }
            let read = String::from_utf8(shown.map(|shown| text_as_written(shown.as_ptr())).unwrap_or_default());
            let read = read.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            return (read, is_whole);
        }
        let start = if ffi::PyBytes_Check(object) != 0 {
            ffi::PyBytes_AsString(object)
        } else if ffi::PyByteArray_Check(object) != 0 {
            ffi::PyByteArray_AsString(object)
        } else {
            return (String::new(), true);
        };
        let length = ffi::Py_SIZE(object) as usize;
        let is_whole = length <= most;
        let bytes = std::slice::from_raw_parts(start.cast::<u8>(), if is_whole { length } else { head });
        (bytes.iter().copied().map(char::from).collect(), is_whole)
    }
}

/// # Safety
/// `object` is live.
unsafe fn is_text(object: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        ffi::PyUnicode_Check(object) != 0 || ffi::PyBytes_Check(object) != 0 || ffi::PyByteArray_Check(object) != 0
    }
}

/// # Safety
/// `object` is live.
unsafe fn leads_to_text(object: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        let class = ffi::Py_TYPE(object);
        is_text(object)
            || ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HAVE_GC) != 0 && !is_never_stored(object, class)
    }
}

/// Returns whether an object is never stored with a value: running code, and modules.
///
/// # Safety
/// `object` is live and of this type.
unsafe fn is_never_stored(object: *mut ffi::PyObject, class: Type) -> bool {
    let running = [
        &raw mut ffi::PyFrame_Type,
        &raw mut ffi::PyTraceBack_Type,
        &raw mut ffi::PyGen_Type,
        &raw mut ffi::PyCoro_Type,
    ];
    // SAFETY: as the caller promises.
    running.contains(&class) || unsafe { ffi::PyModule_Check(object) != 0 }
}

/// Returns whether an unnamed text is long enough for a credential; true for other objects.
///
/// # Safety
/// `object` is live.
unsafe fn is_long(object: *mut ffi::PyObject, shortest: isize) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        if ffi::PyUnicode_Check(object) != 0 {
            ffi::PyUnicode_GET_LENGTH(object) >= shortest
        } else {
            !is_text(object) || ffi::Py_SIZE(object) >= shortest
        }
    }
}

struct Parts<'py, 'a> {
    py: Python<'py>,
    shortest: isize,
    found: &'a mut Vec<ChildValue<'py>>,
    is_whole: bool,
}

impl<'py> Parts<'py, '_> {
    /// # Safety
    /// `object` is live.
    unsafe fn of(&mut self, object: *mut ffi::PyObject) {
        // SAFETY: as the caller promises; each function is called for its own type only.
        unsafe {
            let class = ffi::Py_TYPE(object);
            let own = if ffi::PyType_Check(object) != 0 {
                return self.of_class(object.cast());
            } else if class == &raw mut ffi::PyFunction_Type {
                return self.of_function(object);
            } else if ffi::PyDict_Check(object) != 0 {
                self.of_dict(object);
                &raw mut ffi::PyDict_Type
            } else if ffi::PyList_Check(object) != 0 || ffi::PyTuple_Check(object) != 0 {
                self.of_row(object);
                class
            } else if ffi::PyAnySet_Check(object) != 0 {
                self.of_set(object);
                class
            } else {
                self.of_others(object, class);
                std::ptr::null_mut()
            };
            let is_plain = class == own && !is_heap(class);
            if !is_plain {
                self.of_instance(object, class);
            }
        }
    }

    /// # Safety
    /// `object` is null or live.
    unsafe fn add(&mut self, object: *mut ffi::PyObject, step: impl FnOnce(Python<'py>) -> PathStep<'py>) {
        // SAFETY: as the caller promises.
        unsafe {
            if !object.is_null() && leads_to_text(object) {
                let held = Bound::from_borrowed_ptr(self.py, object);
                self.found.push((step(self.py), held));
            }
        }
    }

    /// Adds an object without a name, as in [`Self::add`].
    ///
    /// # Safety
    /// `object` is null or live.
    unsafe fn add_unnamed(&mut self, object: *mut ffi::PyObject, step: PathStep<'py>) {
        // SAFETY: as the caller promises.
        unsafe {
            if !object.is_null() && is_long(object, self.shortest) {
                self.add(object, |_| step);
            }
        }
    }

    /// # Safety
    /// `name` is a live str, `object` null or live.
    unsafe fn add_named(&mut self, (name, object): AttributePair) {
        // SAFETY: as the caller promises.
        unsafe {
            self.add(object, |py| {
                PathStep::Attribute(Bound::from_borrowed_ptr(py, name).cast_into_unchecked())
            });
        }
    }

    /// Returns whether a container is small enough to be searched.
    fn is_small(&mut self, length: isize) -> bool {
        self.is_within(length, LARGEST)
    }

    fn is_within(&mut self, length: isize, most: usize) -> bool {
        let is_small = usize::try_from(length).is_ok_and(|length| length <= most);
        self.is_whole &= is_small;
        is_small
    }

    /// Adds the attributes and slots of an instance, and its class.
    ///
    /// # Safety
    /// `object` is live and of this type.
    unsafe fn of_instance(&mut self, object: *mut ffi::PyObject, class: Type) {
        // SAFETY: as the caller promises: names are str, and a slot contains a pointer.
        unsafe {
            match attributes(object) {
                Attributes::None => (),
                Attributes::Values(pairs) => pairs.for_each(|pair| self.add_named(pair)),
                Attributes::Dict(dict) => self.of_names(dict),
            }
            if !is_heap(class) {
                return;
            }
            for (_, name, offset) in declared(class) {
                let held = *object.byte_offset(offset).cast::<*mut ffi::PyObject>();
                self.add(held, |py| {
                    PathStep::Attribute(PyString::new(py, &name.to_string_lossy()))
                });
            }
            self.add(class.cast(), |_| PathStep::Class);
        }
    }

    /// Adds the attributes of a notebook class, and its bases; nothing of other classes, which are not stored.
    ///
    /// # Safety
    /// `class` is live.
    unsafe fn of_class(&mut self, class: Type) {
        // SAFETY: as the caller promises; the dict of a class changes only while code runs, its bases are a tuple.
        unsafe {
            if is_foreign(self.py, class.cast()) {
                return;
            }
            self.of_names(own_dict(class));
            let bases = (*class).tp_bases;
            for place in 0..ffi::PyTuple_GET_SIZE(bases) {
                self.add(ffi::PyTuple_GET_ITEM(bases, place), |_| PathStep::Class);
            }
        }
    }

    /// # Safety
    /// `dict` is a live dict of attributes.
    unsafe fn of_names(&mut self, dict: *mut ffi::PyObject) {
        // SAFETY: as the caller promises; nothing changes the dict meanwhile.
        unsafe {
            if dict.is_null() || !self.is_small(ffi::PyDict_Size(dict)) {
                return;
            }
            for (key, value) in entries(dict) {
                if ffi::PyUnicode_CheckExact(key) != 0 {
                    self.add_named((key, value));
                } else {
                    self.add_unnamed(value, PathStep::Inside);
                }
            }
        }
    }

    /// # Safety
    /// `dict` is a live dict.
    unsafe fn of_dict(&mut self, dict: *mut ffi::PyObject) {
        // SAFETY: as the caller promises; nothing changes the dict meanwhile.
        unsafe {
            if !self.is_within(ffi::PyDict_Size(dict), LARGEST_DICT) {
                return;
            }
            for (key, value) in entries(dict) {
                self.add(value, |py| PathStep::Key(Bound::from_borrowed_ptr(py, key)));
                self.add_unnamed(key, PathStep::Inside);
            }
        }
    }

    /// # Safety
    /// `row` is a live list or tuple.
    unsafe fn of_row(&mut self, row: *mut ffi::PyObject) {
        // SAFETY: as the caller promises.
        unsafe {
            let length = ffi::Py_SIZE(row);
            if !self.is_small(length) {
                return;
            }
            let is_list = ffi::PyList_Check(row) != 0;
            let fields = if is_list {
                None
            } else {
                self.names_of_fields(ffi::Py_TYPE(row))
            };
            for place in 0..length {
                let held = if is_list {
                    ffi::PyList_GET_ITEM(row, place)
                } else {
                    ffi::PyTuple_GET_ITEM(row, place)
                };
                match fields.as_ref().and_then(|names| names.get_item(place as usize).ok()) {
                    Some(name) if name.is_exact_instance_of::<PyString>() => {
                        self.add(held, |_| PathStep::Attribute(name.cast_into_unchecked()));
                    }
                    _ => self.add_unnamed(held, PathStep::Place(place as usize)),
                }
            }
        }
    }

    /// Returns the names of the fields of a named tuple.
    ///
    /// # Safety
    /// `class` is live, and derives from tuple.
    unsafe fn names_of_fields(&self, class: Type) -> Option<Bound<'py, PyTuple>> {
        let mut at = class;
        // SAFETY: as the caller promises; the chain of bases of a live type is live, and its dicts have str keys.
        unsafe {
            while !at.is_null() && is_heap(at) {
                let named = ffi::PyDict_GetItemString(own_dict(at), c"_fields".as_ptr());
                if !named.is_null() {
                    return self
                        .tuple(named)
                        .filter(|names| names.is_exact_instance_of::<PyTuple>());
                }
                at = (*at).tp_base;
            }
        }
        None
    }

    /// # Safety
    /// `set` is a live set or frozenset.
    unsafe fn of_set(&mut self, set: *mut ffi::PyObject) {
        // SAFETY: as the caller promises; nothing changes it meanwhile.
        unsafe {
            if self.is_small(ffi::PySet_Size(set)) {
                for held in sets::members(set) {
                    self.add_unnamed(held, PathStep::Inside);
                }
            }
        }
    }

    /// Adds the referents of an instance of a C type, as the collector sees them, except those found by name.
    ///
    /// # Safety
    /// `object` is live and of this type.
    unsafe fn of_others(&mut self, object: *mut ffi::PyObject, class: Type) {
        /// The referents, and the dict of attributes, which is not one of them.
        struct Held {
            found: Vec<*mut ffi::PyObject>,
            own: *mut ffi::PyObject,
            shortest: isize,
        }
        unsafe extern "C" fn note(object: *mut ffi::PyObject, held: *mut c_void) -> c_int {
            // SAFETY: the struct below, which nothing else uses meanwhile; a live object.
            unsafe {
                let held = &mut *held.cast::<Held>();
                if object != held.own && leads_to_text(object) && is_long(object, held.shortest) {
                    held.found.push(object);
                }
                c_int::from(held.found.len() > LARGEST)
            }
        }
        // SAFETY: as the caller promises. The traversal of a type visits its referents; it runs no Python code.
        unsafe {
            let Some(traverse) = own_traverse(self.py, class) else {
                return;
            };
            let own = match attributes(object) {
                Attributes::Dict(dict) => dict,
                _ => std::ptr::null_mut(),
            };
            let mut held = Held {
                found: Vec::new(),
                own,
                shortest: self.shortest,
            };
            traverse(object, note, (&raw mut held).cast());
            if self.is_small(held.found.len() as isize) {
                for one in held.found {
                    self.add(one, |_| PathStep::Inside);
                }
            }
        }
    }

    /// Adds the defaults, closure, attributes and annotations of a function, and the constants of its code.
    ///
    /// # Safety
    /// `function` is a live function.
    unsafe fn of_function(&mut self, function: *mut ffi::PyObject) {
        // Tuples of names may be made: no user code may run because of that.
        let _uncollected = CollectorPause::begin(self.py);
        // SAFETY: as the caller promises; all fields are null or live.
        unsafe {
            let fields = fields(function);
            let code = fields.func_code;
            self.of_names(fields.func_dict);
            self.add_unnamed(fields.func_doc, PathStep::Inside);
            self.add(fields.func_annotations, |_| PathStep::Inside);
            self.add(annotate(function), |_| PathStep::Inside);
            if !fields.func_kwdefaults.is_null() {
                self.of_names(fields.func_kwdefaults);
            }
            self.of_parameters(code, fields.func_defaults);
            self.of_closure(code, fields.func_closure);
            self.of_code(code);
        }
    }

    /// # Safety
    /// `code` is a live code, `defaults` null or the tuple of a function with it.
    unsafe fn of_parameters(&mut self, code: *mut ffi::PyObject, defaults: *mut ffi::PyObject) {
        let Some(defaults) = self.tuple(defaults) else { return };
        let code = self.owned(code);
        let count: usize = code
            .getattr("co_argcount")
            .and_then(|count| count.extract())
            .unwrap_or(0);
        let Ok(names) = code.getattr("co_varnames") else { return };
        let first = count.saturating_sub(defaults.len());
        self.of_variables(&names, first, defaults.iter());
    }

    /// # Safety
    /// `code` is a live code, `closure` null or the cells of a function with it.
    unsafe fn of_closure(&mut self, code: *mut ffi::PyObject, closure: *mut ffi::PyObject) {
        let Some(cells) = self.tuple(closure) else { return };
        let Ok(names) = self.owned(code).getattr("co_freevars") else {
            return;
        };
        let none = self.py.None().into_bound(self.py);
        let held = cells.iter().map(|cell| {
            // SAFETY: a closure contains only cells; the content of one is owned from here on.
            unsafe { Bound::from_owned_ptr_or_opt(cell.py(), ffi::PyCell_Get(cell.as_ptr())) }
                .unwrap_or_else(|| none.clone())
        });
        self.of_variables(&names, 0, held.collect::<Vec<_>>().into_iter());
    }

    /// Adds the values of variables with these names, from the `first` on.
    fn of_variables(
        &mut self,
        names: &Bound<'py, PyAny>,
        first: usize,
        values: impl Iterator<Item = Bound<'py, PyAny>>,
    ) {
        let Ok(names) = names.cast::<PyTuple>() else { return };
        let named = names.iter().skip(first).zip(values);
        let texts = named.filter(|(_, value)| may_hold_text(value));
        self.found.extend(texts.filter_map(|(name, value)| {
            let name = name.cast_into::<PyString>().ok()?;
            Some((PathStep::Attribute(name), value))
        }));
    }

    /// # Safety
    /// `code` is a live code.
    unsafe fn of_code(&mut self, code: *mut ffi::PyObject) {
        let (mut open, mut count) = (vec![self.owned(code)], 0);
        while let Some(code) = open.pop() {
            let Ok(constants) = code
                .getattr("co_consts")
                .and_then(|all| Ok(all.cast_into::<PyTuple>()?))
            else {
                continue;
            };
            for constant in constants.iter() {
                // SAFETY: live, like the code that holds it.
                let is_code = unsafe { ffi::PyCode_Check(constant.as_ptr()) != 0 };
                // SAFETY: the same.
                let may_be_one =
                    || unsafe { leads_to_text(constant.as_ptr()) && is_long(constant.as_ptr(), self.shortest) };
                if is_code {
                    open.push(constant);
                } else if count < LARGEST && may_be_one() {
                    self.found.push((PathStep::Constant(count), constant));
                    count += 1;
                }
            }
        }
    }

    fn owned(&self, object: *mut ffi::PyObject) -> Bound<'py, PyAny> {
        // SAFETY: callers pass a live object.
        unsafe { Bound::from_borrowed_ptr(self.py, object) }
    }

    fn tuple(&self, object: *mut ffi::PyObject) -> Option<Bound<'py, PyTuple>> {
        // SAFETY: callers pass null or a live object.
        let held = unsafe { Bound::from_borrowed_ptr_or_opt(self.py, object) }?;
        held.cast_into::<PyTuple>().ok()
    }
}

/// Returns the traversal of the C type that a class is or derives from. Parts added by Python classes are found by
/// name.
///
/// # Safety
/// `class` is live.
unsafe fn own_traverse(py: Python<'_>, class: Type) -> Option<ffi::traverseproc> {
    let of_classes = traverse_of_classes(py);
    let mut at = class;
    // SAFETY: as the caller promises; the chain of bases of a live type is live.
    unsafe {
        while !at.is_null() {
            let own = (*at).tp_traverse?;
            if Some(own as usize) != of_classes {
                return Some(own);
            }
            at = (*at).tp_base;
        }
    }
    None
}

/// Returns the traversal of classes made in Python.
fn traverse_of_classes(py: Python<'_>) -> Option<usize> {
    static OF_CLASSES: PyOnceLock<Option<usize>> = PyOnceLock::new();
    *OF_CLASSES.get_or_init(py, || {
        let class = py.get_type::<PyType>().call1(("Probe", (), PyDict::new(py))).ok()?;
        // SAFETY: a live class.
        unsafe {
            (*class.as_ptr().cast::<ffi::PyTypeObject>())
                .tp_traverse
                .map(|own| own as usize)
        }
    })
}

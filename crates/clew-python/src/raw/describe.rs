//! Describes one object at a time for the walk. Reads memory, runs no code.

use clew_core::graph::{BufferView, Node};
use pyo3::ffi;

use super::attributes::write_part;
use super::builtin::{describe_builtin, describe_descriptor, field, write_global, write_made};
use super::class_body::described_class;
use super::facts::{Base, Shape, TypeFacts};
use super::heap::{PythonHeap, memory_of};
use super::module_loads::{LoadMark, find_in};
use super::object::{Guise, Object};
use super::reach::referent;
use super::remote_handles::Whereabouts;
use super::scalar::{text, write_int, write_text};
use super::twin::Twin;
use super::types::{Type, class_with_dict, entries, own_dict, type_names};
use super::{code, enums, function, sets};
use crate::cause::PythonCause;
use crate::kinds;
use crate::payload::Write;

/// Bytes objects larger than this go into a buffer, so that looks do not copy them; after an insertion, all following
/// blocks are stored again. Smaller ones are in the stream, like strings, where block boundaries depend on the
/// content.
const BUFFERED: isize = 32 << 20;

impl PythonHeap {
    /// Describes an object.
    ///
    /// # Safety
    /// It is live, the interpreter is attached, and no code runs meanwhile.
    pub(super) unsafe fn describe_object(&mut self, object: Object, node: &mut Node<'_, Object>) {
        let pointer = object.pointer();
        // SAFETY: as the caller promises; each shape is read according to its type's layout.
        unsafe {
            match object.guise() {
                Guise::Usual if self.describe_common(pointer, node) => return,
                Guise::Globals => return node.defer(),
                _ => {}
            }
            let facts = self.facts(ffi::Py_TYPE(pointer));
            match facts.shape {
                Shape::Instance(base) => self.describe_instance(pointer, base, &facts, object.guise(), node),
                _ => self.describe_rarer(object, &facts, node),
            }
        }
    }

    /// Describes an object of one of the commonest types, which are recognized by address alone; returns false for
    /// other types.
    unsafe fn describe_common(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) -> bool {
        // SAFETY: see `describe_object`.
        unsafe {
            let class = ffi::Py_TYPE(pointer);
            if class == &raw mut ffi::PyUnicode_Type {
                node.kind(kinds::STR);
                write_text(pointer, node.payload());
            } else if class == &raw mut ffi::PyLong_Type {
                node.kind(kinds::INT);
                write_int(pointer, node.payload());
            } else if class == &raw mut ffi::PyFloat_Type {
                self.describe_float(pointer, node);
            } else if class == &raw mut ffi::PyList_Type {
                node.kind(kinds::LIST);
                list_items(pointer, node);
            } else if class == &raw mut ffi::PyDict_Type {
                self.describe_dict(pointer, node);
            } else if class == &raw mut ffi::PyTuple_Type {
                node.kind(kinds::TUPLE);
                tuple_items(pointer, node);
            } else {
                return false;
            }
            true
        }
    }

    unsafe fn describe_rarer(&mut self, object: Object, facts: &TypeFacts, node: &mut Node<'_, Object>) {
        let pointer = object.pointer();
        // SAFETY: see `describe_object`.
        unsafe {
            match facts.shape {
                Shape::Code | Shape::Function | Shape::Class | Shape::Builtin
                    if self.foreign.describe(pointer, node) => {}
                Shape::None => node.kind(kinds::NONE),
                Shape::Ellipsis => node.kind(kinds::ELLIPSIS),
                Shape::NotImplemented => node.kind(kinds::NOT_IMPLEMENTED),
                Shape::Bool => {
                    node.kind(kinds::BOOL);
                    node.payload().push(u8::from(pointer == ffi::Py_True()));
                }
                Shape::Complex => {
                    node.kind(kinds::COMPLEX);
                    complex(pointer, node);
                }
                Shape::Bytes => self.describe_bytes(pointer, node),
                Shape::Bytearray => self.describe_bytearray(pointer, node),
                Shape::Set => {
                    node.kind(kinds::SET);
                    set_members(pointer, node);
                }
                Shape::Frozenset => {
                    node.kind(kinds::FROZENSET);
                    set_members(pointer, node);
                }
                Shape::Slice => fields(pointer, kinds::SLICE, &[c"start", c"stop", c"step"], node),
                Shape::Range => fields(pointer, kinds::RANGE, &[c"start", c"stop", c"step"], node),
                Shape::Class => self.describe_class(object, node),
                Shape::Module => self.describe_module(pointer, node),
                Shape::Function => self.describe_function(object, node),
                Shape::Code => code::describe_code(pointer, node),
                Shape::Cell => {
                    node.kind(kinds::CELL);
                    optional(word(pointer, 0), node);
                }
                Shape::BoundMethod => {
                    node.kind(kinds::BOUND_METHOD);
                    node.child(Object::new(word(pointer, 0)));
                    node.child(Object::new(word(pointer, 1)));
                }
                Shape::Builtin => {
                    self.met.note(Object::new(pointer));
                    describe_builtin(pointer, node);
                }
                Shape::Descriptor => describe_descriptor(pointer, node),
                Shape::EnumMember => self.describe_member(object, facts, node),
                _ => self.describe_wrappers(pointer, facts, node),
            }
        }
    }

    unsafe fn describe_wrappers(
        &mut self,
        pointer: *mut ffi::PyObject,
        facts: &TypeFacts,
        node: &mut Node<'_, Object>,
    ) {
        // SAFETY: see `describe_object`.
        unsafe {
            match facts.shape {
                Shape::Property => {
                    fields(pointer, kinds::PROPERTY, &[c"fget", c"fset", c"fdel", c"__doc__"], node);
                }
                Shape::Staticmethod => {
                    fields(pointer, kinds::STATICMETHOD, &[c"__func__"], node);
                    write_part(pointer, &facts.slots, node);
                }
                Shape::Classmethod => {
                    fields(pointer, kinds::CLASSMETHOD, &[c"__func__"], node);
                    write_part(pointer, &facts.slots, node);
                }
                Shape::MethodWrapper => {
                    node.kind(kinds::BUILTIN_METHOD);
                    write_made(pointer, c"__name__", node.payload());
                    node.child(Object::new(field(pointer, c"__self__")));
                }
                Shape::Mappingproxy if self.describe_token(pointer, node) => {}
                Shape::Mappingproxy => {
                    node.kind(kinds::MAPPINGPROXY);
                    node.child(Object::new(word(pointer, 0)));
                }
                Shape::DictView(which) => {
                    node.kind(kinds::DICT_VIEW);
                    node.payload().push(which);
                    node.child(Object::new(word(pointer, 0)));
                }
                Shape::Partial => {
                    fields(pointer, kinds::PARTIAL, &[c"func", c"args", c"keywords"], node);
                    write_part(pointer, &facts.slots, node);
                }
                Shape::Weakref => describe_weakref(pointer, node),
                Shape::Super => {
                    node.kind(kinds::SUPER);
                    optional(word(pointer, 0), node);
                    optional(word(pointer, 1), node);
                }
                Shape::Logger => self.describe_logger(pointer, node),
                Shape::Memory => self.describe_memory(pointer, node),
                Shape::Whereabouts => self.describe_whereabouts(pointer, node),
                Shape::Staged => self.describe_twin(pointer, node),
                Shape::Opaque(why) => self.describe_opaque(pointer, &why.to_string(), node),
                Shape::WithoutValue => self.describe_opaque(pointer, facts.why.as_deref().unwrap_or_default(), node),
                _ => self.describe_deferred(pointer, facts, node),
            }
        }
    }

    unsafe fn describe_deferred(
        &mut self,
        pointer: *mut ffi::PyObject,
        facts: &TypeFacts,
        node: &mut Node<'_, Object>,
    ) {
        if self.describe_by_name(pointer, facts, node) {
            return;
        }
        node.defer();
    }

    /// Describes tokens, and objects that a library's module holds by name; returns false for others.
    fn describe_by_name(
        &mut self,
        pointer: *mut ffi::PyObject,
        facts: &TypeFacts,
        node: &mut Node<'_, Object>,
    ) -> bool {
        if self.describe_token(pointer, node) {
            self.met.note(Object::new(pointer));
            return true;
        }
        let found = match Self::global_name(facts, pointer) {
            // SAFETY: a live object's type is live.
            Some(name) => unsafe {
                Some((
                    type_names(ffi::Py_TYPE(pointer), self.known.module_key).0,
                    name.to_vec(),
                ))
            },
            None if facts.shape == Shape::Cached => self.cached_in_library(pointer),
            None => {
                let found = self.sentinel_in_library(pointer);
                // SAFETY: live strings of the sentinel.
                found.map(|(module, name)| unsafe { (text(module), text(name)) })
            }
        };
        let Some((module, name)) = found else {
            return false;
        };
        self.met.note(Object::new(pointer));
        write_global(&module, &name, node);
        true
    }

    /// Describes an object that exists once per process; returns false for others.
    fn describe_token(&self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) -> bool {
        let Some(token) = self.tokens.get(&pointer) else {
            return false;
        };
        node.kind(kinds::TOKEN);
        node.payload().extend_from_slice(token.as_bytes());
        true
    }

    unsafe fn describe_float(&self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        // SAFETY: a live float.
        let value = unsafe { ffi::PyFloat_AS_DOUBLE(pointer) };
        if value.is_nan() && self.describe_token(pointer, node) {
            return;
        }
        node.kind(kinds::FLOAT);
        node.payload().extend_from_slice(&value.to_le_bytes());
    }

    unsafe fn describe_dict(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        // SAFETY: a live dict.
        unsafe {
            // Dicts of modules and of the process have other references, too.
            if ffi::Py_REFCNT(pointer) > 1 {
                if self.describe_token(pointer, node) {
                    return;
                }
                if let Some(module) = self.module_of_dict(pointer) {
                    node.kind(kinds::MODULE_DICT);
                    node.payload().extend_from_slice(&module);
                    return;
                }
                if let Some(class) = self.class_of_dict(pointer) {
                    // The collector will empty the dict of a class that was replaced.
                    if self.is_replaced(class) {
                        node.kind(kinds::DICT);
                        return;
                    }
                    node.kind(kinds::CLASS_DICT);
                    node.child(Object::new(class.cast()));
                    return;
                }
            }
            node.kind(kinds::DICT);
            dict_items(pointer, node);
        }
    }

    unsafe fn describe_bytes(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        node.kind(kinds::BYTES);
        // SAFETY: a live bytes object, which never changes.
        unsafe {
            let (start, length) = (ffi::PyBytes_AS_STRING(pointer).cast::<u8>(), ffi::Py_SIZE(pointer));
            if length > BUFFERED {
                self.show(pointer, start as u64, length as u64, node);
                return;
            }
            let bytes = std::slice::from_raw_parts(start, length as usize);
            node.payload().extend_from_slice(bytes);
        }
    }

    unsafe fn describe_bytearray(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        node.kind(kinds::BYTEARRAY);
        // SAFETY: a live bytearray; its memory is held by a view until the look ends.
        unsafe {
            let length = ffi::PyByteArray_GET_SIZE(pointer);
            if length > 0 {
                let start = ffi::PyByteArray_AS_STRING(pointer) as u64;
                self.show(pointer, start, length as u64, node);
            }
        }
    }

    /// Adds memory of an object to the node, and holds it until the look ends.
    fn show(&mut self, owner: *mut ffi::PyObject, address: u64, length: u64, node: &mut Node<'_, Object>) {
        let view = BufferView {
            address,
            length,
            column: 0,
            copies_on_write: false,
        };
        if self.hold_memory(owner) {
            self.shown.add(&view);
            node.buffer(view);
        } else {
            node.opaque(PythonCause::MemoryNotHeld);
        }
    }

    unsafe fn describe_memory(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        node.kind(kinds::MEMORY);
        let py = self.py();
        let Some(memory) = memory_of(&Object::new(pointer).bound(py)) else {
            return;
        };
        let view = memory.get().buffer_view();
        node.payload().push(u8::from(view.copies_on_write));
        if view.length > 0 {
            self.keep_made(memory.into_any());
            self.shown.add(&view);
            node.buffer(view);
        }
    }

    fn describe_whereabouts(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        node.kind(kinds::WHEREABOUTS);
        let py = self.py();
        if let Ok(place) = Object::new(pointer).bound(py).cast_exact::<Whereabouts>() {
            node.payload().extend_from_slice(place.get().text.as_bytes());
        }
    }

    unsafe fn describe_class(&mut self, object: Object, node: &mut Node<'_, Object>) {
        let pointer = object.pointer();
        let class = pointer.cast();
        // SAFETY: a live type.
        unsafe {
            if object.guise() == Guise::Whole && super::types::is_heap(class) {
                let id = self.meet_definition(class);
                if super::facts::c_base(ffi::Py_TYPE(pointer), &self.known) != &raw mut ffi::PyType_Type {
                    node.opaque(PythonCause::CompiledClass);
                }
                self.definitions.body_of(class, id, &self.known).describe(node);
            } else if self.names.is_definition(class, &self.known) {
                node.kind(kinds::CLASS);
                let id = self.refer_to_definition(pointer);
                node.payload().extend_from_slice(id.as_bytes());
            } else {
                self.foreign.see(pointer);
                self.met.note(Object::new(pointer));
                let (module, name) = type_names(class, self.known.module_key);
                write_global(&module, &name, node);
                write_mark(self.names.mark_of_class(class, &self.known), node);
            }
        }
    }

    fn describe_twin(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        let py = self.py();
        if let Ok(twin) = Object::new(pointer).bound(py).cast_exact::<Twin>() {
            twin.get().body().describe(node);
        }
    }

    unsafe fn describe_module(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        // SAFETY: a live module.
        unsafe {
            let name = ffi::PyDict_GetItemString(ffi::PyModule_GetDict(pointer), c"__name__".as_ptr());
            if name.is_null() || ffi::PyUnicode_CheckExact(name) == 0 || self.names.module(name) != pointer {
                node.defer();
                return;
            }
            self.met.note(Object::new(pointer));
            node.kind(kinds::MODULE);
            write_text(name, node.payload());
        }
    }

    unsafe fn describe_function(&mut self, object: Object, node: &mut Node<'_, Object>) {
        let pointer = object.pointer();
        // SAFETY: a live function.
        unsafe {
            if object.guise() == Guise::Usual {
                if let Some((id, name)) = self.definitions.method(pointer).cloned() {
                    node.kind(kinds::METHOD);
                    node.payload().extend_from_slice(id.as_bytes());
                    node.payload().extend_from_slice(&name);
                    let class = self.definitions.class_of(self.py(), &id).map(|class| class.as_ptr());
                    if let Some(class) = class {
                        self.refer_to_definition(class);
                    }
                    return;
                }
                self.met.note(Object::new(pointer));
                if let Some((module, name)) = self.names_in_library(pointer) {
                    self.foreign.see(pointer);
                    node.kind(kinds::GLOBAL);
                    super::scalar::write_name(module, node.payload());
                    super::scalar::write_name(name, node.payload());
                    write_mark(self.mark_of(pointer), node);
                    return;
                }
            }
            self.met.note(object);
            let globals = self.globals_as_read(function::globals(pointer));
            function::describe_function(pointer, globals, node);
        }
    }

    /// Returns the globals of a function: the dict itself, or, if it is a copy of the notebook's names that a library
    /// made to run code in (attrs, doctest), only the names that the functions may read. Otherwise every value of the
    /// session would be a part of each such copy.
    unsafe fn globals_as_read(&self, globals: *mut ffi::PyObject) -> Object {
        let object = Object::new(globals);
        // SAFETY: a live function's globals are a live dict.
        unsafe {
            if globals == self.namespace || ffi::PyDict_CheckExact(globals) == 0 || self.tokens.contains_key(&globals) {
                return object;
            }
            let name = super::types::item(globals, self.known.name_key);
            let is_of_notebook = !name.is_null()
                && ffi::PyUnicode_CheckExact(name) != 0
                && ffi::PyUnicode_CompareWithASCIIString(name, c"__main__".as_ptr()) == 0;
            if is_of_notebook && self.module_of_dict(globals).is_none() {
                object.as_globals()
            } else {
                object
            }
        }
    }

    unsafe fn describe_member(&mut self, object: Object, facts: &TypeFacts, node: &mut Node<'_, Object>) {
        let pointer = object.pointer();
        // SAFETY: a live instance of an Enum.
        unsafe {
            if object.guise() == Guise::Usual {
                if enums::describe_member(pointer, node) {
                    return;
                }
                if !self.names.is_definition(ffi::Py_TYPE(pointer), &self.known) {
                    node.defer();
                    return;
                }
            }
            // A combination of the notebook's flags belongs to its class, and is written as an instance.
            let base = super::facts::readable_base(ffi::Py_TYPE(pointer), &self.known).unwrap_or(Base::Object);
            self.describe_instance(pointer, base, facts, Guise::Whole, node);
        }
    }

    unsafe fn describe_logger(&mut self, pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
        node.kind(kinds::LOGGER);
        // SAFETY: a live object; its attributes are.
        unsafe {
            if let Some(name) = super::attributes::named(pointer, b"name")
                && ffi::PyUnicode_Check(name) != 0
            {
                write_text(name, node.payload());
            }
        }
    }

    fn describe_opaque(&mut self, pointer: *mut ffi::PyObject, why: &str, node: &mut Node<'_, Object>) {
        if self.describe_token(pointer, node) {
            self.met.note(Object::new(pointer));
            return;
        }
        node.kind(kinds::OPAQUE);
        let serial = clew_core::graph::Heap::serial(self, Object::new(pointer));
        node.payload().extend_from_slice(&serial.to_be_bytes());
        node.opaque(why);
    }

    unsafe fn describe_instance(
        &mut self,
        pointer: *mut ffi::PyObject,
        base: Base,
        facts: &TypeFacts,
        guise: Guise,
        node: &mut Node<'_, Object>,
    ) {
        if guise == Guise::Usual && self.describe_by_name(pointer, facts, node) {
            return;
        }
        // The members of a set are unordered, the rest of an instance is not: a copy of the set represents the
        // members.
        if matches!(base, Base::Set | Base::Frozenset) {
            node.defer();
            return;
        }
        node.kind(kinds::INSTANCE);
        // SAFETY: a live object whose C part is that of `base`.
        unsafe {
            node.child(Object::new(ffi::Py_TYPE(pointer).cast()));
            node.payload().push(base as u8);
            self.describe_base(pointer, base, node);
            write_part(pointer, &facts.slots, node);
        }
    }

    /// Writes the base part of an instance: its own payload after a length, then its number of children.
    unsafe fn describe_base(&mut self, pointer: *mut ffi::PyObject, base: Base, node: &mut Node<'_, Object>) {
        // SAFETY: a live object whose C part is that of `base`.
        unsafe {
            match base {
                Base::Object | Base::Set | Base::Frozenset => {}
                Base::Dict => {
                    node.payload().number(ffi::PyDict_Size(pointer) as u64 * 2);
                    dict_items(pointer, node);
                }
                Base::List => {
                    node.payload().number(ffi::PyList_GET_SIZE(pointer) as u64);
                    list_items(pointer, node);
                }
                Base::Tuple => {
                    node.payload().number(ffi::Py_SIZE(pointer) as u64);
                    tuple_items(pointer, node);
                }
                Base::Str => super::scalar::write_name(pointer, node.payload()),
                Base::Int => {
                    let mut bytes = Vec::new();
                    write_int(pointer, &mut bytes);
                    node.payload().name(&bytes);
                }
                Base::Float => {
                    let bytes = ffi::PyFloat_AS_DOUBLE(pointer).to_le_bytes();
                    node.payload().extend_from_slice(&bytes);
                }
                Base::Bytes => {
                    let start = ffi::PyBytes_AS_STRING(pointer).cast::<u8>();
                    let bytes = std::slice::from_raw_parts(start, ffi::Py_SIZE(pointer) as usize);
                    node.payload().name(bytes);
                }
                Base::Complex => complex(pointer, node),
            }
        }
    }

    /// Returns the name of the module whose dict this is, if the module is found under its name.
    unsafe fn module_of_dict(&self, dict: *mut ffi::PyObject) -> Option<Vec<u8>> {
        // SAFETY: a live dict.
        unsafe {
            // Few dicts of users have that key, and a module's dict has it among the first.
            let name = super::types::item(dict, self.known.name_key);
            if name.is_null() || ffi::PyUnicode_CheckExact(name) == 0 {
                return None;
            }
            let module = self.names.module(name);
            if module.is_null() || ffi::PyModule_Check(module) == 0 || ffi::PyModule_GetDict(module) != dict {
                return None;
            }
            Some(text(name))
        }
    }
}

impl PythonHeap {
    /// Returns the class whose own attributes are in this dict.
    unsafe fn class_of_dict(&self, dict: *mut ffi::PyObject) -> Option<Type> {
        // SAFETY: a live dict.
        unsafe {
            // Every class has this key, which cannot be deleted; few dicts of users have it.
            if super::types::item(dict, self.known.doc_key).is_null() {
                return None;
            }
            let known = self.definitions.with_dict(dict);
            known.or_else(|| class_with_dict(self.py(), dict))
        }
    }

    /// Returns whether a decorator (`attrs.define`, `dataclass(slots=True)`) replaced a class by another one with the same functions,
    /// and the dict of the old one does not keep it alive, as its own descriptors would.
    fn is_replaced(&self, class: Type) -> bool {
        // SAFETY: a live class; classes found by name are live too.
        unsafe {
            let (module, path) = type_names(class, self.known.module_key);
            let found = if module == b"__main__" {
                find_in(self.namespace, &path)
            } else {
                self.names.find(&module, &path)
            };
            if found.is_null() || found == class.cast() || !super::types::is_type(found) {
                return false;
            }
            let other = own_dict(found.cast());
            let is_shared = |(name, value): (*mut ffi::PyObject, *mut ffi::PyObject)| {
                ffi::PyFunction_Check(value) != 0 && super::types::item(other, name) == value
            };
            let mut values = entries(own_dict(class)).map(|(_, value)| value);
            entries(own_dict(class)).any(is_shared) && !values.any(|value| described_class(value) == class)
        }
    }
}

/// Writes which load made an object of the user's own modules; nothing for a library's object.
fn write_mark(mark: Option<LoadMark>, node: &mut Node<'_, Object>) {
    if let Some(mark) = mark {
        node.payload().extend_from_slice(&mark.source);
        node.payload().number(mark.load.into());
    }
}

unsafe fn describe_weakref(pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    node.kind(kinds::WEAKREF);
    // SAFETY: a live weak reference.
    unsafe {
        let referent = referent(pointer);
        let proxy = ffi::PyWeakref_CheckProxy(pointer) != 0;
        node.payload().push(u8::from(referent.is_some()) | u8::from(proxy) << 1);
        if let Some(referent) = referent {
            node.child(Object::new(referent));
        }
        optional((*pointer.cast::<ffi::PyWeakReference>()).wr_callback, node);
    }
}

/// # Safety
/// `object` is live and owns what its getters return.
unsafe fn fields(object: *mut ffi::PyObject, kind: u16, names: &[&std::ffi::CStr], node: &mut Node<'_, Object>) {
    node.kind(kind);
    for name in names {
        // SAFETY: as the caller promises.
        let found = unsafe { field(object, name) };
        // SAFETY: `None` is immortal or held by the interpreter.
        let found = if found.is_null() {
            unsafe { ffi::Py_None() }
        } else {
            found
        };
        node.child(Object::new(found));
    }
}

/// Returns the n-th pointer after the head of an object whose C type starts with pointers to objects.
unsafe fn word(object: *mut ffi::PyObject, nth: usize) -> *mut ffi::PyObject {
    // SAFETY: callers know the layout: cells, bound methods, mapping proxies, dict views.
    unsafe { *object.add(1).cast::<*mut ffi::PyObject>().add(nth) }
}

unsafe fn optional(pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    if !pointer.is_null() {
        node.child(Object::new(pointer));
    }
}

unsafe fn complex(pointer: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: a live complex.
    let value = unsafe { (*pointer.cast::<ffi::PyComplexObject>()).cval };
    node.payload().extend_from_slice(&value.real.to_le_bytes());
    node.payload().extend_from_slice(&value.imag.to_le_bytes());
}

unsafe fn list_items(list: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: a live list, or an instance of a subclass; its items are live.
    unsafe {
        for nth in 0..ffi::PyList_GET_SIZE(list) {
            node.child(Object::new(ffi::PyList_GET_ITEM(list, nth)));
        }
    }
}

unsafe fn tuple_items(tuple: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: a live tuple, or an instance of a subclass; its items are live.
    unsafe {
        for nth in 0..ffi::Py_SIZE(tuple) {
            let item = Object::new(ffi::PyTuple_GET_ITEM(tuple, nth));
            item.prefetch();
            node.child(item);
        }
    }
}

unsafe fn set_members(set: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: a live set; its members are live.
    unsafe {
        if !sets::write_table(set, node.payload()) {
            node.unordered();
        }
        sets::members(set).for_each(|member| node.child(Object::new(member)));
    }
}

unsafe fn dict_items(dict: *mut ffi::PyObject, node: &mut Node<'_, Object>) {
    // SAFETY: a live dict, or an instance of a subclass; nothing changes it meanwhile.
    unsafe {
        for (key, value) in entries(dict) {
            let value = Object::new(value);
            value.prefetch();
            node.child(Object::new(key));
            node.child(value);
        }
    }
}

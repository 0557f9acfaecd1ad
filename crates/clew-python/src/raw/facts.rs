//! Classifies types by the kind of their instances: once per look for each type, without running code.

use pyo3::ffi;
use pyo3::prelude::*;

use super::attributes::{ClassSlot, MANAGED_DICT, members, slots};
use super::codecs::Sharing;
use super::types::{Type, derives, is_heap, lookup, type_names};
use crate::cause::PythonCause;

/// The way in which the instances of a type are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    None,
    Bool,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    Bytearray,
    Tuple,
    List,
    Dict,
    Set,
    Frozenset,
    Slice,
    Range,
    Ellipsis,
    NotImplemented,
    Class,
    Module,
    Function,
    Code,
    Cell,
    BoundMethod,
    Builtin,
    Descriptor,
    MethodWrapper,
    Property,
    Staticmethod,
    Classmethod,
    Mappingproxy,
    DictView(u8),
    Weakref,
    Super,
    Logger,
    Memory,
    Whereabouts,
    Memoryview,
    Cached,
    Partial,
    Staged,
    EnumMember,
    /// Its C part is one of the bases that the walk reads itself.
    Instance(Base),
    /// Only a codec or a reducer can describe it.
    Deferred,
    /// It has no value.
    Opaque(&'static PythonCause),
    /// It has no value, for the reason in the facts.
    WithoutValue,
}

/// The C part of an instance that is read in memory. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Base {
    Object = 0,
    Dict = 1,
    List = 2,
    Set = 3,
    Frozenset = 4,
    Tuple = 5,
    Str = 6,
    Int = 7,
    Float = 8,
    Bytes = 9,
    Complex = 10,
}

impl Base {
    /// All of them, each at its number.
    const ALL: [Self; 11] = [
        Self::Object,
        Self::Dict,
        Self::List,
        Self::Set,
        Self::Frozenset,
        Self::Tuple,
        Self::Str,
        Self::Int,
        Self::Float,
        Self::Bytes,
        Self::Complex,
    ];

    /// Returns the base with this stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Returns the builtin type itself.
    pub(super) fn type_object(self) -> Type {
        match self {
            Self::Object => &raw mut ffi::PyBaseObject_Type,
            Self::Dict => &raw mut ffi::PyDict_Type,
            Self::List => &raw mut ffi::PyList_Type,
            Self::Set => &raw mut ffi::PySet_Type,
            Self::Frozenset => &raw mut ffi::PyFrozenSet_Type,
            Self::Tuple => &raw mut ffi::PyTuple_Type,
            Self::Str => &raw mut ffi::PyUnicode_Type,
            Self::Int => &raw mut ffi::PyLong_Type,
            Self::Float => &raw mut ffi::PyFloat_Type,
            Self::Bytes => &raw mut ffi::PyBytes_Type,
            Self::Complex => &raw mut ffi::PyComplex_Type,
        }
    }
}

/// The facts about a type that the walk needs.
pub(super) struct TypeFacts {
    pub shape: Shape,
    /// The slots that its Python classes declare.
    pub slots: Vec<ClassSlot>,
    /// The offset of the list of weak references in its instances, or 0.
    pub weak: isize,
    /// Instances that a library's module holds by name.
    pub globals: Vec<(*mut ffi::PyObject, Vec<u8>)>,
    /// The effect of sharing an instance between roots.
    pub sharing: Sharing,
    /// Whether a reducer of the user, written in Python, determines what is stored.
    pub own_reducer: bool,
    /// The reason why its instances have no value.
    pub why: Option<String>,
    /// Keeps the type alive, and so its address unique, while these facts exist.
    pub _pin: Option<Py<PyAny>>,
}

/// Names that the classification looks up, and types with which it compares. Made once per heap.
pub(super) struct WellKnownObjects {
    pub module_key: *mut ffi::PyObject,
    pub name_key: *mut ffi::PyObject,
    pub doc_key: *mut ffi::PyObject,
    /// `__reduce_ex__`, `__reduce__`, `__getstate__`, `__setstate__`, then `__getnewargs__`, `__getnewargs_ex__`.
    pub reducers: [*mut ffi::PyObject; 6],
    pub enum_type: Type,
    pub logger: Type,
    /// The type of sentinels since Python 3.15; null before.
    pub sentinel: Type,
    /// The deallocator of every class written in Python.
    pub dealloc: ffi::destructor,
}

/// Returns the type that the C part comes from: the first base that is not deallocated by the interpreter's own
/// routine for Python classes, or that has memory besides its slots.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn c_base(class: Type, known: &WellKnownObjects) -> Type {
    let mut at = class;
    // SAFETY: the chain of bases of a live type is live and ends at `object`.
    unsafe {
        while is_heap(at)
            && (*at)
                .tp_dealloc
                .is_some_and(|found| found as usize == known.dealloc as usize)
        {
            let base = (*at).tp_base;
            if base.is_null() || hidden_memory(at, base) {
                break;
            }
            at = base;
        }
    }
    at
}

/// Returns whether instances of `class` are larger than those of `base` with the slots of `class`.
unsafe fn hidden_memory(class: Type, base: Type) -> bool {
    // SAFETY: both are live; `class` is a heap type.
    unsafe {
        let word = size_of::<usize>() as isize;
        let own = members(class);
        let slots = own
            .iter()
            .filter(|member| member.type_code == ffi::Py_T_OBJECT_EX)
            .count();
        if slots != own.len() {
            return true;
        }
        let mut explained = (*base).tp_basicsize + slots as isize * word;
        let managed = ffi::PyType_GetFlags(class) & MANAGED_DICT != 0;
        if (*class).tp_dictoffset != 0 && (*base).tp_dictoffset == 0 && !managed {
            explained += word;
        }
        if (*class).tp_weaklistoffset > 0 && (*base).tp_weaklistoffset == 0 {
            explained += word;
        }
        (*class).tp_basicsize > explained
    }
}

/// Returns the base that the walk reads itself, if `class` is one.
fn readable(class: Type) -> Option<Base> {
    Base::ALL.into_iter().find(|base| base.type_object() == class)
}

/// Classifies a type that is not one of the interpreter's exact ones.
///
/// # Safety
/// `class` is live and the interpreter is attached.
pub(super) unsafe fn classify(class: Type, known: &WellKnownObjects) -> TypeFacts {
    // SAFETY: as the caller promises.
    unsafe {
        let mut slots = slots(class);
        if cfg!(Py_3_14) && slots.iter().any(ClassSlot::is_doc_of_field) {
            let (module, name) = type_names(class, known.module_key);
            let is_field = module == b"dataclasses" && name == b"Field";
            slots
                .iter_mut()
                .for_each(|slot| slot.is_optional = is_field && slot.is_doc_of_field());
        }
        let mut facts = TypeFacts {
            shape: Shape::Deferred,
            slots,
            weak: (*class).tp_weaklistoffset,
            globals: Vec::new(),
            sharing: Sharing::Joins,
            own_reducer: false,
            why: None,
            _pin: Some(
                super::object::Object::new(class.cast())
                    .bound(Python::assume_attached())
                    .unbind(),
            ),
        };
        facts.shape = if derives(class, &raw mut ffi::PyType_Type) {
            Shape::Class
        } else if derives(class, &raw mut ffi::PyModule_Type) {
            Shape::Module
        } else if derives(class, known.logger) {
            Shape::Logger
        } else if !known.enum_type.is_null() && derives(ffi::Py_TYPE(class.cast()), known.enum_type) {
            Shape::EnumMember
        } else {
            let base = c_base(class, known);
            let reducer = overriding_reducer(class, base, known);
            facts.own_reducer = !reducer.is_null() && ffi::PyFunction_Check(reducer) != 0;
            match readable(base) {
                Some(read) if reducer.is_null() => Shape::Instance(read),
                _ => Shape::Deferred,
            }
        };
        facts
    }
}

/// Returns the first reducer method that `class` does not inherit from its C base, or null.
unsafe fn overriding_reducer(class: Type, base: Type, known: &WellKnownObjects) -> *mut ffi::PyObject {
    // A tuple's `__getnewargs__`, such as that of a named tuple, returns only its items.
    let tuple = base == &raw mut ffi::PyTuple_Type;
    let names = if tuple {
        &known.reducers[..4]
    } else {
        &known.reducers[..]
    };
    for name in names {
        // SAFETY: live types, a str name.
        let (own, inherited) = unsafe { (lookup(class, *name), lookup(base, *name)) };
        if own != inherited && !own.is_null() {
            return own;
        }
    }
    std::ptr::null_mut()
}

/// Returns the base by which the walk can read an instance of an Enum.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn readable_base(class: Type, known: &WellKnownObjects) -> Option<Base> {
    // SAFETY: as the caller promises.
    readable(unsafe { c_base(class, known) })
}

/// Returns the qualified names of a type and its bases, in the order of attribute lookup.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn names_along_bases(class: Type, known: &WellKnownObjects) -> Vec<Vec<u8>> {
    // SAFETY: as the caller promises; a ready type has a tuple of live types.
    unsafe {
        let order = (*class).tp_mro;
        if order.is_null() {
            return Vec::new();
        }
        (0..ffi::PyTuple_GET_SIZE(order))
            .map(|nth| {
                let (mut module, name) = type_names(ffi::PyTuple_GET_ITEM(order, nth).cast(), known.module_key);
                module.push(b'.');
                module.extend(name);
                module
            })
            .collect()
    }
}

/// Returns the types from which a type derives, itself first.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn along_bases(class: Type) -> Vec<Type> {
    // SAFETY: as the caller promises.
    unsafe {
        let order = (*class).tp_mro;
        if order.is_null() {
            return vec![class];
        }
        (0..ffi::PyTuple_GET_SIZE(order))
            .map(|nth| ffi::PyTuple_GET_ITEM(order, nth).cast())
            .collect()
    }
}

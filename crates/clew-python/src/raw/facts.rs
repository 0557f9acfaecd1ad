//! What kind of thing a type's instances are: found out once a look for each type, without running code.

use pyo3::ffi;
use pyo3::prelude::*;

use super::attributes::{ClassSlot, MANAGED_DICT, members, slots};
use super::codecs::Sharing;
use super::types::{Type, derives, is_heap, lookup, type_names};
use crate::cause::PythonCause;

/// How the instances of a type are shown.
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
    /// Its C part is one of the bases the walk reads itself.
    Instance(Base),
    /// Only a codec or a reducer can tell.
    Deferred,
    /// It has no value.
    Opaque(&'static PythonCause),
    /// It has no value, as the facts say why.
    WithoutValue,
}

/// The C part of an instance that is read raw. The numbers are stored.
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

    /// The base of that stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The builtin type itself.
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
    /// The slots its Python classes declare.
    pub slots: Vec<ClassSlot>,
    /// Where its instances hold their weak references, or 0.
    pub weak: isize,
    /// Instances that a module of a library holds by name.
    pub globals: Vec<(*mut ffi::PyObject, Vec<u8>)>,
    /// What it means that roots share an instance.
    pub sharing: Sharing,
    /// Whether a reducer written in Python by the user decides what is kept.
    pub own_reducer: bool,
    /// Why its instances have no value.
    pub why: Option<String>,
    /// Keeps the type, and so its address, while this is known of it.
    pub _pin: Option<Py<PyAny>>,
}

/// Names that the classification looks up, and types it compares with. Made once a heap.
pub(super) struct WellKnownObjects {
    pub module_key: *mut ffi::PyObject,
    pub name_key: *mut ffi::PyObject,
    /// `__reduce_ex__`, `__reduce__`, `__getstate__`, `__setstate__`, then `__getnewargs__`, `__getnewargs_ex__`.
    pub reducers: [*mut ffi::PyObject; 6],
    pub enum_type: Type,
    pub logger: Type,
    /// The deallocator of every class written in Python.
    pub dealloc: ffi::destructor,
}

/// The first base that is not deallocated by the interpreter's own routine for Python classes, or that has memory no
/// slot accounts for: where the C part comes from.
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

/// Whether instances of `class` hold more bytes than those of `base` and the slots of `class` explain.
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

/// The base the walk reads itself, if `class` is one.
fn readable(class: Type) -> Option<Base> {
    Base::ALL.into_iter().find(|base| base.type_object() == class)
}

/// Finds out about a type that is none of the interpreter's exact ones.
///
/// # Safety
/// `class` is live and the interpreter is attached.
pub(super) unsafe fn classify(class: Type, known: &WellKnownObjects) -> TypeFacts {
    // SAFETY: as the caller promises.
    unsafe {
        let mut facts = TypeFacts {
            shape: Shape::Deferred,
            slots: slots(class),
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

/// The first reducer method that `class` finds elsewhere than its C base does, or null.
unsafe fn overriding_reducer(class: Type, base: Type, known: &WellKnownObjects) -> *mut ffi::PyObject {
    // A named tuple's `__getnewargs__` says no more than its items do; neither does any tuple's.
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

/// The base the walk can read an instance of an Enum from.
///
/// # Safety
/// `class` is live.
pub(super) unsafe fn readable_base(class: Type, known: &WellKnownObjects) -> Option<Base> {
    // SAFETY: as the caller promises.
    readable(unsafe { c_base(class, known) })
}

/// The qualified names of a type and its bases, in the order attributes are looked up.
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

/// The types a type derives from, itself first.
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

//! What a heap determines about its interpreter before it relies on any layout.

use std::ffi::CString;
use std::rc::Rc;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::attributes::{Attributes, attributes, named_pairs, slots};
use super::codecs::Sharing;
use super::facts::{Shape, TypeFacts, WellKnownObjects};
use super::scalar::write_text;
use super::types::Type;
use crate::cause::PythonCause;

/// Exact types that the walk knows: an expression for the type, and its shape.
const EXACT: &[(&str, Shape)] = &[
    ("type(None)", Shape::None),
    ("bool", Shape::Bool),
    ("int", Shape::Int),
    ("float", Shape::Float),
    ("complex", Shape::Complex),
    ("str", Shape::Str),
    ("bytes", Shape::Bytes),
    ("bytearray", Shape::Bytearray),
    ("tuple", Shape::Tuple),
    ("list", Shape::List),
    ("dict", Shape::Dict),
    ("set", Shape::Set),
    ("frozenset", Shape::Frozenset),
    ("slice", Shape::Slice),
    ("range", Shape::Range),
    ("type(...)", Shape::Ellipsis),
    ("type(NotImplemented)", Shape::NotImplemented),
    ("type", Shape::Class),
    ("types.ModuleType", Shape::Module),
    ("types.FunctionType", Shape::Function),
    ("types.CodeType", Shape::Code),
    ("types.CellType", Shape::Cell),
    ("types.MethodType", Shape::BoundMethod),
    ("types.BuiltinFunctionType", Shape::Builtin),
    ("types.MethodDescriptorType", Shape::Descriptor),
    ("types.WrapperDescriptorType", Shape::Descriptor),
    ("types.ClassMethodDescriptorType", Shape::Descriptor),
    ("types.GetSetDescriptorType", Shape::Descriptor),
    ("types.MemberDescriptorType", Shape::Descriptor),
    ("types.MethodWrapperType", Shape::MethodWrapper),
    ("property", Shape::Property),
    ("staticmethod", Shape::Staticmethod),
    ("classmethod", Shape::Classmethod),
    ("types.MappingProxyType", Shape::Mappingproxy),
    ("type({}.keys())", Shape::DictView(b'k')),
    ("type({}.values())", Shape::DictView(b'v')),
    ("type({}.items())", Shape::DictView(b'i')),
    ("weakref.ref", Shape::Weakref),
    ("weakref.ProxyType", Shape::Weakref),
    ("weakref.CallableProxyType", Shape::Weakref),
    ("super", Shape::Super),
    ("memoryview", Shape::Memoryview),
    ("functools.partial", Shape::Partial),
    ("functools._lru_cache_wrapper", Shape::Cached),
    ("engine.Buffer", Shape::Memory),
    ("engine.Whereabouts", Shape::Whereabouts),
    ("engine.Twin", Shape::Staged),
    ("types.AsyncGeneratorType", Shape::Opaque(&PythonCause::Generator)),
    ("types.FrameType", Shape::Opaque(&PythonCause::Frame)),
];

/// Returns whether a shape belongs to one exact type of the interpreter, which is never freed.
pub(super) fn is_exact(shape: Shape) -> bool {
    !matches!(
        shape,
        Shape::Instance(_)
            | Shape::Deferred
            | Shape::EnumMember
            | Shape::Logger
            | Shape::WithoutValue
            | Shape::Class
            | Shape::Module
    )
}

/// Types with the facts about them, and references that keep them alive.
type KnownTypes = (FxHashMap<Type, Rc<TypeFacts>>, Vec<Py<PyAny>>);

/// Returns the exact types with the facts about them.
pub(super) fn exact_types(py: Python<'_>) -> PyResult<KnownTypes> {
    let scope = PyDict::new(py);
    for name in ["types", "weakref", "functools"] {
        scope.set_item(name, py.import(name)?)?;
    }
    let engine = PyDict::new(py);
    engine.set_item("Twin", py.get_type::<super::twin::Twin>())?;
    engine.set_item("Whereabouts", py.get_type::<super::remote_handles::Whereabouts>())?;
    engine.set_item("Buffer", py.get_type::<super::memory::ExportedMemory>())?;
    scope.set_item(
        "engine",
        py.import("types")?
            .getattr("SimpleNamespace")?
            .call((), Some(&engine))?,
    )?;
    let (mut facts, mut held) = (FxHashMap::default(), Vec::new());
    for (expression, shape) in EXACT {
        let code = CString::new(*expression)?;
        let class = py.eval(&code, Some(&scope), None)?.cast_into::<PyType>()?;
        let pointer = class.as_type_ptr();
        // SAFETY: a live type, held with the facts.
        let known = unsafe {
            TypeFacts {
                shape: *shape,
                slots: slots(pointer),
                weak: (*pointer).tp_weaklistoffset,
                globals: Vec::new(),
                sharing: Sharing::Joins,
                own_reducer: false,
                why: None,
                _pin: None,
            }
        };
        facts.insert(pointer, Rc::new(known));
        held.push(class.into_any().unbind());
    }
    Ok((facts, held))
}

/// Returns names and types for the classification.
pub(super) fn known(py: Python<'_>, held: &mut Vec<Py<PyAny>>) -> PyResult<WellKnownObjects> {
    let reducers = [
        "__reduce_ex__",
        "__reduce__",
        "__getstate__",
        "__setstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
    ]
    .map(|name| held_key(py, name, held));
    let enum_type = py.import("enum")?.getattr("EnumType")?.cast_into::<PyType>()?;
    let logger = py.import("logging")?.getattr("Logger")?.cast_into::<PyType>()?;
    let sentinel = py.import("builtins")?.getattr_opt("sentinel")?;
    let sentinel = sentinel.and_then(|kind| kind.cast_into::<PyType>().ok());
    let probe = py.eval(c"type('Probe', (), {})", None, None)?.cast_into::<PyType>()?;
    // SAFETY: a live type made by a class statement has the interpreter's deallocator.
    let dealloc = unsafe { (*probe.as_type_ptr()).tp_dealloc }
        .ok_or_else(|| PyImportError::new_err("A class without a deallocator"))?;
    let known = WellKnownObjects {
        module_key: held_key(py, "__module__", held),
        name_key: held_key(py, "__name__", held),
        doc_key: held_key(py, "__doc__", held),
        reducers,
        enum_type: enum_type.as_type_ptr(),
        logger: logger.as_type_ptr(),
        sentinel: sentinel.map_or(std::ptr::null_mut(), |kind| kind.as_type_ptr()),
        dealloc,
    };
    held.extend([enum_type.into_any().unbind(), logger.into_any().unbind()]);
    Ok(known)
}

/// Checks on a probe that attributes have the layout that this build reads.
///
/// # Errors
/// `ImportError` if they have not: this build is for another interpreter.
pub(super) fn layout_is_known(py: Python<'_>) -> PyResult<()> {
    super::leaf::layout_is_known(py)?;
    super::scalar::texts_are_known(py)?;
    let scope = PyDict::new(py);
    // From 3.14, the values follow the slots of the instance.
    py.run(
        c"class Probe: pass\nclass Slotted: __slots__ = ('slot', '__dict__')\n\
          plain, slotted = Probe(), Slotted()\nslotted.slot = 3\n\
          for probe in plain, slotted: type(probe)().first = 0; probe.second = 2; probe.first = 1\n",
        Some(&scope),
        None,
    )?;
    for name in ["plain", "slotted"] {
        let probe = scope.as_any().get_item(name)?;
        // SAFETY: a live object, whose dict is live, too.
        let pairs = unsafe {
            match attributes(probe.as_ptr()) {
                Attributes::Values(pairs) => pairs.collect(),
                Attributes::Dict(dict) if name == "slotted" => named_pairs(dict).unwrap_or_default(),
                _ => Vec::new(),
            }
        };
        let mut names = Vec::new();
        for (name, _) in pairs {
            // SAFETY: names of a live object's attributes are live str.
            unsafe { write_text(name, &mut names) };
        }
        if names != b"secondfirst" {
            return Err(PyImportError::new_err(
                "Attributes are not stored where this build of clew reads them",
            ));
        }
    }
    Ok(())
}

/// Returns objects that exist once per process, by the names under which they are stored.
pub(super) fn tokens(py: Python<'_>, namespace: *mut ffi::PyObject) -> FxHashMap<*mut ffi::PyObject, &'static str> {
    let mut tokens = FxHashMap::default();
    for (name, expression) in TOKENS {
        let (module, path) = expression.split_once(':').expect("tokens are module:path");
        if let Ok(found) = find_loaded(py, module, path) {
            tokens.insert(found.as_ptr(), *name);
        }
    }
    if let Ok(main) = find_loaded(py, "__main__", "") {
        tokens.insert(main.as_ptr(), "main");
    }
    if let Ok(found) = dataclass_metadata(py) {
        tokens.insert(found.as_ptr(), DATACLASS_METADATA);
    }
    tokens.insert(namespace, "namespace");
    tokens
}

/// The token of the empty metadata that the fields of dataclasses share.
pub(crate) const DATACLASS_METADATA: &str = "dataclass metadata";

/// Returns the empty metadata of fields. Since Python 3.15 this is a frozendict, which earlier versions do not have: there, it
/// is an object that only fields from a later version have, in place of the frozendict.
pub(crate) fn dataclass_metadata(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if cfg!(Py_3_15) {
        return find_loaded(py, "dataclasses", "_EMPTY_METADATA");
    }
    let empty = EMPTY.get_or_try_init(py, || {
        let kind = py.import("types")?.getattr("MappingProxyType")?;
        kind.call1((PyDict::new(py),)).map(Bound::unbind)
    })?;
    Ok(empty.bind(py).clone())
}

/// Tokens: stored name, and the place of the live object.
pub(crate) const TOKENS: &[(&str, &str)] = &[
    ("stdin", "sys:stdin"),
    ("stdout", "sys:stdout"),
    ("stderr", "sys:stderr"),
    ("original stdin", "sys:__stdin__"),
    ("original stdout", "sys:__stdout__"),
    ("original stderr", "sys:__stderr__"),
    ("builtins", "builtins:__dict__"),
    ("environ", "os:environ"),
    ("random", "random:_inst"),
    ("numpy random", "numpy.random.mtrand:_rand"),
    ("numpy bit generator", "numpy.random.mtrand:_rand._bit_generator"),
    ("math nan", "math:nan"),
    ("numpy nan", "numpy:nan"),
    ("modules", "sys:modules"),
    ("shell", "IPython.core.interactiveshell:InteractiveShell._instance"),
    (
        "shell display",
        "IPython.core.interactiveshell:InteractiveShell._instance.display_formatter",
    ),
    (
        "shell input",
        "IPython.core.interactiveshell:InteractiveShell._instance.history_manager.input_hist_parsed",
    ),
    (
        "shell output",
        "IPython.core.interactiveshell:InteractiveShell._instance.history_manager.output_hist",
    ),
];

/// Finds `path` in a module, if the module is loaded.
pub(crate) fn find_loaded<'py>(py: Python<'py>, module: &str, path: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut found = py.import("sys")?.getattr("modules")?.get_item(module)?;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        found = found.getattr(part)?;
    }
    if found.is_none() {
        return Err(PyImportError::new_err("nothing there"));
    }
    Ok(found)
}

/// Returns types with a reducer registered in `copyreg`, by address: a lookup in the dict could run a metaclass's
/// `__eq__`.
pub(super) fn registered_reducers(py: Python<'_>) -> FxHashSet<Type> {
    let table = py
        .import("copyreg")
        .and_then(|copyreg| copyreg.getattr("dispatch_table"))
        .ok()
        .and_then(|table| table.cast_into::<PyDict>().ok());
    table
        .map(|table| table.iter().map(|(kind, _)| kind.as_ptr().cast()).collect())
        .unwrap_or_default()
}

/// Returns a str key that lives as long as the heap.
fn held_key(py: Python<'_>, text: &str, held: &mut Vec<Py<PyAny>>) -> *mut ffi::PyObject {
    let key = PyString::intern(py, text);
    let pointer = key.as_ptr();
    held.push(key.into_any().unbind());
    pointer
}

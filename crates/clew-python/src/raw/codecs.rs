//! The knowledge of the Python package `clew.codecs` about libraries' types that the walk needs without calling it.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::types::Type;
use crate::cause::PythonCause;

/// Modules that the walk requires. Without them it would continue, and find no value in any object of a library.
const PARTS: [&str; 6] = [
    "clew.codecs",
    "clew.codecs.handles",
    "clew.codecs.reduce",
    "clew.codecs.stdlib",
    "clew.codecs.errors",
    "clew.codecs.closed",
];

/// Loads every module that the walk needs.
///
/// # Errors
/// One cannot be imported: the installation is broken.
pub(crate) fn load_parts(py: Python<'_>) -> PyResult<()> {
    PARTS.iter().try_for_each(|part| py.import(*part).map(drop))
}

/// Codecs by type, the reasons for types without values, and the functions to call.
#[derive(Default)]
pub(super) struct Codecs {
    find: Option<Py<PyAny>>,
    reduce_value: Option<Py<PyAny>>,
    /// Types with a codec, and the effect of sharing their objects.
    exact: FxHashMap<Type, Sharing>,
    /// The addresses of types whose objects join roots if a name is bound to them.
    bound: FxHashSet<usize>,
    words: FxHashMap<Vec<u8>, String>,
    stopped: FxHashSet<Vec<u8>>,
    files: FxHashSet<String>,
    /// Codecs found in this look, each with its type, which is kept alive so that its address stays unique.
    found: FxHashMap<Type, (Py<PyAny>, Option<Py<PyAny>>)>,
    pins: Vec<Py<PyAny>>,
}

/// Whether roots that share an object of a type are one co-variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// They are.
    Joins,
    /// They are not: equal objects are distinguished only within a co-variable.
    IsPlain,
    /// They are if one of them is bound to the object itself: the object's attributes can be set through that root.
    JoinsBound,
}

impl Codecs {
    /// Loads the codecs of libraries that were imported since the last look.
    pub fn begin(&mut self, py: Python<'_>) -> PyResult<()> {
        let Ok(package) = py.import("clew.codecs") else {
            return Ok(());
        };
        if self.find.is_none() {
            let handles = py.import("clew.codecs.handles")?;
            for (name, word) in handles.getattr("WORDS")?.cast::<PyDict>()? {
                self.words
                    .insert(name.extract::<String>()?.into_bytes(), word.extract()?);
            }
            for name in handles.getattr("STOPPED_HERE")?.try_iter()? {
                self.stopped.insert(name?.extract::<String>()?.into_bytes());
            }
            self.reduce_value = Some(py.import("clew.codecs.reduce")?.getattr("reduce_value")?.unbind());
            self.find = Some(package.getattr("find")?.unbind());
            self.load(py, "stdlib")?;
            self.load(py, "errors")?;
            self.load(py, "closed")?;
        }
        let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
        for (library, file) in pairs(&package, "LIBRARIES")? {
            if !self.files.contains(&file) && modules.contains(&library)? {
                self.load(py, &file)?;
            }
        }
        for (module, file) in pairs(&package, "RELOADED")? {
            if !self.files.contains(&module) && modules.contains(&module)? {
                self.load(py, &file)?;
                self.files.insert(module);
            }
        }
        Ok(())
    }

    /// Loads a file of codecs. If it is missing, or its library is partly imported, this is tried again at the next
    /// look.
    fn load(&mut self, py: Python<'_>, file: &str) -> PyResult<()> {
        let Ok(module) = py.import(format!("clew.codecs.{file}")) else {
            return Ok(());
        };
        let Ok(table) = module.getattr("CODECS") else {
            return Ok(());
        };
        for (kind, codec) in table.cast::<PyDict>()? {
            let is_true = |name| codec.getattr(name)?.is_truthy();
            let sharing = match (is_true("immutable")?, is_true("has_attributes")?) {
                (false, _) => Sharing::Joins,
                (true, false) => Sharing::IsPlain,
                (true, true) => Sharing::JoinsBound,
            };
            if sharing == Sharing::JoinsBound {
                self.bound.insert(kind.as_ptr().addr());
            }
            self.exact.insert(kind.as_ptr().cast(), sharing);
            self.pins.push(kind.unbind());
        }
        self.files.insert(file.to_owned());
        Ok(())
    }

    /// Returns the number of loaded files of codecs.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Returns the effect of sharing objects of exactly this type, if it has a codec.
    pub fn exact(&self, class: Type) -> Option<Sharing> {
        self.exact.get(&class).copied()
    }

    /// Returns whether objects of this type join roots if a name is bound to them.
    pub fn joins_bound(&self, class: usize) -> bool {
        self.bound.contains(&class)
    }

    /// Returns whether there are such types.
    pub fn has_bound_values(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Returns why objects of a class with these qualified names along its bases have no value.
    pub fn word(&self, names: impl Iterator<Item = Vec<u8>>) -> Option<&str> {
        for name in names {
            if self.stopped.contains(&name) {
                return None;
            }
            if let Some(word) = self.words.get(&name) {
                return Some(word);
            }
        }
        None
    }

    /// Returns the codec for objects of this type. Runs Clew's Python code.
    pub fn find<'py>(&mut self, class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, key) = (class.py(), class.as_type_ptr());
        if let Some((_, found)) = self.found.get(&key) {
            return Ok(found.as_ref().map(|codec| codec.bind(py).clone()));
        }
        let Some(find) = &self.find else { return Ok(None) };
        let codec = find.bind(py).call1((class,))?;
        let codec = (!codec.is_none()).then_some(codec);
        let pin = class.clone().into_any().unbind();
        self.found.insert(key, (pin, codec.clone().map(Bound::unbind)));
        Ok(codec)
    }

    /// Returns the result of the object's reducer: a name, or six parts. Runs the reducer.
    pub fn reduce<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(reduce) = &self.reduce_value {
            return reduce.bind(object.py()).call1((object,));
        }
        // A broken installation; the exception names the missing part.
        let reduce = object.py().import("clew.codecs.reduce")?;
        reduce.call_method1("reduce_value", (object,))
    }

    /// Forgets the codecs found in this look.
    pub fn let_go(&mut self) {
        self.found.clear();
    }
}

/// Reads a dict of strings from a module.
fn pairs(module: &Bound<'_, PyModule>, name: &str) -> PyResult<Vec<(String, String)>> {
    let items = module.getattr(name)?.call_method0("items")?;
    Ok(items
        .try_iter()?
        .flatten()
        .filter_map(|item| item.extract().ok())
        .collect())
}

/// Converts an exception to the reason why an object has no value here.
pub(super) fn reason(error: &PyErr, object: &Bound<'_, PyAny>) -> String {
    let py = object.py();
    if error.is_instance_of::<PyKeyboardInterrupt>(py) && super::interrupt_guard::strike() {
        return PythonCause::Interrupted.into();
    }
    let name = error
        .get_type(py)
        .name()
        .map(|name| name.to_string())
        .unwrap_or_default();
    let text = error.value(py).str().map(|text| text.to_string()).unwrap_or_default();
    if name == "NoValue" {
        return text;
    }
    let class = object.get_type().fully_qualified_name().map(|name| name.to_string());
    format!("{}: {name}: {text}", class.unwrap_or_default())
}

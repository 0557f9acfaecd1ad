//! A staged version of a live notebook class: its new attributes, which the install applies in place.
//!
//! Classes are never replaced, so that `isinstance` holds for every existing instance. Attributes that are equal to
//! the live ones are not changed.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use super::class_body::{ClassBody, attributes_of, is_made_anew};
use super::make::{class_attribute, set_class_attribute};

/// The state of a live class after an install.
#[pyclass(frozen, module = "clew._engine")]
pub(crate) struct Twin {
    pub id: String,
    pub live: Py<PyType>,
    pub name: Vec<u8>,
    pub qualname: Vec<u8>,
    pub module: Vec<u8>,
    pub slots: Vec<Vec<u8>>,
    pub flags: u8,
    pub line: Option<u64>,
    pub metaclass: Py<PyType>,
    pub bases: Py<PyTuple>,
    pub members: Vec<(Vec<u8>, Py<PyAny>)>,
    pub attributes: Vec<(Vec<u8>, Py<PyAny>)>,
}

/// The attributes that an install replaced in a class, to be put back if a later step fails.
pub struct ClassBackup {
    class: Py<PyType>,
    /// `__name__`, `__qualname__` and `__bases__`, if they were different.
    own: Vec<(&'static str, Py<PyAny>)>,
    attributes: Vec<(Vec<u8>, Option<Py<PyAny>>)>,
}

impl Twin {
    /// Returns the class in its new state, for the walk.
    pub(super) fn body(&self) -> ClassBody {
        let pointers = |all: &[(Vec<u8>, Py<PyAny>)]| -> Vec<(Vec<u8>, *mut ffi::PyObject)> {
            all.iter().map(|(name, value)| (name.clone(), value.as_ptr())).collect()
        };
        ClassBody {
            id: self.id.clone(),
            name: self.name.clone(),
            qualname: self.qualname.clone(),
            module: self.module.clone(),
            slots: self.slots.clone(),
            flags: self.flags,
            line: self.line,
            metaclass: self.metaclass.as_ptr(),
            bases: self.bases.as_ptr(),
            members: pointers(&self.members),
            attributes: pointers(&self.attributes),
        }
    }

    /// Gives the live class these attributes and removes all others. After an error it is unchanged.
    pub(crate) fn apply(&self, py: Python<'_>) -> PyResult<ClassBackup> {
        let class = self.live.bind(py);
        let mut replaced = ClassBackup {
            class: self.live.clone_ref(py),
            own: Vec::new(),
            attributes: Vec::new(),
        };
        let own = self.own_changes(py).and_then(|changes| {
            changes.into_iter().try_for_each(|(name, value)| {
                replaced.own.push((name, class.getattr(name)?.unbind()));
                set_own(class, name, &value)
            })
        });
        if let Err(error) = own {
            replaced.put_back(py);
            return Err(error);
        }
        let done = self.changes(py).into_iter().try_for_each(|(name, value)| {
            let text = text(py, &name);
            let before = class_attribute(class, &text).map(Bound::unbind);
            set_class_attribute(class, &text, value.as_ref().map(|value| value.bind(py)))?;
            replaced.attributes.push((name, before));
            Ok(())
        });
        match done {
            Ok(()) => Ok(replaced),
            Err(error) => {
                replaced.put_back(py);
                Err(error)
            }
        }
    }

    /// Returns changes of the class itself: of its names and bases.
    fn own_changes<'py>(&self, py: Python<'py>) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
        let class = self.live.bind(py);
        let mut changes = Vec::new();
        for (name, wanted) in [("__name__", &self.name), ("__qualname__", &self.qualname)] {
            let wanted = text(py, wanted).into_any();
            if !class.getattr(name)?.eq(&wanted)? {
                changes.push((name, wanted));
            }
        }
        let (now, wanted) = (class.getattr("__bases__")?.cast_into::<PyTuple>()?, self.bases.bind(py));
        let is_same = now.len() == wanted.len() && now.iter().zip(wanted).all(|(one, other)| one.is(&other));
        if !is_same {
            changes.push(("__bases__", wanted.clone().into_any()));
        }
        Ok(changes)
    }

    /// Returns attributes to set or, without a value, to remove.
    fn changes(&self, py: Python<'_>) -> Vec<(Vec<u8>, Option<Py<PyAny>>)> {
        let class = self.live.bind(py);
        // SAFETY: a live class; its attributes are live.
        let now = unsafe {
            let mut now = attributes_of(class.as_type_ptr());
            now.retain(|(name, value)| !is_made_anew(class.as_type_ptr(), name, *value));
            now
        };
        let gone = now
            .iter()
            .filter(|(name, _)| !self.attributes.iter().any(|(kept, _)| kept == name));
        let mut changes: Vec<_> = gone.map(|(name, _)| (name.clone(), None)).collect();
        for (name, value) in &self.attributes {
            let is_there = now
                .iter()
                .any(|(live, pointer)| live == name && *pointer == value.as_ptr());
            if !is_there {
                changes.push((name.clone(), Some(value.clone_ref(py))));
            }
        }
        changes
    }
}

impl ClassBackup {
    /// Puts back what was replaced, as far as the class allows it.
    pub fn put_back(&self, py: Python<'_>) {
        let class = self.class.bind(py);
        for (name, value) in self.attributes.iter().rev() {
            let _ = set_class_attribute(class, &text(py, name), value.as_ref().map(|value| value.bind(py)));
        }
        for (name, value) in self.own.iter().rev() {
            let _ = set_own(class, name, value.bind(py));
        }
    }
}

/// Sets one of a class's own slots like `type` itself: no metaclass of the user is called.
fn set_own(class: &Bound<'_, PyType>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = class.py();
    py.get_type::<PyType>()
        .call_method1("__setattr__", (class, name, value))
        .map(drop)
}

fn text<'py>(py: Python<'py>, name: &[u8]) -> Bound<'py, PyString> {
    PyString::intern(py, &String::from_utf8_lossy(name))
}

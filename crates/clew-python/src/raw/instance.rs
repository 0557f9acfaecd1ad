//! Instances made by the base that contains their C part.

use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::facts::{Base, c_base};
use super::heap::PythonHeap;
use crate::cause::PythonCause;

impl PythonHeap {
    /// Makes a new instance of `class` with the C part of `base`, whose own constructor gets `part`. No `__new__` or
    /// `__init__` of the class runs.
    pub(crate) fn new_instance<'py>(
        &self,
        class: &Bound<'py, PyType>,
        base: Base,
        part: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        let arguments = PyTuple::new(py, part)?;
        let base = base.type_object();
        // SAFETY: `class` derives from `base`, and no class between them has a C part of its own: that is what
        // `tp_new` of `base` requires of its callers.
        unsafe {
            if c_base(class.as_type_ptr(), &self.known) != base {
                let class = class.to_string();
                return Err(PythonCause::OtherBase { class }.into());
            }
            let new = (*base).tp_new.expect("builtin types have constructors");
            Bound::from_owned_ptr_or_err(py, new(class.as_type_ptr(), arguments.as_ptr(), std::ptr::null_mut()))
        }
    }
}

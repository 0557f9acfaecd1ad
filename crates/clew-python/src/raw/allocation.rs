//! Regions that Python sees as writable bytes.

use std::ffi::c_int;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;

use super::region::Region;
use super::types::done;

/// The bytes of one extent, writable through the buffer protocol, shared by everything built over them.
#[pyclass(frozen, module = "clew._engine")]
pub(crate) struct Allocation(pub(crate) Arc<Region>);

#[pymethods]
impl Allocation {
    #[allow(clippy::needless_pass_by_value)] // the interpreter passes a reference
    unsafe fn __getbuffer__(slf: PyRef<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let region = &slf.0;
        let (start, length) = (region.start().as_ptr().cast(), region.length() as isize);
        // SAFETY: the interpreter passes a view to fill; the view holds a reference to this object, which holds the region.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 0, flags) };
        done(slf.py(), status)
    }
}

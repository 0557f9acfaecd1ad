//! Memory of a load: one allocation an extent, shown to Python as writable bytes.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_int;
use std::ptr::NonNull;

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Arrays of any type may start at a multiple of this.
const ALIGNMENT: usize = 64;

/// The bytes of one extent, writable through the buffer protocol, shared by everything built over them.
#[pyclass(frozen, module = "clew._engine")]
pub(crate) struct Allocation {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: plain memory that the allocation owns; Rust never reads it after it was filled, Python only under its lock or
// by its own rules for buffers.
unsafe impl Send for Allocation {}
// SAFETY: as above.
unsafe impl Sync for Allocation {}

impl Allocation {
    /// Memory that holds a copy of `bytes`.
    pub fn of(bytes: &[u8]) -> PyResult<Self> {
        // SAFETY: the size is not zero; the copy stays within both.
        unsafe {
            let start = NonNull::new(alloc(layout(bytes.len())))
                .ok_or_else(|| PyMemoryError::new_err(format!("{} bytes", bytes.len())))?;
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr(), bytes.len());
            Ok(Self {
                start,
                length: bytes.len(),
            })
        }
    }
}

fn layout(length: usize) -> Layout {
    Layout::from_size_align(length.max(1), ALIGNMENT).expect("lengths of live memory fit a layout")
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: allocated with the same layout; views hold a reference, so none is left.
        unsafe { dealloc(self.start.as_ptr(), layout(self.length)) }
    }
}

#[pymethods]
impl Allocation {
    #[allow(clippy::needless_pass_by_value)] // the interpreter hands over a reference
    unsafe fn __getbuffer__(slf: PyRef<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let (start, length) = (slf.start.as_ptr().cast(), slf.length as isize);
        // SAFETY: the interpreter passes a view to fill; the view holds a reference to this object.
        let failed = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 0, flags) };
        if failed != 0 {
            Err(PyErr::fetch(slf.py()))
        } else {
            Ok(())
        }
    }
}

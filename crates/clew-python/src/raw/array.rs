//! The objects in an array of numpy. The collector does not see them, and they are found without linking numpy.

use std::ffi::{c_char, c_int};
use std::{ptr, slice};

use pyo3::buffer::PyUntypedBuffer;
use pyo3::ffi;
use pyo3::prelude::*;

use super::object::prefetch;
use super::types::{Type, is_heap, item};

/// How many objects ahead of the current one are prefetched: they may be anywhere in memory.
const AHEAD: usize = 16;

/// The beginning of an array: numpy inlines it in every extension that uses numpy, so it stays as it is
/// (`ndarraytypes.h`).
#[repr(C)]
struct Array {
    head: ffi::PyObject,
    data: *mut u8,
    dimensions: c_int,
    lengths: *const isize,
    strides: *const isize,
    base: *mut ffi::PyObject,
    dtype: *const Dtype,
}

/// The beginning of a dtype.
#[repr(C)]
struct Dtype {
    head: ffi::PyObject,
    of_scalar: Type,
    kind: c_char,
}

/// The kind of an array's elements.
pub(super) enum ArrayElements {
    /// Numbers, and other elements without objects.
    None,
    Objects(Objects),
    /// Records, of which some fields may be objects.
    Unknown,
}

/// The location of the objects of an array.
pub(super) struct Objects {
    data: *const u8,
    /// Length and stride (bytes) of each dimension that has different members, the outermost first.
    dimensions: Vec<(usize, isize)>,
}

/// Returns numpy's type of arrays; null if numpy is not loaded.
pub(super) fn array_type(py: Python<'_>) -> Type {
    // SAFETY: the interpreter is attached; dicts of modules have str keys, so that a lookup runs no code.
    unsafe {
        let numpy = item(ffi::PyImport_GetModuleDict(), pyo3::intern!(py, "numpy").as_ptr());
        if numpy.is_null() || ffi::PyModule_Check(numpy) == 0 {
            return ptr::null_mut();
        }
        let found = item(ffi::PyModule_GetDict(numpy), pyo3::intern!(py, "ndarray").as_ptr());
        let is_static = !found.is_null() && ffi::PyType_Check(found) != 0 && !is_heap(found.cast());
        if is_static { found.cast() } else { ptr::null_mut() }
    }
}

/// Returns the kind of an array's elements.
///
/// # Safety
/// `array` is a live object of the type of arrays or of one derived from it.
pub(super) unsafe fn members(py: Python<'_>, array: *mut ffi::PyObject) -> ArrayElements {
    // SAFETY: as the caller promises; there are as many lengths and strides as dimensions.
    unsafe {
        let fields = &*array.cast::<Array>();
        match (*fields.dtype).kind as u8 {
            b'O' => (),
            b'V' if may_have_objects(&Bound::from_borrowed_ptr(py, array)) => return ArrayElements::Unknown,
            _ => return ArrayElements::None,
        }
        let dimensions = (0..fields.dimensions as usize)
            .map(|nth| (*fields.lengths.add(nth) as usize, *fields.strides.add(nth)))
            .map(|(length, stride)| (if stride == 0 { length.min(1) } else { length }, stride))
            .collect();
        ArrayElements::Objects(Objects {
            data: fields.data,
            dimensions,
        })
    }
}

/// Returns whether records may have fields that are objects, according to the buffer's format.
fn may_have_objects(array: &Bound<'_, PyAny>) -> bool {
    PyUntypedBuffer::get(array).map_or(true, |buffer| {
        // Names of fields are enclosed in colons.
        let format = buffer.format().to_bytes();
        format
            .split(|byte| *byte == b':')
            .step_by(2)
            .any(|part| part.contains(&b'O'))
    })
}

impl Objects {
    /// Returns the addresses of all objects, if they are contiguous.
    pub(super) fn row(&self) -> Option<&[usize]> {
        let end =
            |at: Option<isize>, (length, stride): &(usize, isize)| (at? == *stride).then(|| stride * *length as isize);
        let first = Some(size_of::<usize>() as isize);
        let rows = [
            self.dimensions.iter().fold(first, end),
            self.dimensions.iter().rev().fold(first, end),
        ];
        let length = rows.into_iter().flatten().next()? as usize / size_of::<usize>();
        let is_row = !self.data.is_null() && self.data.cast::<usize>().is_aligned();
        // SAFETY: the memory of the array contains this number of contiguous pointers to objects.
        is_row.then(|| unsafe { slice::from_raw_parts(self.data.cast(), length) })
    }

    /// Returns whether `is_so` holds for each object, in the order of the array; stops at the first for which it does
    /// not.
    pub(super) fn all(&self, mut is_so: impl FnMut(*mut ffi::PyObject) -> bool) -> bool {
        // SAFETY: the array that has these dimensions is live, and no code runs that could change it.
        unsafe { all_below(self.data, &self.dimensions, &mut is_so) }
    }
}

/// # Safety
/// At the address there are pointers to objects, or null, in these dimensions.
unsafe fn all_below(
    data: *const u8,
    dimensions: &[(usize, isize)],
    is_so: &mut impl FnMut(*mut ffi::PyObject) -> bool,
) -> bool {
    // SAFETY: as the caller promises; fields of records need not be aligned.
    let member_at = |place: *const u8| unsafe { place.cast::<*mut ffi::PyObject>().read_unaligned() };
    let Some((&(length, stride), inner)) = dimensions.split_first() else {
        let member = member_at(data);
        return member.is_null() || is_so(member);
    };
    let place = |nth: usize| data.wrapping_offset(nth as isize * stride);
    (0..length).all(|nth| {
        if !inner.is_empty() {
            // SAFETY: as the caller promises, with one dimension less.
            return unsafe { all_below(place(nth), inner, is_so) };
        }
        if nth + AHEAD < length {
            prefetch(member_at(place(nth + AHEAD)).cast());
        }
        let member = member_at(place(nth));
        member.is_null() || is_so(member)
    })
}

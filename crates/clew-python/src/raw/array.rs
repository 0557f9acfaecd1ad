//! The objects that an array of numpy's holds. The collector does not see them, and numpy need not be linked to find them.

use std::ffi::{c_char, c_int};
use std::{ptr, slice};

use pyo3::buffer::PyUntypedBuffer;
use pyo3::ffi;
use pyo3::prelude::*;

use super::object::prefetch;
use super::types::{Type, is_heap, item};

/// How many objects ahead of the one that is looked at are asked for from memory: they may lie anywhere.
const AHEAD: usize = 16;

/// How an array begins: numpy has that inlined in every extension that uses it, so it stays as it is (`ndarraytypes.h`).
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

/// How a dtype begins.
#[repr(C)]
struct Dtype {
    head: ffi::PyObject,
    of_scalar: Type,
    kind: c_char,
}

/// The kind of an array's elements.
pub(super) enum ArrayElements {
    /// Numbers and the like.
    None,
    Objects(Objects),
    /// Records, of which some fields may be objects.
    Unknown,
}

/// Where the objects of an array lie.
pub(super) struct Objects {
    data: *const u8,
    /// Length and stride (bytes) of each dimension that has different members, the outermost first.
    dimensions: Vec<(usize, isize)>,
}

/// numpy's type of arrays; null where numpy is not loaded.
pub(super) fn array_type(py: Python<'_>) -> Type {
    // SAFETY: the interpreter is attached; dictionaries of modules have text for keys: to look one up runs no code.
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

/// What an array holds.
///
/// # Safety
/// `array` is a live object of the type of arrays or of one derived from it.
pub(super) unsafe fn members(py: Python<'_>, array: *mut ffi::PyObject) -> ArrayElements {
    // SAFETY: as the caller promises; lengths and strides are as many as dimensions.
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

/// Whether records may have fields that are objects, as far as numpy tells how they are laid out.
fn may_have_objects(array: &Bound<'_, PyAny>) -> bool {
    PyUntypedBuffer::get(array).map_or(true, |buffer| {
        // Names of fields stand between colons.
        let format = buffer.format().to_bytes();
        format
            .split(|byte| *byte == b':')
            .step_by(2)
            .any(|part| part.contains(&b'O'))
    })
}

impl Objects {
    /// The addresses of all objects, where they lie in one row.
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
        // SAFETY: so many objects lie there one behind the other, in the memory of the array.
        is_row.then(|| unsafe { slice::from_raw_parts(self.data.cast(), length) })
    }

    /// Whether `is_so` for each object, in the order of the array. Where it is not for one, those behind it are left out.
    pub(super) fn all(&self, mut is_so: impl FnMut(*mut ffi::PyObject) -> bool) -> bool {
        // SAFETY: the array that has these dimensions is live, and no code runs that could change it.
        unsafe { all_below(self.data, &self.dimensions, &mut is_so) }
    }
}

/// # Safety
/// Pointers to objects, or null, lie at the address in these dimensions.
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

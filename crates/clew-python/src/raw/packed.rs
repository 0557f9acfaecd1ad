//! Columns of short texts, packed: a walk shows three pieces of memory in the place of an object for each text.
//!
//! ```text
//!   items   "Rome" "Oslo" "Rome" nan        offsets  0 4 8
//!   codes     0      1      0    -2         data     RomeOslo
//! ```
//!
//! Each text is packed once, in the order in which the column meets them; in a long column of mostly distinct ones each time that it is
//! met. So equal columns are packed alike, wherever their objects lie and whichever of them are one object: of short texts nobody
//! keeps that apart.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use xxhash_rust::xxh3::xxh3_128;

use super::heap::SHORT;
use super::reserve::Reserve;
use super::scalar::{text_bytes, write_text};

/// Where more than half of so many texts at the beginning are distinct, those behind them are taken for distinct, too. To find the few
/// that are not would take longer than all the rest.
const SAMPLE: usize = 1 << 16;

/// How many objects ahead of the one that is read are asked for from memory: texts of a column that was sorted lie anywhere.
const AHEAD: usize = 16;

/// Codes, offsets and data of a list of texts: int32, int32 and UTF-8 in which lone surrogates are allowed.
type Packed<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// Packs `items`, texts of 64 bytes at most and objects of `missing`, which get the codes -1, -2 and so on. `None` where there is
/// anything else among them, or more than 2 GiB of it.
#[pyfunction]
pub fn pack_texts<'py>(items: &Bound<'py, PyList>, missing: &Bound<'py, PyTuple>) -> Option<Packed<'py>> {
    let py = items.py();
    if !Reserve::has_room(items.len() * size_of::<i32>()) || i32::try_from(items.len()).is_err() {
        return None;
    }
    let missing: Vec<*mut ffi::PyObject> = missing.iter().map(|object| object.as_ptr()).collect();
    // Short texts are their own keys, mostly digits and blanks: a hash that mixes less lets thousands of them meet in one place.
    let mut known: HashMap<u128, i32, FixedState> = HashMap::default();
    let mut codes: Vec<u8> = Vec::with_capacity(items.len() * size_of::<i32>());
    let (mut offsets, mut data): (Vec<u8>, Vec<u8>) = (0_i32.to_le_bytes().to_vec(), Vec::new());
    let mut last = (std::ptr::null_mut(), 0);
    let item_at = |index: usize| {
        // SAFETY: an index of the list, which nobody changes meanwhile: nothing runs and the interpreter is attached.
        unsafe { ffi::PyList_GET_ITEM(items.as_ptr(), index as ffi::Py_ssize_t) }
    };
    for index in 0..items.len() {
        if index + AHEAD < items.len() {
            prefetch(item_at(index + AHEAD));
        }
        let item = item_at(index);
        let is_listed = index < SAMPLE || known.len() <= SAMPLE / 2;
        if item != last.0 || !is_listed {
            let code = if let Some(place) = missing.iter().position(|object| *object == item) {
                -1 - place as i32
            } else {
                let start = data.len();
                // SAFETY: the list holds the object, and it is asked for its text only where it is exactly a str.
                unsafe {
                    if ffi::PyUnicode_CheckExact(item) == 0 || text_bytes(item) > SHORT {
                        return None;
                    }
                    write_text(item, &mut data);
                }
                let next = (offsets.len() / size_of::<i32>() - 1) as i32;
                let code = if is_listed {
                    *known.entry(key_of(&data[start..])).or_insert(next)
                } else {
                    next
                };
                if code == next {
                    offsets.extend_from_slice(&i32::try_from(data.len()).ok()?.to_le_bytes());
                } else {
                    data.truncate(start);
                }
                code
            };
            last = (item, code);
        }
        codes.extend_from_slice(&last.1.to_le_bytes());
    }
    Some((
        PyBytes::new(py, &codes),
        PyBytes::new(py, &offsets),
        PyBytes::new(py, &data),
    ))
}

/// Has the processor fetch an object that is read soon.
fn prefetch(object: *mut ffi::PyObject) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which no address makes fail; every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(object.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = object;
}

/// What tells a text from others: itself with its length, or its hash where it is longer.
fn key_of(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    match bytes.get_mut(..text.len()).filter(|_| text.len() < 16) {
        Some(place) => {
            place.copy_from_slice(text);
            bytes[15] = text.len() as u8;
            u128::from_le_bytes(bytes)
        }
        None => xxh3_128(text) | 0xff << 120,
    }
}

/// Whether an array of objects refers to the very objects of a list, in its order. Texts can't change, so it holds what it held then.
///
/// # Errors
/// The array shows no contiguous memory.
#[pyfunction]
pub fn are_items(array: &Bound<'_, PyAny>, items: &Bound<'_, PyList>) -> PyResult<bool> {
    let view = PyUntypedBuffer::get(array)?;
    if !view.is_c_contiguous() || view.len_bytes() != items.len() * size_of::<*mut ffi::PyObject>() {
        return Ok(false);
    }
    // SAFETY: the memory of the array is as long as just compared and held by the view; the list's pointers lie in a row, and
    // nobody changes either meanwhile.
    unsafe {
        let there = std::slice::from_raw_parts(view.buf_ptr().cast::<usize>(), items.len());
        let list = items.as_ptr().cast::<ffi::PyListObject>();
        let here = std::slice::from_raw_parts((*list).ob_item.cast::<usize>(), items.len());
        Ok(there == here)
    }
}

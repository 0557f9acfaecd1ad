//! The payloads of exact ints and strings, read without changing these objects.
//!
//! The beginning of every string is read in place: from 3.14 on the interpreter returns it only through calls, and
//! strings are the commonest objects (`cpython/unicodeobject.h`, the same from 3.11 to 3.15 except for one pointer
//! that 3.12 dropped). [`texts_are_known`] tests this on probes.

use std::ffi::c_int;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::memory_reserve::Reserve;
use crate::payload::Write;

unsafe extern "C" {
    fn _PyLong_NumBits(number: *mut ffi::PyObject) -> usize;
}

/// Appends an int (or the int part of an instance of a subclass) in two's complement, little endian, minimal.
///
/// # Safety
/// `number` is a live int and the interpreter is attached.
pub(super) unsafe fn write_int(number: *mut ffi::PyObject, out: &mut Vec<u8>) {
    let mut overflow: c_int = 0;
    // SAFETY: a live int, as the caller promises; no error is set for ints.
    let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(number, &raw mut overflow) };
    let start = out.len();
    if overflow == 0 {
        out.extend_from_slice(&small.to_le_bytes());
    } else {
        // SAFETY: as above. One more byte than the bits need leaves room for the sign.
        unsafe {
            let length = _PyLong_NumBits(number) / 8 + 1;
            out.resize(start + length, 0);
            write_big(number, &mut out[start..]);
        }
    }
    shorten(out, start);
}

/// # Safety
/// As [`write_int`]; `bytes` is long enough.
unsafe fn write_big(number: *mut ffi::PyObject, bytes: &mut [u8]) {
    #[cfg(Py_3_13)]
    // SAFETY: the buffer has the given length. 1 requests little endian, signed.
    unsafe {
        let asked = ffi::PyLong_AsNativeBytes(number, bytes.as_mut_ptr().cast(), bytes.len() as isize, 1);
        debug_assert!(asked >= 0);
    }
    #[cfg(not(Py_3_13))]
    // SAFETY: the buffer has the given length.
    unsafe {
        let failed = ffi::_PyLong_AsByteArray(number.cast(), bytes.as_mut_ptr(), bytes.len(), 1, 1);
        debug_assert_eq!(failed, 0);
    }
}

/// Drops bytes that only repeat the sign.
fn shorten(out: &mut Vec<u8>, start: usize) {
    while out.len() > start + 1 {
        let (last, before) = (out[out.len() - 1], out[out.len() - 2]);
        let repeats = (last == 0 && before & 0x80 == 0) || (last == 0xff && before & 0x80 != 0);
        if !repeats {
            break;
        }
        out.pop();
    }
}

/// The part that all strings begin with.
#[repr(C)]
struct TextHead {
    object: ffi::PyObject,
    length: ffi::Py_ssize_t,
    hash: ffi::Py_hash_t,
    state: u32,
}

/// Bits of a string's state: two for whether it is interned, three for the size of a character in bytes.
const KIND_SHIFT: u32 = 2;
const COMPACT: u32 = 1 << 5;
const ASCII: u32 = 1 << 6;

/// The offset of the characters of a compact ASCII string: after the head, and up to 3.11 one more pointer.
const ASCII_CHARACTERS: usize = size_of::<TextHead>() + if cfg!(Py_3_12) { 0 } else { size_of::<usize>() };

/// # Safety
/// `text` is a live str.
unsafe fn head<'a>(text: *mut ffi::PyObject) -> &'a TextHead {
    // SAFETY: as the caller promises; every str starts like this.
    unsafe { &*text.cast::<TextHead>() }
}

/// Returns how a string is interned; 0 if it is not.
///
/// # Safety
/// `text` is a live str.
pub(super) unsafe fn is_interned(text: *mut ffi::PyObject) -> u32 {
    // SAFETY: as the caller promises. 1 bit up to 3.11, where the other is zero, 2 after.
    unsafe { head(text).state & 3 }
}

/// Returns the size in memory of a string's characters, in bytes, which distinguishes short from long strings.
///
/// # Safety
/// `text` is a live str.
pub(super) unsafe fn text_bytes(text: *mut ffi::PyObject) -> usize {
    // SAFETY: as the caller promises.
    unsafe {
        let head = head(text);
        head.length as usize * ((head.state >> KIND_SHIFT) & 7) as usize
    }
}

/// Returns the characters of a string with only ASCII characters, which are in the object itself.
///
/// # Safety
/// `text` is a live str, as long as the result is used.
#[inline]
pub(super) unsafe fn ascii<'a>(text: *mut ffi::PyObject) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises; such a string has as many bytes as its length says, and cannot change.
    unsafe {
        let head = head(text);
        let is_ascii = head.state & (COMPACT | ASCII) == COMPACT | ASCII;
        is_ascii.then(|| std::slice::from_raw_parts(text.cast::<u8>().add(ASCII_CHARACTERS), head.length as usize))
    }
}

/// Checks that strings have the layout that is read here.
///
/// # Errors
/// `ImportError` if they have not.
pub(super) fn texts_are_known(py: Python<'_>) -> PyResult<()> {
    let wide = ["aé", "aπ", "a𝄞"].into_iter().map(|text| (text, false));
    for (text, is_ascii) in [("", true), ("a", true), ("several words", true)]
        .into_iter()
        .chain(wide)
    {
        let probe = text.into_pyobject(py)?;
        // SAFETY: a live str.
        let is_known = unsafe {
            let kind = text
                .chars()
                .map(|one| u32::from(one).ilog2() / 8)
                .max()
                .map_or(1, |most| [1, 2, 4, 4][most as usize]);
            text_bytes(probe.as_ptr()) == text.chars().count() * kind
                && ascii(probe.as_ptr()) == is_ascii.then_some(text.as_bytes())
        };
        if !is_known {
            return Err(PyImportError::new_err(
                "Strings do not lie where this build of clew reads them",
            ));
        }
    }
    Ok(())
}

/// Appends a string as UTF-8 with lone surrogates allowed. It reads the characters themselves: `PyUnicode_AsUTF8`
/// would leave a copy inside the string.
///
/// # Safety
/// `text` is a live str.
pub(super) unsafe fn write_text(text: *mut ffi::PyObject, out: &mut Vec<u8>) {
    // SAFETY: a live str; its data has `length` characters of its kind, and cannot change.
    unsafe {
        if !Reserve::has_room(text_bytes(text)) {
            return;
        }
        let length = ffi::PyUnicode_GET_LENGTH(text) as usize;
        let data = ffi::PyUnicode_DATA(text);
        match ffi::PyUnicode_KIND(text) {
            ffi::PyUnicode_1BYTE_KIND => {
                write_latin(std::slice::from_raw_parts(data.cast::<u8>(), length), out);
            }
            ffi::PyUnicode_2BYTE_KIND => {
                let characters = std::slice::from_raw_parts(data.cast::<u16>(), length);
                characters.iter().for_each(|point| write_point(u32::from(*point), out));
            }
            _ => {
                let characters = std::slice::from_raw_parts(data.cast::<u32>(), length);
                characters.iter().for_each(|point| write_point(*point, out));
            }
        }
    }
}

/// Returns a string in the form of [`write_text`].
///
/// # Safety
/// `text` is a live str.
pub(super) unsafe fn text(text: *mut ffi::PyObject) -> Vec<u8> {
    let mut written = Vec::new();
    // SAFETY: as the caller promises.
    unsafe { write_text(text, &mut written) };
    written
}

/// Returns an exact str in the same form; `None` for null and other objects.
///
/// # Safety
/// `object` is null or live.
pub(super) unsafe fn text_of(object: *mut ffi::PyObject) -> Option<Vec<u8>> {
    // SAFETY: as the caller promises.
    unsafe { (!object.is_null() && ffi::PyUnicode_CheckExact(object) != 0).then(|| text(object)) }
}

/// Appends a string in the form of [`write_text`], after its length.
///
/// # Safety
/// `text` is a live str.
pub(super) unsafe fn write_name(text: *mut ffi::PyObject, out: &mut Vec<u8>) {
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(characters) = ascii(text)
            && Reserve::has_room(characters.len())
        {
            out.name(characters);
            return;
        }
        out.name(&self::text(text));
    }
}

fn write_latin(characters: &[u8], out: &mut Vec<u8>) {
    if characters.is_ascii() {
        out.extend_from_slice(characters);
    } else {
        characters.iter().for_each(|point| write_point(u32::from(*point), out));
    }
}

fn write_point(point: u32, out: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | ((point >> shift) & 0x3f) as u8;
    match point {
        0..0x80 => out.push(point as u8),
        0x80..0x800 => out.extend([0xc0 | (point >> 6) as u8, tail(0)]),
        0x800..0x1_0000 => out.extend([0xe0 | (point >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (point >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_their_sign_allows() {
        for (number, expected) in [(0_i64, 1), (127, 1), (128, 2), (-128, 1), (-129, 2), (i64::MAX, 8)] {
            let mut out = number.to_le_bytes().to_vec();
            shorten(&mut out, 0);
            assert_eq!(out.len(), expected, "{number}");
        }
    }

    #[test]
    fn points_are_written_as_utf8_and_surrogates_pass() {
        let mut out = Vec::new();
        "aß€𝄞".chars().for_each(|point| write_point(point as u32, &mut out));
        assert_eq!(out, "aß€𝄞".as_bytes());
        out.clear();
        write_point(0xd800, &mut out);
        assert_eq!(out, [0xed, 0xa0, 0x80]);
    }
}

//! The commonest plain objects as complete nodes: small ints, floats, ASCII strings, None, bools.
//!
//! In a table of records, four of five objects are such. Each is written as [`super::describe`] would write it, but
//! in one step.

use std::ffi::c_int;

use clew_core::graph::Leaf;
use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::memory_reserve::Reserve;
use super::scalar::ascii;
use crate::kinds;

/// Strings and bytes of up to this many bytes in memory are written again at each occurrence.
pub(super) const SHORT: usize = 64;
/// Bits of one digit of an int, on every 64-bit build.
const DIGIT: u32 = 30;

/// Writes a leaf; writes nothing and returns false if the object is none.
///
/// # Safety
/// `pointer` is live and the interpreter is attached.
#[inline]
pub(super) unsafe fn write(pointer: *mut ffi::PyObject, leaf: &mut Leaf<'_>) -> bool {
    // SAFETY: exact types have their known layouts.
    unsafe {
        let class = ffi::Py_TYPE(pointer);
        if class == &raw mut ffi::PyUnicode_Type {
            let Some(characters) = ascii(pointer) else {
                return false;
            };
            // A long one with several references has an identity.
            let is_leaf = characters.len() <= SHORT || ffi::Py_REFCNT(pointer) == 1;
            if is_leaf && Reserve::has_room(characters.len()) {
                leaf.bytes(kinds::STR, characters);
            }
            return is_leaf;
        }
        if class == &raw mut ffi::PyLong_Type {
            let value = small_int(pointer);
            if let Some(value) = value {
                leaf.number(kinds::INT, value.to_le_bytes(), bytes_of(value));
            }
            return value.is_some();
        }
        if class == &raw mut ffi::PyFloat_Type {
            let value = ffi::PyFloat_AS_DOUBLE(pointer);
            // A NaN may be a token, and has an identity.
            if !value.is_nan() {
                leaf.number(kinds::FLOAT, value.to_le_bytes(), 8);
            }
            return !value.is_nan();
        }
        if pointer == ffi::Py_None() {
            leaf.bytes(kinds::NONE, &[]);
            return true;
        }
        if class == &raw mut ffi::PyBool_Type {
            leaf.number(
                kinds::BOOL,
                [u8::from(pointer == ffi::Py_True()), 0, 0, 0, 0, 0, 0, 0],
                1,
            );
            return true;
        }
        false
    }
}

/// Returns how many bytes a number takes in two's complement, at least one.
#[inline]
fn bytes_of(value: i64) -> usize {
    // As many bits as the number or its complement has, and one for the sign.
    let bits = 65 - (value ^ (value >> 63)).leading_zeros();
    bits.div_ceil(8) as usize
}

/// Returns the value of an int of at most two digits.
///
/// # Safety
/// A live exact int.
#[inline]
unsafe fn small_int(number: *mut ffi::PyObject) -> Option<i64> {
    // SAFETY: the head is followed by a word with sign and count of digits, and that by the digits.
    unsafe {
        let head = number.cast::<u8>().add(size_of::<ffi::PyObject>()).cast::<isize>();
        let digits = head.add(1).cast::<u32>();
        let (sign, count) = sign_and_count(*head);
        let magnitude = match count {
            0 => 0,
            1 => i64::from(*digits),
            2 => i64::from(*digits) | i64::from(*digits.add(1)) << DIGIT,
            _ => return None,
        };
        Some(sign * magnitude)
    }
}

/// Up to 3.11, the size of a variable-size object, negative for a negative int.
#[cfg(not(Py_3_12))]
fn sign_and_count(head: isize) -> (i64, usize) {
    (if head < 0 { -1 } else { 1 }, head.unsigned_abs())
}

/// From 3.12 on, a tag: the sign in the lowest two bits (0 positive, 1 zero, 2 negative), the count from the fourth
/// on.
#[cfg(Py_3_12)]
fn sign_and_count(head: isize) -> (i64, usize) {
    let tag = head.cast_unsigned();
    (1 - (tag & 3) as i64, tag >> 3)
}

/// Checks that ints have the layout that is read here.
pub(super) fn layout_is_known(py: Python<'_>) -> PyResult<()> {
    for expected in [
        0_i64,
        1,
        -1,
        255,
        -256,
        (1 << DIGIT) - 1,
        1 << DIGIT,
        -(1 << DIGIT),
        (1 << 59) + 12_345,
        -(1 << 59),
    ] {
        let number = expected.into_pyobject(py)?;
        // SAFETY: a live int.
        if unsafe { small_int(number.as_ptr()) } != Some(expected) {
            return Err(PyImportError::new_err(
                "Ints do not lie where this build of clew reads them",
            ));
        }
    }
    let large = (1_i64 << 61).into_pyobject(py)?;
    let mut overflow: c_int = 0;
    // SAFETY: a live int.
    let (read, told) = unsafe {
        (
            small_int(large.as_ptr()),
            ffi::PyLong_AsLongLongAndOverflow(large.as_ptr(), &raw mut overflow),
        )
    };
    if read.is_some_and(|read| read != told) {
        return Err(PyImportError::new_err(
            "Large ints do not lie where this build of clew reads them",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_many_bytes_as_their_sign_allows() {
        for (number, expected) in [
            (0_i64, 1),
            (127, 1),
            (128, 2),
            (-128, 1),
            (-129, 2),
            (32_767, 2),
            (32_768, 3),
            (-32_768, 2),
            (i64::MAX, 8),
            (i64::MIN, 8),
        ] {
            assert_eq!(bytes_of(number), expected, "{number}");
        }
    }
}

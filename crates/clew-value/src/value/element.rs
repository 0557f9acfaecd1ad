//! Elements of fixed width: the interpretation of an array's bytes.

use std::borrow::Cow;

use crate::time::Time;
use crate::value::cell::ElementValue;
use crate::value::nested::Nested;

/// The type of an array's elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Dtype {
    /// Its usual name: `float64`, `<U5`, `datetime64[ns]`.
    pub name: String,
    /// The interpretation of an element's bytes.
    pub element: Element,
    /// Bytes per element.
    pub size: usize,
}

/// The interpretation of an element's bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// A byte that is 0 or 1.
    Bool,
    /// An integer of 1 to 16 bytes.
    Int {
        /// Whether it is signed.
        signed: bool,
        /// Whether it is big-endian.
        big: bool,
    },
    /// A float of 2, 4 or 8 bytes.
    Float {
        /// Whether it is big-endian.
        big: bool,
    },
    /// A complex of 8 or 16 bytes.
    Complex {
        /// Whether it is big-endian.
        big: bool,
    },
    /// An integer number of time units.
    Time {
        /// The meaning of the number.
        time: Time,
        /// Whether it is big-endian.
        big: bool,
        /// Whether the least number represents a missing value.
        has_missing: bool,
    },
    /// Characters of 4 bytes each.
    Characters {
        /// Whether they are big-endian.
        big: bool,
    },
    /// Bytes, without trailing zeros.
    Bytes,
    /// A decimal: an integer, and the number of its decimal places.
    Decimal {
        /// The number of decimal places.
        scale: i32,
    },
    /// Named fields at their offsets.
    Record(Vec<(String, usize, Dtype)>),
    /// Several elements of another type.
    Several(Box<Dtype>),
    /// An object: arrays of objects have no bytes.
    Object,
    /// Bytes of unknown meaning.
    Raw,
}

impl Dtype {
    /// Creates a type.
    pub fn new(name: impl Into<String>, element: Element, size: usize) -> Self {
        Self {
            name: name.into(),
            element,
            size,
        }
    }

    /// Decodes the bytes of an element.
    pub fn cell<'b>(&'b self, bytes: &'b [u8]) -> ElementValue<'b> {
        let Some(bytes) = bytes.get(..self.size) else {
            return ElementValue::Unreadable;
        };
        if self.size == 0 {
            return ElementValue::Bytes(Cow::Borrowed(bytes));
        }
        match &self.element {
            Element::Bool => ElementValue::Bool(bytes[0] != 0),
            Element::Int { signed, big } => ElementValue::Int(whole(bytes, *signed, *big)),
            Element::Float { big } => float(bytes, *big),
            Element::Complex { big } => {
                let half = self.size / 2;
                let part = |bytes| float(bytes, *big).number().unwrap_or(f64::NAN);
                ElementValue::Complex(part(&bytes[..half]), part(&bytes[half..]))
            }
            Element::Time { time, big, has_missing } => match whole(bytes, true, *big) as i64 {
                i64::MIN if *has_missing => ElementValue::Missing("NaT"),
                ticks => ElementValue::Time(ticks, time),
            },
            Element::Characters { big } => match characters(bytes, *big) {
                Some(text) => ElementValue::Text(Cow::Owned(text)),
                None => ElementValue::Bytes(Cow::Borrowed(bytes)),
            },
            Element::Bytes => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                ElementValue::Bytes(Cow::Borrowed(&bytes[..end]))
            }
            Element::Decimal { scale } => ElementValue::Decimal(decimal(whole(bytes, true, false), *scale)),
            Element::Record(fields) => ElementValue::Nested(Nested::Record(fields, bytes)),
            Element::Several(inner) => ElementValue::Nested(Nested::Elements(inner, bytes)),
            Element::Object | Element::Raw => ElementValue::Bytes(Cow::Borrowed(bytes)),
        }
    }
}

/// Decodes an integer of at most 16 bytes.
fn whole(bytes: &[u8], signed: bool, big: bool) -> i128 {
    let length = bytes.len().min(16);
    let mut wide = [0; 16];
    wide[..length].copy_from_slice(&bytes[..length]);
    if big {
        wide[..length].reverse();
    }
    if signed && length > 0 && wide[length - 1] & 0x80 != 0 {
        wide[length..].fill(0xff);
    }
    i128::from_le_bytes(wide)
}

fn float<'b>(bytes: &[u8], big: bool) -> ElementValue<'b> {
    let bits = whole(bytes, false, big);
    match bytes.len() {
        2 => ElementValue::Single(half(bits as u16)),
        4 => ElementValue::Single(f32::from_bits(bits as u32)),
        8 => ElementValue::Float(f64::from_bits(bits as u64)),
        _ => ElementValue::Bytes(Cow::Owned(bytes.to_vec())),
    }
}

/// Decodes a float of 16 bits.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let value = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    };
    sign * value
}

/// Decodes characters; `None` if one of them is none (it is a lone surrogate).
fn characters(bytes: &[u8], big: bool) -> Option<String> {
    let points = bytes.as_chunks::<4>().0.iter();
    let text: Option<String> = points
        .map(|point| {
            if big {
                u32::from_be_bytes(*point)
            } else {
                u32::from_le_bytes(*point)
            }
        })
        .map(char::from_u32)
        .collect();
    Some(text?.trim_end_matches('\0').to_owned())
}

/// Writes a decimal: `12.50` for 1250 with two decimal places.
fn decimal(value: i128, scale: i32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    pointed(sign, &value.unsigned_abs().to_string(), scale.into())
}

/// Writes digits with `behind` decimal places.
pub(crate) fn pointed(sign: &str, digits: &str, behind: i64) -> String {
    let padded = match usize::try_from(behind) {
        Ok(0) => return format!("{sign}{digits}"),
        Ok(behind @ ..=100) => format!("{digits:0>width$}", width = behind + 1),
        _ => String::new(),
    };
    let parts = usize::try_from(behind)
        .ok()
        .and_then(|behind| padded.split_at_checked(padded.len().checked_sub(behind)?));
    match parts {
        Some((before, after)) => format!("{sign}{before}.{after}"),
        None => format!("{sign}{digits}E{:+}", behind.saturating_neg()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_as_their_type_says() {
        let int = |signed, big| Element::Int { signed, big };
        let text = |element, bytes: &[u8]| Dtype::new("", element, bytes.len()).cell(bytes).text(40);
        assert_eq!(text(int(true, false), &[0xfe]), "-2");
        assert_eq!(text(int(false, false), &[0xfe]), "254");
        assert_eq!(text(int(true, true), &[0, 1]), "1");
        assert_eq!(text(Element::Float { big: false }, &[0, 0x3c]), "1.0");
        assert_eq!(text(Element::Float { big: false }, &[1, 0]), "5.9604645e-08");
        assert_eq!(text(Element::Float { big: true }, &1.5_f64.to_be_bytes()), "1.5");
        assert_eq!(
            text(Element::Characters { big: false }, &[b'a', 0, 0, 0, 0, 0, 0, 0]),
            "'a'"
        );
        assert_eq!(text(Element::Bytes, b"ab\0"), "b'ab'");
        assert_eq!(
            text(Element::Decimal { scale: 2 }, &(-1250_i128).to_le_bytes()),
            "-12.50"
        );
        assert_eq!(decimal(5, 3), "0.005");
    }
}

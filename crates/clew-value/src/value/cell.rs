//! One element of an array or a column.

use std::borrow::Cow;

use crate::digest::{self, digest};
use crate::number;
use crate::stored_value::NodeView;
use crate::time::Time;
use crate::value::nested::Nested;
use crate::value::short;

/// The value of one element of an array, or of one cell of a table.
#[derive(Debug, Clone)]
pub enum ElementValue<'a> {
    /// A missing value, with the library's text for it.
    Missing(&'static str),
    /// A value that is not where its layout says, or whose layout is unknown. It is the same as no other value.
    Unreadable,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A float; NaN counts as missing.
    Float(f64),
    /// A float in single (or half) precision.
    Single(f32),
    /// A complex number.
    Complex(f64, f64),
    /// A string.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A time or a duration.
    Time(i64, &'a Time),
    /// A decimal, with all its digits.
    Decimal(String),
    /// A list, a struct, an interval or a record.
    Nested(Nested<'a>),
    /// An object.
    Object(NodeView<'a>),
}

impl ElementValue<'_> {
    /// Returns whether the value is missing.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::Float(value) => value.is_nan(),
            Self::Single(value) => value.is_nan(),
            _ => false,
        }
    }

    /// Returns its number, if it is one; rounded if a float cannot represent it.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Single(value) => Some(f64::from(*value)),
            _ => None,
        }
    }

    /// Returns whether both are the same value. Missing values are the same.
    pub fn is_same(&self, other: &ElementValue<'_>) -> bool {
        match (self, other) {
            (Self::Int(one), ElementValue::Int(two)) => one == two,
            (Self::Float(one), ElementValue::Float(two)) => bits(*one) == bits(*two),
            (Self::Text(one), ElementValue::Text(two)) => one == two,
            (Self::Bytes(one), ElementValue::Bytes(two)) => one == two,
            (Self::Decimal(one), ElementValue::Decimal(two)) => one == two,
            (Self::Nested(one), ElementValue::Nested(two)) => one.is_same(two),
            (Self::Object(one), ElementValue::Object(two)) => digest::is_same(*one, *two),
            (one, two) => one.exact().is_some_and(|one| two.exact() == Some(one)),
        }
    }

    /// Returns the kind and the exact amount of a missing value, a number or a time; `None` for other values. Equal
    /// integers and floats have the same.
    fn exact(&self) -> Option<(u8, u128)> {
        let float = |value: f64| {
            // Larger floats are integers, too, but none that a column of integers contains.
            if value.fract() == 0.0 && value.abs() < 1e38 {
                (2, (value as i128).cast_unsigned())
            } else {
                (3, bits(value))
            }
        };
        Some(match self {
            cell if cell.is_missing() => (0, 0),
            Self::Bool(value) => (1, u128::from(*value)),
            Self::Int(value) => (2, value.cast_unsigned()),
            Self::Float(value) => float(*value),
            Self::Single(value) => float(f64::from(*value)),
            Self::Complex(real, imaginary) => (4, bits(*real) << 64 | bits(*imaginary)),
            Self::Time(ticks, time) => {
                let kind = 5 + 2 * time.kind as u8 + u8::from(time.is_calendar);
                (kind, time.amount(*ticks)?.cast_unsigned())
            }
            _ => return None,
        })
    }

    /// Returns its readable form, at most about `width` characters.
    pub fn text(&self, width: usize) -> String {
        match self {
            Self::Missing(word) => (*word).to_owned(),
            Self::Unreadable => "?".to_owned(),
            Self::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => number::float(*value),
            Self::Single(value) => number::single(*value),
            Self::Complex(real, imaginary) => number::complex(*real, *imaginary),
            Self::Text(text) => short::quoted(text, width),
            Self::Bytes(bytes) => short::quoted_bytes(bytes, width),
            Self::Time(ticks, time) => time.text(*ticks),
            Self::Decimal(text) => short::cut(text, width),
            Self::Nested(nested) => short::cut(&nested.text(), width),
            Self::Object(view) => short::short(*view, width),
        }
    }

    /// Returns it as a label: texts without quotes.
    pub fn label(&self, width: usize) -> String {
        match self {
            Self::Text(text) => short::cut(text, width),
            other => other.text(width),
        }
    }

    /// Appends bytes that are equal for the same values, and their number; `None` if the value is unreadable.
    pub(crate) fn key(&self, key: &mut Vec<u8>) -> Option<()> {
        let start = key.len();
        let mut push = |kind: u8, bytes: &[u8]| {
            key.push(kind);
            key.extend_from_slice(bytes);
        };
        match self {
            Self::Text(text) => push(20, text.as_bytes()),
            Self::Bytes(bytes) => push(21, bytes),
            Self::Decimal(text) => push(22, text.as_bytes()),
            Self::Object(view) => push(23, &digest(*view).to_le_bytes()),
            Self::Nested(nested) => {
                push(24, &[]);
                nested.key(key)?;
            }
            other => {
                let (kind, amount) = other.exact()?;
                push(kind, &amount.to_le_bytes());
            }
        }
        let length = key.len() - start;
        key.extend_from_slice(&(length as u64).to_le_bytes());
        Some(())
    }
}

/// Returns the bits of a float: the same for both zeros, and for all NaNs.
fn bits(value: f64) -> u128 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    value.to_bits().into()
}

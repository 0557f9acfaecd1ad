//! One element of an array or a column.

use std::borrow::Cow;

use crate::number;
use crate::stored_value::NodeView;
use crate::time::Time;

/// The value of one element of an array, or of one cell of a table.
#[derive(Debug, Clone)]
pub enum ElementValue<'a> {
    /// A missing value, with the library's text for it.
    Missing(&'static str),
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
    /// Anything else, as text.
    Other(String),
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

    /// Returns its number, if it is one.
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
            (one, two) if one.is_missing() || two.is_missing() => one.is_missing() && two.is_missing(),
            (Self::Int(one), ElementValue::Int(two)) => one == two,
            (Self::Bool(one), ElementValue::Bool(two)) => one == two,
            (Self::Bool(_), _) | (_, ElementValue::Bool(_)) => false,
            (Self::Text(one), ElementValue::Text(two)) => one == two,
            (Self::Bytes(one), ElementValue::Bytes(two)) => one == two,
            (Self::Complex(a, b), ElementValue::Complex(c, d)) => same(*a, *c) && same(*b, *d),
            (Self::Time(one, first), ElementValue::Time(two, second)) => {
                i128::from(*one) * first.unit == i128::from(*two) * second.unit
                    && (first.unit != 0 || one == two)
                    && first.kind == second.kind
            }
            (Self::Object(one), ElementValue::Object(two)) => crate::digest::is_same(*one, *two),
            (one, two) => match (one.number(), two.number()) {
                (Some(one), Some(two)) => same(one, two),
                _ => one.text(200) == two.text(200) && std::mem::discriminant(one) == discriminant(two),
            },
        }
    }

    /// Returns its readable form, at most about `width` characters.
    pub fn text(&self, width: usize) -> String {
        match self {
            Self::Missing(word) => (*word).to_owned(),
            Self::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => number::float(*value),
            Self::Single(value) => number::single(*value),
            Self::Complex(real, imaginary) => number::complex(*real, *imaginary),
            Self::Text(text) => crate::value::short::quoted(text, width),
            Self::Bytes(bytes) => crate::value::short::quoted_bytes(bytes, width),
            Self::Time(ticks, time) => time.text(*ticks),
            Self::Other(text) => crate::value::short::cut(text, width),
            Self::Object(view) => crate::value::short::short(*view, width),
        }
    }

    /// Returns it as a label: texts without quotes.
    pub fn label(&self, width: usize) -> String {
        match self {
            Self::Text(text) => crate::value::short::cut(text, width),
            other => other.text(width),
        }
    }

    /// Appends the bytes that identify the value when labels are matched.
    pub(crate) fn key(&self, key: &mut Vec<u8>) {
        match self {
            cell if cell.is_missing() => key.push(0),
            Self::Text(text) => {
                key.push(1);
                key.extend_from_slice(text.as_bytes());
            }
            Self::Int(value) => whole(*value, key),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => whole(*value as i128, key),
            Self::Time(ticks, time) => {
                key.push(2);
                key.extend_from_slice(&(i128::from(*ticks) * time.unit).to_le_bytes());
                key.extend_from_slice(&(if time.unit == 0 { *ticks } else { 0 }).to_le_bytes());
            }
            Self::Object(view) => {
                key.push(3);
                key.extend_from_slice(&crate::digest::digest(*view).to_le_bytes());
            }
            other => {
                key.push(4);
                key.extend_from_slice(other.text(1_000).as_bytes());
            }
        }
    }
}

fn whole(value: i128, key: &mut Vec<u8>) {
    key.push(5);
    key.extend_from_slice(&value.to_le_bytes());
}

fn discriminant<'a>(cell: &'a ElementValue<'_>) -> std::mem::Discriminant<ElementValue<'a>> {
    // The lifetime of the borrowed data is not part of the variant.
    std::mem::discriminant::<ElementValue<'a>>(cell)
}

#[allow(clippy::float_cmp)] // exact equality is intended
fn same(one: f64, two: f64) -> bool {
    one == two || one.is_nan() && two.is_nan()
}

//! Columns: sequences of values, in any of the memory layouts of the libraries.

use std::borrow::Cow;
use std::rc::Rc;

use crate::kinds;
use crate::memory::Bytes;
use crate::payload;
use crate::stored_value::{Items, NodeView, ReadError};
use crate::value::Value;
use crate::value::cell::ElementValue;
use crate::value::element::Dtype;
use crate::value::nested::Nested;

/// A sequence of values.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    /// The library's name of its type.
    pub dtype: String,
    /// The number of values.
    pub length: u64,
    /// The location of the values.
    pub values: ColumnValues<'a>,
}

/// The storage of the values of a column.
#[derive(Debug, Clone)]
pub enum ColumnValues<'a> {
    /// Elements of fixed width with a stride.
    Fixed {
        /// The memory.
        memory: Bytes<'a>,
        /// The type of the elements.
        dtype: Dtype,
        /// The offset of the first element.
        offset: u64,
        /// The bytes from one element to the next.
        stride: i64,
    },
    /// Bools, eight per byte.
    Bits(Bytes<'a>),
    /// Texts or bytes, one after another.
    Text {
        /// The start of each, and the end of the last one.
        offsets: Bytes<'a>,
        /// The bytes of all of them.
        data: Bytes<'a>,
        /// Whether offsets have 8 bytes each.
        wide: bool,
        /// Whether they are texts.
        is_text: bool,
    },
    /// Lists of values of another column.
    Lists {
        /// The start of each list, and the end of the last one; none if all lists have the same length.
        offsets: Option<(Bytes<'a>, bool)>,
        /// The length of every list if all have the same length.
        size: u64,
        /// The values of all lists.
        inner: Box<Column<'a>>,
    },
    /// Structs: named columns of the same length.
    Fields(Vec<(String, Column<'a>)>),
    /// Objects.
    Objects {
        /// All objects of the underlying array.
        items: Items<'a>,
        /// The number of the first one.
        first: i64,
        /// The objects from one to the next.
        step: i64,
    },
    /// Codes, and the column whose values they number; negative codes are missing values.
    Coded(Box<Column<'a>>, Box<Column<'a>>),
    /// Values, and a column of bools that marks values as present (or, if `says_there` is false, as missing).
    Masked {
        /// The values.
        values: Box<Column<'a>>,
        /// The bools.
        mask: Box<Column<'a>>,
        /// Whether true marks values as present.
        says_there: bool,
    },
    /// Consecutive chunks, each with the row after its end.
    Chunks(Vec<(u64, Column<'a>)>),
    /// Evenly spaced numbers: start and step.
    Range(i128, i128),
    /// Intervals: left ends, right ends, and the closed sides.
    Intervals(Box<Column<'a>>, Box<Column<'a>>, String),
    /// All values are missing.
    Nulls,
    /// An unknown layout.
    Unknown(NodeView<'a>),
}

impl<'a> Column<'a> {
    /// Creates a column.
    pub fn new(dtype: impl Into<String>, length: u64, values: ColumnValues<'a>) -> Self {
        Self {
            dtype: dtype.into(),
            length,
            values,
        }
    }

    /// Creates a column of codes of these labels.
    pub fn coded(dtype: impl Into<String>, codes: Self, labels: Self) -> Self {
        Self::new(
            dtype,
            codes.length,
            ColumnValues::Coded(Box::new(codes), Box::new(labels)),
        )
    }

    /// Returns the number of bytes of memory that [`Self::load`] reads, or the number of values if that is larger: a
    /// stream may contain any number without data.
    pub fn cost(&self) -> u64 {
        let bytes = match &self.values {
            ColumnValues::Fixed { memory, .. } => memory.cost(),
            ColumnValues::Bits(bytes) => bytes.cost(),
            ColumnValues::Text { offsets, data, .. } => offsets.cost().saturating_add(data.cost()),
            ColumnValues::Lists { offsets, inner, .. } => {
                let own = offsets.as_ref().map_or(0, |(offsets, _)| offsets.cost());
                own.saturating_add(inner.cost())
            }
            ColumnValues::Fields(fields) => total(fields.iter().map(|(_, column)| column)),
            ColumnValues::Coded(one, two) | ColumnValues::Intervals(one, two, _) => total([&**one, &**two]),
            ColumnValues::Masked { values, mask, .. } => total([&**values, &**mask]),
            ColumnValues::Chunks(chunks) => total(chunks.iter().map(|(_, chunk)| chunk)),
            ColumnValues::Objects { .. } | ColumnValues::Range(..) | ColumnValues::Nulls | ColumnValues::Unknown(_) => {
                0
            }
        };
        bytes.max(self.length)
    }

    /// Returns whether both are the same, judged by blocks, without reading them.
    pub fn is_same(&self, other: &Column<'_>) -> bool {
        if self.dtype != other.dtype || self.length != other.length {
            return false;
        }
        match (&self.values, &other.values) {
            (
                ColumnValues::Fixed {
                    memory,
                    dtype,
                    offset,
                    stride,
                },
                ColumnValues::Fixed {
                    memory: m,
                    dtype: d,
                    offset: o,
                    stride: s,
                },
            ) => (dtype, offset, stride) == (d, o, s) && memory.is_same(m),
            (ColumnValues::Bits(one), ColumnValues::Bits(two)) => one.is_same(two),
            (
                ColumnValues::Text {
                    offsets,
                    data,
                    wide,
                    is_text,
                },
                ColumnValues::Text {
                    offsets: o,
                    data: d,
                    wide: w,
                    is_text: t,
                },
            ) => (wide, is_text) == (w, t) && offsets.is_same(o) && data.is_same(d),
            (ColumnValues::Coded(codes, labels), ColumnValues::Coded(others, names)) => {
                codes.is_same(others) && labels.is_same(names)
            }
            (ColumnValues::Intervals(left, right, closed), ColumnValues::Intervals(one, two, other)) => {
                left.is_same(one) && right.is_same(two) && closed == other
            }
            (
                ColumnValues::Masked {
                    values,
                    mask,
                    says_there,
                },
                ColumnValues::Masked {
                    values: v,
                    mask: m,
                    says_there: s,
                },
            ) => values.is_same(v) && mask.is_same(m) && says_there == s,
            (ColumnValues::Chunks(one), ColumnValues::Chunks(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|((_, one), (_, two))| one.is_same(two))
            }
            (ColumnValues::Range(start, step), ColumnValues::Range(other, by)) => (start, step) == (other, by),
            (ColumnValues::Nulls, ColumnValues::Nulls) => true,
            (ColumnValues::Unknown(one), ColumnValues::Unknown(two)) => crate::digest::is_same(*one, *two),
            _ => false,
        }
    }

    /// Returns the column with all its memory read.
    ///
    /// # Errors
    /// Memory is missing or corrupted, or exceeds the limit of bytes to read.
    pub fn load(&self) -> Result<Self, ReadError> {
        let mut loaded = self.clone();
        loaded.read()?;
        Ok(loaded)
    }

    fn read(&mut self) -> Result<(), ReadError> {
        match &mut self.values {
            ColumnValues::Fixed { memory: bytes, .. } | ColumnValues::Bits(bytes) => bytes.load(),
            ColumnValues::Text { offsets, data, .. } => {
                offsets.load()?;
                data.load()
            }
            ColumnValues::Lists { offsets, inner, .. } => {
                if let Some((offsets, wide)) = offsets {
                    offsets.load()?;
                    // The list ends before the first overlap: overlaps on many levels would take forever to compare.
                    let is_apart = |at: &u64| bounds(offsets.loaded(), *wide, *at).is_some();
                    self.length = (0..self.length).take_while(is_apart).count() as u64;
                }
                inner.read()
            }
            ColumnValues::Fields(fields) => fields.iter_mut().try_for_each(|(_, column)| column.read()),
            ColumnValues::Coded(one, two)
            | ColumnValues::Intervals(one, two, _)
            | ColumnValues::Masked {
                values: one, mask: two, ..
            } => {
                one.read()?;
                two.read()
            }
            ColumnValues::Chunks(chunks) => chunks.iter_mut().try_for_each(|(_, chunk)| chunk.read()),
            ColumnValues::Objects { .. } | ColumnValues::Range(..) | ColumnValues::Nulls | ColumnValues::Unknown(_) => {
                Ok(())
            }
        }
    }

    /// Reads only the value at `at`: returns a column that contains no other. `None` if the layout does not allow
    /// that.
    pub(crate) fn one(&self, at: u64) -> Result<Option<Self>, ReadError> {
        let values = match &self.values {
            ColumnValues::Fixed {
                memory,
                dtype,
                offset,
                stride,
            } => {
                let start = i128::from(*offset) + i128::from(at) * i128::from(*stride);
                let start = u64::try_from(start).ok().filter(|_| at < self.length);
                let bytes = memory.part(start, dtype.size as u64)?;
                bytes.map(|memory| ColumnValues::Fixed {
                    memory,
                    dtype: dtype.clone(),
                    offset: 0,
                    stride: 0,
                })
            }
            ColumnValues::Text {
                offsets,
                data,
                wide,
                is_text,
            } => {
                let width = if *wide { 8 } else { 4 };
                let ends = offsets.part(at.checked_mul(width), 2 * width)?;
                let ends = ends.and_then(|ends| bounds(ends.loaded(), *wide, 0));
                let bytes = match ends {
                    Some((start, end)) => data.part(Some(start), end - start)?,
                    None => None,
                };
                bytes.map(|data| ColumnValues::Text {
                    offsets: Bytes::Read(Rc::new(
                        [0_i64.to_le_bytes(), (data.len() as i64).to_le_bytes()].concat(),
                    )),
                    data,
                    wide: true,
                    is_text: *is_text,
                })
            }
            ColumnValues::Coded(codes, labels) => {
                let Some(codes) = codes.one(at)? else { return Ok(None) };
                if let Some(code) = codes.code(0, labels.length) {
                    return labels.one(code);
                }
                let none = Self::new(&labels.dtype, 0, ColumnValues::Nulls);
                Some(ColumnValues::Coded(Box::new(codes), Box::new(none)))
            }
            ColumnValues::Range(start, step) => i128::from(at)
                .checked_mul(*step)
                .and_then(|distance| start.checked_add(distance))
                .map(|value| ColumnValues::Range(value, 0)),
            _ => None,
        };
        Ok(values.map(|values| Self::new(&self.dtype, 1, values)))
    }
}

fn total<'c, 'a: 'c>(columns: impl IntoIterator<Item = &'c Column<'a>>) -> u64 {
    columns
        .into_iter()
        .fold(0, |sum, column| sum.saturating_add(column.cost()))
}

/// Values of a loaded column.
impl Column<'_> {
    /// Returns the value at `at`; `?` if the stored layout is inconsistent.
    pub fn cell(&self, at: u64) -> ElementValue<'_> {
        self.found(at).unwrap_or(ElementValue::Unreadable)
    }

    /// Returns the bytes of the text at `at`, if there is one. Equal bytes are equal texts.
    pub(crate) fn text(&self, at: u64) -> Option<&[u8]> {
        match &self.values {
            ColumnValues::Text {
                offsets,
                data,
                wide,
                is_text: true,
            } => {
                let (start, end) = bounds(offsets.loaded(), *wide, at)?;
                data.loaded().get(start as usize..end as usize)
            }
            ColumnValues::Coded(codes, labels) => labels.text(codes.code(at, labels.length)?),
            _ => None,
        }
    }

    /// Returns the values that codes number, and how many rows have each; `None` if there are no codes, or more than
    /// `most` values.
    pub(crate) fn counted(&self, most: u64) -> Option<(&Self, Vec<u64>)> {
        let ColumnValues::Coded(codes, labels) = &self.values else {
            return None;
        };
        let count = labels.length;
        let mut times = vec![0; usize::try_from(count).ok().filter(|_| count <= most)?];
        for row in 0..self.length {
            if let Some(code) = codes.code(row, count) {
                times[code as usize] += 1;
            }
        }
        Some((labels, times))
    }

    /// Returns the code at `at`, if it is the number of one of `count` values.
    pub(crate) fn code(&self, at: u64, count: u64) -> Option<u64> {
        match self.cell(at) {
            ElementValue::Int(code) => u64::try_from(code).ok().filter(|code| *code < count),
            _ => None,
        }
    }

    fn found(&self, at: u64) -> Option<ElementValue<'_>> {
        Some(match &self.values {
            ColumnValues::Fixed {
                memory,
                dtype,
                offset,
                stride,
            } => {
                let start = i128::from(*offset) + i128::from(at) * i128::from(*stride);
                let start = usize::try_from(start).ok()?;
                dtype.cell(memory.loaded().get(start..start.checked_add(dtype.size)?)?)
            }
            ColumnValues::Bits(bytes) => {
                ElementValue::Bool(bytes.loaded().get((at / 8) as usize)? >> (at % 8) & 1 == 1)
            }
            ColumnValues::Text {
                offsets,
                data,
                wide,
                is_text,
            } => {
                let (start, end) = bounds(offsets.loaded(), *wide, at)?;
                let bytes = data.loaded().get(start as usize..end as usize)?;
                if *is_text {
                    ElementValue::Text(payload::text(bytes))
                } else {
                    ElementValue::Bytes(Cow::Borrowed(bytes))
                }
            }
            ColumnValues::Lists { offsets, size, inner } => {
                let (start, end) = match offsets {
                    Some((offsets, wide)) => bounds(offsets.loaded(), *wide, at)?,
                    None => (at.checked_mul(*size)?, at.checked_mul(*size)?.checked_add(*size)?),
                };
                let is_there = at < self.length && end <= inner.length;
                ElementValue::Nested(Nested::List(inner, start, is_there.then_some(end - start)?))
            }
            ColumnValues::Fields(fields) => ElementValue::Nested(Nested::Struct(fields, at)),
            ColumnValues::Objects { items, first, step } => {
                let place = i128::from(*first) + i128::from(at) * i128::from(*step);
                object(items.get(usize::try_from(place).ok()?)?)
            }
            ColumnValues::Coded(codes, labels) => match codes.cell(at) {
                ElementValue::Int(code) if code < 0 => ElementValue::Missing("nan"),
                ElementValue::Int(code) => labels.cell(u64::try_from(code).ok().filter(|code| *code < labels.length)?),
                missing if missing.is_missing() => missing,
                _ => return None,
            },
            ColumnValues::Masked {
                values,
                mask,
                says_there,
            } => match mask.cell(at) {
                ElementValue::Bool(is_set) if is_set == *says_there => values.cell(at),
                ElementValue::Bool(_) => ElementValue::Missing("<NA>"),
                _ => return None,
            },
            ColumnValues::Chunks(chunks) => {
                let nth = chunks.partition_point(|(end, _)| *end <= at);
                let start = nth.checked_sub(1).map_or(0, |before| chunks[before].0);
                chunks.get(nth)?.1.cell(at - start)
            }
            ColumnValues::Range(start, step) => {
                ElementValue::Int(start.checked_add(i128::from(at).checked_mul(*step)?)?)
            }
            ColumnValues::Intervals(left, right, closed) => {
                if left.cell(at).is_missing() {
                    return Some(ElementValue::Missing("nan"));
                }
                ElementValue::Nested(Nested::Interval([left, right], at, brackets(closed)))
            }
            ColumnValues::Nulls => ElementValue::Missing("None"),
            ColumnValues::Unknown(_) => return None,
        })
    }
}

/// Returns the brackets of an interval that is closed at these ends.
pub(crate) fn brackets(closed: &str) -> [char; 2] {
    match closed {
        "both" => ['[', ']'],
        "left" => ['[', ')'],
        "neither" => ['(', ')'],
        _ => ['(', ']'],
    }
}

/// Returns the start and end of the `at`-th item.
fn bounds(offsets: &[u8], wide: bool, at: u64) -> Option<(u64, u64)> {
    let at = usize::try_from(at).ok()?;
    let number = |nth: usize| {
        if wide {
            let bytes = offsets.get(nth.checked_mul(8)?..nth.checked_mul(8)?.checked_add(8)?)?;
            Some(i64::from_le_bytes(bytes.try_into().ok()?))
        } else {
            let bytes = offsets.get(nth.checked_mul(4)?..nth.checked_mul(4)?.checked_add(4)?)?;
            Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))
        }
    };
    let (start, end) = (u64::try_from(number(at)?).ok()?, u64::try_from(number(at + 1)?).ok()?);
    (start <= end).then_some((start, end))
}

/// Returns an object as an element.
pub(crate) fn object(view: NodeView<'_>) -> ElementValue<'_> {
    match view.value() {
        Ok(Value::None) => ElementValue::Missing("None"),
        Ok(Value::Bool(value)) => ElementValue::Bool(value),
        Ok(Value::Integer(value)) => value.small().map_or(ElementValue::Object(view), ElementValue::Int),
        Ok(Value::Float(value)) => ElementValue::Float(value),
        Ok(Value::Text(text)) if view.kind() == kinds::STR => ElementValue::Text(text),
        Ok(Value::Scalar(scalar)) if scalar.is_missing => ElementValue::Missing("NaT"),
        _ => ElementValue::Object(view),
    }
}

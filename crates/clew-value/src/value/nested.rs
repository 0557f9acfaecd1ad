//! Values that contain values: lists, structs, intervals, records.

use clew_core::id::Fingerprint;

use crate::value::cell::ElementValue;
use crate::value::column::Column;
use crate::value::element::Dtype;

/// The number of parts that are shown.
const SHOWN: u64 = 20;
/// The most characters of a part that is shown.
const WIDTH: usize = 40;
/// The bytes of a key from which on they are replaced by their hash.
const KEY: usize = 4096;

/// A value that contains values, which are read on request.
#[derive(Debug, Clone, Copy)]
pub enum Nested<'a> {
    /// Values of a column: the first one, and their number.
    List(&'a Column<'a>, u64, u64),
    /// One row of named columns.
    Struct(&'a [(String, Column<'a>)], u64),
    /// One row of two columns of ends, with its brackets.
    Interval([&'a Column<'a>; 2], u64, [char; 2]),
    /// Named fields at their offsets in bytes.
    Record(&'a [(String, usize, Dtype)], &'a [u8]),
    /// Elements of one type.
    Elements(&'a Dtype, &'a [u8]),
}

impl<'a> Nested<'a> {
    fn len(&self) -> u64 {
        match self {
            Self::List(_, _, length) => *length,
            Self::Struct(fields, _) => fields.len() as u64,
            Self::Interval(..) => 2,
            Self::Record(fields, _) => fields.len() as u64,
            Self::Elements(dtype, bytes) => bytes.len().checked_div(dtype.size).unwrap_or(0) as u64,
        }
    }

    fn brackets(&self) -> [char; 2] {
        match self {
            Self::List(..) | Self::Elements(..) => ['[', ']'],
            Self::Struct(..) => ['{', '}'],
            Self::Interval(_, _, brackets) => *brackets,
            Self::Record(..) => ['(', ')'],
        }
    }

    /// Returns the name of the n-th part (empty if it has none) and the part.
    fn part(&self, nth: u64) -> (&'a str, ElementValue<'a>) {
        let at = nth as usize;
        match self {
            Self::List(column, first, _) => ("", column.cell(first + nth)),
            Self::Struct(fields, row) => (&fields[at].0, fields[at].1.cell(*row)),
            Self::Interval(ends, row, _) => ("", ends[at].cell(*row)),
            Self::Record(fields, bytes) => {
                let (_, offset, dtype) = &fields[at];
                ("", dtype.cell(bytes.get(*offset..).unwrap_or_default()))
            }
            Self::Elements(dtype, bytes) => ("", dtype.cell(&bytes[at * dtype.size..])),
        }
    }

    /// Returns whether both contain the same values, at the same places.
    pub(super) fn is_same(&self, other: &Nested<'_>) -> bool {
        let same = |nth| {
            let ((name, one), (other, two)) = (self.part(nth), other.part(nth));
            name == other && one.is_same(&two)
        };
        self.brackets() == other.brackets() && self.len() == other.len() && (0..self.len()).all(same)
    }

    /// Returns its readable form, with some of its parts.
    pub(super) fn text(&self) -> String {
        let shown = (0..self.len().min(SHOWN)).map(|nth| match self.part(nth) {
            ("", part) => part.text(WIDTH),
            (name, part) => format!("'{name}': {}", part.text(WIDTH)),
        });
        let mut shown: Vec<String> = shown.collect();
        if self.len() > SHOWN {
            shown.push(format!("… ({} values)", self.len()));
        }
        let [open, close] = self.brackets();
        format!("{open}{}{close}", shown.join(", "))
    }

    /// Appends bytes that are equal for the same values; `None` if a part is unreadable.
    pub(super) fn key(&self, key: &mut Vec<u8>) -> Option<()> {
        let start = key.len();
        key.extend(self.brackets().map(|bracket| bracket as u8));
        for nth in 0..self.len() {
            let (name, part) = self.part(nth);
            if !name.is_empty() {
                ElementValue::Text(name.into()).key(key)?;
            }
            part.key(key)?;
            if key.len() - start > KEY {
                let hash = Fingerprint::of(&key[start..]).0;
                key.truncate(start);
                key.extend_from_slice(&hash);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Bytes;
    use crate::value::column::ColumnValues;
    use crate::value::element::Element;

    /// Returns whether both are the same, which their keys must confirm.
    fn is_same(one: &ElementValue<'_>, two: &ElementValue<'_>) -> bool {
        let key = |value: &ElementValue<'_>| {
            let mut key = Vec::new();
            value.key(&mut key).map(|()| key)
        };
        let is_same = one.is_same(two);
        assert_eq!(is_same, key(one).is_some() && key(one) == key(two), "{one:?} {two:?}");
        is_same
    }

    #[test]
    fn values_that_differ_beyond_their_readable_form_are_different() {
        let dtype = |element, size| Dtype::new("", element, size);
        let bytes = dtype(Element::Several(Box::new(dtype(Element::Raw, 1))), 9_000);
        let record = dtype(
            Element::Record(vec![("a".to_owned(), 1, dtype(Element::Bytes, 8_999))]),
            9_000,
        );
        for dtype in [bytes, record] {
            let (one, mut two) = (vec![1; 9_000], vec![1; 9_000]);
            assert!(is_same(&dtype.cell(&one), &dtype.cell(&two)));
            two[8_500] = 2;
            assert!(!is_same(&dtype.cell(&one), &dtype.cell(&two)));
            assert!(!is_same(&dtype.cell(&one[..8_999]), &dtype.cell(&one[..8_999])));
        }
        let big = 2_i128.pow(53);
        assert!(is_same(&ElementValue::Int(big), &ElementValue::Float(big as f64)));
        assert!(!is_same(&ElementValue::Int(big + 1), &ElementValue::Float(big as f64)));
        assert!(!is_same(&ElementValue::Single(0.1), &ElementValue::Float(0.1)));
        assert!(is_same(&ElementValue::Single(0.5), &ElementValue::Float(0.5)));
        assert!(!is_same(&ElementValue::Bool(true), &ElementValue::Int(1)));
        let half = u128::from(0.5_f64.to_bits());
        assert!(!is_same(
            &ElementValue::Int(half.cast_signed()),
            &ElementValue::Float(0.5)
        ));
    }

    #[test]
    fn p14_overlapping_lists_are_unreadable() {
        let offsets: Vec<u8> = [0_i32, 50, 0, 50].map(i32::to_le_bytes).concat();
        let nulls = Column::new("null", 50, ColumnValues::Nulls);
        let mut lists = (0..12).fold(nulls, |inner, _| {
            let offsets = Some((Bytes::Inline(&offsets), false));
            let inner = Box::new(inner);
            Column::new(
                "list",
                3,
                ColumnValues::Lists {
                    offsets,
                    size: 0,
                    inner,
                },
            )
        });
        lists = lists.load().unwrap();
        assert!(matches!(lists.cell(0), ElementValue::Unreadable));
        let ColumnValues::Lists { inner, .. } = &lists.values else {
            panic!()
        };
        assert_eq!((lists.length, inner.length), (1, 1));
    }
}

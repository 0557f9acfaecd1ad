//! numpy: the counterpart of `codecs/numpy.py`.

use clew_core::limits::DIMENSIONS;

use super::CodecNode;
use crate::kinds;
use crate::literal::{Literal, parse};
use crate::memory::Bytes;
use crate::stored_value::{Items, NodeView};
use crate::time::{Time, TimeKind};
use crate::value::array::{Array, CODE, Elements, dense_strides};
use crate::value::cell::ElementValue;
use crate::value::column::{Column, ColumnValues};
use crate::value::element::{Dtype, Element};
use crate::value::object::{Field, attributes};
use crate::value::{Scalar, Value};

pub(super) fn read<'a>(coded: &CodecNode<'a>, kind: &str) -> Option<Value<'a>> {
    match kind {
        "ndarray" => array(&coded.type_name, coded.args, coded.state).map(Value::Array),
        "recarray" | "matrix" => {
            let state = coded.state?.row()?;
            let array = array(&coded.type_name, coded.args, state.get(0))?;
            Some(coded.with(Value::Array(array), attributes(state.get(1)?)))
        }
        "masked" => masked(coded),
        "scalar" => scalar(coded),
        "dtype" => {
            let dtype = dtype(coded.parts()?.get(0)?)?;
            let text = format!("dtype({})", dtype.name);
            Some(Value::Scalar(Scalar::of("numpy.dtype", text)))
        }
        "ufunc" => {
            let parts = coded.parts()?;
            let (module, name) = (parts.get(0)?.text()?, parts.get(1)?.text()?);
            Some(Value::Named(format!("{module}.{name}")))
        }
        _ => None,
    }
}

/// Reads an array from the `args` of `array_parts` or `_view_parts`, and the state that holds its objects.
pub(super) fn array<'a>(type_name: &str, args: NodeView<'a>, state: Option<NodeView<'a>>) -> Option<Array<'a>> {
    let args = args.row()?;
    let dtype = dtype(args.get(1)?)?;
    let shape = lengths(args.get(2)?)?;
    let elements = match args.get(0)?.text()? {
        "memory" => in_memory(args, &dtype, &shape)?,
        "empty" => Elements::None,
        "items" => {
            let items = state?.row()?.get(1)?.row()?;
            let is_fortran = args.get(3)?.text()? == "F";
            Elements::Objects(items, 0, dense_strides(&shape, 1, is_fortran))
        }
        "texts" => {
            let is_fortran = args.get(3)?.text()? == "F";
            let (codes, offsets) = (Bytes::Memory(args.get(5)?.memory()?), Bytes::of(args.get(6)?)?);
            let count = (offsets.len() / 4).saturating_sub(1);
            let texts = ColumnValues::Text {
                offsets,
                data: Bytes::of(args.get(7)?)?,
                wide: false,
                is_text: true,
            };
            let texts = Column::new("object", count, texts);
            Elements::Texts(codes, Box::new(texts), 0, dense_strides(&shape, 1, is_fortran))
        }
        "view" => return view(type_name, args, dtype, shape),
        _ => return None,
    };
    Some(Array {
        type_name: type_name.to_owned(),
        dtype,
        shape,
        elements,
    })
}

fn in_memory<'a>(args: Items<'a>, dtype: &Dtype, shape: &[u64]) -> Option<Elements<'a>> {
    let (offset, strides) = layout(args.get(3)?, dtype, shape)?;
    Some(Elements::Bytes(Bytes::Memory(args.get(5)?.memory()?), offset, strides))
}

/// Returns the layout of elements, stored as "C", "F", or (offset, strides): the offset and the strides.
fn layout(parts: NodeView<'_>, dtype: &Dtype, shape: &[u64]) -> Option<(u64, Vec<i64>)> {
    if let Some(order) = parts.text() {
        return Some((0, dense_strides(shape, dtype.size, order == "F")));
    }
    let parts = parts.row()?;
    let offset = u64::try_from(parts.get(0)?.int()?).ok()?;
    Some((offset, steps(parts.get(1)?, shape.len())?))
}

fn steps(view: NodeView<'_>, dimensions: usize) -> Option<Vec<i64>> {
    let steps: Option<Vec<i64>> = view.row()?.iter().map(NodeView::int).collect();
    steps.filter(|steps| steps.len() == dimensions)
}

fn lengths(view: NodeView<'_>) -> Option<Vec<u64>> {
    let row = view.row().filter(|row| row.len() <= DIMENSIONS)?;
    row.iter().map(|length| u64::try_from(length.int()?).ok()).collect()
}

/// Reads a view of another array's memory, or of bytes.
fn view<'a>(type_name: &str, args: Items<'a>, dtype: Dtype, shape: Vec<u64>) -> Option<Array<'a>> {
    let offset = args.get(3)?.int()?;
    let strides = steps(args.get(4)?, shape.len())?;
    let base = args.get(6)?;
    let elements = match base.kind() {
        kinds::BYTES | kinds::BYTEARRAY => {
            let is_inline = base.kind() == kinds::BYTES && base.node().buffer.is_none();
            let bytes = if is_inline {
                Bytes::Inline(base.payload())
            } else {
                Bytes::Memory(base.memory()?)
            };
            Elements::Bytes(bytes, u64::try_from(offset).ok()?, strides)
        }
        _ => over_base(base, offset, strides, &dtype)?,
    };
    Some(Array {
        type_name: type_name.to_owned(),
        dtype,
        shape,
        elements,
    })
}

fn over_base<'a>(base: NodeView<'a>, offset: i64, strides: Vec<i64>, dtype: &Dtype) -> Option<Elements<'a>> {
    match super::codec(base)? {
        "stdlib.array" => {
            let memory = Bytes::Memory(base.child(1)?.row()?.get(1)?.memory()?);
            Some(Elements::Bytes(memory, u64::try_from(offset).ok()?, strides))
        }
        "numpy.ndarray" => {
            let whole = base.child(1)?;
            let args = whole
                .row()
                .filter(|args| args.get(0).and_then(NodeView::text) != Some("view"))?;
            let elements = array("", whole, base.child(2))?.elements;
            if let Elements::Bytes(memory, _, _) = elements {
                return Some(Elements::Bytes(memory, u64::try_from(offset).ok()?, strides));
            }
            if args.len() <= 2 || !matches!(dtype.element, Element::Object) {
                return None;
            }
            let size = dtype.size as i64;
            let (first, steps) = (offset / size, strides.iter().map(|step| step / size).collect());
            match elements {
                Elements::Objects(items, _, _) => Some(Elements::Objects(items, first, steps)),
                Elements::Texts(codes, texts, _, _) => Some(Elements::Texts(codes, texts, first, steps)),
                Elements::Bytes(..) | Elements::None => None,
            }
        }
        _ => None,
    }
}

/// Reads one-dimensional values of a frame: `memory_parts`, or ("objects", args, state).
pub(super) fn flat(parts: NodeView<'_>) -> Option<Column<'_>> {
    let row = parts.row()?;
    let array = if row.get(0)?.text()? == "objects" {
        array("", row.get(1)?, row.get(2))?
    } else {
        array("", parts, None)?
    };
    column_of(array)
}

/// Converts a one-dimensional array to a column.
pub(super) fn column_of(array: Array<'_>) -> Option<Column<'_>> {
    let [length] = array.shape.as_slice() else { return None };
    let name = array.dtype.name.clone();
    let values = match array.elements {
        Elements::Bytes(memory, offset, strides) => ColumnValues::Fixed {
            memory,
            dtype: array.dtype,
            offset,
            stride: *strides.first()?,
        },
        Elements::Objects(items, first, steps) => ColumnValues::Objects {
            items,
            first,
            step: *steps.first()?,
        },
        Elements::Texts(codes, texts, first, steps) => {
            let element = Element::Int {
                signed: true,
                big: false,
            };
            let codes = ColumnValues::Fixed {
                memory: codes,
                dtype: Dtype::new("int32", element, CODE),
                offset: u64::try_from(first).ok()?.checked_mul(CODE as u64)?,
                stride: steps.first()?.checked_mul(CODE as i64)?,
            };
            return Some(Column::coded(name, Column::new("int32", *length, codes), *texts));
        }
        Elements::None => ColumnValues::Nulls,
    };
    Some(Column::new(name, *length, values))
}

fn masked<'a>(coded: &CodecNode<'a>) -> Option<Value<'a>> {
    let state = coded.state?.row()?;
    let data = array(&coded.type_name, coded.args, state.get(0))?;
    let mut fields = vec![Field::new(".mask", state.get(1)?)];
    fields.extend(state.get(2).map(|view| Field::new(".fill_value", view)));
    fields.extend(state.get(5).into_iter().flat_map(attributes));
    Some(coded.with(Value::Array(data), fields))
}

fn scalar<'a>(coded: &CodecNode<'a>) -> Option<Value<'a>> {
    let parts = coded.parts()?;
    let (dtype, bytes) = (dtype(parts.get(0)?)?, parts.get(1)?);
    let cell = dtype.cell(bytes.payload());
    if let ElementValue::Text(text) = &cell {
        return Some(Value::Text(std::borrow::Cow::Owned(text.clone().into_owned())));
    }
    Some(Value::Scalar(Scalar {
        type_name: coded.type_name.clone(),
        text: cell.text(200),
        is_missing: matches!(cell, ElementValue::Missing(_)),
    }))
}

// --- dtypes -----------------------------------------------------------------------------------------------------

/// Reads a dtype from `dtype_parts`.
pub(super) fn dtype(parts: NodeView<'_>) -> Option<Dtype> {
    if let Some(text) = parts.text() {
        return if text.starts_with('(') {
            nested(&parse(text)?, 0)
        } else {
            simple(text)
        };
    }
    let row = parts.row()?;
    match row.get(0)?.text()? {
        "metadata" => {
            let inner = row.get(1)?;
            let is_again = inner.row().and_then(|row| row.get(0)?.text()) == Some("metadata");
            if is_again { None } else { dtype(inner) }
        }
        "string" => Some(Dtype::new("StringDType", Element::Object, 16)),
        "type" => Some(Dtype::new(row.get(1)?.name(), Element::Raw, 0)),
        _ => None,
    }
}

/// Parses a simple dtype: `<f8`, `|S5`, `>M8[25s]`.
pub(super) fn simple(text: &str) -> Option<Dtype> {
    let big = text.starts_with('>');
    let bare = text.trim_start_matches(['<', '>', '|', '=']);
    let (kind, rest) = (bare.chars().next()?, bare.get(1..)?);
    let (digits, unit) = rest
        .split_once('[')
        .map_or((rest, None), |(digits, unit)| (digits, Some(unit)));
    let count: usize = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let number = |name: &str, element| Some(Dtype::new(format!("{name}{}", count.checked_mul(8)?), element, count));
    match kind {
        'b' => Some(Dtype::new("bool", Element::Bool, count.max(1))),
        'i' if count <= 16 => number("int", Element::Int { signed: true, big }),
        'u' if count <= 16 => number("uint", Element::Int { signed: false, big }),
        'f' if matches!(count, 2 | 4 | 8) => number("float", Element::Float { big }),
        'c' if matches!(count, 8 | 16) => number("complex", Element::Complex { big }),
        'f' => number("float", Element::Raw),
        'c' => number("complex", Element::Raw),
        'm' | 'M' => time(kind, unit.map(|unit| unit.trim_end_matches(']')), big),
        'U' => Some(Dtype::new(text, Element::Characters { big }, count.checked_mul(4)?)),
        'S' => Some(Dtype::new(text, Element::Bytes, count)),
        'O' => Some(Dtype::new("object", Element::Object, 8)),
        _ => Some(Dtype::new(text, Element::Raw, count)),
    }
}

fn time(kind: char, unit: Option<&str>, big: bool) -> Option<Dtype> {
    let (word, kind) = if kind == 'M' {
        ("datetime64", TimeKind::Moment)
    } else {
        ("timedelta64", TimeKind::Span)
    };
    let Some(unit) = unit else {
        return Some(Dtype::new(word, Element::Raw, 8));
    };
    let at = unit.find(|letter: char| !letter.is_ascii_digit())?;
    let step = if at == 0 { 1 } else { unit[..at].parse().ok()? };
    let kind = if kind == TimeKind::Moment && matches!(&unit[at..], "D" | "W") {
        TimeKind::Day
    } else {
        kind
    };
    let name = format!("{word}[{unit}]");
    let element = match Time::new(kind, &unit[at..], step, None) {
        Some(time) => Element::Time {
            time,
            big,
            has_missing: true,
        },
        None => Element::Int { signed: true, big },
    };
    Some(Dtype::new(name, element, 8))
}

/// Reads fields and arrays in elements, as `_nested` writes them.
fn nested(parts: &Literal, depth: usize) -> Option<Dtype> {
    let items = match parts {
        Literal::Text(text) => return simple(text),
        Literal::Items(items) if depth < 16 => items,
        _ => return None,
    };
    match items.first()? {
        Literal::Text(word) if word == "array" => {
            let (inner, Literal::Items(shape)) = (nested(items.get(1)?, depth + 1)?, items.get(2)?) else {
                return None;
            };
            let count = shape.iter().try_fold(1_usize, |all, length| match length {
                Literal::Number(length) => all.checked_mul(usize::try_from(*length).ok()?),
                _ => None,
            })?;
            let size = inner.size.checked_mul(count)?;
            let name = format!("{} × {count}", inner.name);
            Some(Dtype::new(name, Element::Several(Box::new(inner)), size))
        }
        Literal::Text(word) if word == "fields" => {
            let (Literal::Number(size), Literal::Items(fields)) = (items.get(3)?, items.get(4)?) else {
                return None;
            };
            let fields: Option<Vec<_>> = fields.iter().map(|parts| field(parts, depth)).collect();
            let fields = fields?;
            let names: Vec<String> = fields
                .iter()
                .map(|(name, _, dtype)| format!("{name}: {}", dtype.name))
                .collect();
            Some(Dtype::new(
                format!("({})", names.join(", ")),
                Element::Record(fields),
                usize::try_from(*size).ok()?,
            ))
        }
        _ => None,
    }
}

fn field(parts: &Literal, depth: usize) -> Option<(String, usize, Dtype)> {
    let Literal::Items(parts) = parts else { return None };
    match parts.as_slice() {
        [Literal::Text(name), dtype, Literal::Number(offset), ..] => {
            Some((name.clone(), usize::try_from(*offset).ok()?, nested(dtype, depth + 1)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtypes_have_the_names_that_people_know() {
        let cases = [
            ("<f8", "float64", 8),
            ("|b1", "bool", 1),
            (">i2", "int16", 2),
            ("<c16", "complex128", 16),
            ("<U5", "<U5", 20),
            ("|S3", "|S3", 3),
            ("<M8[ns]", "datetime64[ns]", 8),
            ("<m8[25s]", "timedelta64[25s]", 8),
            ("|O", "object", 8),
            ("<f16", "float128", 16),
        ];
        for (text, name, size) in cases {
            let dtype = simple(text).unwrap();
            assert_eq!((dtype.name.as_str(), dtype.size), (name, size), "{text}");
        }
    }

    #[test]
    fn p14_dtypes_that_are_none_are_refused() {
        for text in ["", "<", "i99999999999999999999999", "é", "M8[", "U18446744073709551615"] {
            assert!(simple(text).is_none_or(|dtype| dtype.size < 1 << 40), "{text}");
        }
    }
}

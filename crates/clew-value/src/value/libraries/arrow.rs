//! Arrow: the counterpart of `codecs/arrow.py`.

use clew_core::limits::{COLUMNS, TYPE_DEPTH};

use super::CodecNode;
use super::schema::{ArrowType, Layout, alias, fields, only};
use crate::kinds;
use crate::memory::Bytes;
use crate::stored_value::NodeView;
use crate::value::Value;
use crate::value::column::{Column, ColumnValues};
use crate::value::element::Dtype;
use crate::value::table::{Index, Label, Table, TableKind};

pub(super) fn read<'a>(coded: &CodecNode<'a>, kind: &str) -> Option<Value<'a>> {
    let parts = coded.parts()?;
    match kind {
        "Array" => Some(coded.one_column(array(&kind_of(parts.get(0)?)?, parts.get(1)?, 0)?)),
        "ChunkedArray" => Some(coded.one_column(chunks(&kind_of(parts.get(0)?)?, parts.get(1)?)?)),
        "Scalar" => {
            let column = array(&kind_of(parts.get(0)?)?, parts.get(1)?, 0)?;
            Some(coded.scalar(column.load().ok()?.cell(0).text(100)))
        }
        "DataType" => Some(coded.scalar(kind_of(parts.get(0)?)?.name)),
        "Table" | "RecordBatch" => table(coded),
        "Schema" | "Field" => {
            let fields = fields(parts.get(0)?.payload())?;
            let lines = fields.iter().map(|(name, kind)| format!("{name}: {}", kind.name));
            Some(coded.scalar(lines.collect::<Vec<_>>().join("\n")))
        }
        _ => None,
    }
}

/// Returns the column of a node that holds a chunked array (or an array), with the name of its type.
pub(super) fn column(view: NodeView<'_>) -> Option<Column<'_>> {
    let codec = super::codec(view)?;
    let parts = view.child(1)?.row()?;
    let kind = kind_of(parts.get(0)?)?;
    match codec {
        "arrow.ChunkedArray" => chunks(&kind, parts.get(1)?),
        "arrow.Array" => array(&kind, parts.get(1)?, 0),
        _ => None,
    }
}

/// Returns a type by its alias, or by the schema that contains it.
fn kind_of(parts: NodeView<'_>) -> Option<ArrowType> {
    match parts.text() {
        Some(name) => Some(alias(name)),
        None => only(parts.payload()),
    }
}

/// Returns the name of a type, for pandas dtypes that refer to it.
pub(super) fn type_name(view: NodeView<'_>) -> Option<String> {
    Some(kind_of(view.child(1)?.row()?.get(0)?)?.name)
}

fn table<'a>(coded: &CodecNode<'a>) -> Option<Value<'a>> {
    let parts = coded.parts()?;
    let schema = parts.get(0).filter(|schema| schema.kind() == kinds::BYTES)?;
    let columns = parts.get(1)?.row().filter(|columns| columns.len() <= COLUMNS)?;
    let is_chunked = coded.codec == "arrow.Table";
    let names = fields(schema.payload())?;
    if names.len() != columns.len() {
        return None;
    }
    let read = |((name, kind), view): ((String, ArrowType), NodeView<'a>)| {
        let column = if is_chunked {
            chunks(&kind, view)
        } else {
            array(&kind, view, 0)
        };
        Some((Label::new(name.clone(), name.as_bytes()), column?))
    };
    let columns: Option<Vec<_>> = names.into_iter().zip(columns.iter()).map(read).collect();
    let columns = columns?;
    let length = columns.first().map_or(0, |(_, column)| column.length);
    Some(Value::Table(Table {
        type_name: coded.type_name.clone(),
        form: TableKind::Frame,
        index: Index::places(length),
        columns,
        extras: Vec::new(),
    }))
}

fn chunks<'a>(kind: &ArrowType, view: NodeView<'a>) -> Option<Column<'a>> {
    let chunks: Option<Vec<Column<'a>>> = view.row()?.iter().map(|chunk| array(kind, chunk, 0)).collect();
    let mut chunks = chunks?;
    if chunks.len() == 1 {
        return chunks.pop();
    }
    let mut length = 0_u64;
    let ended = chunks.into_iter().map(|chunk| {
        length = length.checked_add(chunk.length)?;
        Some((length, chunk))
    });
    let chunks = ended.collect::<Option<_>>()?;
    Some(Column::new(&kind.name, length, ColumnValues::Chunks(chunks)))
}

/// Reads an array from `array_parts`.
fn array<'a>(kind: &ArrowType, view: NodeView<'a>, depth: usize) -> Option<Column<'a>> {
    let parts = view.row()?;
    let tag = parts.get(0)?.text()?;
    let length = || u64::try_from(parts.get(1)?.int()?).ok();
    if depth > TYPE_DEPTH {
        return None;
    }
    let (length, values) = match (tag, &kind.layout) {
        ("null", _) => (length()?, ColumnValues::Nulls),
        ("extension", _) => return array(kind, parts.get(1)?, depth + 1),
        ("dictionary", Layout::Dictionary(index, value)) => {
            if matches!(
                value.layout,
                Layout::List { .. } | Layout::Struct(_) | Layout::Dictionary(..)
            ) {
                // Rows that share such values on many levels would take forever to compare.
                return None;
            }
            let codes = array(index, parts.get(1)?, depth + 1)?;
            let labels = array(value, parts.get(2)?, depth + 1)?;
            return Some(Column::coded(&kind.name, codes, labels));
        }
        ("struct", Layout::Struct(kinds)) => {
            let fields = parts.get(3)?.row()?;
            let field = |(named, view): (&(String, ArrowType), NodeView<'a>)| {
                Some((named.0.clone(), array(&named.1, view, depth + 1)?))
            };
            let fields: Option<Vec<_>> = kinds.iter().zip(fields.iter()).map(field).collect();
            (length()?, ColumnValues::Fields(fields?))
        }
        ("list", Layout::List { wide, inner, .. }) => {
            let values = ColumnValues::Lists {
                offsets: Some((Bytes::of(parts.get(3)?)?, *wide)),
                size: 0,
                inner: Box::new(array(inner, parts.get(4)?, depth + 1)?),
            };
            (length()?, values)
        }
        ("fixed list", Layout::List { size, inner, .. }) => {
            let values = ColumnValues::Lists {
                offsets: None,
                size: *size,
                inner: Box::new(array(inner, parts.get(3)?, depth + 1)?),
            };
            (length()?, values)
        }
        ("text", Layout::Text { wide, is_text }) => {
            let values = ColumnValues::Text {
                offsets: Bytes::of(parts.get(3)?)?,
                data: Bytes::of(parts.get(4)?)?,
                wide: *wide,
                is_text: *is_text,
            };
            (length()?, values)
        }
        ("bits", _) => (length()?, ColumnValues::Bits(Bytes::of(parts.get(3)?)?)),
        ("fixed", Layout::Fixed(dtype)) => (length()?, fixed(parts.get(3)?, dtype)),
        _ => return None,
    };
    let column = Column::new(&kind.name, length, values);
    let has_validity = !matches!(tag, "null" | "extension");
    match parts.get(2).filter(|validity| has_validity && !validity.is_none()) {
        Some(validity) => masked(column, validity),
        None => Some(column),
    }
}

fn fixed<'a>(view: NodeView<'a>, dtype: &Dtype) -> ColumnValues<'a> {
    match view.memory() {
        Some(memory) => ColumnValues::Fixed {
            memory: Bytes::Memory(memory),
            stride: dtype.size as i64,
            dtype: dtype.clone(),
            offset: 0,
        },
        None => ColumnValues::Nulls,
    }
}

fn masked<'a>(values: Column<'a>, validity: NodeView<'a>) -> Option<Column<'a>> {
    let (dtype, length) = (values.dtype.clone(), values.length);
    let mask = Column::new("bool", length, ColumnValues::Bits(Bytes::of(validity)?));
    let values = ColumnValues::Masked {
        values: Box::new(values),
        mask: Box::new(mask),
        says_there: true,
    };
    Some(Column::new(dtype, length, values))
}

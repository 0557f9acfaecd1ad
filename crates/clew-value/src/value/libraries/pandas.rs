//! pandas: the counterpart of `codecs/pandas.py`.

use clew_core::limits::{COLUMNS, INDEX_DEPTH};

use super::numpy::{array, dtype, flat};
use super::{CodecNode, arrow, stdlib};
use crate::stored_value::{Items, NodeView};
use crate::time::{Time, TimeKind};
use crate::value::array::Elements;
use crate::value::column::{Column, ColumnValues, brackets, object};
use crate::value::element::{Dtype, Element};
use crate::value::object::{Field, attributes};
use crate::value::short::short;
use crate::value::table::{Index, LABEL, Label, Table, TableKind};
use crate::value::{Scalar, Value};

pub(super) fn read<'a>(coded: &CodecNode<'a>, kind: &str) -> Option<Value<'a>> {
    match kind {
        "DataFrame" => frame(coded).map(Value::Table),
        "Series" => series(coded).map(Value::Table),
        "Index" => {
            let index = index(coded.parts()?, 0)?;
            Some(Value::Table(labels(coded, &index)))
        }
        "array" => Some(coded.one_column(values(coded.parts()?.get(0)?, 0)?)),
        "Timestamp" | "Timedelta" => moment(coded, kind),
        "NaT" | "NA" => Some(Value::Scalar(Scalar {
            is_missing: true,
            ..Scalar::of(&coded.type_name, if kind == "NA" { "<NA>" } else { "NaT" })
        })),
        "Interval" => {
            let parts = coded.parts()?;
            let text = |nth| parts.get(nth).map_or_else(String::new, |view| short(view, 40));
            let [open, close] = brackets(parts.get(2)?.text()?);
            Some(coded.scalar(format!("{open}{}, {}{close}", text(0), text(1))))
        }
        "dtype" => Some(coded.scalar(dtype_name(coded.parts()?.get(0)?)?)),
        _ => None,
    }
}

fn frame<'a>(coded: &CodecNode<'a>) -> Option<Table<'a>> {
    let state = coded.state?.row()?;
    let (names, index) = (index_of(state.get(0)?)?, index_of(state.get(1)?)?);
    let columns = state.get(2)?.row().filter(|columns| columns.len() <= COLUMNS)?;
    let wholes = state.get(3)?.row()?;
    let labels = names.load().ok()?;
    let length = index.length;
    let column = |(nth, parts): (usize, NodeView<'a>)| {
        let column = column(parts, wholes, length)?;
        Some((labels.label(nth as u64)?, column))
    };
    let read: Option<Vec<_>> = columns.iter().enumerate().map(column).collect();
    Some(Table {
        type_name: coded.type_name.clone(),
        form: TableKind::Frame,
        columns: read.filter(|read| read.len() as u64 == names.length)?,
        extras: extras(state.get(4)),
        index,
    })
}

/// Reads a column stored on its own, or as a position in a block that was stored as a whole.
fn column<'a>(parts: NodeView<'a>, wholes: Items<'a>, length: u64) -> Option<Column<'a>> {
    let row = parts.row()?;
    let found = match row.get(0)?.int() {
        Some(block) => {
            let block = array("", wholes.get(usize::try_from(block).ok()?)?, None)?;
            let nth = row.get(1)?.int()?;
            let ([rows, _], Elements::Bytes(memory, offset, steps)) = (block.shape.as_slice(), &block.elements) else {
                return None;
            };
            let start = i64::try_from(*offset).ok()?.checked_add(nth.checked_mul(steps[0])?)?;
            let values = ColumnValues::Fixed {
                memory: memory.clone(),
                offset: u64::try_from(start).ok().filter(|_| (nth as u64) < *rows)?,
                stride: steps[1],
                dtype: block.dtype.clone(),
            };
            Column::new(&block.dtype.name, length, values)
        }
        None => values(parts, 0).unwrap_or_else(|| Column::new("unknown", length, ColumnValues::Unknown(parts))),
    };
    Some(found).filter(|found| found.length == length)
}

fn series<'a>(coded: &CodecNode<'a>) -> Option<Table<'a>> {
    let state = coded.state?.row()?;
    let index = index_of(state.get(0)?)?;
    let parts = state.get(1)?;
    let column = values(parts, 0).unwrap_or_else(|| Column::new("unknown", index.length, ColumnValues::Unknown(parts)));
    let name = state.get(2).and_then(label).unwrap_or_default();
    Some(Table {
        type_name: coded.type_name.clone(),
        form: TableKind::Series,
        columns: vec![(name, column)],
        extras: extras(state.get(3)),
        index,
    })
}

/// Returns an index as a value of its own, with its labels as columns.
fn labels<'a>(coded: &CodecNode<'a>, index: &Index<'a>) -> Table<'a> {
    let name = |nth: usize| index.names.get(nth).cloned().flatten();
    let columns: Vec<_> = (0..)
        .zip(&index.levels)
        .map(|(nth, level)| (name(nth).unwrap_or_default(), level.clone()))
        .collect();
    Table {
        type_name: coded.type_name.clone(),
        form: if columns.len() == 1 {
            TableKind::Series
        } else {
            TableKind::Frame
        },
        index: Index::places(index.length),
        columns,
        extras: Vec::new(),
    }
}

/// Returns the extras of a frame: attrs, and attributes that the user set.
fn extras(parts: Option<NodeView<'_>>) -> Vec<(String, NodeView<'_>)> {
    let Some(row) = parts.and_then(NodeView::row) else {
        return Vec::new();
    };
    let attrs = row
        .get(0)
        .filter(|attrs| !attrs.is_none())
        .map(|attrs| (".attrs".to_owned(), attrs));
    let own = row
        .get(2)
        .into_iter()
        .flat_map(attributes)
        .map(|Field { path, view }| (path, view));
    attrs.into_iter().chain(own).collect()
}

/// Returns a name as a label; `None` if there is none.
fn label(view: NodeView<'_>) -> Option<Label> {
    if view.is_none() {
        return None;
    }
    let (cell, mut key) = (object(view), Vec::new());
    cell.key(&mut key)?;
    Some(Label::new(cell.label(LABEL), &key))
}

// --- indexes ----------------------------------------------------------------------------------------------------

fn index_of(view: NodeView<'_>) -> Option<Index<'_>> {
    if super::codec(view)? != "pandas.Index" {
        return None;
    }
    index(view.child(1)?.row()?, 0)
}

/// Reads an index from `index_parts`.
fn index(parts: Items<'_>, depth: usize) -> Option<Index<'_>> {
    match parts.get(0)?.text()? {
        "RangeIndex" => {
            let number = |nth: usize| parts.get(nth).and_then(NodeView::int).map(i128::from);
            let (start, stop, step) = (number(1)?, number(2)?, number(3)?);
            let span = if step > 0 { stop - start } else { start - stop };
            let length = u64::try_from(span.max(0).checked_add(step.abs() - 1)?.checked_div(step.abs())?).ok()?;
            let column = Column::new("int64", length, ColumnValues::Range(start, step));
            Some(single(column, parts.get(4)))
        }
        "MultiIndex" => multi_index(parts, depth),
        "other" => None,
        _ => Some(single(values(parts.get(1)?, depth + 1)?, parts.get(2))),
    }
}

/// Creates an index of one level.
fn single<'a>(column: Column<'a>, name: Option<NodeView<'a>>) -> Index<'a> {
    Index {
        names: vec![name.and_then(label)],
        length: column.length,
        levels: vec![column],
    }
}

fn multi_index(parts: Items<'_>, depth: usize) -> Option<Index<'_>> {
    let (levels, codes) = (parts.get(1)?.row()?, parts.get(2)?.row()?);
    if depth > INDEX_DEPTH || levels.len() != codes.len() || levels.len() > COLUMNS {
        return None;
    }
    let names = parts.get(3)?.row()?.iter().map(label).collect();
    let mut columns = Vec::new();
    for (level, code) in levels.iter().zip(codes.iter()) {
        let labels = index(level.row()?, depth + 1)?.levels.into_iter().next()?;
        columns.push(Column::coded(labels.dtype.clone(), flat(code)?, labels));
    }
    let length = columns.first().map_or(0, |column| column.length);
    Some(Index {
        names,
        levels: columns,
        length,
    })
}

// --- values -----------------------------------------------------------------------------------------------------

/// Reads a column from `values_parts`.
fn values(view: NodeView<'_>, depth: usize) -> Option<Column<'_>> {
    let parts = view.row().filter(|_| depth <= INDEX_DEPTH)?;
    match parts.get(0)?.text()? {
        "numpy" | "extension" => flat(parts.get(1)?),
        "time" => times(parts),
        "period" => periods(parts),
        "category" => {
            let codes = flat(parts.get(1)?)?;
            let labels = match parts.get(2).filter(|labels| !labels.is_none()) {
                Some(labels) => index(labels.row()?, depth + 1)?.levels.into_iter().next()?,
                None => Column::new("object", 0, ColumnValues::Nulls),
            };
            let is_ordered = parts.get(3).and_then(NodeView::int) == Some(1);
            let name = if is_ordered { "ordered category" } else { "category" };
            Some(Column::coded(name, codes, labels))
        }
        "masked" => {
            let (data, mask) = (flat(parts.get(2)?)?, flat(parts.get(3)?)?);
            let name = masked_name(&data.dtype);
            let values = ColumnValues::Masked {
                mask: Box::new(mask),
                says_there: false,
                values: Box::new(data.clone()),
            };
            Some(Column::new(name, data.length, values))
        }
        "interval" => {
            let (left, right) = (values(parts.get(1)?, depth + 1)?, values(parts.get(2)?, depth + 1)?);
            let closed = parts.get(3)?.text()?.to_owned();
            let (name, length) = (format!("interval[{}]", left.dtype), left.length);
            Some(Column::new(
                name,
                length,
                ColumnValues::Intervals(Box::new(left), Box::new(right), closed),
            ))
        }
        "text" => {
            let column = flat(parts.get(1)?)?;
            Some(Column {
                dtype: dtype_name(parts.get(2)?)?,
                ..column
            })
        }
        "arrow" => {
            let column = arrow::column(parts.get(2)?)?;
            Some(Column {
                dtype: dtype_name(parts.get(3)?)?,
                ..column
            })
        }
        "sparse" => {
            let length = u64::try_from(parts.get(2)?.row()?.get(1)?.int()?).ok()?;
            Some(Column::new("Sparse", length, ColumnValues::Unknown(view)))
        }
        _ => None,
    }
}

/// Returns `Int64` for `int64`: the names of nullable dtypes are capitalized.
fn masked_name(dtype: &str) -> String {
    match dtype {
        "bool" => "boolean".to_owned(),
        dtype => match dtype.strip_prefix('u') {
            Some(rest) => format!("U{}", capital(rest)),
            None => capital(dtype),
        },
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().to_string() + letters.as_str())
}

/// Reads times or durations, with their time zone if they have one.
fn times(parts: Items<'_>) -> Option<Column<'_>> {
    let mut column = flat(parts.get(2)?)?;
    let zone = parts.get(3).and_then(stdlib::exact_zone);
    let ColumnValues::Fixed {
        dtype: Dtype {
            name,
            element: Element::Time { time, .. },
            ..
        },
        ..
    } = &mut column.values
    else {
        return Some(column);
    };
    if let Some(zone) = zone {
        *name = format!("datetime64[{}, {zone}]", time.name);
        column.dtype.clone_from(name);
        time.zone = Some(zone);
    }
    Some(column)
}

/// Reads periods of common frequencies; other periods become numbers.
fn periods(parts: Items<'_>) -> Option<Column<'_>> {
    let column = flat(parts.get(1)?)?;
    let row = parts.get(2)?.row()?;
    let freq = row.get(0)?.text()?;
    let unit = match freq {
        "Day" => "D",
        "MonthEnd" => "M",
        "YearEnd" => "Y",
        "Hour" => "h",
        "Minute" => "m",
        "Second" => "s",
        _ => "",
    };
    let options: Vec<String> = row.iter().skip(1).map(|option| short(option, 40)).collect();
    let mut name = format!("period[{}]", if unit.is_empty() { freq } else { unit });
    if options != ["1", "False"] {
        name.insert_str(name.len() - 1, &format!("({})", options.join(", ")));
    }
    let ColumnValues::Fixed {
        memory, offset, stride, ..
    } = column.values
    else {
        return Some(column);
    };
    let kind = if unit == "D" { TimeKind::Day } else { TimeKind::Moment };
    let element = match Time::new(kind, unit, 1, None) {
        Some(time) => Element::Time {
            time,
            big: false,
            has_missing: true,
        },
        None => Element::Int {
            signed: true,
            big: false,
        },
    };
    let values = ColumnValues::Fixed {
        memory,
        offset,
        stride,
        dtype: Dtype::new(name.clone(), element, 8),
    };
    Some(Column::new(name, column.length, values))
}

/// Returns the name of a dtype, from `dtype_parts`.
fn dtype_name(parts: NodeView<'_>) -> Option<String> {
    let row = parts.row()?;
    Some(match row.get(0)?.text()? {
        "category" => "category".to_owned(),
        "zone" => format!("datetime64[{}]", row.get(1)?.text()?),
        "text" => if row.get(2)?.text()? == "NA" { "string" } else { "str" }.to_owned(),
        "arrow" => format!("{}[pyarrow]", arrow::type_name(row.get(1)?)?),
        "named" => row.get(1)?.text()?.trim_end_matches("Dtype").to_owned(),
        "numpy" => dtype(row.get(1)?)?.name,
        other => other.to_owned(),
    })
}

/// Returns a time or a duration; its parts are the number, the frequency or the zone, and the unit.
fn moment<'a>(coded: &CodecNode<'a>, kind: &str) -> Option<Value<'a>> {
    let parts = coded.parts()?;
    let ticks = parts.get(0)?.int()?;
    let unit = |nth: usize| match parts.get(nth).and_then(NodeView::int) {
        Some(7) => Some("s"),
        Some(8) => Some("ms"),
        Some(9) => Some("us"),
        Some(10) => Some("ns"),
        _ => None,
    };
    let time = if kind == "Timestamp" {
        let zone = parts.get(2).and_then(stdlib::zone);
        Time::new(TimeKind::Moment, unit(3).or_else(|| unit(1)).unwrap_or("ns"), 1, zone)
    } else {
        Time::new(TimeKind::Span, unit(1).unwrap_or("ns"), 1, None)
    };
    Some(coded.scalar(time?.text(ticks)))
}

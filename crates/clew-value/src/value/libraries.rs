//! Reads the nodes that codecs write: one file per library, each the counterpart of `python/clew/codecs/LIBRARY.py`.
//!
//! Each layout is implemented twice, there and here (decision 0007); `tests/engine/test_values.py` encodes with the
//! one and reads with the other. A node with an unknown layout is read as an object with parts, so that it can still
//! be compared.

mod arrow;
mod numpy;
mod pandas;
mod schema;
mod stdlib;

use crate::digest::digest;
use crate::kinds;
use crate::payload::Reader;
use crate::stored_value::{Items, NodeView, ReadError};
use crate::value::column::Column;
use crate::value::object::{Field, Object, state_fields};
use crate::value::table::{Index, Label, Table, TableKind};
use crate::value::{Scalar, Value};

/// A node that a codec wrote.
pub(crate) struct CodecNode<'a> {
    /// The codec: `numpy.ndarray`.
    codec: &'a str,
    /// The name of the object's class.
    type_name: String,
    /// The arguments from which it is created.
    args: NodeView<'a>,
    /// The state that is put into it afterwards.
    state: Option<NodeView<'a>>,
}

/// Reads a node that a codec wrote.
pub(crate) fn read(view: NodeView<'_>) -> Result<Value<'_>, ReadError> {
    let coded = CodecNode::of(view)?;
    Ok(coded.known().unwrap_or_else(|| Value::Object(coded.by_parts())))
}

/// Returns the codec that wrote a node.
pub(crate) fn codec(view: NodeView<'_>) -> Option<&str> {
    if view.kind() != kinds::CODEC {
        return None;
    }
    std::str::from_utf8(Reader::new(view.payload()).name()?).ok()
}

const CUT: ReadError = ReadError::Unknown("an object of a codec is cut short");

impl<'a> CodecNode<'a> {
    fn of(view: NodeView<'a>) -> Result<Self, ReadError> {
        let codec = codec(view).ok_or(CUT)?;
        let (class, args) = (view.child(0).ok_or(CUT)?, view.child(1).ok_or(CUT)?);
        Ok(Self {
            codec,
            type_name: class.name(),
            args,
            state: view.child(2),
        })
    }

    /// Returns the value, if its library's file knows the layout.
    fn known(&self) -> Option<Value<'a>> {
        let (library, kind) = self.codec.split_once('.')?;
        match library {
            "numpy" => numpy::read(self, kind),
            "pandas" => pandas::read(self, kind),
            "arrow" => arrow::read(self, kind),
            "stdlib" => stdlib::read(self, kind),
            "inherited" => self.inherited(),
            _ => None,
        }
    }

    /// Returns an object of a subclass: the value of its base, and its attributes.
    fn inherited(&self) -> Option<Value<'a>> {
        let args = self.args.row()?;
        let state = self.state?.row()?;
        let base = Self {
            codec: args.get(1)?.text()?,
            type_name: self.type_name.clone(),
            args: args.get(2)?,
            state: state.get(0),
        };
        if base.codec.starts_with("inherited.") {
            return None;
        }
        let fields = state_fields(state.get(1)?, "attributes");
        Some(base.with(base.known()?, fields))
    }

    /// Returns an object of a value and the fields beside it, if there are any.
    fn with(&self, value: Value<'a>, fields: Vec<Field<'a>>) -> Value<'a> {
        match value {
            value if fields.is_empty() => value,
            Value::Object(mut object) => {
                object.fields.extend(fields);
                Value::Object(object)
            }
            value => Value::Object(Object {
                type_name: self.type_name.clone(),
                content: Some(Box::new(value)),
                fields,
                hidden: digest(self.args).to_le_bytes().to_vec(),
            }),
        }
    }

    /// Returns the object with the parts that its codec wrote, for unknown layouts.
    fn by_parts(&self) -> Object<'a> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        match self.args.row() {
            Some(args) => fields.extend(named(args)),
            None => fields.push(Field::new(" argument", self.args)),
        }
        if let Some(state) = self.state {
            fields.extend(state_fields(state, "state"));
        }
        Object {
            type_name: self.type_name.clone(),
            fields,
            hidden: self.codec.as_bytes().to_vec(),
            ..Object::default()
        }
    }

    /// Returns a value without parts.
    fn scalar(&self, text: impl Into<String>) -> Value<'a> {
        Value::Scalar(Scalar::of(&self.type_name, text))
    }

    /// Returns a table of one column, whose rows have no labels.
    fn one_column(&self, column: Column<'a>) -> Value<'a> {
        Value::Table(Table {
            type_name: self.type_name.clone(),
            form: TableKind::Series,
            index: Index::places(column.length),
            columns: vec![(Label::default(), column)],
            extras: Vec::new(),
        })
    }

    /// Returns the parts: the arguments of an object that is created in one step.
    fn parts(&self) -> Option<Items<'a>> {
        self.args.row()
    }
}

fn named(items: Items<'_>) -> impl Iterator<Item = Field<'_>> {
    let items = items.iter().enumerate();
    items.map(|(nth, view)| Field::new(format!(" argument {nth}"), view))
}

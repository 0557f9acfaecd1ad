//! What a stored node is, in words that belong to no library.

pub(crate) mod array;
pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod element;
mod libraries;
pub(crate) mod object;
pub(crate) mod short;
pub(crate) mod table;

use std::borrow::Cow;

pub use array::{Array, Elements};
pub use cell::ElementValue;
pub use column::{Column, ColumnValues};
pub use element::{Dtype, Element};
pub use object::{Field, Object};
pub use short::short;
pub use table::{Index, Table};

use crate::integer::Integer;
use crate::kinds;
use crate::memory::Bytes;
use crate::payload::Reader;
use crate::stored_value::{Items, NodeView, ReadError};

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// A truth.
    Bool(bool),
    /// A whole number of any size.
    Integer(Integer<'a>),
    /// A number.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// A text.
    Text(Cow<'a, str>),
    /// Few bytes; many are an array.
    Bytes(&'a [u8]),
    /// A list, a tuple, a set, a dict and what is like them.
    Members(Container<'a>),
    /// Elements of one type in dimensions.
    Array(Array<'a>),
    /// Columns of one length, or one.
    Table(Table<'a>),
    /// A value without parts that a library knows: a date, a decimal, a path.
    Scalar(Scalar),
    /// Anything with named parts: an instance, a model, a function.
    Object(Object<'a>),
    /// Something that is found by its name: a class, a module, a function of a library.
    Named(String),
    /// Something without a value that is stored.
    Opaque(&'static str),
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// What it is called.
    pub type_name: String,
    /// It as people read it.
    pub text: String,
    /// Its number, where it is one.
    pub number: Option<f64>,
    /// Whether it says that nothing is there.
    pub is_missing: bool,
}

impl Scalar {
    /// A value that is no number.
    pub(crate) fn of(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            type_name: type_name.into(),
            text: text.into(),
            number: None,
            is_missing: false,
        }
    }
}

/// How a container holds its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerKind {
    /// In an order.
    List,
    /// In an order, for ever.
    Tuple,
    /// Each once, in no order.
    Set,
    /// Values by keys: a key and a value in turn.
    Mapping,
}

/// A value that contains other values, such as a list or a set.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// What it is called: `list`, `collections.deque`.
    pub type_name: String,
    /// How it holds them.
    pub holding: ContainerKind,
    items: Items<'a>,
}

impl<'a> Container<'a> {
    pub(crate) fn new(type_name: impl Into<String>, holding: ContainerKind, items: Items<'a>) -> Self {
        Self {
            type_name: type_name.into(),
            holding,
            items,
        }
    }

    /// Its members; of a mapping keys and values in turn.
    pub fn items(&self) -> Items<'a> {
        self.items
    }

    /// How many members, or keys.
    pub fn len(&self) -> usize {
        if self.is_mapping() {
            self.items.len() / 2
        } else {
            self.items.len()
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_mapping(&self) -> bool {
        self.holding == ContainerKind::Mapping
    }

    pub(crate) fn is_tuple(&self) -> bool {
        self.type_name == "tuple"
    }

    pub(crate) fn is_bare_set(&self) -> bool {
        self.type_name == "set"
    }

    pub(crate) fn brackets(&self) -> (&'static str, &'static str) {
        match self.holding {
            ContainerKind::List => ("[", "]"),
            ContainerKind::Tuple => ("(", ")"),
            ContainerKind::Set | ContainerKind::Mapping => ("{", "}"),
        }
    }
}

impl<'a> NodeView<'a> {
    /// What it is. Parts are not read yet.
    ///
    /// # Errors
    /// The node says what no walk writes.
    pub fn value(self) -> Result<Value<'a>, ReadError> {
        let _reading = self
            .stored()
            .enter()
            .ok_or(ReadError::Unknown("a value needs itself"))?;
        let payload = self.payload();
        let members = |name, holding| Ok(Value::Members(Container::new(name, holding, self.items(0))));
        match self.kind() {
            kinds::NONE => Ok(Value::None),
            kinds::BOOL => Ok(Value::Bool(payload.first() == Some(&1))),
            kinds::INT => Ok(Value::Integer(Integer(payload))),
            kinds::FLOAT => Ok(Value::Float(float(payload)?)),
            kinds::COMPLEX => {
                let halves = payload
                    .split_at_checked(8)
                    .ok_or(ReadError::Unknown("a number is cut short"))?;
                Ok(Value::Complex(float(halves.0)?, float(halves.1)?))
            }
            kinds::STR | kinds::WHEREABOUTS => Ok(Value::Text(String::from_utf8_lossy(payload))),
            kinds::BYTES | kinds::BYTEARRAY | kinds::MEMORY => self.bytes(),
            kinds::LIST => members("list", ContainerKind::List),
            kinds::TUPLE => members("tuple", ContainerKind::Tuple),
            kinds::SET => members("set", ContainerKind::Set),
            kinds::FROZENSET => members("frozenset", ContainerKind::Set),
            kinds::DICT => members("dict", ContainerKind::Mapping),
            kinds::SLICE | kinds::RANGE => Ok(self.ends()),
            kinds::ELLIPSIS => Ok(Value::Named("Ellipsis".to_owned())),
            kinds::NOT_IMPLEMENTED => Ok(Value::Named("NotImplemented".to_owned())),
            kinds::OPAQUE => Ok(Value::Opaque("without a value")),
            kinds::CODEC => libraries::read(self),
            // The one NaN that a library keeps is known by its name.
            kinds::TOKEN if payload.ends_with(b" nan") => Ok(Value::Float(f64::NAN)),
            kind if kinds::is_by_name(kind) => Ok(Value::Named(self.name())),
            _ => object::read(self).map(Value::Object),
        }
    }

    fn bytes(self) -> Result<Value<'a>, ReadError> {
        let type_name = match self.kind() {
            kinds::BYTES => "bytes",
            kinds::BYTEARRAY => "bytearray",
            _ => "memory",
        };
        let Some(_) = self.node().buffer else {
            return Ok(Value::Bytes(self.payload()));
        };
        let memory = self.memory().ok_or(ReadError::Unknown("memory is missing"))?;
        let byte = Element::Int {
            signed: false,
            big: false,
        };
        Ok(Value::Array(Array {
            type_name: type_name.to_owned(),
            dtype: Dtype::new("bytes", byte, 1),
            shape: vec![memory.len()],
            elements: Elements::Bytes(Bytes::Memory(memory), 0, vec![1]),
        }))
    }

    /// `slice(1, 2, None)`.
    fn ends(self) -> Value<'a> {
        let name = if self.kind() == kinds::SLICE { "slice" } else { "range" };
        let parts: Vec<String> = self
            .items(0)
            .first(3)
            .iter()
            .map(|part| short::short(part, 20))
            .collect();
        Value::Scalar(Scalar::of(name, format!("{name}({})", parts.join(", "))))
    }

    /// What something that is found by name is called.
    pub(crate) fn name(self) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let payload = self.payload();
        match self.kind() {
            kinds::GLOBAL => {
                let mut reader = Reader::new(payload);
                let (module, name) = (reader.name().map(text), reader.name().map(text));
                object::qualified(&module.unwrap_or_default(), &name.unwrap_or_default())
            }
            kinds::CLASS => {
                let id = text(payload);
                self.stored()
                    .class_name(&id)
                    .unwrap_or_else(|| format!("class {}", id.get(..8).unwrap_or(&id)))
            }
            kinds::METHOD => match payload.get(32..) {
                Some(name) => text(name),
                None => text(payload),
            },
            kinds::ENUM_MEMBER | kinds::DESCRIPTOR => {
                let class = self
                    .child(0)
                    .filter(|class| kinds::is_by_name(class.kind()) && class.child(0).is_none());
                let class = class.map(|class| format!("{}.", object::last_part(&class.name()).to_owned()));
                class.unwrap_or_default() + &text(payload)
            }
            _ => text(payload),
        }
    }

    /// The items of a tuple or list.
    pub(crate) fn row(self) -> Option<Items<'a>> {
        matches!(self.kind(), kinds::TUPLE | kinds::LIST).then(|| self.items(0))
    }

    /// A text.
    pub(crate) fn text(self) -> Option<&'a str> {
        (self.kind() == kinds::STR).then(|| std::str::from_utf8(self.payload()).ok())?
    }

    /// A whole number of 64 bits.
    pub(crate) fn int(self) -> Option<i64> {
        match self.kind() {
            kinds::INT => Integer(self.payload()).small()?.try_into().ok(),
            kinds::BOOL => Some(i64::from(self.payload().first() == Some(&1))),
            _ => None,
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self.kind() == kinds::NONE
    }
}

fn float(bytes: &[u8]) -> Result<f64, ReadError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| ReadError::Unknown("a number has not 8 bytes"))?;
    Ok(f64::from_le_bytes(bytes))
}

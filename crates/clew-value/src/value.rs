//! The value of a stored node, described independently of any library.

pub(crate) mod array;
pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod element;
mod libraries;
pub(crate) mod nested;
pub(crate) mod object;
pub(crate) mod short;
pub(crate) mod table;

use std::borrow::Cow;

pub use array::{Array, Elements};
pub use cell::ElementValue;
pub use column::{Column, ColumnValues};
pub use element::{Dtype, Element};
pub use nested::Nested;
pub use object::{Field, Object};
pub use short::short;
pub use table::{Index, Table};

use crate::integer::Integer;
use crate::kinds;
use crate::memory::Bytes;
use crate::payload::{Reader, text};
use crate::stored_value::{Items, NodeView, ReadError};

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Python's `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An integer of any size.
    Integer(Integer<'a>),
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// A string.
    Text(Cow<'a, str>),
    /// A few bytes; many bytes are an array.
    Bytes(&'a [u8]),
    /// A list, tuple, set, dict, or a similar container.
    Members(Container<'a>),
    /// Elements of one type in dimensions.
    Array(Array<'a>),
    /// Columns of one length, or a single column.
    Table(Table<'a>),
    /// A value without parts that has a known type: a date, a decimal, a path.
    Scalar(Scalar),
    /// Anything with named parts: an instance, a model, a function.
    Object(Object<'a>),
    /// An object that is found by its name: a class, a module, a function of a library.
    Named(String),
    /// An object whose value is not stored.
    Opaque(&'static str),
}

/// A value without parts.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// The name of its type.
    pub type_name: String,
    /// Its readable form.
    pub text: String,
    /// Whether it represents a missing value.
    pub is_missing: bool,
}

impl Scalar {
    /// Creates a value that is not missing.
    pub(crate) fn of(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            type_name: type_name.into(),
            text: text.into(),
            is_missing: false,
        }
    }
}

/// The way in which a container holds its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerKind {
    /// Ordered.
    List,
    /// Ordered and immutable.
    Tuple,
    /// Unique and unordered.
    Set,
    /// Values by keys: keys and values alternate.
    Mapping,
}

/// A value that contains other values, such as a list or a set.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// The name of its type: `list`, `collections.deque`.
    pub type_name: String,
    /// The way in which it holds its members.
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

    /// Returns its members; keys and values alternate in a mapping.
    pub fn items(&self) -> Items<'a> {
        self.items
    }

    /// Returns the number of members or keys.
    pub fn len(&self) -> usize {
        if self.is_mapping() {
            self.items.len() / 2
        } else {
            self.items.len()
        }
    }

    /// Returns whether there are none.
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
    /// Returns its value. Parts are not read yet.
    ///
    /// # Errors
    /// The node has content that no walk writes.
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
            kinds::STR | kinds::WHEREABOUTS => Ok(Value::Text(text(payload))),
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
            // The NaN of a library's namespace is stored by its name.
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

    /// Returns a slice or a range, such as `slice(1, 2, None)`.
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

    /// Returns the name of an object that is found by name.
    pub(crate) fn name(self) -> String {
        let text = |bytes| text(bytes).into_owned();
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
            kinds::CLASS_DICT => {
                let class = self.child(0).filter(|class| class.child(0).is_none());
                class.map(Self::name).unwrap_or_default() + ".__dict__"
            }
            _ => text(payload),
        }
    }

    /// Returns the items of a tuple or list.
    pub(crate) fn row(self) -> Option<Items<'a>> {
        matches!(self.kind(), kinds::TUPLE | kinds::LIST).then(|| self.items(0))
    }

    /// Returns the text of a string.
    pub(crate) fn text(self) -> Option<&'a str> {
        (self.kind() == kinds::STR).then(|| std::str::from_utf8(self.payload()).ok())?
    }

    /// Returns an integer of 64 bits.
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

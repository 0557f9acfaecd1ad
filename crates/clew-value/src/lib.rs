//! Stored values of Python sessions, read and compared without Python.
//!
//! Input: the stream of a manifest, and its memory as blocks. [`StoredValue`] holds both; a [`NodeView`] is one of
//! its nodes, and [`NodeView::value`] describes the node independently of any library: a number, a mapping, an array,
//! a table, an object with fields. Nothing is built, imported or run (promise P10), and data is read only on request.
//! Output: [`compare::compare`] returns the differences between two values as a [`compare::Detail`].
//!
//! Streams may be untrusted: sizes are checked before use, [`ReadLimits`] bound the amount of data read, and
//! unreadable data is an error or a [`Value::Opaque`], never a panic (promise P14).

#![forbid(unsafe_code)]
#![allow(clippy::format_push_string)] // texts are short; `write!` would only add noise

pub mod compare;
pub mod kinds;
pub mod payload;

mod digest;
mod gaps;
mod integer;
mod limits;
mod literal;
mod memory;
mod number;
mod origins;
mod stored_value;
mod time;
mod value;

pub use gaps::name_gaps;
pub use integer::Integer;
pub use limits::ReadLimits;
pub use memory::StoredMemory;
pub use origins::CellIndex;
pub use stored_value::{Blocks, Items, NodeView, ReadError, StoredValue};
pub use value::{
    Array, Column, ColumnValues, Dtype, Element, ElementValue, Elements, Field, Index, Nested, Object, Table, Value,
    short,
};

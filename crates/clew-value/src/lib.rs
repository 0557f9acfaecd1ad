//! Stored values of Python sessions, read and compared without Python.
//!
//! In: the stream of a manifest, its memory as blocks. [`StoredValue`] holds both; a [`NodeView`] is one node of it, and
//! [`NodeView::value`] says what it is in words that belong to no library: a number, a mapping, an array, a table, an object
//! with fields. Nothing is built, imported or run (promise P10), and nothing is read before it is asked for. Out:
//! [`compare::compare`] gives a [`compare::Detail`] of what lies between two values.
//!
//! A stream may come from a stranger: sizes are checked before they are believed, [`ReadLimits`] bound what is read, and
//! what can't be read is an error or an [`Value::Opaque`], never a panic (promise P14).

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
    Array, Column, ColumnValues, Dtype, Element, ElementValue, Elements, Field, Index, Object, Table, Value, short,
};

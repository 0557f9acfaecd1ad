//! Stored values of Python sessions, read and compared without Python.
//!
//! In: the stream of a manifest, its memory as blocks. [`Stored`] holds both; a [`View`] is one node of it, and
//! [`View::value`] says what it is in words that belong to no library: a number, a mapping, an array, a table, an object
//! with fields. Nothing is built, imported or run (promise P10), and nothing is read before it is asked for. Out:
//! [`compare::compare`] gives a [`compare::Detail`] of what lies between two values.
//!
//! A stream may come from a stranger: sizes are checked before they are believed, [`Limits`] bound what is read, and
//! what can't be read is an error or an [`Value::Opaque`], never a panic (promise P14).

#![forbid(unsafe_code)]
#![allow(clippy::format_push_string)] // texts are short; `write!` would only add noise

pub mod compare;
pub mod kinds;
pub mod payload;

mod array;
mod cell;
mod column;
mod digest;
mod element;
mod gaps;
mod integer;
mod libraries;
mod limits;
mod literal;
mod memory;
mod number;
mod object;
mod origins;
mod short;
mod stored_value;
mod table;
mod time;
mod value;

pub use array::{Array, Elements};
pub use cell::Cell;
pub use column::{Column, Values};
pub use element::{Dtype, Element};
pub use gaps::name_gaps;
pub use integer::Integer;
pub use limits::Limits;
pub use memory::Memory;
pub use object::{Field, Object};
pub use origins::Cells;
pub use short::short;
pub use stored_value::{Blocks, Items, ReadError, Stored, View};
pub use table::{Index, Table};
pub use value::Value;

//! Reading and making Python objects where they lie: the only folder with unsafe code.
//!
//! In: live objects. Out: nodes for the walk ([`PythonHeap`]), and objects for the builder. Short files, one question
//! each; what safe `PyO3` can do is not done here.
#![allow(unsafe_code)]
// Methods of one family take the same arguments.
#![allow(clippy::unused_self)]
// Sizes and counts that the interpreter keeps signed are never negative; its fields lie where their types want them.
#![allow(clippy::cast_sign_loss, clippy::cast_ptr_alignment)]

mod allocation;
mod array;
mod attached;
pub(crate) mod attributes;
pub(crate) mod audit;
mod builtin;
#[cfg(target_os = "linux")]
mod bus;
pub(crate) mod cached;
pub(crate) mod code;
mod codecs;
mod collector;
pub(crate) mod definition;
mod describe;
mod doors;
mod enums;
mod facts;
pub(crate) mod foreign;
pub(crate) mod function;
mod heap;
pub(crate) mod held;
mod hush;
mod leaf;
pub(crate) mod loads;
#[cfg(target_os = "linux")]
mod local;
pub(crate) mod make;
mod mapped;
#[cfg(target_os = "linux")]
mod mapping;
mod memory;
pub(crate) mod met;
mod names;
#[cfg(target_os = "linux")]
pub(crate) mod namespace;
mod object;
pub(crate) mod packed;
#[cfg(target_os = "linux")]
mod pages;
mod probe;
pub(crate) mod reach;
pub(crate) mod reduce;
pub(crate) mod references;
mod region;
mod reserve;
mod scalar;
mod serial;
pub(crate) mod sets;
mod structure;
pub(crate) mod twin;
mod types;
#[cfg(target_os = "linux")]
mod userfault;
#[cfg(target_os = "linux")]
mod watched;
mod whereabouts;
pub(crate) mod written;

pub(crate) use allocation::Allocation;
pub use attached::{Attached, Busy};
#[cfg(target_os = "linux")]
pub(crate) use bus::{lost_pages, stay_first};
pub(crate) use codecs::load_parts;
pub(crate) use collector::Uncollected;
pub(crate) use doors::can_read_any;
pub(crate) use facts::Base;
pub use heap::PythonHeap;
pub use memory::Memory;
pub use object::Object;
pub(crate) use probe::{TOKENS, find_loaded};
pub use region::Region;
pub(crate) use reserve::Reserve;
pub use twin::Replaced;
pub use whereabouts::Whereabouts;

/// Nothing is mapped here, so nothing is lost.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lost_pages() -> u64 {
    0
}

/// Nothing is guarded here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_first() {}

//! Reads and makes Python objects in place: the only folder with unsafe code.
//!
//! Input: live objects. Output: nodes for the walk ([`PythonHeap`]), and objects for the builder. The files are short
//! and have one topic each; what safe `PyO3` can do is done elsewhere.
#![allow(unsafe_code)]
// Methods of one family take the same arguments.
#![allow(clippy::unused_self)]
// Sizes and counts that the interpreter keeps signed are never negative; its fields are aligned for their types.
#![allow(clippy::cast_sign_loss, clippy::cast_ptr_alignment)]

mod allocation;
mod array;
pub(crate) mod attributes;
pub(crate) mod audit;
mod builtin;
pub(crate) mod class_body;
mod class_creation;
pub(crate) mod code;
mod codecs;
mod collector;
pub(crate) mod definition;
mod describe;
mod descriptors;
mod enums;
mod facts;
pub(crate) mod foreign;
pub(crate) mod function;
pub(crate) mod function_cache;
mod gil_cell;
mod heap;
mod heap_mappings;
pub(crate) mod identities;
mod instance;
pub(crate) mod interrupt_guard;
mod leaf;
#[cfg(target_os = "linux")]
mod local_files;
pub(crate) mod make;
#[cfg(target_os = "linux")]
mod mapping;
mod memory;
mod memory_reserve;
pub(crate) mod module_loads;
mod names;
#[cfg(target_os = "linux")]
pub(crate) mod namespace;
mod object;
#[cfg(target_os = "linux")]
mod page_faults;
#[cfg(target_os = "linux")]
mod page_watch;
#[cfg(target_os = "linux")]
mod pages;
mod probe;
#[cfg(feature = "program")]
mod program;
pub(crate) mod reach;
pub(crate) mod reduce;
pub(crate) mod references;
mod region;
mod remote_handles;
mod scalar;
mod serial;
pub(crate) mod sets;
mod structure;
pub(crate) mod text_columns;
pub(crate) mod text_search;
pub(crate) mod twin;
mod types;
#[cfg(target_os = "linux")]
mod userfault;

pub(crate) use allocation::Allocation;
pub(crate) use codecs::load_parts;
pub(crate) use collector::CollectorPause;
pub(crate) use descriptors::can_read_any;
pub(crate) use facts::Base;
pub use gil_cell::{BusyError, GilCell};
pub use heap::PythonHeap;
pub use memory::ExportedMemory;
pub(crate) use memory_reserve::Reserve;
pub use object::Object;
#[cfg(target_os = "linux")]
pub(crate) use page_faults::{lost_pages, stay_first};
pub(crate) use probe::{DATACLASS_METADATA, TOKENS, dataclass_metadata, find_loaded};
pub use region::Region;
pub use remote_handles::Whereabouts;
pub use twin::ClassBackup;

/// No memory is mapped on this platform, so none is lost.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lost_pages() -> u64 {
    0
}

/// Nothing is guarded on this platform.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_first() {}

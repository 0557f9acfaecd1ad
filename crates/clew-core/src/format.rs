//! The on-disk format: one source file per record type, versioned from the first release. `docs/format.md` specifies every byte.
//!
//! Records are MessagePack maps by field name. A reader ignores unknown fields, and fields added later have defaults.

mod bundle;
mod evidence;
mod frame;
mod history;
mod in_flight;
mod manifest;
mod manifest_pieces;
mod operation;
mod outline;
mod record;
mod removal;
mod run;
mod summary;
mod task;

pub use bundle::{BUNDLE_FORMAT, BUNDLE_HEAD, BundleEntry, BundledInput, Contents};
pub use evidence::{Evidence, FileEvidence, Interpreter, ModuleEvidence, TaskCounts};
pub use frame::*;
pub use history::{Encryption, FileDescription, HistoryDescription, KernelDescription, PackMention};
pub use in_flight::{CellEnd, InFlightMarker, Process};
pub(crate) use manifest::first_word;
pub use manifest::{Body, Encoding, HANDLE, Manifest, MemberGap, REGISTERED, StoredExtent};
pub use manifest_pieces::{
    IDS_AT_HAND, Lists, SegmentList, StoredManifest, decode_ids, decode_memory, encode_ids, encode_memory, lists_of,
};
pub use operation::{Action, Dropping, Forgetting, Naming, Operation, Position, Proof, SignedRecord, View};
pub use outline::Outline;
pub use record::{RecordDecodeError, decode_record, encode_record};
pub use removal::{ClockReading, Garbage, GarbageEntry, OmittedValues, Removal, Uptime};
pub use run::{CheckedRoots, Death, Ending, Run, RunKind, Version};
pub use summary::Summary;
pub use task::TaskEntry;

/// Nanoseconds since the Unix epoch, UTC.
pub type Timestamp = i64;

/// The version of every record here. A reader refuses a newer version and reports it.
pub const RECORD_VERSION: u16 = 1;

/// Returns whether serde leaves out a number because it is zero.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

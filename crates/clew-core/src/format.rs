//! What lies on disk: one file a record, versioned from the first day. `docs/format.md` gives every byte.
//!
//! Records are MessagePack maps by name: a reader ignores fields it does not know, and fields added later have defaults.

mod block_list;
mod block_table;
mod evidence;
mod frame;
mod history;
mod manifest;
mod operation;
mod outline;
mod record;
mod removal;
mod run;
mod summary;

pub use block_list::{LIST_LENGTH, StoredManifest, decode_list, encode_list};
pub use block_table::BlockEntry;
pub use evidence::{Evidence, FileEvidence, ModuleEvidence};
pub use frame::*;
pub use history::{FileDescription, HistoryDescription, KernelDescription, PackMention};
pub use manifest::{Body, Encoding, Manifest, StoredExtent};
pub use operation::{Action, Forgetting, Naming, Operation, Position, SignedOperation, View};
pub use outline::Outline;
pub use record::{RecordError, decode_record, encode_record};
pub use removal::{Dead, Garbage, Removal};
pub use run::{Ending, Looked, Run, RunKind, Version};
pub use summary::Summary;

/// Nanoseconds since the Unix epoch, UTC.
pub type Timestamp = i64;

/// The version of every record here. A reader refuses a newer one and says so.
pub const RECORD_VERSION: u16 = 1;

//! Identifiers: content hashes under domain tags, fingerprints and roots.
//!
//! Stored data is identified by the BLAKE3 hash of its plain bytes under a domain tag, so that a block can never be mistaken for
//! a record. Fingerprints only detect *changes*: they are fast (XXH3) and not a security boundary.

mod hash;
mod root;

pub use hash::{
    BlobId, BlockId, BundleHasher, BundleId, BundledHasher, BundledId, Fingerprint, HistoryId, KeyId, ManifestId,
    OperationId, PackId, ParseIdError, PublicKey, RunId, SegmentId, SessionId, TaskKey, TaskResultId,
};
pub use root::{Root, RootKind};

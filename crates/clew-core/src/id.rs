//! Names of things: content hashes under domain tags, fingerprints, roots.
//!
//! Everything stored is named by the BLAKE3 hash of its plain bytes under a domain tag, so that a block can never pass
//! for a record. Fingerprints are another matter: they tell *change*, are fast (XXH3), and are no security boundary.

mod hash;
mod root;

pub use hash::{
    BlobId, BlockId, BundleHasher, BundleId, BundledHasher, BundledId, Fingerprint, HistoryId, KeyId, ManifestId,
    OperationId, PackId, ParseIdError, PublicKey, RunId, SegmentId, SessionId, TaskKey, TaskResultId,
};
pub use root::{Root, RootKind};

//! The store: append-only packs and logs, one writer each, and the seals over them.
//!
//! On the way in a [`SessionWriter`] takes segments, memory, texts, manifests and runs, and commits them with one
//! operation. On the way back [`Store::load`] reads what operations made visible, and [`Store::segment`],
//! [`Store::extent`] and their like hand out [`Verified`] bytes. Readers take no lock and write nothing: a store that
//! is read-only, full, or being written by ten kernels can be read.
//!
//! ```text
//! STORE/format                          which format this is
//!       packs/PACK.pack                 blocks, segments, blobs, manifests; one writer each
//!       histories/HISTORY/SESSION.log   descriptions, runs, operations; one writer each
//!                         numbers       the last run number given; its lock is the history's lock
//! ```

pub mod disk;
mod error;
mod load;
mod manifests;
mod seal;
mod verified;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::StoreError;
pub use load::{Damage, LoadedHistory, LoadedOperation, LoadedSession};
pub use manifests::Manifests;
pub use seal::{PublicKey, SigningKey, Trust, Verdict};
pub use verified::Verified;
pub use writer::SessionWriter;

use crate::format::{HistoryDescription, Manifest, StoredExtent};
use crate::id::{BlobId, HistoryId, ManifestId, SegmentId, SessionId};
use disk::Disk;

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looking: nothing is ever written, not even a lock.
    ReadOnly,
    /// Recording. The store is made if there is none.
    ReadWrite,
}

/// Packs, logs and keys of many histories. Clones are handles on the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    access: Access,
}

impl Store {
    /// Opens the store in `directory`.
    pub fn open(_disk: Arc<dyn Disk>, _directory: impl AsRef<Path>, _access: Access) -> Result<Self, StoreError> {
        todo!()
    }

    /// The same store, in which seals are judged by `trust`. Without it every key is foreign.
    #[must_use]
    pub fn with_trust(self, _trust: Trust) -> Self {
        todo!()
    }

    /// The folder it lies in.
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// All histories, with their newest descriptions.
    pub fn histories(&self) -> Result<Vec<(HistoryId, HistoryDescription)>, StoreError> {
        todo!()
    }

    /// Makes a new history.
    pub fn create_history(&self, _description: HistoryDescription) -> Result<HistoryId, StoreError> {
        todo!()
    }

    /// Describes a history anew: it was renamed, moved, or taken up by another kernel.
    pub fn describe_history(&self, _history: HistoryId, _description: HistoryDescription) -> Result<(), StoreError> {
        todo!()
    }

    /// A new random id for a session.
    pub fn new_session(&self) -> SessionId {
        todo!()
    }

    /// A writer for a session that never wrote before.
    pub fn writer(
        &self,
        _history: HistoryId,
        _session: SessionId,
        _key: &SigningKey,
    ) -> Result<SessionWriter, StoreError> {
        todo!()
    }

    /// A part of an object stream.
    pub fn segment(&self, _id: SegmentId) -> Result<Verified<Vec<u8>>, StoreError> {
        todo!()
    }

    /// A whole object stream.
    pub fn stream(&self, _ids: &[SegmentId]) -> Result<Verified<Vec<u8>>, StoreError> {
        todo!()
    }

    /// A piece of memory.
    pub fn extent(&self, _extent: &StoredExtent) -> Result<Verified<Vec<u8>>, StoreError> {
        todo!()
    }

    /// A text, its salt taken off.
    pub fn blob(&self, _id: BlobId) -> Result<Verified<String>, StoreError> {
        todo!()
    }

    /// A manifest. Manifests lie in packs, not in logs, since they are many and hold summaries that can be forgotten;
    /// so they are read when asked for, not when a history is loaded.
    pub fn manifest(&self, _id: ManifestId) -> Result<Verified<Manifest>, StoreError> {
        todo!()
    }
}

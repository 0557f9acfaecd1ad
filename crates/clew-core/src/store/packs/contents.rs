//! What a manifest names: what its value lies in, and the lists that say where that is.

use rustc_hash::FxHashSet;

use crate::format::{Encoding, StoredManifest};
use crate::id::{ManifestId, Root};
use crate::store::{Store, StoreError};

/// The ids that a manifest refers to.
pub(in crate::store) struct ManifestContents {
    /// The roots that have it.
    pub roots: Vec<Root>,
    /// What the value lies in.
    pub parts: Vec<[u8; 32]>,
    /// What says where that is: lists, and tables of memory.
    pub lists: Vec<[u8; 32]>,
}

impl ManifestContents {
    /// All of that.
    pub fn all(self) -> impl Iterator<Item = [u8; 32]> {
        self.parts.into_iter().chain(self.lists)
    }
}

/// Reads what a manifest names.
pub(in crate::store) fn contents(store: &Store, id: ManifestId) -> Result<ManifestContents, StoreError> {
    contents_of(store, store.stored_manifest(id)?)
}

/// The same of a manifest that was read.
pub(in crate::store) fn contents_of(store: &Store, stored: StoredManifest) -> Result<ManifestContents, StoreError> {
    let StoredManifest { manifest, lists, .. } = stored;
    let parts = manifest.encoding().into_iter().flat_map(Encoding::parts);
    let mut contents = ManifestContents {
        parts: parts.map(|(id, _)| id).collect(),
        roots: manifest.roots,
        lists: Vec::new(),
    };
    for listed in lists.stream.iter().chain(&lists.asides) {
        let (named, ids) = store.expand(listed)?;
        contents.lists.extend(named.iter().map(|id| id.0));
        contents.parts.extend(ids.iter().map(|id| id.0));
    }
    if let Some(memory) = &lists.memory {
        let (named, tables) = store.expand(memory)?;
        contents.lists.extend(named.iter().chain(&tables).map(|id| id.0));
        let (extents, _) = store.memory(memory)?;
        contents
            .parts
            .extend(extents.iter().flat_map(|extent| &extent.blocks).map(|id| id.0));
    }
    Ok(contents)
}

/// What a value lies in, each once.
pub(in crate::store) fn parts(store: &Store, value: ManifestId) -> FxHashSet<[u8; 32]> {
    contents(store, value).map_or_else(
        |_| FxHashSet::default(),
        |contents| contents.parts.into_iter().collect(),
    )
}

//! The ids in a manifest: of the data of its value, and of the lists that contain more ids.

use rustc_hash::FxHashSet;

use crate::format::{Encoding, StoredManifest};
use crate::id::{ManifestId, Root};
use crate::store::{Store, StoreError};

/// The ids to which a manifest refers.
pub(in crate::store) struct ManifestContents {
    /// The roots of the value.
    pub roots: Vec<Root>,
    /// The data of the value.
    pub parts: Vec<[u8; 32]>,
    /// Lists of ids, and tables of memory.
    pub lists: Vec<[u8; 32]>,
}

impl ManifestContents {
    /// Returns the ids of data and lists.
    pub fn all(self) -> impl Iterator<Item = [u8; 32]> {
        self.parts.into_iter().chain(self.lists)
    }
}

/// Reads the ids to which a manifest refers.
pub(in crate::store) fn contents(store: &Store, id: ManifestId) -> Result<ManifestContents, StoreError> {
    contents_of(store, store.stored_manifest(id)?)
}

/// Returns the ids to which a loaded manifest refers.
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

/// Returns the ids of a value's data, each once; none if the manifest cannot be read.
pub(in crate::store) fn parts(store: &Store, value: ManifestId) -> FxHashSet<[u8; 32]> {
    contents(store, value).map_or_else(
        |_| FxHashSet::default(),
        |contents| contents.parts.into_iter().collect(),
    )
}

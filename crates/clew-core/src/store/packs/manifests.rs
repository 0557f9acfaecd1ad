//! A cache of manifests: read from the store when first requested.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::format::{Body, Encoding, Manifest, Version};
use crate::id::{ManifestId, Root};
use crate::store::{Store, StoreError};

/// A read-through cache of manifests.
#[derive(Debug)]
pub struct Manifests {
    store: Store,
    read: RefCell<FxHashMap<ManifestId, Arc<Manifest>>>,
}

impl Manifests {
    /// Creates an empty cache over `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            read: RefCell::default(),
        }
    }

    /// Drops manifests that were forgotten.
    pub fn forget(&self, ids: impl IntoIterator<Item = ManifestId>) {
        let mut read = self.read.borrow_mut();
        for id in ids {
            read.remove(&id);
        }
    }

    /// Returns a manifest by its id.
    ///
    /// # Errors
    /// It is missing from the store, or corrupted.
    pub fn get(&self, id: &ManifestId) -> Result<Arc<Manifest>, StoreError> {
        if let Some(manifest) = self.read.borrow().get(id) {
            return Ok(Arc::clone(manifest));
        }
        let manifest = Arc::new(self.store.manifest(*id)?.into_inner());
        self.read.borrow_mut().insert(*id, Arc::clone(&manifest));
        Ok(manifest)
    }

    /// Returns manifests by their ids, in their order. Those that are not cached are read together.
    pub fn get_all(&self, ids: &[ManifestId]) -> Vec<Result<Arc<Manifest>, StoreError>> {
        let mut unread = ids.to_vec();
        unread.retain(|id| !self.read.borrow().contains_key(id));
        let read = self.store.manifests(&unread).into_iter();
        let read = read.map(|(id, manifest)| (id, Arc::new(manifest.into_inner())));
        self.read.borrow_mut().extend(read);
        ids.iter().map(|id| self.get(id)).collect()
    }

    /// Returns the manifest that first showed the live objects of a version, if the run that recorded it only used them.
    pub fn first(&self, version: &Version) -> Option<ManifestId> {
        match self.get(&version.manifest).ok()?.body {
            Body::Recipe { first, .. } => first,
            _ => None,
        }
    }

    /// Returns the definitions to which instances in a version refer; none if they are unknown.
    pub fn definitions(&self, version: Option<&Version>) -> Vec<Root> {
        let manifest = version.and_then(|version| self.get(&version.manifest).ok());
        manifest.iter().flat_map(|manifest| manifest.definitions()).collect()
    }

    /// Returns whether the objects of a version are stored with an encoding that `wanted` accepts.
    pub fn is_stored_as(&self, version: &Version, wanted: impl Fn(&Encoding) -> bool) -> bool {
        let manifest = self.get(&version.manifest);
        manifest.is_ok_and(|manifest| manifest.encoding().is_some_and(wanted))
    }
}

//! What the values and runs of a history need: what goes when they go.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::format::Naming;
use crate::id::ManifestId;
use crate::store::packs::contents::{contents, contents_of};
use crate::store::{LoadedHistory, Store, StoreError};

/// So many manifests are read together: some megabytes.
const TOGETHER: usize = 4096;

impl Store {
    /// All that the operations of a history reach and that was not forgotten. Of values that do not go only what describes them:
    /// whoever makes one again has to know what it was made of, and what to hold it against.
    pub(in crate::store) fn needed_by(
        &self,
        loaded: &LoadedHistory,
        goes: &dyn Fn(&ManifestId) -> bool,
    ) -> FxHashSet<[u8; 32]> {
        let mut needed = FxHashSet::default();
        let forgotten = loaded.forgotten();
        // In the order in which they came, which is nearly that in which they lie.
        let mut values = Vec::new();
        for operation in loaded.all_operations().map(|loaded| &loaded.operation) {
            for naming in &operation.naming {
                if let Naming::Describe { text: Some(text), .. } = naming {
                    needed.insert(text.0);
                }
            }
            let mut reached = operation.manifests.clone();
            for run in operation.runs.iter().filter_map(|id| loaded.runs.get(id)?.run()) {
                needed.extend(run.texts().map(|text| text.0));
                reached.extend(run.versions().map(|version| version.manifest));
            }
            reached.retain(|value| !forgotten.contains_key(value) && needed.insert(value.0));
            values.extend(reached);
        }
        self.add_values(&values, goes, &mut needed);
        needed
    }

    /// What a value lies in, and how long each is in bytes, before compression; each once.
    ///
    /// # Errors
    /// Its manifest can't be read, or something of it is not here.
    pub fn parts_of(&self, value: ManifestId) -> Result<Vec<([u8; 32], u64)>, StoreError> {
        let found = contents(self, value).map_err(|error| self.excused(value, error))?;
        let ids: BTreeSet<[u8; 32]> = found.all().collect();
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        let lengths: Option<Vec<_>> = ids
            .into_iter()
            .map(|id| Some((id, index.best(&id)?.length.into())))
            .collect();
        drop(index);
        lengths.ok_or_else(|| {
            let missing = StoreError::Missing {
                kind: "A part of value",
                id: value.short(),
                packs: self.missing_packs(),
            };
            self.excused(value, missing)
        })
    }

    /// Adds what says where values lie, and, of those that go, what they lie in. One that can't be read is left for the damage to be
    /// told by who reads it.
    pub(in crate::store) fn add_values(
        &self,
        values: &[ManifestId],
        goes: &dyn Fn(&ManifestId) -> bool,
        needed: &mut FxHashSet<[u8; 32]>,
    ) {
        for values in values.chunks(TOGETHER) {
            let mut stored: FxHashMap<_, _> = self.stored_manifests(values).into_iter().collect();
            for value in values {
                let goes = goes(value);
                let contents = match stored.remove(value) {
                    Some(stored) => contents_of(self, stored),
                    None => contents(self, *value),
                };
                if let Ok(contents) = contents {
                    needed.extend(contents.lists);
                    needed.extend(contents.parts.into_iter().filter(|_| goes));
                }
            }
        }
    }
}

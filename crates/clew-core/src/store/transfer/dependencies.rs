//! Finding the data that values and runs of a history need.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::format::Naming;
use crate::id::ManifestId;
use crate::store::packs::contents::{contents, contents_of};
use crate::store::{LoadedHistory, Store, StoreError};

/// Manifests that are read together: some megabytes.
const TOGETHER: usize = 4096;

impl Store {
    /// Returns the data to which the operations of a history refer and that was not forgotten. Of values that `goes` excludes it returns
    /// only the manifests and lists: the recipient needs them to rerun the cells and to compare the results.
    pub(in crate::store) fn needed_by(
        &self,
        loaded: &LoadedHistory,
        goes: &dyn Fn(&ManifestId) -> bool,
    ) -> FxHashSet<[u8; 32]> {
        let mut needed = FxHashSet::default();
        let forgotten = loaded.forgotten();
        // In recording order, which is almost the order in the packs.
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

    /// Returns the data of a value, each id once, with its length in bytes before compression.
    ///
    /// # Errors
    /// Its manifest cannot be read, or some of its data is missing.
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

    /// Adds the lists of values, and the data of those that `goes` selects. Unreadable manifests are skipped: reading them later reports
    /// the damage.
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

//! What forgetting names means for a history: which versions it takes, which names go with them, which cells name them.

use std::collections::{BTreeMap, BTreeSet};

use super::History;
use crate::format::{Body, Forgetting};
use crate::id::{ManifestId, Root, RunId};
use crate::store::{Store, StoreError};

/// What forgetting would take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgettable {
    /// The roots that were asked for.
    pub roots: Vec<Root>,
    /// Those of them that no run ever had.
    pub unknown: Vec<Root>,
    /// Every version that goes, with the run that recorded it.
    pub versions: BTreeMap<ManifestId, RunId>,
    /// Roots that share objects with them in some run, and so go with them there; each with the first such run.
    pub shared: BTreeMap<Root, RunId>,
    /// How many versions were forgotten before.
    pub already: u64,
    /// Plain bytes of all of them, what they share with others included.
    pub bytes: u64,
}

/// What the bytes of forgotten values lie in.
#[derive(Debug, Clone, Default)]
pub struct Parts(BTreeSet<[u8; 32]>);

impl Parts {
    /// Adds those of what is found in one history, as long as they are stored.
    pub fn add(&mut self, found: &Forgettable, store: &Store) {
        self.0.extend(found.versions.keys().flat_map(|id| parts_of(*id, store)));
    }
}

impl Forgettable {
    /// What an operation says of it.
    pub fn forgetting(&self) -> Forgetting {
        Forgetting {
            roots: self.roots.clone(),
            manifests: self.versions.keys().copied().collect(),
        }
    }
}

impl History {
    /// What forgetting `roots` would take of all that was recorded so far.
    ///
    /// A co-variable is one value: it goes whole, with every name that shares its objects.
    pub fn forgettable(&self, roots: &[Root], store: &Store) -> Result<Forgettable, StoreError> {
        let wanted: BTreeSet<&Root> = roots.iter().collect();
        let mut met: BTreeSet<&Root> = BTreeSet::new();
        let mut found = Forgettable {
            roots: wanted.iter().map(|root| (*root).clone()).collect(),
            ..Forgettable::default()
        };
        let mut seen: BTreeSet<ManifestId> = BTreeSet::new();
        for (id, run) in self.runs() {
            for version in run.changed.iter().chain(run.full.iter().flatten()) {
                if !seen.insert(version.manifest) {
                    continue;
                }
                let meant: Vec<&Root> = version.roots.iter().filter(|root| wanted.contains(root)).collect();
                if !meant.is_empty() {
                    met.extend(meant);
                    self.take(&mut found, version.manifest, &version.roots, *id);
                }
            }
        }
        // What an operation made visible and no run refers to: a value that was stored twice.
        for (_, operation) in self.operations() {
            for manifest in operation.manifests.iter().filter(|manifest| !seen.contains(manifest)) {
                let run = operation.runs.last().copied().unwrap_or(RunId([0; 32]));
                if let Ok(stored) = store.manifest(*manifest)
                    && stored.roots.iter().any(|root| wanted.contains(root))
                {
                    self.take(&mut found, *manifest, &stored.roots, run);
                }
            }
        }
        for id in found.versions.keys() {
            if let Ok(Body::Encoded(encoding)) = store.manifest(*id).map(|manifest| manifest.into_inner().body) {
                found.bytes += encoding.bytes;
            }
        }
        found.unknown = found.roots.iter().filter(|root| !met.contains(root)).cloned().collect();
        Ok(found)
    }

    /// Roots that have any of these parts, of values that are forgotten here or in another history, each with the first run
    /// that had it: these parts stay in the store. `own` is what this history forgets.
    pub fn sharers(&self, parts: &Parts, own: Option<&Forgettable>, store: &Store) -> BTreeMap<Root, RunId> {
        let mut sharers = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let goes = |manifest: &ManifestId| {
            let is_chosen = own.is_some_and(|own| own.versions.contains_key(manifest));
            is_chosen || self.forgotten().contains_key(manifest)
        };
        for (id, run) in self.runs() {
            for version in run.changed.iter().chain(run.full.iter().flatten()) {
                let is_new = seen.insert(version.manifest) && !goes(&version.manifest);
                if is_new
                    && parts_of(version.manifest, store)
                        .iter()
                        .any(|part| parts.0.contains(part))
                {
                    for root in &version.roots {
                        sharers.entry(root.clone()).or_insert(*id);
                    }
                }
            }
        }
        sharers
    }

    fn take(&self, found: &mut Forgettable, manifest: ManifestId, roots: &[Root], run: RunId) {
        if self.forgotten().contains_key(&manifest) {
            found.already += 1;
            return;
        }
        found.versions.insert(manifest, run);
        for root in roots.iter().filter(|root| !found.roots.contains(root)) {
            found.shared.entry(root.clone()).or_insert(run);
        }
    }
}

/// Streams shorter than this, of values that have memory of their own, say little more than its type and shape.
const HEADER: u64 = 512;

/// What a value's bytes lie in.
fn parts_of(id: ManifestId, store: &Store) -> Vec<[u8; 32]> {
    let body = store.manifest(id).map(|manifest| manifest.into_inner().body);
    let Ok(Body::Encoded(encoding)) = body else {
        return Vec::new();
    };
    let segments = encoding.stream.iter().chain(&encoding.asides).map(|id| id.0);
    let blocks = encoding.extents.iter().flat_map(|extent| &extent.blocks).map(|id| id.0);
    let memory: u64 = encoding.extents.iter().map(|extent| extent.length).sum();
    let is_header = memory > 0 && encoding.bytes.saturating_sub(memory) < HEADER;
    segments.filter(|_| !is_header).chain(blocks).collect()
}

//! The effects of forgetting variables on a history: deleted versions, other variables deleted with them, and cells that name them.

use std::collections::{BTreeMap, BTreeSet};

use super::History;
use crate::format::Forgetting;
use crate::id::{BlockId, ManifestId, Root, RunId, SegmentId};
use crate::store::{Store, StoreError};

/// The data that `forget` would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasurePreview {
    /// The requested roots.
    pub roots: Vec<Root>,
    /// Those of them that no run contains.
    pub unknown: Vec<Root>,
    /// Every version to delete, with the run that recorded it.
    pub versions: BTreeMap<ManifestId, RunId>,
    /// Roots that share objects with the requested ones in some run, and are deleted with them there; each with the first such run.
    pub shared: BTreeMap<Root, RunId>,
    /// The number of versions that were forgotten before.
    pub already: u64,
    /// Their total size in plain bytes, including data shared with other versions.
    pub bytes: u64,
}

/// The stored pieces that contain the bytes of forgotten values.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    each: BTreeSet<Part>,
    /// All pieces of each value.
    whole: BTreeSet<Vec<Part>>,
}

/// A stored piece of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Stream(SegmentId),
    Memory(BlockId),
}

impl Parts {
    /// Adds the pieces found in one history, as far as they are stored.
    pub fn add(&mut self, found: &ErasurePreview, store: &Store) {
        for parts in found.versions.keys().map(|id| parts_of(*id, store)) {
            self.each.extend(parts.iter().copied());
            self.whole.extend(Some(parts).filter(|parts| !parts.is_empty()));
        }
    }
}

impl ErasurePreview {
    /// Returns the record of it for an operation.
    pub fn forgetting(&self) -> Forgetting {
        Forgetting {
            roots: self.roots.clone(),
            manifests: self.versions.keys().copied().collect(),
        }
    }
}

impl History {
    /// Determines which of the data recorded so far would be deleted by forgetting `roots`.
    ///
    /// A co-variable is one value: it is deleted as a whole, with every variable that shares its objects.
    pub fn forgettable(&self, roots: &[Root], store: &Store) -> Result<ErasurePreview, StoreError> {
        let wanted: BTreeSet<&Root> = roots.iter().collect();
        let mut met: BTreeSet<&Root> = BTreeSet::new();
        let mut found = ErasurePreview {
            roots: wanted.iter().map(|root| (*root).clone()).collect(),
            ..ErasurePreview::default()
        };
        let mut seen: BTreeSet<ManifestId> = BTreeSet::new();
        for (id, run) in self.runs() {
            for version in run.versions() {
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
        // Manifests that an operation made visible and to which no run refers: values that were stored twice.
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
            let manifest = store.manifest(*id).ok();
            let encoding = manifest.as_ref().and_then(|manifest| manifest.encoding());
            found.bytes += encoding.map_or(0, |encoding| encoding.bytes);
        }
        found.unknown = found.roots.iter().filter(|root| !met.contains(root)).cloned().collect();
        Ok(found)
    }

    /// Returns the roots whose values contain any of these pieces, which are forgotten here or in another history, each with the
    /// first run that contains it. The pieces stay in the store for them. `own` is what this history forgets. Pieces that many
    /// values have by chance count only if all pieces of a value are equal.
    pub fn sharers(&self, parts: &Parts, own: Option<&ErasurePreview>, store: &Store) -> BTreeMap<Root, RunId> {
        let mut sharers = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut known: BTreeMap<Part, bool> = BTreeMap::new();
        let mut is_telling =
            |part: &Part| parts.each.contains(part) && *known.entry(*part).or_insert_with(|| tells(*part, store));
        let goes = |manifest: &ManifestId| {
            let is_chosen = own.is_some_and(|own| own.versions.contains_key(manifest));
            is_chosen || self.forgotten().contains_key(manifest)
        };
        for (id, run) in self.runs() {
            for version in run.versions() {
                let is_new = seen.insert(version.manifest) && !goes(&version.manifest);
                let mut is_same = || {
                    let own = parts_of(version.manifest, store);
                    parts.whole.contains(&own) || own.iter().any(&mut is_telling)
                };
                if is_new && is_same() {
                    for root in &version.roots {
                        sharers.entry(root.clone()).or_insert(*id);
                    }
                }
            }
        }
        sharers
    }

    fn take(&self, found: &mut ErasurePreview, manifest: ManifestId, roots: &[Root], run: RunId) {
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

/// The maximum size of values without buffers that reveal nothing: `None`, a boolean, a small number, an empty container.
const TRIVIAL: u64 = 3;
/// Memory with this period in bytes contains one number everywhere, such as zeros or ones.
const NUMBER: usize = 8;

/// Returns whether a piece reveals anything about its value. A piece that cannot be read may do so.
fn tells(part: Part, store: &Store) -> bool {
    let Part::Memory(block) = part else { return true };
    let is_constant = |bytes: &[u8]| bytes.len() > NUMBER && bytes[NUMBER..] == bytes[..bytes.len() - NUMBER];
    let Ok(found) = store.blocks(&[block]) else { return true };
    !found.iter().all(|bytes| is_constant(bytes))
}

/// Streams shorter than this, of values with buffers, reveal little more than type and shape.
const HEADER: u64 = 512;

/// Returns the pieces of a value that reveal something about it.
fn parts_of(id: ManifestId, store: &Store) -> Vec<Part> {
    let manifest = store.manifest(id).ok();
    let Some(encoding) = manifest.as_ref().and_then(|manifest| manifest.encoding()) else {
        return Vec::new();
    };
    let segments = encoding
        .stream
        .iter()
        .chain(&encoding.asides)
        .copied()
        .map(Part::Stream);
    let blocks = encoding.extents.iter().flat_map(|extent| &extent.blocks).copied();
    let memory: u64 = encoding.extents.iter().map(|extent| extent.length).sum();
    let is_header = memory > 0 && encoding.bytes.saturating_sub(memory) < HEADER;
    let says_little = is_header || memory == 0 && encoding.bytes <= TRIVIAL;
    segments
        .filter(|_| !says_little)
        .chain(blocks.map(Part::Memory))
        .collect()
}

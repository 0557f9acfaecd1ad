//! What forgetting names means for a history: which versions it takes, which names go with them, which cells name them.

use std::collections::{BTreeMap, BTreeSet};

use super::History;
use crate::format::Forgetting;
use crate::id::{BlockId, ManifestId, Root, RunId, SegmentId};
use crate::store::{Store, StoreError};

/// What `forget` would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasurePreview {
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
pub struct Parts {
    each: BTreeSet<Part>,
    /// All of each value.
    whole: BTreeSet<Vec<Part>>,
}

/// A piece of what is stored of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Stream(SegmentId),
    Memory(BlockId),
}

impl Parts {
    /// Adds those of what is found in one history, as long as they are stored.
    pub fn add(&mut self, found: &ErasurePreview, store: &Store) {
        for parts in found.versions.keys().map(|id| parts_of(*id, store)) {
            self.each.extend(parts.iter().copied());
            self.whole.extend(Some(parts).filter(|parts| !parts.is_empty()));
        }
    }
}

impl ErasurePreview {
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
            let manifest = store.manifest(*id).ok();
            let encoding = manifest.as_ref().and_then(|manifest| manifest.encoding());
            found.bytes += encoding.map_or(0, |encoding| encoding.bytes);
        }
        found.unknown = found.roots.iter().filter(|root| !met.contains(root)).cloned().collect();
        Ok(found)
    }

    /// Roots that have any of these parts, of values that are forgotten here or in another history, each with the first run
    /// that had it: these parts stay in the store. `own` is what this history forgets. Parts that many values have by chance count only
    /// where all of a value is the same.
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

/// Values without memory of their own that are no longer than this: `None`, a truth value, a small number, an empty container.
const TRIVIAL: u64 = 3;
/// Memory that repeats as many bytes holds one number everywhere: zeros, ones.
const NUMBER: usize = 8;

/// Whether a part tells something of the value that has it. What can't be read may.
fn tells(part: Part, store: &Store) -> bool {
    let Part::Memory(block) = part else { return true };
    let is_constant = |bytes: &[u8]| bytes.len() > NUMBER && bytes[NUMBER..] == bytes[..bytes.len() - NUMBER];
    let Ok(found) = store.blocks(&[block]) else { return true };
    !found.iter().all(|bytes| is_constant(bytes))
}

/// Streams shorter than this, of values that have memory of their own, say little more than its type and shape.
const HEADER: u64 = 512;

/// What a value's bytes lie in, of which some tells what it is.
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

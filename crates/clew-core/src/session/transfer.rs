//! Plans of transferring a state to another place, computed from a store, without a kernel.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::SessionError;
use crate::clock::Clock;
use crate::format::{Encoding, Manifest};
use crate::graph::{Arena, ArenaLimits};
use crate::history::History;
use crate::history::flow::{Flow, ValueSource};
use crate::id::{BlobId, ManifestId, RunId};
use crate::plan::carry::{CarryPlan, CarryRequest, LoadingSpeed, Rates, SendableManifest, Stock, Target};
use crate::plan::cut::{BudgetError, SendObstacle};
use crate::store::{FrameLengths, Manifests, Store, StoreError, VerifiedValue};

/// The versions in a store, with their sizes, as candidates for sending.
pub struct StoredVersions<'a> {
    store: &'a Store,
    manifests: Manifests,
    sizes: RefCell<Sizes>,
}

/// The sizes of pieces that were read so far.
#[derive(Default)]
struct Sizes {
    known: FxHashMap<[u8; 32], Option<u64>>,
    frames: FrameLengths,
}

impl<'a> StoredVersions<'a> {
    /// Provides all versions in `store`. Data that was read is cached for the lifetime of this object.
    pub fn of(store: &'a Store) -> Self {
        Self {
            store,
            manifests: Manifests::new(store.clone()),
            sizes: RefCell::default(),
        }
    }
}

impl Stock for StoredVersions<'_> {
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest> {
        let known = self.manifests.get_all(ids).into_iter();
        let known = known.map(|manifest| {
            manifest.map_err(|error| match error {
                StoreError::Forgotten { .. } => SendObstacle::Forgotten,
                _ => SendObstacle::Missing,
            })
        });
        known.collect()
    }

    fn sizes(&self, ids: &[[u8; 32]]) -> Vec<Option<u64>> {
        let Sizes { known, frames } = &mut *self.sizes.borrow_mut();
        let unknown: Vec<&[u8; 32]> = ids.iter().filter(|id| !known.contains_key(*id)).collect();
        if !unknown.is_empty() {
            // Unreadable data cannot be sent.
            let found = self.store.sizes(unknown.iter().copied(), frames);
            let found = found.unwrap_or_else(|_| vec![None; unknown.len()]);
            known.extend(unknown.into_iter().copied().zip(found));
        }
        ids.iter().map(|id| known[id]).collect()
    }
}

impl ValueSource for StoredVersions<'_> {
    fn manifest(&self, id: &ManifestId) -> Option<Manifest> {
        self.manifests.get(id).ok().map(Arc::unwrap_or_clone)
    }

    fn stream(&self, encoding: &Encoding) -> Option<Vec<u8>> {
        self.store.stream(&encoding.stream).ok().map(VerifiedValue::into_inner)
    }

    fn source(&self, id: BlobId) -> Option<String> {
        self.store.blob(id).ok().map(VerifiedValue::into_inner)
    }
}

/// Plans how to transfer the state after `run` in `history` to `target`, sending at most `budget` bytes. It reads manifests and
/// the headers of packs, but loads and executes nothing.
///
/// # Errors
/// Fails if an ancestor that is needed to determine the state is missing, or if the values that cannot be recreated take more bytes.
pub fn plan_move(
    (history, run): (&History, RunId),
    stored: &StoredVersions<'_>,
    target: &dyn Target,
    rates: &Rates,
    budget: Option<u64>,
) -> Result<CarryPlan, PlanError> {
    if let Some(gone) = history.missing_ancestor(run) {
        return Err(SessionError::missing(gone).into());
    }
    let flow = Flow::new(history, stored).coarse();
    let carry = CarryRequest {
        history,
        flow: &flow,
        run,
        stock: stored,
        target,
        rates,
    };
    Ok(carry.plan(budget)?)
}

/// The reason why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The history is incomplete.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The values that cannot be recreated take more bytes than the budget.
    #[error(transparent)]
    OverBudget(#[from] BudgetError),
}

/// The number of plain bytes of a codec's values that are read to measure it.
const ENOUGH: u64 = 4 << 20;

/// Larger values are not read for that, unless there are no others.
const LARGE: u64 = 32 << 20;

/// Measures how fast values of the state after `run` are read, checked and decoded here, by codec. It uses the largest values of
/// each codec that are not too large, up to some megabytes. The time for creating objects is not included, since there is no
/// kernel.
pub fn measure(
    (history, run): (&History, RunId),
    stored: &StoredVersions<'_>,
    clock: &dyn Clock,
) -> Option<LoadingSpeed> {
    let state = history.state(run);
    let mut values: Vec<(usize, Arc<Manifest>)> = state
        .versions()
        .filter_map(|version| Some((version.roots.len(), stored.manifests.get(&version.manifest).ok()?)))
        .collect();
    values.retain(|(_, manifest)| bytes(manifest) > 0);
    values.sort_by_key(|(_, manifest)| std::cmp::Reverse(bytes(manifest)));
    let small = values.partition_point(|(_, manifest)| bytes(manifest) > LARGE);
    values.drain(..small.min(values.len().saturating_sub(1)));
    let mut all = Measured::default();
    let mut by_codec: BTreeMap<String, Measured> = BTreeMap::new();
    for (roots, manifest) in &values {
        let Some(encoding) = manifest.encoding() else { continue };
        let is_enough = |codec: &String| by_codec.get(codec).is_some_and(|measured| measured.bytes >= ENOUGH);
        if encoding.codecs.keys().all(is_enough) {
            continue;
        }
        let begun = clock.monotonic();
        if read(stored.store, encoding, *roots).is_none() {
            continue;
        }
        let took = clock.monotonic().saturating_sub(begun);
        all.add(encoding.bytes, took);
        for codec in encoding.codecs.keys() {
            by_codec.entry(codec.clone()).or_default().add(encoding.bytes, took);
        }
    }
    let rates = by_codec.into_iter();
    Some(LoadingSpeed {
        all: all.rate()?,
        by_codec: rates
            .filter_map(|(codec, measured)| Some((codec, measured.rate()?)))
            .collect(),
    })
}

fn bytes(manifest: &Manifest) -> u64 {
    manifest.encoding().map_or(0, |encoding| encoding.bytes)
}

/// Reads a value as a load does, without creating objects.
fn read(store: &Store, encoding: &Encoding, roots: usize) -> Option<()> {
    let stream = store.stream(&encoding.stream).ok()?.into_inner();
    Arena::parse(&stream, roots, ArenaLimits::default()).ok()?;
    store.stream(&encoding.asides).ok()?;
    for extent in &encoding.extents {
        store.extent(extent).ok()?;
    }
    Some(())
}

#[derive(Default)]
struct Measured {
    bytes: u64,
    nanoseconds: u64,
}

impl Measured {
    fn add(&mut self, bytes: u64, nanoseconds: u64) {
        self.bytes += bytes;
        self.nanoseconds += nanoseconds;
    }

    /// Returns the rate in bytes per second.
    fn rate(&self) -> Option<f64> {
        (self.bytes > 0 && self.nanoseconds > 0).then(|| self.bytes as f64 * 1e9 / self.nanoseconds as f64)
    }
}

//! Selecting raw memory to compress: memory that is in no newest state, if a sample shows that compression saves enough.
//!
//! Memory is stored raw so that it can be mapped, and so that recording does not wait for a compressor. Memory that is only in older states
//! is rarely needed.

use rustc_hash::FxHashSet;

use crate::format::COLD_LEVEL;
use crate::store::Store;
use crate::store::packs::index::Placement;
use crate::store::packs::pack_reader::PackReader;
use crate::store::packs::read::read_and_hash;
use crate::store::packs::survey::{PackItem, PackSurvey};

/// The number of blocks of a pack that are sampled.
const SAMPLE: usize = 8;
/// Rewriting a pack pays from this share of its cold memory on, in percent, and from this number of bytes on.
const LEAST_SHARE: u64 = 10;
const LEAST_SAVED: u64 = 1 << 20;

/// Returns whether an item is raw memory that none of the `newest` states contains.
pub(super) fn is_cold(thing: &PackItem, newest: &FxHashSet<[u8; 32]>) -> bool {
    thing.place.form == Placement::Raw && !newest.contains(&thing.id)
}

/// Estimates the bytes that compressing a pack's cold memory would save; `None` if that is not worthwhile. `stays` returns whether an item
/// would be copied.
pub(super) fn saving(
    store: &Store,
    pack: &PackSurvey,
    newest: &FxHashSet<[u8; 32]>,
    stays: impl Fn(&PackItem) -> bool,
) -> Option<u64> {
    let cold: Vec<&PackItem> = pack
        .things
        .iter()
        .filter(|thing| is_cold(thing, newest) && stays(thing))
        .collect();
    let bytes: u64 = cold.iter().map(|thing| u64::from(thing.place.length)).sum();
    if bytes < LEAST_SAVED {
        return None;
    }
    let mut reader = PackReader::new(store.disk());
    let (mut plain, mut stored) = (0, 0);
    for thing in cold.iter().step_by(cold.len().div_ceil(SAMPLE)) {
        // A block that cannot be read is reported when it is copied.
        let Ok(block) = read_and_hash(&mut reader, &pack.path, &thing.place, &thing.id, thing.kind) else {
            continue;
        };
        plain += block.len() as u64;
        let compressed = zstd::bulk::compress(&block, COLD_LEVEL).map_or(block.len(), |bytes| bytes.len());
        stored += compressed.min(block.len()) as u64;
    }
    let share = (plain - stored) * 100 / plain.max(1);
    let saved = bytes * share / 100;
    (share >= LEAST_SHARE && saved >= LEAST_SAVED).then_some(saved)
}

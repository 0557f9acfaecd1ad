//! Readers of stored values, without Python.

use clew_core::id::{BlockId, Root};
use clew_core::store::StoreError;
use clew_testing::encoding;
use clew_value::compare::compare;
use clew_value::{Blocks, ReadLimits, StoredValue, name_gaps};

use super::is_clear;

/// Blocks contain only the first byte of their id, repeated.
struct Alike;

impl Blocks for Alike {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(ids.iter().map(|id| vec![id.0[0]; 65_536]).collect())
    }
}

/// The first two bytes are the length of the first stream; the second stream follows it.
pub(super) fn value(bytes: &[u8]) {
    let Some((length, streams)) = bytes.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length));
    let (one, two) = streams.split_at(length.min(streams.len()));
    let limits = ReadLimits {
        memory_bytes: 1 << 20,
        pairs: 10_000,
        ..ReadLimits::default()
    };
    let nameless = |_: &str| None;
    let (was, is) = (encoding(1), encoding(2));
    let before = StoredValue::open(one, &was, 1, &Alike, &nameless, &limits);
    let after = StoredValue::open(two, &is, 1, &Alike, &nameless, &limits);
    for error in [&before, &after].into_iter().filter_map(|stored| stored.as_ref().err()) {
        is_clear(error);
    }
    let (Ok(before), Ok(after)) = (before, after) else {
        return;
    };
    let any = (0..64).map(|number| (number, String::new())).collect();
    for stream in [one, two] {
        assert!(name_gaps(&[Root::name("x")], stream, &any).len() <= 20);
    }
    if let (Some(before), Some(after)) = (before.root(0), after.root(0)) {
        compare(before, after, &limits);
        compare(before, before, &limits);
    }
}

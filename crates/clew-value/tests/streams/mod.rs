//! Streams as a walk writes them, of values without memory.

use clew_core::graph::stream::write_varint;
use clew_core::id::BlockId;
use clew_core::store::StoreError;
use clew_testing::encoding;
use clew_value::compare::{Detail, compare};
use clew_value::{Blocks, ReadLimits, StoredValue, kinds};

/// A source without blocks.
pub struct NoBlocks;

impl Blocks for NoBlocks {
    fn blocks(&self, _: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }
}

/// A node as a walk writes it.
pub fn node(kind: u16, payload: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, u64::from(kind) << 2 | u64::from(!children.is_empty()));
    write_varint(&mut out, payload.len() as u64);
    out.extend_from_slice(payload);
    if !children.is_empty() {
        write_varint(&mut out, children.len() as u64);
        children.iter().for_each(|child| out.extend_from_slice(child));
    }
    out
}

/// A text.
pub fn text(text: &str) -> Vec<u8> {
    node(kinds::STR, text.as_bytes(), &[])
}

/// An int.
pub fn int(number: i64) -> Vec<u8> {
    node(kinds::INT, &number.to_le_bytes(), &[])
}

/// Python's `None`.
pub fn none() -> Vec<u8> {
    node(kinds::NONE, b"", &[])
}

/// A tuple.
pub fn row(items: &[Vec<u8>]) -> Vec<u8> {
    node(kinds::TUPLE, b"", items)
}

/// An object of a codec.
pub fn coded(codec: &str, args: Vec<u8>, state: Option<Vec<u8>>) -> Vec<u8> {
    let mut payload = vec![codec.len() as u8];
    payload.extend_from_slice(codec.as_bytes());
    payload.extend([1, 1]);
    let children: Vec<Vec<u8>> = [none(), args].into_iter().chain(state).collect();
    node(kinds::CODEC, &payload, &children)
}

/// The difference between two values.
pub fn compared(was: &[u8], is: &[u8]) -> Detail {
    let (encoding, limits) = (encoding(1), ReadLimits::default());
    let nameless = |_: &str| None;
    let open = |stream| StoredValue::open(stream, &encoding, 1, &NoBlocks, &nameless, &limits).unwrap();
    let (before, after) = (open(was), open(is));
    compare(before.root(0).unwrap(), after.root(0).unwrap(), &limits)
}

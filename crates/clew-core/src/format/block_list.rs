//! Manifests as they lie: long lists of block ids apart, so that an edit of one block writes a few kilobytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::id::{BlockId, SegmentId};

/// Block ids of one list: 8 KiB of them, for 16 MiB of memory.
pub const LIST_LENGTH: usize = 256;

/// A manifest as it lies in a pack. Its id is the hash of these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredManifest {
    /// The manifest. Extents of more than [`LIST_LENGTH`] blocks have none here.
    pub manifest: Manifest,
    /// By the number of such an extent: segments of [`LIST_LENGTH`] block ids each, the last one shorter.
    #[serde(default)]
    pub lists: BTreeMap<u32, Vec<SegmentId>>,
    /// Makes it another one than a forgotten manifest that says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u64>,
}

/// A list of block ids as it lies: one after another.
pub fn encode_list(ids: &[BlockId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0).collect()
}

/// Reads a list of block ids; `None` if it is none.
pub fn decode_list(bytes: &[u8]) -> Option<Vec<BlockId>> {
    let (ids, rest) = bytes.as_chunks::<32>();
    let is_list = rest.is_empty() && ids.len() <= LIST_LENGTH;
    is_list.then(|| ids.iter().copied().map(BlockId).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p14_a_list_that_is_cut_short_or_too_long_is_refused() {
        let ids = vec![BlockId([3; 32]); LIST_LENGTH];
        let bytes = encode_list(&ids);
        assert_eq!(decode_list(&bytes), Some(ids));
        assert_eq!(decode_list(&bytes[1..]), None);
        assert_eq!(decode_list(&[bytes.as_slice(), &[0; 32]].concat()), None);
    }
}

//! Manifests as stored. Their long parts are stored separately, in pieces, so that a small change writes little.
//!
//! A part that is stored in pieces is a list of their ids. A long list is cut into lists, at places that depend on the ids, and the ids of
//! these lists again, until few are left. So one changed piece of a hundred thousand writes a list of about 64 ids on each of two levels.

use serde::{Deserialize, Serialize};

use super::{Encoding, Manifest, StoredExtent};
use crate::graph::stream::{read_varint, write_varint};
use crate::graph::{Mention, read_step, write_step};
use crate::id::{BlockId, SegmentId};
use crate::limits;

/// The most ids that are stored in the manifest itself.
pub const IDS_AT_HAND: usize = 64;
/// A list ends with an id that has this many low zero bits in its first byte: after 64 ids on average.
const LIST_BITS: u32 = 6;
/// Fewest ids of a list; the last one of a level may be shorter.
const SHORTEST_LIST: usize = 16;

/// Ids of segments, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentList {
    /// Levels of indirection: with 0 the ids are the segments themselves, otherwise they name lists of ids with one level less.
    pub levels: u8,
    /// The ids.
    pub ids: Vec<SegmentId>,
}

impl SegmentList {
    /// Returns whether it has more levels than the limit.
    pub fn is_too_deep(&self) -> bool {
        self.levels > limits::LIST_LEVELS
    }
}

/// Parts of a manifest's encoding that are stored separately. They are empty in the encoding then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lists {
    /// The ids of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<SegmentList>,
    /// The ids of the asides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asides: Option<SegmentList>,
    /// Extents and mentions, as [`encode_memory`] writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<SegmentList>,
}

impl Lists {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &SegmentList> {
        [&self.stream, &self.asides, &self.memory].into_iter().flatten()
    }
}

/// A manifest as it is stored in a pack. Its id is the hash of these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredManifest {
    /// The manifest, without the separate parts.
    pub manifest: Manifest,
    /// The separate parts.
    #[serde(default)]
    pub lists: Lists,
    /// A random number that gives it another id than an equal manifest that was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u64>,
}

/// Cuts ids into lists: after an id that ends a list, or after the maximum length. An inserted or removed id changes its own list and at
/// most one more.
pub fn lists_of(ids: &[SegmentId]) -> impl Iterator<Item = &[SegmentId]> {
    let mut rest = ids;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = |id: &SegmentId| id.0[0].trailing_zeros() >= LIST_BITS;
        let end = rest.iter().skip(SHORTEST_LIST - 1).position(ends);
        let length = end.map_or(limits::LIST, |end| end + SHORTEST_LIST);
        let (list, later) = rest.split_at(length.min(limits::LIST).min(rest.len()));
        rest = later;
        Some(list)
    })
}

/// Encodes ids: one after another.
pub fn encode_ids(ids: &[SegmentId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0).collect()
}

/// Decodes ids; `None` if the bytes are malformed, or have too many ids for a list.
pub fn decode_ids(bytes: &[u8]) -> Option<Vec<SegmentId>> {
    let (ids, rest) = bytes.as_chunks::<32>();
    let is_list = rest.is_empty() && ids.len() <= limits::LIST;
    is_list.then(|| ids.iter().copied().map(SegmentId).collect())
}

/// Encodes extents and mentions without absolute positions, so that a change stays local.
pub fn encode_memory(encoding: &Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, encoding.extents.len() as u64);
    for extent in &encoding.extents {
        write_varint(&mut out, extent.length);
        write_varint(&mut out, extent.column);
        write_varint(&mut out, extent.blocks.len() as u64);
        extent.blocks.iter().for_each(|id| out.extend_from_slice(&id.0));
    }
    let mut before = 0;
    for mention in &encoding.mentions {
        write_step(&mut out, &mut before, mention.extent.into());
        write_varint(&mut out, mention.offset);
        write_varint(&mut out, mention.length);
    }
    out
}

/// Decodes extents and mentions; `None` if the bytes are malformed.
pub fn decode_memory(bytes: &[u8]) -> Option<(Vec<StoredExtent>, Vec<Mention>)> {
    let mut at = 0;
    let count = read_varint(bytes, &mut at)?;
    let mut extents = Vec::new();
    for _ in 0..count {
        extents.push(decode_extent(bytes, &mut at)?);
    }
    let (mut mentions, mut before) = (Vec::new(), 0);
    while at < bytes.len() {
        mentions.push(Mention {
            extent: u32::try_from(read_step(bytes, &mut at, &mut before)?).ok()?,
            offset: read_varint(bytes, &mut at)?,
            length: read_varint(bytes, &mut at)?,
        });
    }
    Some((extents, mentions))
}

fn decode_extent(bytes: &[u8], at: &mut usize) -> Option<StoredExtent> {
    let (length, column) = (read_varint(bytes, at)?, read_varint(bytes, at)?);
    let blocks = usize::try_from(read_varint(bytes, at)?).ok()?;
    let end = at.checked_add(blocks.checked_mul(32)?)?;
    let (ids, _) = bytes.get(*at..end)?.as_chunks::<32>();
    *at = end;
    Some(StoredExtent {
        length,
        column,
        blocks: ids.iter().copied().map(BlockId).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(count: u64) -> Vec<SegmentId> {
        (0..count).map(|number| SegmentId::of(&number.to_le_bytes())).collect()
    }

    #[test]
    fn an_id_more_changes_one_list_or_two() {
        let before = ids(10_000);
        let lists: Vec<&[SegmentId]> = lists_of(&before).collect();
        assert_eq!(lists.concat(), before);
        assert!((60..=130).contains(&(before.len() / lists.len())), "{}", lists.len());
        for at in [0, 1, 5000, 9_999, 10_000] {
            let mut after = before.clone();
            after.insert(at, SegmentId::of(b"new"));
            let new = lists_of(&after).filter(|list| !lists.contains(list)).count();
            assert!(new <= 2, "{new} lists at {at}");
        }
    }

    #[test]
    fn p14_a_list_that_is_cut_short_or_too_long_is_refused() {
        let ids = ids(limits::LIST as u64);
        let bytes = encode_ids(&ids);
        assert_eq!(decode_ids(&bytes), Some(ids));
        assert_eq!(decode_ids(&bytes[1..]), None);
        assert_eq!(decode_ids(&[bytes.as_slice(), &[0; 32]].concat()), None);
    }

    #[test]
    fn memory_comes_back() {
        let extent = |length, blocks| StoredExtent {
            length,
            column: length / 2,
            blocks: vec![BlockId([7; 32]); blocks],
        };
        let mention = |extent, offset| Mention {
            extent,
            offset,
            length: 9,
        };
        let encoding = Encoding {
            extents: vec![extent(300, 1), extent(0, 0), extent(200_000, 4)],
            mentions: vec![
                mention(0, 0),
                mention(2, 300),
                mention(0, 5),
                mention(u32::MAX, 1 << 40),
            ],
            ..Encoding::default()
        };
        let bytes = encode_memory(&encoding);
        assert_eq!(decode_memory(&bytes), Some((encoding.extents, encoding.mentions)));
    }

    proptest! {
        #[test]
        fn p14_any_bytes_are_memory_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some((extents, mentions)) = decode_memory(&bytes) {
                prop_assert!(extents.len() * 3 + mentions.len() * 3 <= bytes.len());
            }
        }
    }
}

//! Cutting streams into pieces at places that depend on their content.
//!
//! A piece ends where a rolling hash over the last bytes decides (Xia et al., "The design of fast content-defined chunking", 2020). An
//! insertion changes its own piece, sometimes the next one, and no other. The end of a piece does not depend on anything before the piece;
//! so a piece of the previous version is recognized by its hash alone, without rolling.

use fastcdc::v2020::FastCDC;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::id::SegmentId;

/// Bytes of a piece: minimum (the last one may be shorter), average, maximum.
const SHORTEST: usize = 2 * 1024;
const AVERAGE: usize = 8 * 1024;
const LONGEST: usize = 64 * 1024;

/// Id, length and hash of a stored segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its id.
    pub id: SegmentId,
    /// Its length in bytes.
    pub length: u32,
    /// XXH3-128 of its bytes: distinguishes it from the other pieces of its version, and is not a security boundary.
    pub hash: u128,
}

/// Cuts data into segments, and finds those that the previous version already stored.
pub(in crate::store) struct SegmentChunker<'a> {
    bytes: &'a [u8],
    before: &'a [StoredSegment],
    by_hash: FxHashMap<u128, usize>,
    chunker: FastCDC<'a>,
    at: usize,
    /// The piece of the previous version that is expected next.
    expected: usize,
}

/// A piece of data that is to be stored as a segment, or that the previous version already stored.
pub(in crate::store) struct SegmentCandidate<'a> {
    pub bytes: &'a [u8],
    pub hash: u128,
    /// The id, if the piece is already stored.
    pub known: Option<SegmentId>,
}

impl<'a> SegmentChunker<'a> {
    /// Cuts `bytes`. `before` are the pieces of an earlier version, in order, or empty.
    pub fn new(bytes: &'a [u8], before: &'a [StoredSegment]) -> Self {
        let by_hash = before.iter().enumerate().map(|(index, piece)| (piece.hash, index));
        Self {
            bytes,
            before,
            by_hash: by_hash.collect(),
            chunker: FastCDC::new(bytes, SHORTEST, AVERAGE, LONGEST),
            at: 0,
            expected: 0,
        }
    }

    /// Returns the expected piece, if it is here. The last piece ended with its stream, so it only matches at the end of this one.
    fn as_before(&self) -> Option<SegmentCandidate<'a>> {
        let piece = self.before.get(self.expected)?;
        let rest = &self.bytes[self.at..];
        let bytes = rest.get(..piece.length as usize)?;
        let ended_by_content = self.expected + 1 < self.before.len() || bytes.len() == rest.len();
        let is_same = ended_by_content && xxh3_128(bytes) == piece.hash;
        is_same.then_some(SegmentCandidate {
            bytes,
            hash: piece.hash,
            known: Some(piece.id),
        })
    }

    fn by_content(&mut self) -> SegmentCandidate<'a> {
        let rest = self.bytes.len() - self.at;
        let (_, end) = self.chunker.cut(self.at, rest);
        // FastCDC cuts before the byte that decided. This byte must be part of the piece, otherwise the cut would depend on the bytes after
        // it.
        let is_decided = end - self.at < rest.min(LONGEST);
        let bytes = &self.bytes[self.at..end + usize::from(is_decided)];
        let hash = xxh3_128(bytes);
        let known = self.by_hash.get(&hash).copied();
        self.expected = known.unwrap_or(self.expected);
        SegmentCandidate {
            bytes,
            hash,
            known: known.map(|index| self.before[index].id),
        }
    }
}

impl<'a> Iterator for SegmentChunker<'a> {
    type Item = SegmentCandidate<'a>;

    fn next(&mut self) -> Option<SegmentCandidate<'a>> {
        if self.at == self.bytes.len() {
            return None;
        }
        let cut = self.as_before().unwrap_or_else(|| self.by_content());
        self.expected += 1;
        self.at += cut.bytes.len();
        Some(cut)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(bytes: &[u8], before: &[StoredSegment]) -> Vec<StoredSegment> {
        let stored = SegmentChunker::new(bytes, before).map(|cut| StoredSegment {
            id: cut.known.unwrap_or_else(|| SegmentId::of(cut.bytes)),
            length: cut.bytes.len() as u32,
            hash: cut.hash,
        });
        stored.collect()
    }

    /// Returns bytes without a pattern.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn an_insertion_changes_few_pieces() {
        let before = noise(2_000_000);
        let old = pieces(&before, &[]);
        assert!((6_000..13_000).contains(&(before.len() / old.len())), "{}", old.len());
        for at in [0, 1_000_000, 2_000_000] {
            let mut after = before.clone();
            after.splice(at..at, *b"inserted");
            let new = pieces(&after, &old);
            let fresh = new.iter().filter(|piece| !old.contains(piece)).count();
            assert!(fresh <= 3, "{fresh} at {at}");
        }
    }

    #[test]
    fn what_is_all_alike_is_one_piece_again_and_again() {
        let bytes = vec![7; 1_000_000];
        let mut ids: Vec<SegmentId> = pieces(&bytes, &[]).iter().map(|piece| piece.id).collect();
        ids.dedup();
        assert!(ids.len() <= 2);
    }

    #[test]
    fn a_byte_inserted_where_a_piece_ended_is_cut_as_if_nothing_was_known() {
        let before = noise(100_000);
        let old = pieces(&before, &[]);
        let ends = old.iter().scan(0, |end, piece| {
            *end += piece.length as usize;
            Some(*end)
        });
        for at in ends.flat_map(|end| end.saturating_sub(2)..=(end + 2).min(before.len())) {
            let mut after = before.clone();
            after.insert(at, 0);
            assert_eq!(pieces(&after, &old), pieces(&after, &[]), "{at}");
        }
    }

    proptest! {
        #[test]
        fn what_the_version_before_says_changes_no_cut(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3000, 0_usize..3000), 0..4),
            length in 0_usize..200_000,
        ) {
            let before = noise(length);
            let old = pieces(&before, &[]);
            let mut after = before;
            for (at, taken, given) in edits {
                let at = at.index(after.len() + 1);
                let end = (at + taken).min(after.len());
                after.splice(at..end, noise(given));
            }
            prop_assert_eq!(pieces(&after, &old), pieces(&after, &[]));
        }
    }
}

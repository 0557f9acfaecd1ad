//! The canonical stream: the encoding of nodes that a walk writes.
//!
//! ```text
//! stream   = node* section*             a node for each root; then a section for each DEFER, in order, until none is left
//! node     = AGAIN varint(references)   the node of the reference so many references ago (0: the last one)
//!          | NEAR varint(nodes)         the node so many nodes back, not referred to before
//!          | FAR zigzag(nodes)          the same, so many nodes behind the node of the last FAR (0 before there is one)
//!          | DEFER                      takes a number; its body is the section
//!          | body                       takes a number
//! section  = body                       takes no number
//! body     = varint(kind << 2 | has_buffer << 1 | has_children)
//!            varint(payload length) payload
//!            [varint(child count)]      children follow, each a node, depth first
//! ```
//! Numbers count from 0 in the order of writing; `reference.rs` explains why no reference contains one. The n-th buffer of the
//! stream is mention n. Sections come last, so that all other nodes are already numbered when code describes an object, and when
//! members of sets are ordered that differ only by aliasing.

/// The tag of a reference to a node that was referred to before.
pub(super) const AGAIN: u64 = 0;
/// The tag of a node whose body comes later.
pub(super) const DEFER: u64 = 1;
/// The tag of the first reference to a node nearby.
pub(super) const NEAR: u64 = 2;
/// The tag of the first reference to a distant node.
pub(super) const FAR: u64 = 3;
pub(super) const HAS_CHILDREN: u64 = 1;
pub(super) const HAS_BUFFER: u64 = 2;

/// Appends `value` in LEB128.
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a LEB128 number of at most 64 bits at `*at`, and advances `*at` past it.
pub fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Returns kind and payload of each body, in order, up to the first error in the stream. It is cheaper than parsing the whole stream.
pub fn bodies(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let tag = loop {
            match read_varint(bytes, &mut at)? {
                DEFER => {}
                AGAIN | NEAR | FAR => {
                    read_varint(bytes, &mut at)?;
                }
                tag => break tag,
            }
        };
        let length = usize::try_from(read_varint(bytes, &mut at)?).ok()?;
        let payload = bytes.get(at..at.checked_add(length)?)?;
        at += length;
        if tag & HAS_CHILDREN != 0 {
            read_varint(bytes, &mut at)?;
        }
        Some((u16::try_from(tag >> 2).ok()?, payload))
    })
}

/// Returns whether the bytes are a stream of `roots` roots whose bodies are all of kinds accepted by `is_wanted`. It does not
/// check the targets of references. It takes a tenth of the time of [`super::Arena::parse`].
pub fn holds_only(bytes: &[u8], roots: usize, is_wanted: impl Fn(u16) -> bool) -> bool {
    let (mut at, mut owed, mut sections) = (0, roots as u64, 0_u64);
    let mut read = || -> Option<bool> {
        while at < bytes.len() {
            let tag = read_varint(bytes, &mut at)?;
            if owed == 0 {
                // Only bodies of deferred nodes may follow.
                sections = sections.checked_sub(1).filter(|_| tag >> 2 > 0)?;
            } else {
                owed -= 1;
            }
            match tag {
                DEFER => sections += 1,
                AGAIN | NEAR | FAR => {
                    read_varint(bytes, &mut at)?;
                }
                tag => {
                    let length = usize::try_from(read_varint(bytes, &mut at)?).ok()?;
                    bytes.get(at..at.checked_add(length)?)?;
                    at += length;
                    if tag & HAS_CHILDREN != 0 {
                        owed = owed.checked_add(read_varint(bytes, &mut at)?)?;
                    }
                    if !is_wanted(u16::try_from(tag >> 2).ok()?) {
                        return None;
                    }
                }
            }
        }
        Some(owed == 0 && sections == 0)
    };
    read() == Some(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arena::StreamFault;
    use super::super::{Arena, ArenaLimits};
    use super::*;

    proptest! {
        /// Compares with a parser that follows references: accepted bytes are a stream, except that references may be invalid.
        #[test]
        fn what_is_passed_parses_and_what_parses_is_passed(
            bytes in prop::collection::vec(prop_oneof![0..6_u8, 8..14_u8, any::<u8>()], 0..24),
            roots in 0..4_usize,
        ) {
            let parsed = Arena::parse(&bytes, roots, ArenaLimits::default());
            let is_passed = holds_only(&bytes, roots, |kind| kind > 0 && u64::from(kind) <= crate::limits::KINDS);
            match parsed {
                Ok(_) => prop_assert!(is_passed),
                Err(error) => prop_assert!(!is_passed || error.what == StreamFault::Ahead),
            }
        }
    }

    #[test]
    fn one_body_of_another_kind_is_seen_wherever_it_stands() {
        // A list of a number and of a deferred list, which contains a reference to the number, and a text.
        let stream = [
            11 << 2 | 1,
            0,
            2,
            4 << 2,
            1,
            7,
            DEFER as u8,
            11 << 2 | 1,
            0,
            2,
            NEAR as u8,
            2,
            7 << 2,
            1,
            b'x',
        ];
        assert!(Arena::parse(&stream, 1, ArenaLimits::default()).is_ok());
        assert!(holds_only(&stream, 1, |kind| [4, 7, 11].contains(&kind)));
        for lacking in [4, 7, 11] {
            assert!(!holds_only(&stream, 1, |kind| kind != lacking));
        }
        for end in 0..stream.len() {
            assert!(!holds_only(&stream[..end], 1, |_| true));
        }
        assert!(!holds_only(&stream, 2, |_| true));
        assert!(!holds_only(&stream, 0, |_| true));
    }

    #[test]
    fn numbers_of_every_length_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            let mut at = 0;
            assert_eq!(read_varint(&bytes, &mut at), Some(value));
            assert_eq!(at, bytes.len());
        }
    }

    #[test]
    fn overlong_and_cut_numbers_are_refused() {
        assert_eq!(read_varint(&[0x80], &mut 0), None);
        assert_eq!(read_varint(&[0xff; 11], &mut 0), None);
    }
}

//! The canonical stream: how a walk writes nodes down.
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
//! Numbers count from 0 in the order of writing; `reference.rs` says why no reference holds one. The n-th buffer of the stream is mention n. Sections come last, so that
//! what code describes, and members of sets that only aliasing tells apart, find everything else already numbered.

use super::reference::{AGAIN, FAR, NEAR};

pub(super) const DEFER: u64 = 1;
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

/// Reads a LEB128 number of at most 64 bits at `*at`, which moves past it.
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

/// Kind and payload of every body, in order, as far as the bytes are a stream: what needs no more than these need not take
/// the whole apart.
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

#[cfg(test)]
mod tests {
    use super::*;

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

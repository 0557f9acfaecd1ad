//! The header of an encrypted file: a frame of kind FILE with cipher 1. It is the only readable part of the file.
//!
//! ```text
//! offset  bytes  what
//!      0     88  a frame's header: kind FILE, cipher 1, a meta section of 40 bytes, no payload
//!     88     16  id of the key
//!    104     24  random bytes, different in each file: the file's own key is derived from them and the store's key
//!    128         zeros
//!  3,968    128  a copy of bytes 0 to 127: the whole file is lost without them
//!  4,096         the content of the file, encrypted
//! ```
//! So a version of Clew without this cipher finds a sound frame, and can report that its cipher is unknown.

use xxhash_rust::xxh3::xxh3_64;

use super::{Codec, FRAME_MAGIC, FRAME_VERSION, FrameHeader, FrameKind, HEADER_LENGTH, PAGE, number_at};
use crate::id::KeyId;

/// The name of the cipher in the file `format` of an encrypted store.
pub const CIPHER: &str = "aes-256-ctr";
/// The number of the cipher in a frame's header.
pub(super) const NUMBER: u8 = 1;
const META_LENGTH: usize = 40;
const ONCE: usize = HEADER_LENGTH + META_LENGTH;
/// Bytes of the header: a whole page, so that the offsets after it keep their alignment.
pub const ENCRYPTED_HEADER_LENGTH: usize = PAGE as usize;

/// The header of an encrypted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptedHeader {
    /// The id of the store's key.
    pub key: KeyId,
    /// Random bytes.
    pub nonce: [u8; 24],
}

impl EncryptedHeader {
    /// Encodes the header, with its second copy.
    pub fn to_bytes(&self) -> [u8; ENCRYPTED_HEADER_LENGTH] {
        let meta = [self.key.0.as_slice(), &self.nonce].concat();
        let header = FrameHeader {
            kind: FrameKind::FILE,
            codec: Codec::Raw,
            aligned: false,
            meta_length: META_LENGTH as u32,
            stored_length: 0,
            plain_length: 0,
            id: [0; 32],
            meta_checksum: xxh3_64(&meta),
            payload_checksum: xxh3_64(b""),
        };
        let mut once = [0; ONCE];
        once[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
        once[7] = NUMBER;
        let checksum = xxh3_64(&once[..80]).to_le_bytes();
        once[80..HEADER_LENGTH].copy_from_slice(&checksum);
        once[HEADER_LENGTH..].copy_from_slice(&meta);
        let mut bytes = [0; ENCRYPTED_HEADER_LENGTH];
        bytes[..ONCE].copy_from_slice(&once);
        bytes[ENCRYPTED_HEADER_LENGTH - ONCE..].copy_from_slice(&once);
        bytes
    }

    /// Parses a header. One sound copy of the two is enough; `None` if the bytes do not begin an encrypted file.
    pub fn parse(bytes: &[u8; ENCRYPTED_HEADER_LENGTH]) -> Option<Self> {
        let last = &bytes[ENCRYPTED_HEADER_LENGTH - ONCE..];
        Self::parse_once(&bytes[..ONCE]).or_else(|| Self::parse_once(last))
    }

    fn parse_once(bytes: &[u8]) -> Option<Self> {
        let (head, meta) = bytes.split_at(HEADER_LENGTH);
        let head: &[u8; HEADER_LENGTH] = head.try_into().ok()?;
        let begins = [FRAME_VERSION, FrameKind::FILE.0, 0, NUMBER];
        let lengths = (META_LENGTH as u64) << 32;
        let is_sound = head[..4] == FRAME_MAGIC
            && head[4..8] == begins
            && number_at(head, 8) == lengths
            && number_at(head, 64) == xxh3_64(meta)
            && number_at(head, 80) == xxh3_64(&head[..80]);
        let (key, nonce) = meta.split_at(16);
        is_sound.then_some(Self {
            key: KeyId(key.try_into().ok()?),
            nonce: nonce.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::FrameError;
    use super::*;

    fn header() -> EncryptedHeader {
        EncryptedHeader {
            key: KeyId([7; 16]),
            nonce: [9; 24],
        }
    }

    #[test]
    fn p02_a_header_of_which_one_is_left_comes_back_and_a_changed_one_is_none() {
        let bytes = header().to_bytes();
        assert_eq!(EncryptedHeader::parse(&bytes), Some(header()));
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 4;
            assert_eq!(EncryptedHeader::parse(&changed), Some(header()), "byte {at}");
        }
        for at in 0..ONCE {
            let mut changed = bytes;
            changed[at] ^= 4;
            changed[ENCRYPTED_HEADER_LENGTH - ONCE + (at + 7) % ONCE] ^= 8;
            assert_eq!(EncryptedHeader::parse(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn p13_who_reads_frames_only_is_told_that_it_is_encrypted() {
        let bytes = header().to_bytes();
        let frame = FrameHeader::parse(bytes[..HEADER_LENGTH].try_into().unwrap());
        assert_eq!(frame, Err(FrameError::Encrypted));
    }
}

//! The header of an encrypted file: a frame of the kind FILE whose cipher is 1, and nothing else that can be read.
//!
//! ```text
//! offset  bytes  what
//!      0     88  a frame's header: kind FILE, cipher 1, a meta section of 40 bytes, no payload
//!     88     16  id of the key
//!    104     24  random bytes, never the same for two files: with the key they make the file's own key
//!    128         zeros
//!  3,968    128  bytes 0 to 127 once more: without them all of the file would be lost
//!  4,096         everything that would lie in the file from byte 0 on, encrypted
//! ```
//! So a Clew that knows no cipher finds a sound frame of which it can say that it uses one that it does not know.

use xxhash_rust::xxh3::xxh3_64;

use super::{Codec, FRAME_MAGIC, FRAME_VERSION, FrameHeader, FrameKind, HEADER_LENGTH, PAGE, number_at};
use crate::id::KeyId;

/// What the file `format` of an encrypted store calls the cipher.
pub const CIPHER: &str = "aes-256-ctr";
/// Its number in a frame's header.
pub(super) const NUMBER: u8 = 1;
const META_LENGTH: usize = 40;
const ONCE: usize = HEADER_LENGTH + META_LENGTH;
/// Bytes of the header. What lies behind it lies as far behind a page as it would without it.
pub const ENCRYPTED_HEADER_LENGTH: usize = PAGE as usize;

/// What an encrypted file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptedHeader {
    /// The key of the store that it belongs to.
    pub key: KeyId,
    /// Random bytes.
    pub nonce: [u8; 24],
}

impl EncryptedHeader {
    /// The header as it lies.
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

    /// Reads a header, one of the two at least as it was; `None` where bytes begin no encrypted file.
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

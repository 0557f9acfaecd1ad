//! Frames: the units of which all files of a store consist.
//!
//! ```text
//! offset  bytes  what
//!      0      4  magic C1 63 6C 77; C1 is neither UTF-8 nor MessagePack, so a search for a lost frame finds few others
//!      4      1  version of the frame format
//!      5      1  kind
//!      6      1  codec of the payload: 0 raw, 1 zstd
//!      7      1  cipher: 0 none; 1 in the header of an encrypted file, which is followed by encrypted bytes
//!      8      4  flags; bit 0: the payload starts at the next multiple of 4,096 in the file
//!     12      4  length of the meta section, which follows the header
//!     16      8  length of the payload as stored
//!     24      8  length of the payload, plain
//!     32     32  id of the plain payload; zeros for blocks and segments, whose table has the ids
//!     64      8  XXH3-64 of the meta section
//!     72      8  XXH3-64 of the stored payload; 0 for a run of raw blocks, which their ids cover
//!     80      8  XXH3-64 of bytes 0 to 79
//! ```
//! All numbers are little endian. Bytes 0 to 4 and 80 to 87 mean the same in every version, so a newer frame can be distinguished from a
//! corrupted one. A reader trusts the content of a frame only if its id matches; the checksums detect torn frames.

mod encryption_header;
mod table;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits;

pub use encryption_header::{CIPHER, ENCRYPTED_HEADER_LENGTH, EncryptedHeader};
pub use table::TableEntry;

/// The first bytes of every frame.
pub const FRAME_MAGIC: [u8; 4] = [0xc1, b'c', b'l', b'w'];
/// The frame version that this version writes, and the newest that it reads.
pub const FRAME_VERSION: u8 = 1;
/// Bytes of a frame's header.
pub const HEADER_LENGTH: usize = 88;
/// The alignment of mappable payloads in their file, and of their columns.
pub const PAGE: u64 = 4096;
/// Payloads shorter than this are not worth compressing.
const MIN_COMPRESSED: usize = 96;
const COMPRESSION_LEVEL: i32 = 1;
/// Compression level of gc for cold data, where speed does not matter.
pub(crate) const COLD_LEVEL: i32 = 3;
/// Size of the sample that is compressed first, for payloads of at least four times this size.
const SAMPLE: usize = 16 * 1024;
const ALIGNED: u32 = 1;

/// The type of a frame's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameKind(pub u8);

impl FrameKind {
    /// The first frame of a file: a [`super::FileDescription`].
    pub const FILE: Self = Self(1);
    /// A run of blocks; its meta section is their table.
    pub const BLOCKS: Self = Self(2);
    /// Segments: pieces of object streams and of data stored like them, and lists of ids. Its meta section is their table.
    pub const SEGMENT: Self = Self(3);
    /// A salted text.
    pub const BLOB: Self = Self(4);
    /// A manifest.
    pub const MANIFEST: Self = Self(5);
    /// A run.
    pub const RUN: Self = Self(6);
    /// An operation and its signature.
    pub const OPERATION: Self = Self(7);
    /// A history's description.
    pub const DESCRIPTION: Self = Self(8);
    /// A pack to which the session writes.
    pub const PACK: Self = Self(9);
    /// A mark: everything before it in the file was synced before it was written.
    pub const MARK: Self = Self(10);
    /// Reserved for proofs that a record belongs to a signed operation.
    pub const PROOF: Self = Self(11);
    /// The ids of the data in the packs of a bundle in a remote.
    pub const INDEX: Self = Self(12);
    /// Packs that were deleted.
    pub const REMOVAL: Self = Self(13);
    /// Unneeded data: no operation leads to it.
    pub const GARBAGE: Self = Self(14);
    /// The table of contents of a bundle, signed.
    pub const CONTENTS: Self = Self(15);
    /// What a remote has of a history.
    pub const HEAD: Self = Self(16);
    /// An in-flight marker: a cell that a kernel started to run.
    pub const BEGUN: Self = Self(17);
    /// Values that the sender of a history left out.
    pub const LEFT_OUT: Self = Self(18);
}

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Uncompressed.
    Raw,
    /// One zstd frame.
    Zstd,
}

/// Why bytes cannot be read as a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// They do not begin a frame, or the header was changed.
    #[error("these bytes are not a frame")]
    NoFrame,
    /// The frame is of a newer version.
    #[error("it has frame version {0}; this Clew reads up to {FRAME_VERSION}")]
    Newer(u8),
    /// The header is sound, but uses a feature that this version does not know.
    #[error("it uses {what} {value}, which this Clew does not know")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// The bytes begin an encrypted file, and the reader does not have its key.
    #[error("it is encrypted with another key than this store's")]
    Encrypted,
    /// A length exceeds the limits of the format.
    #[error("its {0} is beyond the format's bounds")]
    OutOfBounds(&'static str),
    /// A checksum does not match.
    #[error("the checksum of its {0} does not match")]
    Checksum(&'static str),
    /// The payload does not decompress to the length in the header.
    #[error("its payload does not decompress")]
    Decompress,
    /// The table of blocks or segments is malformed.
    #[error("its table is malformed")]
    Table,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The type of its content.
    pub kind: FrameKind,
    /// How the payload is stored.
    pub codec: Codec,
    /// Whether the payload starts at a multiple of [`PAGE`].
    pub aligned: bool,
    /// Bytes of the meta section.
    pub meta_length: u32,
    /// Bytes of the payload as stored.
    pub stored_length: u64,
    /// Bytes of the payload, plain.
    pub plain_length: u64,
    /// Id of the plain payload.
    pub id: [u8; 32],
    meta_checksum: u64,
    payload_checksum: u64,
}

impl FrameHeader {
    /// Encodes the header.
    pub fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        bytes[4] = FRAME_VERSION;
        bytes[5] = self.kind.0;
        bytes[6] = match self.codec {
            Codec::Raw => 0,
            Codec::Zstd => 1,
        };
        let flags = if self.aligned { ALIGNED } else { 0 };
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.meta_length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.stored_length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.plain_length.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.id);
        bytes[64..72].copy_from_slice(&self.meta_checksum.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let checksum = xxh3_64(&bytes[..80]);
        bytes[80..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Parses a header and checks that every length in it is within the limits of the format.
    pub fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, FrameError> {
        if bytes[..4] != FRAME_MAGIC || xxh3_64(&bytes[..80]) != number_at(bytes, 80) {
            return Err(FrameError::NoFrame);
        }
        if bytes[4] != FRAME_VERSION {
            return Err(FrameError::Newer(bytes[4]));
        }
        let (head, tail) = (number_at(bytes, 8), number_at(bytes, 16));
        let (flags, meta_length) = (head as u32, (head >> 32) as u32);
        let codec = match bytes[6] {
            0 => Codec::Raw,
            1 => Codec::Zstd,
            other => return Err(unknown("codec", other.into())),
        };
        match bytes[7] {
            0 => {}
            encryption_header::NUMBER => return Err(FrameError::Encrypted),
            other => return Err(unknown("cipher", other.into())),
        }
        if flags & !ALIGNED != 0 {
            return Err(unknown("flags", flags));
        }
        let header = Self {
            kind: FrameKind(bytes[5]),
            codec,
            aligned: flags & ALIGNED != 0,
            meta_length,
            stored_length: tail,
            plain_length: number_at(bytes, 24),
            id: bytes[32..64].try_into().unwrap_or_default(),
            meta_checksum: number_at(bytes, 64),
            payload_checksum: number_at(bytes, 72),
        };
        header.check_bounds()?;
        Ok(header)
    }

    fn check_bounds(&self) -> Result<(), FrameError> {
        if self.meta_length > limits::META {
            return Err(FrameError::OutOfBounds("meta section"));
        }
        let plain_is_sound = match self.codec {
            Codec::Raw => self.plain_length == self.stored_length,
            Codec::Zstd => self.plain_length <= limits::COMPRESSED,
        };
        if self.stored_length > limits::STORED || !plain_is_sound {
            return Err(FrameError::OutOfBounds("payload"));
        }
        Ok(())
    }

    /// Returns where the payload of a frame at `offset` starts.
    pub fn payload_at(&self, offset: u64) -> u64 {
        let after_meta = offset + HEADER_LENGTH as u64 + u64::from(self.meta_length);
        if self.aligned {
            after_meta.next_multiple_of(PAGE)
        } else {
            after_meta
        }
    }

    /// Returns where a frame at `offset` ends.
    pub fn end(&self, offset: u64) -> u64 {
        self.payload_at(offset) + self.stored_length
    }

    /// Checks the meta section.
    pub fn check_meta(&self, meta: &[u8]) -> Result<(), FrameError> {
        if xxh3_64(meta) == self.meta_checksum {
            Ok(())
        } else {
            Err(FrameError::Checksum("meta section"))
        }
    }

    /// Returns whether the payload has a checksum. A run of raw blocks has none: the ids of the blocks cover it.
    pub fn is_covered(&self) -> bool {
        !(self.kind == FrameKind::BLOCKS && self.codec == Codec::Raw)
    }

    /// Checks the payload as stored.
    pub fn check_payload(&self, stored: &[u8]) -> Result<(), FrameError> {
        if !self.is_covered() || xxh3_64(stored) == self.payload_checksum {
            Ok(())
        } else {
            Err(FrameError::Checksum("payload"))
        }
    }

    /// Returns the plain payload. Takes at most [`limits::COMPRESSED`] bytes of memory beyond the stored ones.
    pub fn decode(&self, stored: Vec<u8>) -> Result<Vec<u8>, FrameError> {
        self.check_payload(&stored)?;
        FrameDecoder::default().plain(self, stored)
    }
}

/// A decoder of payloads that reuses the memory of its decompressor.
#[derive(Default)]
pub struct FrameDecoder {
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    /// The payload that was decompressed last.
    plain: Vec<u8>,
}

impl FrameDecoder {
    /// Returns the plain payload of a frame whose stored payload was checked.
    pub fn plain(&mut self, header: &FrameHeader, stored: Vec<u8>) -> Result<Vec<u8>, FrameError> {
        match header.codec {
            Codec::Raw => Ok(stored),
            Codec::Zstd => {
                self.borrowed(header, &stored)?;
                Ok(std::mem::take(&mut self.plain))
            }
        }
    }

    /// Like [`Self::plain`], but borrows from a buffer that the next call reuses.
    pub fn borrowed<'d>(&'d mut self, header: &FrameHeader, stored: &'d [u8]) -> Result<&'d [u8], FrameError> {
        if header.codec == Codec::Raw {
            return Ok(stored);
        }
        if self.decompressor.is_none() {
            self.decompressor = zstd::bulk::Decompressor::new().ok();
        }
        self.plain.clear();
        self.plain.reserve_exact(header.plain_length as usize);
        let decompressor = self.decompressor.as_mut().ok_or(FrameError::Decompress)?;
        let decompressed = decompressor.decompress_to_buffer(stored, &mut self.plain);
        if decompressed.is_ok() && self.plain.len() as u64 == header.plain_length {
            Ok(&self.plain)
        } else {
            Err(FrameError::Decompress)
        }
    }
}

fn unknown(what: &'static str, value: u32) -> FrameError {
    FrameError::Unknown { what, value }
}

fn number_at(bytes: &[u8; HEADER_LENGTH], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

/// An encoder of frames that reuses the memory of its compressor.
pub struct FrameEncoder {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl std::fmt::Debug for FrameEncoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FrameEncoder")
    }
}

impl Default for FrameEncoder {
    fn default() -> Self {
        Self::of_level(COMPRESSION_LEVEL)
    }
}

impl FrameEncoder {
    /// Returns an encoder that never compresses, and so is free to create.
    pub(crate) fn plain() -> Self {
        Self { compressor: None }
    }

    /// Returns an encoder with that compression level.
    pub(crate) fn of_level(level: i32) -> Self {
        Self {
            // Without a compressor all payloads are stored raw.
            compressor: zstd::bulk::Compressor::new(level).ok(),
        }
    }

    /// Appends a whole frame to `out`, with a compressed payload if that saves space.
    ///
    /// Compressed data is decompressed and compared before it is used: a faulty compressor must not lose data.
    pub fn frame(&mut self, kind: FrameKind, id: [u8; 32], meta: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let compressed = self.compress(plain);
        let (codec, stored) = match &compressed {
            Some(stored) => (Codec::Zstd, stored.as_slice()),
            None => (Codec::Raw, plain),
        };
        let header = FrameHeader {
            kind,
            codec,
            aligned: false,
            meta_length: meta.len() as u32,
            stored_length: stored.len() as u64,
            plain_length: plain.len() as u64,
            id,
            meta_checksum: xxh3_64(meta),
            payload_checksum: xxh3_64(stored),
        };
        out.extend_from_slice(&header.to_bytes());
        out.extend_from_slice(meta);
        out.extend_from_slice(stored);
    }

    fn compress(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let is_unfit = plain.len() < MIN_COMPRESSED || plain.len() as u64 > limits::COMPRESSED;
        if is_unfit || !self.seems_to_pay(plain) {
            return None;
        }
        let stored = self.compressor.as_mut()?.compress(plain).ok()?;
        let comes_back = || zstd::bulk::decompress(&stored, plain.len()).is_ok_and(|back| back == plain);
        (pays(stored.len(), plain.len()) && comes_back()).then_some(stored)
    }

    /// Returns whether a sample from the middle is worth compressing, for payloads much longer than the sample. Trying to compress
    /// incompressible data takes as long as writing it.
    fn seems_to_pay(&mut self, plain: &[u8]) -> bool {
        if plain.len() < 4 * SAMPLE {
            return true;
        }
        let start = (plain.len() - SAMPLE) / 2;
        let sample = &plain[start..start + SAMPLE];
        let compressor = self.compressor.as_mut();
        let stored = compressor.and_then(|compressor| compressor.compress(sample).ok());
        stored.is_some_and(|stored| pays(stored.len(), SAMPLE))
    }
}

/// Returns whether compression saves enough: a sixteenth.
fn pays(stored: usize, plain: usize) -> bool {
    stored + stored / 16 < plain
}

/// Returns the header and table of a run of raw blocks with a payload of `payload_length` bytes, including gaps between columns.
pub fn raw_run(table: &[TableEntry], payload_length: u64) -> Vec<u8> {
    let meta = TableEntry::write_table(table);
    let header = FrameHeader {
        kind: FrameKind::BLOCKS,
        codec: Codec::Raw,
        aligned: true,
        meta_length: meta.len() as u32,
        stored_length: payload_length,
        plain_length: payload_length,
        id: [0; 32],
        meta_checksum: xxh3_64(&meta),
        payload_checksum: 0,
    };
    [header.to_bytes().as_slice(), &meta].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        FrameEncoder::default().frame(FrameKind::SEGMENT, [7; 32], b"", plain, &mut out);
        out
    }

    fn header(bytes: &[u8]) -> Result<FrameHeader, FrameError> {
        FrameHeader::parse(bytes[..HEADER_LENGTH].try_into().unwrap())
    }

    #[test]
    fn a_frame_of_equal_bytes_is_compressed_and_comes_back() {
        let bytes = one(&vec![5; 100_000]);
        let header = header(&bytes).unwrap();
        assert_eq!(header.codec, Codec::Zstd);
        assert!(bytes.len() < 1000);
        assert_eq!(
            header.decode(bytes[HEADER_LENGTH..].to_vec()).unwrap(),
            vec![5; 100_000]
        );
    }

    #[test]
    fn p13_a_newer_frame_is_told_from_a_damaged_one() {
        let mut bytes = one(b"x");
        bytes[4] = 2;
        assert_eq!(header(&bytes), Err(FrameError::NoFrame));
        let checksum = xxh3_64(&bytes[..80]).to_le_bytes();
        bytes[80..88].copy_from_slice(&checksum);
        assert_eq!(header(&bytes), Err(FrameError::Newer(2)));
    }

    #[test]
    fn p14_a_header_that_asks_for_much_memory_is_refused() {
        let mut bytes = one(&vec![5; 100_000]);
        bytes[24..32].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let checksum = xxh3_64(&bytes[..80]).to_le_bytes();
        bytes[80..88].copy_from_slice(&checksum);
        assert_eq!(header(&bytes), Err(FrameError::OutOfBounds("payload")));
    }

    #[test]
    fn p14_a_payload_that_decompresses_to_more_is_refused() {
        let bytes = one(&vec![5; 100_000]);
        let mut header = header(&bytes).unwrap();
        header.plain_length = 99_999;
        assert_eq!(
            header.decode(bytes[HEADER_LENGTH..].to_vec()),
            Err(FrameError::Decompress)
        );
    }

    proptest! {
        #[test]
        fn p14_any_bytes_are_a_header_or_a_clear_error(bytes in prop::array::uniform32(any::<u8>())) {
            let mut whole = [0; HEADER_LENGTH];
            whole[..4].copy_from_slice(&FRAME_MAGIC);
            whole[4..36].copy_from_slice(&bytes);
            let checksum = xxh3_64(&whole[..80]).to_le_bytes();
            whole[80..].copy_from_slice(&checksum);
            if let Ok(header) = FrameHeader::parse(&whole) {
                prop_assert!(header.end(u64::from(u32::MAX)) < 1 << 34);
                prop_assert_eq!(header.to_bytes(), whole);
            }
        }

        #[test]
        fn any_payload_comes_back(plain in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = one(&plain);
            let header = header(&bytes).unwrap();
            prop_assert_eq!(header.end(0), bytes.len() as u64);
            prop_assert_eq!(header.decode(bytes[HEADER_LENGTH..].to_vec()).unwrap(), plain);
        }

        #[test]
        fn p14_any_bytes_are_a_table_or_a_clear_error(bytes in prop::collection::vec(any::<u8>(), 0..200), length: u64) {
            let mut header = header(&one(b"x")).unwrap();
            header.plain_length = length;
            if let Ok(table) = TableEntry::parse_table(&bytes, &header) {
                prop_assert_eq!(TableEntry::write_table(&table), bytes);
                prop_assert!(table.iter().all(|entry| entry.offset + u64::from(entry.length) <= length));
            }
        }
    }
}

//! The table of a frame with several blocks or segments: its meta section.

use super::{FrameError, FrameHeader};

/// One block or segment of a frame. 44 bytes on disk: id, offset (8), length (4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableEntry {
    /// Its id.
    pub id: [u8; 32],
    /// Offset of its first byte in the plain payload.
    pub offset: u64,
    /// Its length: 1 to 65,536 bytes.
    pub length: u32,
}

impl TableEntry {
    /// Bytes of an entry on disk.
    pub const LENGTH: usize = 44;

    /// Encodes a table.
    pub fn write_table(table: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(table.len() * Self::LENGTH);
        for entry in table {
            bytes.extend_from_slice(&entry.id);
            bytes.extend_from_slice(&entry.offset.to_le_bytes());
            bytes.extend_from_slice(&entry.length.to_le_bytes());
        }
        bytes
    }

    /// Parses a table and checks that all entries are within the payload.
    pub fn parse_table(bytes: &[u8], header: &FrameHeader) -> Result<Vec<Self>, FrameError> {
        let (entries, rest) = bytes.as_chunks::<{ Self::LENGTH }>();
        if !rest.is_empty() {
            return Err(FrameError::Table);
        }
        entries.iter().map(|entry| Self::parse(entry, header)).collect()
    }

    fn parse(bytes: &[u8; Self::LENGTH], header: &FrameHeader) -> Result<Self, FrameError> {
        let (id, rest) = bytes.split_at(32);
        let (offset, length) = rest.split_at(8);
        let entry = Self {
            id: id.try_into().unwrap_or_default(),
            offset: u64::from_le_bytes(offset.try_into().unwrap_or_default()),
            length: u32::from_le_bytes(length.try_into().unwrap_or_default()),
        };
        let is_sound = (1..=crate::graph::BLOCK_LENGTH).contains(&u64::from(entry.length))
            && entry
                .offset
                .checked_add(entry.length.into())
                .is_some_and(|end| end <= header.plain_length);
        if is_sound { Ok(entry) } else { Err(FrameError::Table) }
    }
}

//! Payloads: sequences of numbers and names, written by the walk, and read by the builder with every length checked.

use std::borrow::Cow;

use clew_core::graph::stream::{read_varint, write_varint};
use clew_core::id::Fingerprint;

/// Appends numbers and names.
pub trait Write {
    /// Appends a number in LEB128.
    fn number(&mut self, value: u64);
    /// Appends a length and the bytes.
    fn name(&mut self, bytes: &[u8]);
}

impl Write for Vec<u8> {
    fn number(&mut self, value: u64) {
        write_varint(self, value);
    }

    fn name(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }
}

/// Reads the output of [`Write`].
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Reads the next bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Reads the next byte.
    pub fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// Reads a number in LEB128.
    pub fn number(&mut self) -> Option<u64> {
        let mut at = 0;
        let value = read_varint(self.bytes, &mut at)?;
        self.bytes = &self.bytes[at..];
        Some(value)
    }

    /// Reads a number of items, at most `most`; each item takes at least one byte somewhere in the stream.
    pub fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= most)
    }

    /// Reads a length and that many bytes.
    pub fn name(&mut self) -> Option<&'a [u8]> {
        let length = self.count(self.bytes.len())?;
        self.take(length)
    }

    /// Returns whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the number of bytes that were not read.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len()
    }
}

/// Returns bytes as text. Text that is not UTF-8 (it has lone surrogates) ends with a hash: other bytes are another text.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        Cow::Owned(shown) => Cow::Owned(format!("{shown} (not UTF-8, {})", Fingerprint::of(bytes))),
        text @ Cow::Borrowed(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_more() {
        let mut bytes = Vec::new();
        bytes.number(300);
        bytes.name(b"name");
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.number(), Some(300));
        assert_eq!(reader.name(), Some(&b"name"[..]));
        assert!(reader.is_empty());
        assert_eq!(reader.byte(), None);
    }

    #[test]
    fn lengths_beyond_the_payload_are_refused() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0x03, 1]).name(), None);
        assert_eq!(Reader::new(&[0xff; 20]).number(), None);
    }
}

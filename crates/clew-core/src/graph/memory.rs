//! The trait for memory that a load fills: the store provides the positions of its bytes, and the kernel creates the memory.

use std::fs::File;

/// A range of a file with bytes of the memory.
#[derive(Debug, Clone, Copy)]
pub struct FilePiece<'f> {
    /// The file. It has at least `at + length` bytes.
    pub file: &'f File,
    /// The offset of the range in the file.
    pub at: u64,
    /// The offset of the range in the memory.
    pub offset: u64,
    /// The length in bytes.
    pub length: u64,
}

/// A range of memory whose hash is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedBlock {
    /// The offset in the memory.
    pub offset: u64,
    /// The length in bytes.
    pub length: u64,
    /// XXH3-128 of its bytes.
    pub hash: u128,
}

/// Writable memory of one extent. Only its creator can access it until it is built into objects.
pub trait ExtentMemory: Send + std::fmt::Debug + Sized {
    /// Allocates zeroed memory; returns `None` if there is not enough.
    fn new(length: u64) -> Option<Self>;

    /// Maps these ranges of files without copying them, with zeros between them. Writes to the memory never reach the files, and
    /// later writes to the files need not appear in the memory. Returns `None` if mapping is not possible or not worthwhile; the
    /// bytes are then read.
    ///
    /// The pieces are in order and do not overlap. Pieces that are adjacent both in their file and in the memory are merged into one.
    fn mapped(_length: u64, _pieces: &[FilePiece<'_>]) -> Option<Self> {
        None
    }

    /// Returns all of the memory.
    fn bytes(&self) -> &[u8];

    /// Returns all of the memory, to be filled.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Receives the hashes of the blocks of mapped memory, in order. They need not be computed again for pages known to be untouched.
    fn note(&mut self, _blocks: Vec<HashedBlock>) {}

    /// Allocates memory with a copy of these bytes; returns `None` if there is not enough.
    fn holding(bytes: &[u8]) -> Option<Self> {
        let mut memory = Self::new(bytes.len() as u64)?;
        memory.bytes_mut().copy_from_slice(bytes);
        Some(memory)
    }
}

impl ExtentMemory for Vec<u8> {
    fn new(length: u64) -> Option<Self> {
        let length = usize::try_from(length).ok()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        bytes.resize(length, 0);
        Some(bytes)
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

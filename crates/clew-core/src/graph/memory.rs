//! The seam to memory that a load puts together: the store says where its bytes lie, the kernel makes it.

use std::fs::File;

/// Bytes of a file that are bytes of the memory to be made.
#[derive(Debug, Clone, Copy)]
pub struct FilePiece<'f> {
    /// The file. At least `at + length` bytes of it are there.
    pub file: &'f File,
    /// Where in the file they start.
    pub at: u64,
    /// Where in the memory they start.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// A stretch of memory whose hash is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedBlock {
    /// Where in the memory it starts.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// XXH3-128 of its bytes.
    pub hash: u128,
}

/// Writable memory of one extent. Only its creator can access it until it is built into objects.
pub trait ExtentMemory: Send + std::fmt::Debug + Sized {
    /// Zeroed memory; `None` if there is not so much.
    fn new(length: u64) -> Option<Self>;

    /// Memory that shows these pieces of files without copying them, and zeros between them: what is written to it never
    /// reaches the files, and what is written to the files later, if ever, need not show. `None` where that can't be
    /// done, or is not worth it: the bytes are then read.
    ///
    /// The pieces are in order, none lies over another, and where one ends in its file where the next begins they are one.
    fn mapped(_length: u64, _pieces: &[FilePiece<'_>]) -> Option<Self> {
        None
    }

    /// All of it.
    fn bytes(&self) -> &[u8];

    /// All of it, to be filled.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Says what blocks of memory that was mapped hash to, in order: what shows their pages untouched need not hash them.
    fn note(&mut self, _blocks: Vec<HashedBlock>) {}

    /// Memory that holds these bytes; `None` if there is not so much.
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

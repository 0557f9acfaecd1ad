//! Memory of a load: one region per extent, mapped from the store's files or allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

#[cfg(target_os = "linux")]
use clew_core::graph::FilePiece;
use clew_core::graph::{ExtentMemory, HashedBlock};

#[cfg(target_os = "linux")]
use super::mapping::Mapping;

/// The alignment of allocated memory, sufficient for items of any type.
const ALIGNMENT: usize = 64;

/// Writable memory that only its holders can access.
#[derive(Debug)]
pub struct Region {
    start: NonNull<u8>,
    length: usize,
    held: RegionMemory,
}

/// The kind of a region's memory.
#[derive(Debug)]
enum RegionMemory {
    Allocated,
    #[cfg(target_os = "linux")]
    Mapped(Mapping),
}

// SAFETY: plain memory that the region owns. Rust writes to it only while a single owner has the region; afterwards
// Python reads and writes it under the GIL or by its own rules for buffers.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Returns its address.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Returns its length in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Returns the mapping, if it is one.
    #[cfg(target_os = "linux")]
    pub(super) fn mapping(&self) -> Option<&Mapping> {
        match &self.held {
            RegionMemory::Mapped(mapping) => Some(mapping),
            RegionMemory::Allocated => None,
        }
    }
}

fn layout(length: usize) -> Option<Layout> {
    Layout::from_size_align(length.max(1), ALIGNMENT).ok()
}

impl ExtentMemory for Region {
    fn new(length: u64) -> Option<Self> {
        let length = usize::try_from(length).ok()?;
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { System.alloc_zeroed(layout(length)?) })?;
        Some(Self {
            start,
            length,
            held: RegionMemory::Allocated,
        })
    }

    #[cfg(target_os = "linux")]
    fn mapped(length: u64, pieces: &[FilePiece<'_>]) -> Option<Self> {
        let mapping = Mapping::of(length, pieces)?;
        Some(Self {
            start: mapping.start(),
            length: usize::try_from(length).ok()?,
            held: RegionMemory::Mapped(mapping),
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: this number of bytes exists as long as the region.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; a mutable reference to the region is the only access to it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    fn note(&mut self, blocks: Vec<HashedBlock>) {
        #[cfg(target_os = "linux")]
        if let RegionMemory::Mapped(mapping) = &mut self.held {
            mapping.note(blocks);
        }
        #[cfg(not(target_os = "linux"))]
        drop(blocks);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let (RegionMemory::Allocated, Some(layout)) = (&self.held, layout(self.length)) {
            // SAFETY: allocated with the same layout; nothing refers to it any more.
            unsafe { System.dealloc(self.start.as_ptr(), layout) }
        }
    }
}

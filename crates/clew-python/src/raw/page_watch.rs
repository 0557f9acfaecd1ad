//! Ordinary memory whose pages are watched, with the hashes of its blocks: a look only hashes blocks that were
//! written to since.
//!
//! Extents are identified by address alone, for the whole process: protecting pages again invalidates the request of
//! another thread. Only whole pages within an extent are watched, so each look hashes the blocks at its edges.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use clew_core::graph::{Extent, block_cuts};

use super::userfault::{Watcher, watcher};

/// Smaller extents are hashed: a query costs more.
const LEAST: u64 = 1 << 20;
/// The most extents: each may split a mapping of the process into three.
const MOST_EXTENTS: usize = 4096;
/// The most blocks with known hashes, of all extents: 32 GiB.
const MOST_BLOCKS: usize = 1 << 19;

static WATCHED: Mutex<WatchedExtents> = Mutex::new(WatchedExtents::new());

/// The watched extents by address; they do not overlap.
#[derive(Debug)]
struct WatchedExtents {
    extents: BTreeMap<u64, Watch>,
    blocks: usize,
}

#[derive(Debug)]
struct Watch {
    length: u64,
    column: u64,
    /// The hash of each block after its pages were protected, if the block was not changed since.
    hashes: Vec<Option<u128>>,
    /// The thread that is hashing the other blocks. A thread that started earlier may have hashed data from before
    /// the pages were protected.
    asked_by: Option<ThreadId>,
}

fn watched() -> MutexGuard<'static, WatchedExtents> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the hashes of an extent's blocks that were not written to since [`remember`]; none if that is unknown. The
/// next call reports writes from now on.
pub(super) fn untouched(extent: &Extent) -> Vec<Option<u128>> {
    if extent.length < LEAST {
        return Vec::new();
    }
    watcher()
        .and_then(|watcher| watched().untouched(watcher, extent))
        .unwrap_or_default()
}

/// Stores the hashes of an extent's blocks, all of which were hashed or known since [`untouched`].
pub(super) fn remember(extent: &Extent, hashes: &[u128]) {
    if extent.length >= LEAST && watcher().is_some() {
        watched().remember(extent, hashes);
    }
}

/// Returns the whole pages of an extent.
fn whole_pages(extent: &Extent) -> Range<u64> {
    let page = rustix::param::page_size() as u64;
    extent.address.next_multiple_of(page)..(extent.address + extent.length) / page * page
}

impl WatchedExtents {
    const fn new() -> Self {
        Self {
            extents: BTreeMap::new(),
            blocks: 0,
        }
    }

    fn untouched(&mut self, watcher: &Watcher, extent: &Extent) -> Option<Vec<Option<u128>>> {
        let known = self.known(extent).and_then(|watch| watch.untouched(watcher, extent));
        if known.is_none() {
            self.begin(watcher, extent);
        }
        known
    }

    fn known(&mut self, extent: &Extent) -> Option<&mut Watch> {
        let watch = self.extents.get_mut(&extent.address);
        watch.filter(|watch| watch.length == extent.length && watch.column == extent.column)
    }

    /// Starts to watch an extent; its hashes are not known yet.
    fn begin(&mut self, watcher: &Watcher, extent: &Extent) {
        let blocks = block_cuts(extent.length, extent.column).count();
        let is_room = self.extents.len() < MOST_EXTENTS && self.blocks + blocks <= MOST_BLOCKS;
        let from = if is_room { extent.address } else { 0 };
        let to = if is_room {
            extent.address + extent.length
        } else {
            u64::MAX
        };
        self.forget(watcher, from..to);
        let pages = whole_pages(extent);
        if blocks > MOST_BLOCKS || !watcher.watch(&pages) {
            return;
        }
        if watcher.protect(&pages).is_none() {
            watcher.let_go(&pages);
            return;
        }
        let watch = Watch {
            length: extent.length,
            column: extent.column,
            hashes: vec![None; blocks],
            asked_by: Some(std::thread::current().id()),
        };
        self.extents.insert(extent.address, watch);
        self.blocks += blocks;
    }

    /// Forgets extents that overlap a range.
    fn forget(&mut self, watcher: &Watcher, range: Range<u64>) {
        let before = self.extents.range(..range.end).rev();
        let hit = before.take_while(|(start, watch)| *start + watch.length > range.start);
        let hit: Vec<u64> = hit.map(|(start, _)| *start).collect();
        for address in hit {
            if let Some(watch) = self.extents.remove(&address) {
                self.blocks -= watch.hashes.len();
                watcher.let_go(&whole_pages(&watch.extent(address)));
            }
        }
    }

    fn remember(&mut self, extent: &Extent, hashes: &[u128]) {
        let own = Some(std::thread::current().id());
        if let Some(watch) = self.known(extent).filter(|watch| watch.asked_by == own) {
            watch.hashes = hashes.iter().copied().map(Some).collect();
            watch.asked_by = None;
        }
    }
}

impl Watch {
    fn extent(&self, address: u64) -> Extent {
        Extent {
            address,
            length: self.length,
            column: self.column,
        }
    }

    /// Returns the hashes that are still valid; `None` if the pages cannot be queried.
    fn untouched(&mut self, watcher: &Watcher, extent: &Extent) -> Option<Vec<Option<u128>>> {
        let pages = whole_pages(extent);
        let written = watcher.protect(&pages);
        // The next look reports writes from here on. Earlier ones are only in `written` now.
        let protected = written.as_ref().and_then(|_| watcher.protected(&pages));
        let (Some(written), Some(protected)) = (written, protected) else {
            self.hashes.fill(None);
            return None;
        };
        let (mut written, mut protected) = (joined(written).peekable(), joined(protected).peekable());
        for ((offset, length), hash) in block_cuts(self.length, self.column).zip(&mut self.hashes) {
            let (start, end) = (extent.address + offset, extent.address + offset + length);
            let page = rustix::param::page_size() as u64;
            let (first, behind) = (start / page * page, end.next_multiple_of(page));
            while written.next_if(|range| range.end <= first).is_some() {}
            while protected.next_if(|range| range.end <= first).is_some() {}
            let is_written = written.peek().is_some_and(|range| range.start < behind);
            let is_protected = protected
                .peek()
                .is_some_and(|range| range.start <= first && behind <= range.end);
            if is_written || !is_protected {
                *hash = None;
            }
        }
        self.asked_by = Some(std::thread::current().id());
        Some(self.hashes.clone())
    }
}

/// Merges adjacent ranges, which are in order.
fn joined(ranges: Vec<Range<u64>>) -> impl Iterator<Item = Range<u64>> {
    let mut ranges = ranges.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut range = ranges.next()?;
        while let Some(next) = ranges.next_if(|next| next.start == range.end) {
            range.end = next.end;
        }
        Some(range)
    })
}

#[cfg(test)]
mod tests {
    use std::ptr::{NonNull, null_mut};

    use clew_core::graph::hash_blocks;

    use super::*;

    const LENGTH: usize = 4 << 20;
    const BLOCK: usize = 1 << 16;

    /// Private memory filled with ones, unmapped at the end.
    struct Pages(NonNull<u8>);

    fn map(at: *mut libc::c_void, flags: libc::c_int) -> *mut libc::c_void {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory, or in place of the test's own.
        let mapped = unsafe { libc::mmap(at, LENGTH, access, libc::MAP_ANONYMOUS | flags, -1, 0) };
        assert_ne!(mapped, libc::MAP_FAILED);
        mapped
    }

    impl Pages {
        fn new(flags: libc::c_int) -> Self {
            let pages = Self(NonNull::new(map(null_mut(), flags).cast()).unwrap());
            pages.fill(1);
            pages
        }

        fn fill(&self, byte: u8) {
            // SAFETY: the test's own.
            unsafe { std::ptr::write_bytes(self.0.as_ptr(), byte, LENGTH) }
        }

        fn put(&self, at: usize) {
            // SAFETY: within the pages.
            unsafe { self.0.as_ptr().add(at).write_volatile(9) }
        }

        /// Returns an extent that starts shortly after the beginning of a page.
        fn extent(&self) -> Extent {
            Extent {
                address: self.0.as_ptr() as u64 + 16,
                length: LENGTH as u64 - 16,
                column: 0,
            }
        }

        /// Looks at it like a walk; returns which blocks were known, after checking their hashes.
        fn look(&self) -> Vec<usize> {
            let extent = self.extent();
            let known = untouched(&extent);
            // SAFETY: within the pages, to which nothing writes now.
            let bytes = unsafe { std::slice::from_raw_parts(extent.address as *const u8, extent.length as usize) };
            let hashes = hash_blocks(bytes, 0);
            let numbers = known.iter().zip(&hashes).enumerate();
            let numbers = numbers.filter_map(|(number, (known, hash))| {
                assert!(known.is_none_or(|known| known == *hash), "block {number}");
                known.map(|_| number)
            });
            let numbers = numbers.collect();
            remember(&extent, &hashes);
            numbers
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the test's own.
            unsafe { libc::munmap(self.0.as_ptr().cast(), LENGTH) };
        }
    }

    /// Returns all blocks but these and the first one, which starts within a page.
    fn but(touched: &[usize]) -> Vec<usize> {
        let inner = 1..LENGTH / BLOCK;
        inner.filter(|block| !touched.contains(block)).collect()
    }

    /// Returns memory that was looked at twice; `None` if the system has no watcher.
    fn seen() -> Option<Pages> {
        watcher()?;
        let pages = Pages::new(libc::MAP_PRIVATE);
        assert!(pages.look().is_empty());
        assert_eq!(pages.look(), but(&[]));
        Some(pages)
    }

    #[test]
    fn blocks_that_were_written_to_are_hashed() {
        let Some(pages) = seen() else { return };
        pages.put(5 * BLOCK + 5000);
        pages.put(40 * BLOCK + 8);
        // Two blocks share that page.
        assert_eq!(pages.look(), but(&[5, 39, 40]));
        assert_eq!(pages.look(), but(&[]));
        pages.fill(1);
        assert!(pages.look().is_empty());
    }

    #[test]
    fn memory_that_was_given_back_is_hashed() {
        let Some(pages) = seen() else { return };
        // SAFETY: the test's own.
        unsafe { libc::madvise(pages.0.as_ptr().add(3 * BLOCK).cast(), BLOCK, libc::MADV_DONTNEED) };
        assert_eq!(pages.look(), but(&[2, 3]));
    }

    #[test]
    fn what_took_its_place_is_hashed() {
        let Some(pages) = seen() else { return };
        map(pages.0.as_ptr().cast(), libc::MAP_PRIVATE | libc::MAP_FIXED);
        assert!(pages.look().is_empty());
        assert_eq!(pages.look(), but(&[]));
        let other = Pages::new(libc::MAP_PRIVATE);
        other.fill(7);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: the test's own; its memory goes to the place of the other.
        unsafe { libc::mremap(pages.0.as_ptr().cast(), LENGTH, LENGTH, flags, other.0.as_ptr()) };
        assert!(other.look().is_empty());
        map(pages.0.as_ptr().cast(), libc::MAP_PRIVATE | libc::MAP_FIXED);
    }

    #[test]
    fn a_part_that_took_its_place_is_hashed() {
        let Some(pages) = seen() else { return };
        let other = Pages::new(libc::MAP_PRIVATE);
        other.fill(7);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: the test's own; one block is moved to the place of a block of the other.
        unsafe {
            let (from, to) = (other.0.as_ptr(), pages.0.as_ptr().add(8 * BLOCK));
            libc::mremap(from.cast(), BLOCK, BLOCK, flags, to);
        }
        assert!(pages.look().is_empty());
        assert_eq!(pages.look(), but(&[]));
    }

    #[test]
    fn memory_that_others_see_is_hashed() {
        if watcher().is_none() {
            return;
        }
        let pages = Pages::new(libc::MAP_SHARED);
        assert!(pages.look().is_empty());
        assert!(pages.look().is_empty());
    }

    #[test]
    fn an_extent_over_others_takes_their_place() {
        let Some(pages) = seen() else { return };
        let part = Extent {
            length: 2 << 20,
            ..pages.extent()
        };
        assert!(untouched(&part).is_empty());
        pages.put(50 * BLOCK);
        assert!(pages.look().is_empty());
        remember(&part, &[0; 32]);
        assert_eq!(pages.look(), but(&[]));
    }

    #[test]
    fn who_began_before_somebody_else_says_nothing() {
        let Some(pages) = seen() else { return };
        pages.put(7 * BLOCK + 5000);
        let extent = pages.extent();
        untouched(&extent);
        std::thread::scope(|scope| {
            scope.spawn(|| untouched(&extent));
        });
        remember(&extent, &[0; LENGTH / BLOCK]);
        assert_eq!(pages.look(), but(&[7]));
    }
}

//! A reserve of memory while the engine works: if memory runs out, the current work ends, and not the process.
//!
//! Rust aborts the process if memory for a container cannot be allocated, and the process is the user's kernel. So
//! the engine's allocator reserves unused address space, as much as all large containers would need to double twice.
//! If the system refuses an allocation, the reserve is released for it. From then on, the look that allocates is
//! halted, and the engine refuses the request.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The least size of the reserve, in bytes: more than a look, hashing and writing on several threads need besides
/// large containers.
const LEAST: usize = 64 << 20;
/// The least size of containers that are counted, in bytes.
const LARGE: usize = 256 << 10;

/// How often a refused allocation is tried again, and the time between two attempts.
const PATIENCE: u32 = 200;
const MOMENT: Duration = Duration::from_millis(5);

/// The number of operations in progress.
static WORKING: AtomicUsize = AtomicUsize::new(0);
/// The current size of all large containers, in bytes.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Whether memory was refused since the current user of the engine started.
static SPENT: AtomicBool = AtomicBool::new(false);
/// The reserve, in the form of [`ReserveMapping::packed`], or 0. It is one word: if the start of one thread's mapping
/// were combined with the length of another's, foreign memory would be unmapped. It is not a lock: a child that was
/// forked while it is held would wait forever.
static KEPT: AtomicU64 = AtomicU64::new(0);
/// The bits of the word for the length, and the unit of the length in bytes.
const LENGTH_BITS: u32 = 28;
const UNIT: usize = 64 << 10;
/// Mappings start at multiples of this, in bytes; with larger pages, at multiples of the page size.
const PAGE: usize = 4096;

/// A mapping that this process holds in reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ReserveMapping {
    start: usize,
    length: usize,
}

impl ReserveMapping {
    /// Maps at least this many bytes.
    fn map(length: usize) -> Option<Self> {
        let length = length.checked_next_multiple_of(UNIT)?;
        let start = map(length)?;
        let kept = Self { start, length };
        if Self::unpacked(kept.packed()) == Some(kept) {
            return Some(kept);
        }
        // Its length or its address does not fit into the word.
        kept.unmap();
        None
    }

    fn unmap(self) {
        unmap(self.start, self.length);
    }

    fn packed(self) -> u64 {
        (((self.start / PAGE) as u64) << LENGTH_BITS) | (self.length / UNIT) as u64
    }

    fn unpacked(word: u64) -> Option<Self> {
        let length = (word & ((1 << LENGTH_BITS) - 1)) as usize * UNIT;
        let start = (word >> LENGTH_BITS) as usize * PAGE;
        (word != 0).then_some(Self { start, length })
    }
}

/// Holds memory in reserve until it is dropped.
pub(crate) struct Reserve(());

impl Reserve {
    /// Starts an operation, one at a time: its caller holds the engine. Returns `None` if there is not even enough
    /// memory to start it. Earlier refusals do not count, although a flush that started before them may still run.
    pub fn begin() -> Option<Self> {
        let begun = Self::begin_beside()?;
        SPENT.store(false, Ordering::SeqCst);
        Some(begun)
    }

    /// Starts an operation in the background, which never checks whether memory was refused.
    pub fn begin_beside() -> Option<Self> {
        WORKING.fetch_add(1, Ordering::SeqCst);
        let begun = Self(());
        keep_back().then_some(begun)
    }

    /// Returns whether a payload of this size can be written: containers grow by as much at once. If not, memory
    /// counts as refused.
    pub fn has_room(length: usize) -> bool {
        if length < LARGE {
            return true;
        }
        // Once for the payload, once for the stream, which may have to be moved.
        let length = length.saturating_mul(3).saturating_add(wanted());
        let had = ReserveMapping::map(length);
        had.map_or_else(|| SPENT.store(true, Ordering::SeqCst), ReserveMapping::unmap);
        had.is_some()
    }

    /// Returns whether memory was refused since the current user of the engine started.
    pub fn is_spent() -> bool {
        SPENT.load(Ordering::Relaxed)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if WORKING.fetch_sub(1, Ordering::SeqCst) == 1 {
            give_up();
        }
    }
}

/// Returns the size that the reserve must have now.
fn wanted() -> usize {
    LEAST + HELD.load(Ordering::Relaxed).saturating_mul(2)
}

/// Ensures a sufficient reserve while operations are in progress; returns false if that is impossible.
fn keep_back() -> bool {
    let is_enough =
        || ReserveMapping::unpacked(KEPT.load(Ordering::SeqCst)).is_some_and(|kept| kept.length >= wanted());
    if WORKING.load(Ordering::SeqCst) == 0 || is_enough() {
        return true;
    }
    // Twice as much is reserved, so that this happens rarely; but half of it is enough.
    if let Some(kept) = [wanted().saturating_mul(2), wanted()]
        .into_iter()
        .find_map(ReserveMapping::map)
    {
        keep(kept);
        return true;
    }
    // It may be available in place of the old reserve. If not, that size is kept for the operations that end now.
    let had = give_up();
    if let Some(kept) = ReserveMapping::map(wanted()) {
        keep(kept);
        return true;
    }
    SPENT.store(true, Ordering::SeqCst);
    if let Some(kept) = had.and_then(|had| ReserveMapping::map(had.length)) {
        keep(kept);
    }
    false
}

/// Sets the reserve, in place of one that another thread may have set meanwhile.
fn keep(kept: ReserveMapping) {
    if let Some(had) = ReserveMapping::unpacked(KEPT.swap(kept.packed(), Ordering::SeqCst)) {
        had.unmap();
    }
}

/// Releases the reserve, and returns what it was.
fn give_up() -> Option<ReserveMapping> {
    let kept = ReserveMapping::unpacked(KEPT.swap(0, Ordering::SeqCst));
    kept.inspect(|kept| kept.unmap())
}

#[cfg(target_os = "linux")]
fn map(length: usize) -> Option<usize> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an unused place of the system's choice.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start as usize)
}

#[cfg(target_os = "linux")]
fn unmap(start: usize, length: usize) {
    // SAFETY: a mapping of this module to which nothing refers: the caller took the only record of it out of `KEPT`,
    // or made it.
    unsafe { libc::munmap(start as *mut _, length) };
}

/// There is no reserve on this platform.
#[cfg(not(target_os = "linux"))]
fn map(_length: usize) -> Option<usize> {
    Some(PAGE)
}

#[cfg(not(target_os = "linux"))]
fn unmap(_start: usize, _length: usize) {}

/// The system's allocator, with the reserve as fallback.
struct ReservingAllocator;

#[global_allocator]
static CAREFUL: ReservingAllocator = ReservingAllocator;

impl ReservingAllocator {
    /// Allocates from the system, and again after the reserve was released.
    fn asked(size: usize, ask: impl Fn() -> *mut u8) -> *mut u8 {
        let had = ask();
        if !had.is_null() {
            return had;
        }
        // Callers that request more handle a refusal, or would not get so much from the reserve, either.
        if size > wanted() || WORKING.load(Ordering::SeqCst) == 0 {
            return had;
        }
        SPENT.store(true, Ordering::SeqCst);
        // Another thread may have released it already: it may be about to allocate, or have taken all of it for a
        // moment. All threads are notified now that they must end their operations and free their memory.
        for _ in 0..PATIENCE {
            give_up();
            let had = ask();
            if !had.is_null() {
                return had;
            }
            std::thread::sleep(MOMENT);
        }
        had
    }

    /// Counts the size of a large container.
    fn count(was: usize, is: usize) {
        if was >= LARGE {
            HELD.fetch_sub(was, Ordering::Relaxed);
        }
        if is >= LARGE {
            HELD.fetch_add(is, Ordering::Relaxed);
            keep_back();
        }
    }
}

// SAFETY: every call is passed to the system's allocator with its own layout, and the result is returned as it is;
// nothing here allocates or unwinds.
unsafe impl GlobalAlloc for ReservingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let had = Self::asked(layout.size(), || unsafe { System.alloc(layout) });
        if !had.is_null() && layout.size() >= LARGE {
            Self::count(0, layout.size());
        }
        had
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let had = Self::asked(layout.size(), || unsafe { System.alloc_zeroed(layout) });
        if !had.is_null() && layout.size() >= LARGE {
            Self::count(0, layout.size());
        }
        had
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; if it fails, the old memory is unchanged, so it can be called again.
        let had = Self::asked(size, || unsafe { System.realloc(start, layout, size) });
        if !had.is_null() && size.max(layout.size()) >= LARGE {
            Self::count(layout.size(), size);
        }
        had
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) };
        if layout.size() >= LARGE {
            Self::count(layout.size(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_tells_where_a_mapping_lies_and_how_long_it_is() {
        for (start, length) in [
            (PAGE, UNIT),
            (0x7fff_ffff_f000, UNIT),
            (0x7f12_3456_7000, LEAST),
            (PAGE, ((1 << LENGTH_BITS) - 1) * UNIT),
        ] {
            let kept = ReserveMapping { start, length };
            assert_eq!(
                ReserveMapping::unpacked(kept.packed()),
                Some(kept),
                "{start:x} {length}"
            );
        }
        assert_eq!(ReserveMapping::unpacked(0), None);
        let long = ReserveMapping {
            start: PAGE,
            length: UNIT << LENGTH_BITS,
        };
        assert_ne!(ReserveMapping::unpacked(long.packed()), Some(long), "so it is not kept");
    }

    #[test]
    fn what_was_refused_before_counts_for_no_work_that_begins_though_a_flush_goes_on() {
        let first = Reserve::begin().expect("there is memory");
        let flush = Reserve::begin_beside().expect("there is memory");
        assert!(!Reserve::has_room(usize::MAX / 8), "nobody has as much");
        assert!(Reserve::is_spent());
        drop(first);
        let next = Reserve::begin().expect("there is memory again");
        assert!(!Reserve::is_spent());
        drop((flush, next));
    }
}

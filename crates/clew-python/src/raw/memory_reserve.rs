//! Memory kept back while the engine works: where there is no more, what is being done ends, and not the process.
//!
//! Rust ends the process where memory for one of its containers is not to be had, and the process is the user's kernel. So
//! the engine's allocator keeps address space back that nobody has touched, as much as all large containers would need to
//! double twice. Where the system refuses, it is given up for the request that was refused, and from then on the look that
//! asks for more is halted, and what the engine was asked for is refused.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Kept back at least, in bytes: more than a look, hashing and writing on several threads take beside large containers.
const LEAST: usize = 64 << 20;
/// Containers from this size on are counted, in bytes.
const LARGE: usize = 256 << 10;

/// How often what was refused is asked for again, and how long until the next time.
const PATIENCE: u32 = 200;
const MOMENT: Duration = Duration::from_millis(5);

/// How many pieces of work are being done.
static WORKING: AtomicUsize = AtomicUsize::new(0);
/// What large containers hold now, in bytes.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Whether memory was refused since the work of who holds the engine began.
static SPENT: AtomicBool = AtomicBool::new(false);
/// What is kept back, as [`ReserveMapping::packed`] says it, or 0. One word: a start that met the length of another thread's mapping
/// would have memory given up that is not ours. No lock: a child that was forked while it is held would wait for ever.
static KEPT: AtomicU64 = AtomicU64::new(0);
/// Bits of the word that say how long it is, and the unit of that, in bytes.
const LENGTH_BITS: u32 = 28;
const UNIT: usize = 64 << 10;
/// Mappings begin at a page, in bytes; where pages are larger, at a multiple of it.
const PAGE: usize = 4096;

/// A mapping that this process holds in reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ReserveMapping {
    start: usize,
    length: usize,
}

impl ReserveMapping {
    /// Maps at least so many bytes.
    fn map(length: usize) -> Option<Self> {
        let length = length.checked_next_multiple_of(UNIT)?;
        let start = map(length)?;
        let kept = Self { start, length };
        if Self::unpacked(kept.packed()) == Some(kept) {
            return Some(kept);
        }
        // It is longer, or lies higher, than the word can say.
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

/// Keeps memory back until it is dropped.
pub(crate) struct Reserve(());

impl Reserve {
    /// Begins a piece of work, one at a time: who begins it holds the engine. `None` if there is not even so much memory as to
    /// begin it. What was refused before does not count for it, though a flush may still go on that began then.
    pub fn begin() -> Option<Self> {
        let begun = Self::begin_beside()?;
        SPENT.store(false, Ordering::SeqCst);
        Some(begun)
    }

    /// The same for work beside that, which never asks whether memory was refused.
    pub fn begin_beside() -> Option<Self> {
        WORKING.fetch_add(1, Ordering::SeqCst);
        let begun = Self(());
        keep_back().then_some(begun)
    }

    /// Whether a payload of so many bytes can be written down: containers grow by as much at once. If not, memory counts
    /// as refused.
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

    /// Whether memory was refused since the work of who holds the engine began.
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

/// What is to be kept back now.
fn wanted() -> usize {
    LEAST + HELD.load(Ordering::Relaxed).saturating_mul(2)
}

/// Sees that enough is kept back, while anything is being done; false where that can't be.
fn keep_back() -> bool {
    let is_enough =
        || ReserveMapping::unpacked(KEPT.load(Ordering::SeqCst)).is_some_and(|kept| kept.length >= wanted());
    if WORKING.load(Ordering::SeqCst) == 0 || is_enough() {
        return true;
    }
    // Twice as much, so that it is seldom done again; that it is not to be had is no reason to stop.
    if let Some(kept) = [wanted().saturating_mul(2), wanted()]
        .into_iter()
        .find_map(ReserveMapping::map)
    {
        keep(kept);
        return true;
    }
    // It may be had in place of what is kept. If not, that is kept for those who end what they are at.
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

/// Keeps this, in place of what another thread may have kept meanwhile.
fn keep(kept: ReserveMapping) {
    if let Some(had) = ReserveMapping::unpacked(KEPT.swap(kept.packed(), Ordering::SeqCst)) {
        had.unmap();
    }
}

/// Gives back what is kept, and says what it was.
fn give_up() -> Option<ReserveMapping> {
    let kept = ReserveMapping::unpacked(KEPT.swap(0, Ordering::SeqCst));
    kept.inspect(|kept| kept.unmap())
}

#[cfg(target_os = "linux")]
fn map(length: usize) -> Option<usize> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at a place of the system's choice; nothing lies there.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start as usize)
}

#[cfg(target_os = "linux")]
fn unmap(start: usize, length: usize) {
    // SAFETY: a mapping of ours that nobody refers to: whoever calls took all that is known of it out of `KEPT`, or made it.
    unsafe { libc::munmap(start as *mut _, length) };
}

/// Nothing is kept back here.
#[cfg(not(target_os = "linux"))]
fn map(_length: usize) -> Option<usize> {
    Some(PAGE)
}

#[cfg(not(target_os = "linux"))]
fn unmap(_start: usize, _length: usize) {}

/// The system's allocator, with the reserve behind it.
struct ReservingAllocator;

#[global_allocator]
static CAREFUL: ReservingAllocator = ReservingAllocator;

impl ReservingAllocator {
    /// Asks the system, and again after the reserve was given up for it.
    fn asked(size: usize, ask: impl Fn() -> *mut u8) -> *mut u8 {
        let had = ask();
        if !had.is_null() {
            return had;
        }
        // Who asks for more than that can hear that it is not to be had, or would not get it so either.
        if size > wanted() || WORKING.load(Ordering::SeqCst) == 0 {
            return had;
        }
        SPENT.store(true, Ordering::SeqCst);
        // Another thread may have given it up already: it may be about to, or have taken all of it for a moment. All of them
        // hear now that they are to end what they are at, and give back what they hold.
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

    /// Counts what a large container holds.
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

// SAFETY: every call goes to the system's allocator with the layout it came with, and what that answers is handed on;
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
        // SAFETY: the caller's promise; where it fails the old memory is as it was, so it can be asked again.
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

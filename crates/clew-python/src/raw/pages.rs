//! Queries the kernel about pages (`PAGEMAP_SCAN`, Linux 6.7): for example, which pages of a private mapping are no
//! longer the file's.
//!
//! A page that is present, or swapped out, and belongs to no file is a copy: it was written to. A page that is not
//! present shows the file on access. The results are only used after a test on pages that were and were not written
//! to.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

const SCAN: libc::Ioctl = 0xc060_6610_u32 as libc::Ioctl;
/// Writes to it are noted for a later query (`PAGE_IS_WPALLOWED`).
pub(super) const IS_WATCHED: u64 = 1 << 0;
/// It is not, or no longer, write-protected.
pub(super) const IS_WRITTEN: u64 = 1 << 1;
pub(super) const IS_FILE: u64 = 1 << 2;
pub(super) const IS_PRESENT: u64 = 1 << 3;
pub(super) const IS_SWAPPED: u64 = 1 << 4;
/// Protects each reported page, before it can be written to again.
pub(super) const PROTECT: u64 = 1 << 0;
/// Fails if pages cannot be protected.
pub(super) const ONLY_WATCHED: u64 = 1 << 1;
/// How many ranges are requested at a time.
const AT_ONCE: usize = 1024;

/// The kernel's `struct pm_scan_arg`.
#[repr(C)]
#[derive(Default)]
struct Request {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// The kernel's `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// A query for pages: those with all of `is`, none of `is_not`, and one of `is_any` unless that is empty.
#[derive(Clone, Copy, Default)]
pub(super) struct PageQuery {
    pub is: u64,
    pub is_not: u64,
    pub is_any: u64,
    /// Adjacent pages that agree in these are reported as one range.
    pub told: u64,
    /// What else the query does.
    pub flags: u64,
}

/// Returns the pages of a range of memory that belong to no file, in order; `None` if the kernel cannot report them.
/// The range must be mapped privately from files.
pub(super) fn written(range: Range<u64>) -> Option<Vec<Range<u64>>> {
    static IS_TOLD: OnceLock<bool> = OnceLock::new();
    if *IS_TOLD.get_or_init(|| probe() == Some(true)) {
        scan(range)
    } else {
        None
    }
}

fn scan(range: Range<u64>) -> Option<Vec<Range<u64>>> {
    let copied = PageQuery {
        is_not: IS_FILE,
        is_any: IS_PRESENT | IS_SWAPPED,
        told: IS_PRESENT | IS_SWAPPED,
        ..PageQuery::default()
    };
    found(range, copied)
}

/// Returns the pages of a range of memory that match a query, in order; `None` if the kernel cannot report them.
pub(super) fn found(range: Range<u64>, asked: PageQuery) -> Option<Vec<Range<u64>>> {
    // Opened for each query: after a fork, an old descriptor would report on the parent.
    let file = File::open("/proc/self/pagemap").ok()?;
    let page = rustix::param::page_size() as u64;
    let end = range.end.next_multiple_of(page);
    let mut start = range.start / page * page;
    let mut found = Vec::new();
    let mut regions = vec![Region::default(); AT_ONCE];
    while start < end {
        let mut request = Request {
            size: size_of::<Request>() as u64,
            flags: asked.flags,
            start,
            end,
            vec: regions.as_mut_ptr() as u64,
            vec_len: AT_ONCE as u64,
            category_inverted: asked.is_not,
            category_mask: asked.is | asked.is_not,
            category_anyof_mask: asked.is_any,
            return_mask: asked.told,
            ..Request::default()
        };
        // SAFETY: the kernel reads the request and writes at most that many regions.
        let count = unsafe { libc::ioctl(file.as_raw_fd(), SCAN, &raw mut request) };
        let count = usize::try_from(count).ok()?;
        found.extend(regions[..count].iter().map(|region| region.start..region.end));
        if request.walk_end <= start {
            return None;
        }
        start = request.walk_end;
    }
    Some(found)
}

/// Returns whether the kernel reports the last of three pages of a file, of which one is not accessed, one read and
/// one written to.
fn probe() -> Option<bool> {
    let page = rustix::param::page_size();
    let file = File::open("/proc/self/exe").ok()?;
    if file.metadata().ok()?.len() < 3 * page as u64 {
        return None;
    }
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
    // SAFETY: a new mapping, which is unmapped again; all three pages are in the file.
    unsafe {
        let mapped = libc::mmap(std::ptr::null_mut(), 3 * page, access, flags, file.as_raw_fd(), 0);
        if mapped == libc::MAP_FAILED {
            return None;
        }
        let (start, bytes) = (mapped as u64, mapped.cast::<u8>());
        let (read, written) = (bytes.add(page), bytes.add(2 * page));
        std::ptr::read_volatile(read);
        let before = scan(start..start + 3 * page as u64);
        std::ptr::write_volatile(written, !std::ptr::read_volatile(written));
        let after = scan(start..start + 3 * page as u64);
        libc::munmap(mapped, 3 * page);
        let expected = written as u64..written as u64 + page as u64;
        Some(before?.is_empty() && after? == [expected])
    }
}

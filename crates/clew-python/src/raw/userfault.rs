//! Finds pages of ordinary memory that were written to (`userfaultfd(2)`, Linux 6.7): pages are write-protected, and
//! the first write to a page removes its protection without a notification.
//!
//! This is used only after a test with writes by the processor, by a system call and by another process's access, and
//! with memory that was returned to the system.

use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

use super::pages::{self, PageQuery};

const API: u64 = 0xaa;
const TELL_API: libc::Ioctl = 0xc018_aa3f_u32 as libc::Ioctl;
const REGISTER: libc::Ioctl = 0xc020_aa00_u32 as libc::Ioctl;
const UNREGISTER: libc::Ioctl = 0x8010_aa01_u32 as libc::Ioctl;
const QUERY_MAPPING: libc::Ioctl = 0xc068_6611_u32 as libc::Ioctl;
/// Only faults of user-space code are handled, which needs no privilege.
const USER_MODE_ONLY: libc::c_int = 1;
/// Absent pages can be protected; a write removes the protection and continues.
const FEATURES: u64 = (1 << 13) | (1 << 15);
const MODE_PROTECT: u64 = 1 << 1;
/// Writes to the mapping are visible to other processes.
const IS_SHARED: u64 = 1 << 3;

/// The kernel's `struct uffdio_api`.
#[repr(C)]
struct Api {
    version: u64,
    features: u64,
    ioctls: u64,
}

/// The kernel's `struct uffdio_range`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes {
    start: u64,
    length: u64,
}

/// The kernel's `struct uffdio_register`.
#[repr(C)]
struct Registration {
    bytes: Bytes,
    mode: u64,
    ioctls: u64,
}

/// The kernel's `struct procmap_query`.
#[repr(C)]
#[derive(Default)]
struct MappingQuery {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    access: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    device: [u32; 2],
    name_length: u32,
    build_length: u32,
    name: u64,
    build: u64,
}

/// The userfaultfd of this process; there is only one.
#[derive(Debug)]
pub(super) struct Watcher {
    descriptor: OwnedFd,
    /// If a child of a fork uses the descriptor, this affects its parent's memory.
    process: u32,
}

/// Returns the watcher of this process, if the kernel supports it correctly.
pub(super) fn watcher() -> Option<&'static Watcher> {
    static WATCHER: OnceLock<Option<Watcher>> = OnceLock::new();
    let watcher = WATCHER.get_or_init(|| Watcher::open().filter(|watcher| watcher.is_right() == Some(true)));
    watcher.as_ref().filter(|watcher| watcher.process == std::process::id())
}

impl Watcher {
    fn open() -> Option<Self> {
        // SAFETY: plain numbers.
        let opened = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | USER_MODE_ONLY) };
        let opened = i32::try_from(opened).ok().filter(|opened| *opened >= 0)?;
        // SAFETY: the descriptor is new, so nothing else owns it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(opened) };
        let mut api = Api {
            version: API,
            features: FEATURES,
            ioctls: 0,
        };
        // SAFETY: the argument has the layout that the kernel expects.
        let answer = unsafe { libc::ioctl(descriptor.as_raw_fd(), TELL_API, &raw mut api) };
        (answer == 0).then(|| Self {
            descriptor,
            process: std::process::id(),
        })
    }

    /// Starts to watch whole pages; returns whether that is possible. Only memory private to this process is watched.
    pub fn watch(&self, pages: &Range<u64>) -> bool {
        let mut registration = Registration {
            bytes: bytes(pages),
            mode: MODE_PROTECT,
            ioctls: 0,
        };
        // SAFETY: the argument has the layout that the kernel expects. Watching does not change the contents of
        // memory.
        let answer = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), REGISTER, &raw mut registration) };
        // Checked afterwards: a mapping that replaces this one is not watched.
        let is_watched = answer == 0 && is_anonymous(pages);
        if !is_watched {
            self.let_go(pages);
        }
        is_watched
    }

    /// Ends watching. If the memory was unmapped, watching has ended already.
    pub fn let_go(&self, pages: &Range<u64>) {
        let mut bytes = bytes(pages);
        // SAFETY: as above.
        unsafe { libc::ioctl(self.descriptor.as_raw_fd(), UNREGISTER, &raw mut bytes) };
    }

    /// Protects the pages, and returns those that were not protected.
    pub fn protect(&self, pages: &Range<u64>) -> Option<Vec<Range<u64>>> {
        let written = PageQuery {
            is: pages::IS_WRITTEN,
            told: pages::IS_WRITTEN,
            flags: pages::PROTECT | pages::ONLY_WATCHED,
            ..PageQuery::default()
        };
        pages::found(pages.clone(), written)
    }

    /// Returns the pages that are present and have been protected since.
    pub fn protected(&self, pages: &Range<u64>) -> Option<Vec<Range<u64>>> {
        let protected = PageQuery {
            is: pages::IS_WATCHED,
            is_not: pages::IS_WRITTEN | pages::IS_FILE,
            // A page that was returned to the system is neither, and is not reported as written.
            is_any: pages::IS_PRESENT | pages::IS_SWAPPED,
            told: pages::IS_WATCHED,
            ..PageQuery::default()
        };
        pages::found(pages.clone(), protected)
    }

    /// Returns whether, of seven pages, exactly the changed ones are reported.
    fn is_right(&self) -> Option<bool> {
        let page = rustix::param::page_size();
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping, which is unmapped again.
        unsafe {
            let mapped = libc::mmap(std::ptr::null_mut(), 7 * page, access, flags, -1, 0);
            if mapped == libc::MAP_FAILED {
                return None;
            }
            let is_right = self.tells(mapped.cast(), page);
            libc::munmap(mapped, 7 * page);
            is_right
        }
    }

    /// # Safety
    /// The seven pages belong to the caller.
    unsafe fn tells(&self, first: *mut u8, page: usize) -> Option<bool> {
        // SAFETY: all within the seven pages.
        unsafe {
            std::ptr::write_bytes(first, 1, 7 * page);
            let at = |number: usize| first.add(number * page);
            let pages = first as u64..at(7) as u64;
            if !self.watch(&pages) || self.protect(&pages)? != [pages.clone()] {
                return Some(false);
            }
            if self.protected(&pages)? != [pages] {
                return Some(false);
            }
            std::ptr::write_volatile(at(1), 2);
            let read = libc::read(File::open("/proc/self/exe").ok()?.as_raw_fd(), at(2).cast(), 4);
            let (from, to) = (part(at(0)), part(at(3)));
            let copied = libc::process_vm_writev(self.process as libc::pid_t, &raw const from, 1, &raw const to, 1, 0);
            let given_back = libc::madvise(at(5).cast(), page, libc::MADV_DONTNEED);
            let clean = [
                at(0) as u64..at(1) as u64,
                at(4) as u64..at(5) as u64,
                at(6) as u64..at(7) as u64,
            ];
            let pages = at(0) as u64..at(7) as u64;
            let is_seen = self.protected(&pages)? == clean;
            let is_told = self
                .protect(&pages)?
                .iter()
                .any(|told| *told == (at(1) as u64..at(4) as u64));
            Some(read == 4 && copied == 4 && given_back == 0 && is_seen && is_told)
        }
    }
}

fn part(at: *mut u8) -> libc::iovec {
    libc::iovec {
        iov_base: at.cast(),
        iov_len: 4,
    }
}

fn bytes(pages: &Range<u64>) -> Bytes {
    Bytes {
        start: pages.start,
        length: pages.end - pages.start,
    }
}

/// Returns whether all of it is private memory without a file, which needs Linux 6.11.
fn is_anonymous(pages: &Range<u64>) -> bool {
    let Ok(file) = File::open("/proc/self/maps") else {
        return false;
    };
    let mut at = pages.start;
    while at < pages.end {
        let mut query = MappingQuery {
            size: size_of::<MappingQuery>() as u64,
            address: at,
            ..MappingQuery::default()
        };
        // SAFETY: the kernel reads the query and fills it in.
        let answer = unsafe { libc::ioctl(file.as_raw_fd(), QUERY_MAPPING, &raw mut query) };
        if answer != 0 || query.inode != 0 || query.access & IS_SHARED != 0 || query.end <= at {
            return false;
        }
        at = query.end;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_long_as_the_kernels() {
        assert_eq!(size_of::<Api>(), 0x18);
        assert_eq!(size_of::<Registration>(), 0x20);
        assert_eq!(size_of::<MappingQuery>(), 0x68);
    }
}

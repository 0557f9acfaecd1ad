//! Being told afterwards which pages of ordinary memory were written to (`userfaultfd(2)`, Linux 6.7): pages are protected,
//! and the first write to one takes its protection away without asking anybody.
//!
//! Nothing is believed before it was tried once: with writes by the processor, by a system call and through another
//! process's way in, and with memory that was given back.

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
/// Nothing but faults of the program itself is asked about, which needs no privilege.
const USER_MODE_ONLY: libc::c_int = 1;
/// Pages that are not there yet can be protected; a write takes the protection away and goes on.
const FEATURES: u64 = (1 << 13) | (1 << 15);
const MODE_PROTECT: u64 = 1 << 1;
/// Other processes see what is written to a mapping.
const IS_SHARED: u64 = 1 << 3;

/// As the kernel wants it (`struct uffdio_api`).
#[repr(C)]
struct Api {
    version: u64,
    features: u64,
    ioctls: u64,
}

/// As the kernel wants it (`struct uffdio_range`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes {
    start: u64,
    length: u64,
}

/// As the kernel wants it (`struct uffdio_register`).
#[repr(C)]
struct Registration {
    bytes: Bytes,
    mode: u64,
    ioctls: u64,
}

/// As the kernel wants it (`struct procmap_query`).
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

/// Who is told. One a process.
#[derive(Debug)]
pub(super) struct Watcher {
    descriptor: OwnedFd,
    /// What a child of a fork does through the descriptor happens to its parent's memory.
    process: u32,
}

/// The watcher of this process, where the kernel does as it should.
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
        // SAFETY: nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(opened) };
        let mut api = Api {
            version: API,
            features: FEATURES,
            ioctls: 0,
        };
        // SAFETY: as the kernel wants it.
        let answer = unsafe { libc::ioctl(descriptor.as_raw_fd(), TELL_API, &raw mut api) };
        (answer == 0).then(|| Self {
            descriptor,
            process: std::process::id(),
        })
    }

    /// Begins to watch whole pages; whether they can be watched. Only memory that is this process's alone is.
    pub fn watch(&self, pages: &Range<u64>) -> bool {
        let mut registration = Registration {
            bytes: bytes(pages),
            mode: MODE_PROTECT,
            ioctls: 0,
        };
        // SAFETY: as the kernel wants it. Watching changes nothing that is in the memory.
        let answer = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), REGISTER, &raw mut registration) };
        // Asked afterwards: a mapping that takes the place of this one is not watched.
        let is_watched = answer == 0 && is_anonymous(pages);
        if !is_watched {
            self.let_go(pages);
        }
        is_watched
    }

    /// Ends watching. Who gave the memory back has ended it already.
    pub fn let_go(&self, pages: &Range<u64>) {
        let mut bytes = bytes(pages);
        // SAFETY: as above.
        unsafe { libc::ioctl(self.descriptor.as_raw_fd(), UNREGISTER, &raw mut bytes) };
    }

    /// The pages that are not protected; they are from now on.
    pub fn protect(&self, pages: &Range<u64>) -> Option<Vec<Range<u64>>> {
        let written = PageQuery {
            is: pages::IS_WRITTEN,
            told: pages::IS_WRITTEN,
            flags: pages::PROTECT | pages::ONLY_WATCHED,
            ..PageQuery::default()
        };
        pages::found(pages.clone(), written)
    }

    /// The pages that are there and have been protected since.
    pub fn protected(&self, pages: &Range<u64>) -> Option<Vec<Range<u64>>> {
        let protected = PageQuery {
            is: pages::IS_WATCHED,
            is_not: pages::IS_WRITTEN | pages::IS_FILE,
            // A page that was given back is neither, and not said to be written to.
            is_any: pages::IS_PRESENT | pages::IS_SWAPPED,
            told: pages::IS_WATCHED,
            ..PageQuery::default()
        };
        pages::found(pages.clone(), protected)
    }

    /// Whether of seven pages those are told that something happened to.
    fn is_right(&self) -> Option<bool> {
        let page = rustix::param::page_size();
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping, which is given back.
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
    /// Seven pages of the caller's.
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

/// Whether all of it is private memory over no file, by Linux 6.11.
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

//! If a mapped file of the store is truncated, or the disk cannot read it, any access to its pages raises SIGBUS,
//! which ends the process. The handler in here replaces the page by zeros instead, and marks it as lost.
//!
//! The handler reads and writes atomics of a fixed table and makes system calls, nothing else. Signals that do not
//! concern a mapping of Clew are passed to the previous handler. The handler is installed with the first mapping, and
//! put first again if another one was installed since; the result of `signal.getsignal` never changes.

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Bytes of a page of memory; if the system's pages have another size, nothing is mapped.
const PAGE: u64 = 4096;
/// The most guarded mappings. Further ones are not made.
const MOST: usize = 16 * 1024;
/// The start of an entry that is being filled in.
const CLAIMED: u64 = 1;
/// How often in a row the same address may fault before the next older handler is called: a disabled handler only
/// returns.
const PATIENCE: u32 = 1000;

/// One guarded mapping. It is free if its start is 0.
struct Entry {
    start: AtomicU64,
    end: AtomicU64,
    /// The bounds of all lost pages; no page is lost if the first bound is larger.
    lost_from: AtomicU64,
    lost_to: AtomicU64,
}

static TABLE: [Entry; MOST] = [const { Entry::free() }; MOST];
/// Entries from here on were never used.
static REACH: AtomicUsize = AtomicUsize::new(0);
/// The number of pages lost in this process.
static LOST: AtomicU64 = AtomicU64::new(0);

/// The handlers before Clew's: the one at its first installation, and one that was found later. They are never freed:
/// a handler on another thread may read them.
static BEFORE: [AtomicPtr<libc::sigaction>; 2] = [const { AtomicPtr::new(null_mut()) }; 2];
/// The thread that is in one of these handlers.
static ASKING: AtomicI32 = AtomicI32::new(0);
/// How many of these handlers that thread is in.
static DEPTH: AtomicUsize = AtomicUsize::new(0);
/// The address that was passed on last, and how often in a row.
static HANDED_ON: AtomicU64 = AtomicU64::new(0);
static TIMES: AtomicU32 = AtomicU32::new(0);

impl Entry {
    const fn free() -> Self {
        Self {
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            lost_from: AtomicU64::new(u64::MAX),
            lost_to: AtomicU64::new(0),
        }
    }

    fn holds(&self, address: u64) -> bool {
        let start = self.start.load(Ordering::Acquire);
        let is_inside = start > CLAIMED && (start..self.end.load(Ordering::Acquire)).contains(&address);
        is_inside && self.start.load(Ordering::Acquire) == start
    }

    fn has_lost(&self, range: &Range<u64>) -> bool {
        self.start.load(Ordering::Acquire) > CLAIMED
            && self.lost_from.load(Ordering::Acquire) < range.end
            && range.start < self.lost_to.load(Ordering::Acquire)
    }
}

/// Keeps SIGBUS from ending the process for pages of one mapping, while this exists.
#[derive(Debug)]
pub(super) struct Guard(usize);

impl Guard {
    /// Guards a range of memory; `None` if that is impossible.
    pub fn over(range: &Range<u64>) -> Option<Self> {
        if !ensure() {
            return None;
        }
        let number = TABLE.iter().position(|entry| {
            let claim = entry
                .start
                .compare_exchange(0, CLAIMED, Ordering::AcqRel, Ordering::Relaxed);
            claim.is_ok()
        })?;
        REACH.fetch_max(number + 1, Ordering::AcqRel);
        let entry = &TABLE[number];
        entry.end.store(range.end, Ordering::Release);
        entry.lost_from.store(u64::MAX, Ordering::Release);
        entry.lost_to.store(0, Ordering::Release);
        entry.start.store(range.start, Ordering::Release);
        Some(Self(number))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        TABLE[self.0].start.store(0, Ordering::Release);
    }
}

fn in_use() -> &'static [Entry] {
    &TABLE[..REACH.load(Ordering::Acquire)]
}

/// Returns how many pages of guarded mappings have been replaced by zeros.
pub(crate) fn lost_pages() -> u64 {
    LOST.load(Ordering::Acquire)
}

/// Returns whether pages of a range of memory may have been replaced by zeros.
pub(super) fn is_lost(range: &Range<u64>) -> bool {
    lost_pages() > 0 && in_use().iter().any(|entry| entry.has_lost(range))
}

/// Ensures that Clew's handler of SIGBUS is called first while anything is guarded. A handler that was installed
/// since is called after it.
pub(crate) fn stay_first() {
    if in_use()
        .iter()
        .any(|entry| entry.start.load(Ordering::Relaxed) > CLAIMED)
    {
        ensure();
    }
}

/// Ensures that Clew's handler of SIGBUS is called first; returns false if that fails.
fn ensure() -> bool {
    let mut found = no_action();
    // SAFETY: a query that changes nothing; `found` has the layout that the system expects.
    if unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut found) } != 0 {
        return false;
    }
    if found.sa_sigaction == own_handler() {
        return true;
    }
    let place = usize::from(!BEFORE[0].load(Ordering::Acquire).is_null());
    BEFORE[place].store(Box::into_raw(Box::new(found)), Ordering::Release);
    let mut own = no_action();
    own.sa_sigaction = own_handler();
    // Not deferred: a handler that is called from here may raise the signal for the handler before it.
    own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler does only what handlers may do.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const own, null_mut()) == 0 }
}

fn own_handler() -> libc::sighandler_t {
    handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as libc::sighandler_t
}

fn no_action() -> libc::sigaction {
    // SAFETY: numbers, an empty set of signals and no pointer that is dereferenced.
    unsafe { std::mem::zeroed() }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes valid arguments; everything below may be done in a handler, and `errno` is restored.
    unsafe {
        let errno = libc::__errno_location();
        let kept = *errno;
        let address = (*info).si_addr() as u64;
        let is_fault = (*info).si_code > 0;
        if (*info).si_code != libc::BUS_ADRERR || !replace(address) {
            hand_on(signal, info, context, is_fault.then_some(address));
        }
        *errno = kept;
    }
}

/// Replaces the page of an address by zeros, if it is in a guarded mapping.
///
/// # Safety
/// The current thread faulted at the address.
unsafe fn replace(address: u64) -> bool {
    let Some(entry) = in_use().iter().find(|entry| entry.holds(address)) else {
        return false;
    };
    let page = address / PAGE * PAGE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // First it is marked as lost, then it is replaced: no thread reads zeros that are not marked.
    entry.lost_from.fetch_min(page, Ordering::AcqRel);
    entry.lost_to.fetch_max(page + PAGE, Ordering::AcqRel);
    LOST.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the page belongs to a mapping that exists as long as any code may access it, and has no content.
    let mapped = unsafe { libc::mmap(page as *mut c_void, PAGE as usize, access, flags, -1, 0) };
    mapped != libc::MAP_FAILED
}

/// Calls the previous handler; the one before that if this one calls back or did not help.
///
/// # Safety
/// Within a handler, with its arguments.
unsafe fn hand_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, fault: Option<u64>) {
    // SAFETY: a call without arguments that returns a number.
    let me = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    let is_asking_back = ASKING.load(Ordering::Acquire) == me;
    let depth = if is_asking_back {
        DEPTH.load(Ordering::Acquire)
    } else {
        0
    };
    let older = depth + fault.map_or(0, |address| (repeats(address) / PATIENCE) as usize);
    let handlers = [&BEFORE[1], &BEFORE[0]].map(|before| before.load(Ordering::Acquire));
    let Some(handler) = handlers.into_iter().filter(|handler| !handler.is_null()).nth(older) else {
        // SAFETY: as the caller promises.
        return unsafe { end(signal, fault.is_some()) };
    };
    ASKING.store(me, Ordering::Release);
    DEPTH.store(depth + 1, Ordering::Release);
    // SAFETY: never freed, and called as it was installed.
    unsafe { ask(&*handler, signal, info, context, fault.is_some()) };
    DEPTH.store(depth, Ordering::Release);
    if depth == 0 {
        ASKING.store(0, Ordering::Release);
    }
}

/// Returns how often in a row this address has been passed on.
fn repeats(address: u64) -> u32 {
    if HANDED_ON.swap(address, Ordering::AcqRel) == address {
        TIMES.fetch_add(1, Ordering::AcqRel) + 1
    } else {
        TIMES.store(0, Ordering::Release);
        0
    }
}

/// # Safety
/// `action` was installed for this signal.
unsafe fn ask(
    action: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    is_fault: bool,
) {
    match action.sa_sigaction {
        // The system ends a process that ignores a fault.
        libc::SIG_IGN if !is_fault => {}
        // SAFETY: as the caller promises.
        libc::SIG_DFL | libc::SIG_IGN => unsafe { end(signal, is_fault) },
        handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: installed as a handler with three arguments.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: installed as a handler with one argument.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

/// Ends the process like an unhandled signal: a fault occurs again at once.
///
/// # Safety
/// Within a handler.
unsafe fn end(signal: c_int, is_fault: bool) {
    let mut default = no_action();
    default.sa_sigaction = libc::SIG_DFL;
    // SAFETY: both may be called in a handler.
    unsafe {
        libc::sigaction(signal, &raw const default, null_mut());
        if !is_fault {
            libc::raise(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: usize = 3;

    #[test]
    fn an_entry_is_used_again_and_forgets_what_was_lost() {
        let range = 0x7000_0000_0000..0x7000_0000_4000;
        let guard = Guard::over(&range).unwrap();
        let number = guard.0;
        TABLE[number].lost_from.store(range.start, Ordering::Release);
        TABLE[number].lost_to.store(range.start + PAGE, Ordering::Release);
        assert!(TABLE[number].has_lost(&(range.start..range.start + READ as u64)));
        assert!(!TABLE[number].has_lost(&(range.start + PAGE..range.end)));
        assert!(TABLE[number].holds(range.end - 1) && !TABLE[number].holds(range.end));
        drop(guard);
        assert!(!TABLE[number].holds(range.start) && !TABLE[number].has_lost(&range));
        let again = Guard::over(&range).unwrap();
        assert!(!TABLE[again.0].has_lost(&range));
    }

    #[test]
    fn the_same_address_in_a_row_is_counted() {
        assert_eq!([repeats(8), repeats(8), repeats(9), repeats(8)], [0, 1, 0, 0]);
    }
}

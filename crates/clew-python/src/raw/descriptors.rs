//! Checks whether a request is waiting at a file descriptor.

/// Returns whether one of these can be read without blocking. Nothing is read; closed descriptors are ignored.
#[cfg(unix)]
pub(crate) fn can_read_any(descriptors: &[i32]) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::os::fd::BorrowedFd;

    let open = descriptors.iter().filter(|descriptor| **descriptor >= 0);
    let mut asked: Vec<PollFd<'_>> = open
        .map(|descriptor| {
            // SAFETY: it is only polled, and not kept; if it was closed meanwhile, the system reports that.
            let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor) };
            PollFd::from_borrowed_fd(descriptor, PollFlags::IN)
        })
        .collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok()
        && asked
            .iter()
            .any(|interface| interface.revents().contains(PollFlags::IN))
}

/// Not available on other platforms.
#[cfg(not(unix))]
pub(crate) fn can_read_any(_: &[i32]) -> bool {
    false
}

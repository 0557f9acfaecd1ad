//! Whether somebody waits at a file descriptor.

/// Whether one of these can be read without waiting. Nothing is read; what is no open descriptor says nothing.
#[cfg(unix)]
pub(crate) fn can_read_any(doors: &[i32]) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::os::fd::BorrowedFd;

    let open = doors.iter().filter(|door| **door >= 0);
    let mut asked: Vec<PollFd<'_>> = open
        .map(|door| {
            // SAFETY: it is only polled, and not kept; of a descriptor that was closed meanwhile the system says so.
            let door = unsafe { BorrowedFd::borrow_raw(*door) };
            PollFd::from_borrowed_fd(door, PollFlags::IN)
        })
        .collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok() && asked.iter().any(|door| door.revents().contains(PollFlags::IN))
}

/// Elsewhere nobody can tell.
#[cfg(not(unix))]
pub(crate) fn can_read_any(_: &[i32]) -> bool {
    false
}

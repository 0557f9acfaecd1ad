//! Namespaces of the current process.

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Gives this process its own mounts. It must have only one thread, otherwise the system refuses.
///
/// # Errors
/// The system refuses.
pub(crate) fn own_mounts() -> io::Result<()> {
    // SAFETY: only `FILES` could do harm, which takes descriptors away from other threads: it is not requested.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS) }?;
    Ok(())
}

//! A namespace of this process's own.

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Gives this process mounts of its own. It must have one thread, else the system refuses.
///
/// # Errors
/// The system refuses.
pub(crate) fn own_mounts() -> io::Result<()> {
    // SAFETY: What could harm is `FILES`, which takes descriptors from other threads: it is not asked for.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS) }?;
    Ok(())
}

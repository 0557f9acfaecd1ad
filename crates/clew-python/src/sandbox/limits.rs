//! Bounds on what a scratch process may use, and its death when its parent dies.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Limits;
use super::gap::SandboxGap;

/// The largest file it may write into its own folder (bytes).
const LARGEST_FILE: u64 = 1 << 30;

/// Sets all of them; else why one could not be set.
pub(super) fn set(limits: Limits) -> Result<(), SandboxGap> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // The clock on the wall is the parent's to watch; this ends what a parent that is gone would have ended.
    let processor = limits.seconds.saturating_mul(cores).saturating_add(1);
    for (what, resource, most) in [
        ("memory", Resource::As, limits.memory),
        ("processor time", Resource::Cpu, processor),
        ("the size of files", Resource::Fsize, LARGEST_FILE),
        ("core dumps", Resource::Core, 0),
    ] {
        // A lower limit that somebody set before stays.
        let before = rustix::process::getrlimit(resource);
        let most = before.maximum.map_or(most, |bound| bound.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| {
            let why = error.to_string();
            SandboxGap::Limit { what, why }
        })?;
    }
    die_with_parent()
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> Result<(), SandboxGap> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| SandboxGap::Outlives(error.to_string()))
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // one signature on every platform
fn die_with_parent() -> Result<(), SandboxGap> {
    Ok(())
}

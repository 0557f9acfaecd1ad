//! Limits on the resources of a sandbox process, and its end when its parent dies.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Limits;
use super::gap::SandboxGap;

/// The largest file that it may write to its own folder (bytes).
const LARGEST_FILE: u64 = 1 << 30;

/// Sets all of them; returns the reason if one cannot be set.
pub(super) fn set(limits: Limits) -> Result<(), SandboxGap> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // The parent watches the wall-clock time; this limit ends a process whose parent no longer exists.
    let processor = limits.seconds.saturating_mul(cores).saturating_add(1);
    for (what, resource, most) in [
        ("memory", Resource::As, limits.memory),
        ("processor time", Resource::Cpu, processor),
        ("the size of files", Resource::Fsize, LARGEST_FILE),
        ("core dumps", Resource::Core, 0),
    ] {
        // A lower limit that was set before stays.
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

//! The sandbox: code in it can read files and compute, and nothing else.
//!
//! It has three layers, each in its own file: limits on memory and time, Landlock for files, and a filter of system
//! calls for what Landlock does not cover (sockets, other processes, programs, permissions and times of files).
//! Layers that this machine lacks are reported. This is no proof: `clew.scratch.probe` attempts what must not work.

#[cfg(target_os = "linux")]
mod files;
mod gap;
#[cfg(unix)]
mod limits;
mod missing_paths;
#[cfg(target_os = "linux")]
mod system_calls;
#[cfg(target_os = "linux")]
mod view;

use std::path::PathBuf;

use pyo3::prelude::*;

pub(crate) use gap::SandboxGap;
pub(crate) use missing_paths::PathMapFailure;

/// The resources that a sandbox process may use.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(unix), allow(dead_code))]
struct Limits {
    /// Bytes of address space.
    memory: u64,
    /// Seconds of wall-clock time, after which its parent ends it.
    seconds: u64,
}

/// Enters the sandbox permanently: from here on this process writes only files in `folder`. Returns the layers that
/// this machine lacks.
///
/// The process must have only one thread, since the layers only apply to threads that this one starts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn enter_sandbox(folder: PathBuf, memory: u64, seconds: u64) -> Vec<String> {
    let gaps = enter(&folder, Limits { memory, seconds });
    gaps.iter().map(ToString::to_string).collect()
}

/// Makes files of one path visible at another path in this process; returns the reason if that fails. `folder` is an
/// empty folder for this purpose.
///
/// This must happen before the sandbox is entered, which does not allow mounts, and in a process with one thread.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn map_paths(maps: Vec<(PathBuf, PathBuf)>, folder: PathBuf) -> Option<String> {
    if maps.is_empty() {
        return None;
    }
    let shown = show(&maps, &folder);
    shown.err().map(|why| why.to_string())
}

#[cfg(target_os = "linux")]
fn show(maps: &[(PathBuf, PathBuf)], folder: &std::path::Path) -> Result<(), PathMapFailure> {
    view::show(maps, folder)
}

#[cfg(not(target_os = "linux"))]
fn show(_: &[(PathBuf, PathBuf)], _: &std::path::Path) -> Result<(), PathMapFailure> {
    Err(PathMapFailure::Platform)
}

#[cfg(target_os = "linux")]
fn enter(folder: &std::path::Path, limits: Limits) -> Vec<SandboxGap> {
    let mut missing = Vec::new();
    if threads() != Some(1) {
        missing.push(SandboxGap::Threads);
    }
    missing.extend(limits::set(limits).err());
    missing.extend(files::protect(folder).err());
    missing.extend(system_calls::filter().err());
    missing
}

#[cfg(target_os = "linux")]
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

#[cfg(all(unix, not(target_os = "linux")))]
fn enter(_: &std::path::Path, limits: Limits) -> Vec<SandboxGap> {
    let mut missing = vec![SandboxGap::Platform];
    missing.extend(limits::set(limits).err());
    missing
}

#[cfg(not(unix))]
fn enter(_: &std::path::Path, _: Limits) -> Vec<SandboxGap> {
    vec![SandboxGap::Platform]
}

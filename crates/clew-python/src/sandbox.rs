//! The sandbox of scratch processes: code in it can read files and compute, and nothing else.
//!
//! Three layers, each the work of one file: limits on memory and time, Landlock over files, and a filter of system
//! calls for what Landlock has no word for (sockets, other processes, programs, rights and times of files). A layer
//! that this machine can't give is told. What is told is no proof: `clew.scratch.probe` tries what must not work.

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

/// How much a scratch process may use.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(unix), allow(dead_code))]
struct Limits {
    /// Bytes of address space.
    memory: u64,
    /// Seconds of the clock on the wall; whoever started the process ends it then.
    seconds: u64,
}

/// Enters the sandbox for good: from here on this process writes files in `folder` only. Says which layers this machine
/// can't give.
///
/// The process must have one thread, since the layers hold for threads that this one starts.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
pub fn enter_sandbox(folder: PathBuf, memory: u64, seconds: u64) -> Vec<String> {
    let gaps = enter(&folder, Limits { memory, seconds });
    gaps.iter().map(ToString::to_string).collect()
}

/// Has this process find at a path what lies at another one; says why that can't be. `folder` is an empty one of its own.
///
/// It is done before the sandbox is entered, which lets nobody mount, and by a process of one thread.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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

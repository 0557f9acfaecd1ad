//! Systems that are not Unix: Windows. What is missing here is not there, and never assumed.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use clew_core::format::{Process, Uptime};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Signals that end a program which runs until it is told to stop.
pub(crate) const ENDING_SIGNALS: &[i32] = &[SIGINT, SIGTERM];

/// Returns the name of this machine.
pub fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Describes the machine by its name.
pub(crate) fn machine() -> Process {
    Process {
        host: host(),
        ..Process::default()
    }
}

/// Only the adjustable clock is available.
pub(crate) fn uptime() -> Option<Uptime> {
    None
}

/// Fails: the status of all processes is unknown.
pub(crate) fn process_start(_pid: u32) -> io::Result<Option<u64>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps the priority.
pub(crate) fn lower_priority(_child: &Child) {}

/// No process is ended by a signal.
pub(crate) fn killed_by(_status: ExitStatus) -> Option<i32> {
    None
}

/// Runs another program, and returns its exit code.
///
/// # Errors
/// The program cannot be started.
pub fn continue_as(command: &mut Command) -> io::Result<i32> {
    Ok(command.status()?.code().unwrap_or(1))
}

/// The memory is not known.
pub(crate) fn memory() -> Option<u64> {
    None
}

/// Opens a file. It follows links, which only administrators and developers can create here.
pub(crate) fn open_plain_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Files have no number in stable Rust.
pub(crate) fn file_number(_file: &Metadata) -> Option<u64> {
    None
}

/// Files have no permission bits.
pub(crate) fn mode(_file: &Metadata) -> Option<u32> {
    None
}

/// The owner is not checked.
pub(crate) fn belongs_to_another(_file: &Metadata) -> bool {
    false
}

/// The permissions of the folder apply.
pub(crate) fn restrict(_builder: &mut tempfile::Builder<'_, '_>, _mode: u32) {}

/// Returns the length of a file.
pub(crate) fn used_space(file: &Metadata) -> u64 {
    file.len()
}

/// An open file keeps its name here.
pub(crate) fn deleted_files(_process: u32) -> u64 {
    0
}

/// It is not checked: the first write fails.
pub(crate) fn is_read_only(_folder: &Path) -> bool {
    false
}

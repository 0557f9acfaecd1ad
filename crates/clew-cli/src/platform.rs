//! What differs between operating systems: each function does its work, or what is done where the system cannot do it.
//!
//! No other module of this crate calls the system (`tools/directions.py` checks it). docs/guide/limits.md lists the differences.

mod folders;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

/// The name of this system, if no test of Clew runs on it.
pub(crate) const UNTESTED: Option<&str> = if cfg!(target_os = "linux") {
    None
} else {
    Some(std::env::consts::OS)
};

pub(crate) use folders::{UserFolder, jupyter_data};
pub(crate) use system::{
    ENDING_SIGNALS, belongs_to_another, deleted_files, file_number, is_read_only, killed_by, lower_priority, machine,
    memory, mode, open_plain_file, process_start, restrict, uptime, used_space,
};
pub use system::{continue_as, host};

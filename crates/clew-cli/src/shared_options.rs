//! The options of every command.

use std::path::PathBuf;

use clap::ArgAction;

/// The options of every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Shared {
    /// Print JSON, errors included
    #[arg(long, global = true)]
    pub json: bool,
    /// Use the store in this folder, instead of the one that `clew config store` prints
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Use this history (name, notebook or beginning of an id); by default the live or last used one of the notebooks in this folder
    #[arg(long = "history", global = true, value_name = "NAME|ID|PATH")]
    pub wanted: Option<String>,
    /// Use the kernel with this process id, if several record in one history
    #[arg(long, global = true, value_name = "PID", value_parser = process_id)]
    pub kernel: Option<String>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    pub help: Option<bool>,
}

/// Validates a process id. It stays text: for `run` the option of this name selects a kernel by name.
fn process_id(typed: &str) -> Result<String, std::num::ParseIntError> {
    typed.parse::<u32>().map(|_| typed.to_owned())
}

impl Shared {
    /// Returns the process id of the selected kernel.
    pub fn process(&self) -> Option<u32> {
        self.kernel.as_deref().and_then(|typed| typed.parse().ok())
    }
}

//! `clew extract`: the cells that made a name, as a script.

use std::path::PathBuf;

/// Prints the cells that made these names, and no others, as a script that runs on its own.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// The run at which to look
    #[arg(long, value_name = "REV", default_value = "@")]
    pub at: String,
    /// Writes the script to this file, which must not exist
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Runs the script in a scratch process and compares what it makes with what was recorded
    #[arg(long)]
    pub check: bool,
}

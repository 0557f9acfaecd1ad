//! The arguments of all commands: one definition for `clew COMMAND` and `%clew COMMAND`.

use clap::{ArgAction, CommandFactory, Parser};

use crate::command_info::Registry;
use crate::commands::{COMMANDS, Subcommand};
use crate::context::Context;
use crate::interface::Interface;
use crate::shared_options::Shared;

/// Undo, branches and resume for notebook sessions.
///
/// Record the effect of every cell run, and restore any earlier state.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "clew",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Arguments {
    /// The command
    #[command(subcommand)]
    pub command: Subcommand,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub shared: Shared,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

/// All commands.
pub static REGISTRY: &Registry = &Registry {
    groups: COMMANDS,
    definition: Arguments::command,
};

impl Context {
    /// Returns the environment of this process.
    pub fn of_process(interface: Interface) -> Self {
        Self::with_registry(interface, REGISTRY)
    }
}

impl Arguments {
    /// Whether the command is `status`.
    pub fn is_status(&self) -> bool {
        matches!(self.command, Subcommand::Status(_))
    }
}

//! Reserved commands: each prints one line.

use crate::command_info::CommandInfo;
use crate::page::OutputFormatter;
use crate::problem::Problem;

/// Show the history beside the notebook.
#[derive(Debug, Clone, clap::Args)]
pub struct Panel {
    /// Arguments to come
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub rest: Vec<String>,
}

pub(crate) const PANEL: CommandInfo = CommandInfo {
    name: "panel",
    is_reserved: true,
    ..CommandInfo::DEFAULT
};

/// The error for a reserved command.
pub fn not_available(answer: &OutputFormatter<'_>) -> Problem {
    let clew = answer.context.interface.name();
    Problem::usage(format!("`{clew} {}` is not available yet", answer.word))
}

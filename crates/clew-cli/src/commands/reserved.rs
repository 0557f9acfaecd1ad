//! Commands that are reserved: each prints one line.

use crate::command::{Command, CommandGroup, CommandInfo, CommandTarget};
use crate::page::{Output, OutputFormatter};
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
    group: CommandGroup::Manage,
    is_reserved: true,
    ..CommandInfo::DEFAULT
};

impl Command for Panel {
    fn perform(&self, _: &CommandTarget<'_>, answer: &OutputFormatter<'_>) -> Option<Output> {
        let clew = answer.context.interface.name();
        Some(answer.fail(&Problem::usage(format!(
            "`{clew} {}` is not available yet",
            answer.word
        ))))
    }
}

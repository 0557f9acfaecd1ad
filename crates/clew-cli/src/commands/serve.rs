//! `clew serve`: the server side of ssh remotes.

use std::io;
use std::path::PathBuf;

use crate::command_info::{CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::interface::Interface;
use crate::problem::{Exit, Problem};
use crate::text;

/// Serve a folder as a remote; ssh starts this command.
///
/// The command works in this folder only. In `authorized_keys`, `command="clew serve --stdio FOLDER",restrict` allows a key to do this and nothing else.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Use standard input and output; required
    #[arg(long, required = true)]
    pub stdio: bool,
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "serve",
    examples: &[(
        "serve --stdio /data/clew",
        "the command that ssh starts for a remote here",
    )],
    changes: CommandEffect::Remote,
    scope: |_| CommandScope::Nothing,
    terminal_only: &["serve"],
    ..CommandInfo::DEFAULT
};

/// Serves requests until the client disconnects.
pub fn serve(arguments: &Arguments, context: &Context) -> Result<(), Problem> {
    if !matches!(context.interface, Interface::Terminal | Interface::Forwarded) {
        let problem = "`serve` uses its standard input and output, so it cannot run in a notebook";
        return Err(Problem::usage(problem).with_hint("ssh starts it: `clew remote add NAME ssh://HOST/FOLDER`"));
    }
    clew_remote::serve(&arguments.folder, io::stdin(), io::stdout()).map_err(|error| {
        let said = text::clean(&error.to_string());
        Problem::of(Exit::Refused, format!("The connection ended: {said}"))
    })
}

//! `clew serve`: the far side of an ssh.

use std::io;
use std::path::PathBuf;

use crate::problem::{Exit, Problem};
use crate::surroundings::{Door, Surroundings};
use crate::text;

/// Serves one folder to whoever started this, over its own input and output: what ssh runs for a remote.
///
/// It touches nothing but that folder. In `authorized_keys`, `command="clew serve --stdio FOLDER",restrict` lets a key do this and nothing else.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Over standard input and output, the only way there is
    #[arg(long, required = true)]
    pub stdio: bool,
    /// The folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Serves until nobody asks any more.
pub fn serve(arguments: &Arguments, surroundings: &Surroundings) -> Result<(), Problem> {
    if !matches!(surroundings.door, Door::Terminal | Door::Carried) {
        let problem = "`serve` answers over its own input and output, and a notebook has others";
        return Err(Problem::usage(problem).with_hint("ssh starts it: `clew remote add NAME ssh://HOST/FOLDER`"));
    }
    clew_remote::serve(&arguments.folder, io::stdin(), io::stdout()).map_err(|error| {
        let said = text::clean(&error.to_string());
        Problem::of(Exit::Refused, format!("The conversation ended: {said}"))
    })
}

//! Words that are reserved: each says in one line that it is to come.

use crate::context::Context;
use crate::problem::Problem;

/// To come.
#[derive(Debug, Clone, clap::Args)]
pub struct Later {
    /// Arguments to come
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub rest: Vec<String>,
}

/// Says that a word is to come.
pub fn to_come(word: &str, context: &Context) -> Problem {
    Problem::usage(format!("`{} {word}` is not available yet", context.interface.name()))
}

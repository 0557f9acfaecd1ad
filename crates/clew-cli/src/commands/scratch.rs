//! `clew eval` and `clew bisect`: asked of other states in a scratch process, which moves nothing.

/// Says what an expression is in the state that a run left. Nothing moves: a scratch process works it out.
#[derive(Debug, Clone, clap::Args)]
pub struct Eval {
    /// The run
    #[arg(value_name = "REV")]
    pub revision: String,
    /// The expression
    #[arg(value_name = "EXPR", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    pub expression: Vec<String>,
}

/// Finds the first run after which an expression is true, by halves. Nothing moves.
#[derive(Debug, Clone, clap::Args)]
pub struct Bisect {
    /// A run after which it is not true yet; else the first of the line
    #[arg(long, value_name = "REV")]
    pub from: Option<String>,
    /// A run after which it is true
    #[arg(long, value_name = "REV", default_value = "@")]
    pub to: String,
    /// The expression; where it raises, it counts as not true
    #[arg(value_name = "EXPR", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    pub expression: Vec<String>,
}

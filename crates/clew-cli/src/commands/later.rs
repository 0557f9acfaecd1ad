//! Words that are reserved: each says in one line that it is to come.

/// To come.
#[derive(Debug, Clone, clap::Args)]
pub struct Later {
    /// Whatever it will take
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub rest: Vec<String>,
}

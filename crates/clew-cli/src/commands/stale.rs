//! `clew stale`: cells whose inputs changed since they ran.

/// Lists cells whose inputs changed since they ran, each with the reason. Runs nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The run at which to look
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
}

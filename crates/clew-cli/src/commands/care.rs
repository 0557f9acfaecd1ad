//! `clew gc` and `clew forget`: the only words that take data away.

/// Drops from the store what nothing needs any more, in two steps.
#[derive(Debug, Clone, clap::Args)]
pub struct Gc {
    /// Only shows what would be dropped
    #[arg(long)]
    pub dry_run: bool,
}

/// Takes names out of the store for good: their values, and the runs' words about them.
#[derive(Debug, Clone, clap::Args)]
pub struct Forget {
    /// The names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// In all histories of the store
    #[arg(long)]
    pub everywhere: bool,
    /// Only shows what would be forgotten
    #[arg(long)]
    pub dry_run: bool,
}

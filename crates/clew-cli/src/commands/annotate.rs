//! `clew annotate`: which runs made a name what it is.

/// Shows which runs made a name what it is: each run that changed it or what it was made from, oldest first.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The run at which to look
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
}

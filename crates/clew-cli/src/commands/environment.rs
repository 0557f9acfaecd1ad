//! `clew enable`, `disable`, `init` and `config`: how Clew is set up, for an environment, a project and a user.

pub mod config;
pub mod enable;
pub mod init;
pub(crate) mod ipython_config;
pub(crate) mod kernelspec;
pub(crate) mod site;

use std::path::PathBuf;

/// Has every kernel and every IPython of an environment record from its start, and offers the kernel `Python (Clew)`.
#[derive(Debug, Clone, clap::Args)]
pub struct Enable {
    /// The environment's folder, instead of the one this command belongs to
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// For all environments of this user
    #[arg(long, conflicts_with = "prefix")]
    pub user: bool,
}

/// Takes back what `enable` did. Stores and their histories stay.
#[derive(Debug, Clone, clap::Args)]
pub struct Disable {
    /// The environment's folder, instead of the one this command belongs to
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// For all environments of this user
    #[arg(long, conflicts_with = "prefix")]
    pub user: bool,
}

/// Makes a store for a project: notebooks in this folder and below record in its `.clew`.
#[derive(Debug, Clone, clap::Args)]
pub struct Init {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Makes it encrypted, with a key of its own in your folder of settings
    #[arg(long)]
    pub encrypt: bool,
}

/// Shows the settings and where each comes from, or sets one.
///
/// A project's settings (`.clew/config.toml`) count more than the user's, environment variables more than both.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The setting
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// Its new value
    #[arg(value_name = "VALUE")]
    pub value: Option<String>,
    /// Takes the value back, so that the one beneath counts
    #[arg(long, requires = "key", conflicts_with = "value")]
    pub unset: bool,
    /// Sets it for the project, not for the user
    #[arg(long, requires = "key")]
    pub project: bool,
}

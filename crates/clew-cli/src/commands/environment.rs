//! `clew enable`, `disable`, `init` and `config`: the setup of Clew in an environment, for a project and for a user.

pub mod config;
pub mod enable;
pub mod init;
pub(crate) mod ipython_config;
pub(crate) mod kernelspec;

use std::path::PathBuf;

/// The environment that `enable` and `disable` change.
#[derive(Debug, Clone, clap::Args)]
pub struct Environment {
    /// Use the environment in this folder, instead of the one that this command belongs to
    #[arg(long, value_name = "DIR")]
    pub prefix: Option<PathBuf>,
    /// Change all environments of this user
    #[arg(long, conflicts_with = "prefix")]
    pub user: bool,
}

/// Create a store for a project: notebooks in and below its folder use it.
#[derive(Debug, Clone, clap::Args)]
pub struct Init {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Encrypt the store, with a key of its own in your settings folder
    #[arg(long)]
    pub encrypt: bool,
}

/// Show the settings and where each comes from, or set one.
///
/// A project's settings (`.clew/config.toml`) override the user's. Environment variables override both.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// The setting
    #[arg(value_name = "KEY")]
    pub key: Option<String>,
    /// Its new value
    #[arg(value_name = "VALUE")]
    pub value: Option<String>,
    /// Remove the value, so that the next source of the setting applies
    #[arg(long, requires = "key", conflicts_with = "value")]
    pub unset: bool,
    /// Change the project's settings, instead of the user's
    #[arg(long, requires = "key")]
    pub project: bool,
}

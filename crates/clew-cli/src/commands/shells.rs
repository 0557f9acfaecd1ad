//! `clew completions` and `clew man`: for shells and for `man`.

/// Prints the script that completes `clew` in a shell.
#[derive(Debug, Clone, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    pub shell: String,
}

/// Prints the manual page: `clew man | man -l -`.
#[derive(Debug, Clone, clap::Args)]
pub struct Man {}

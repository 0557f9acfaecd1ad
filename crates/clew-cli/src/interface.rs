//! The interfaces for giving commands.

use std::env;

/// The interface that a command came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// `clew WORD` in a terminal.
    Terminal,
    /// `%clew WORD` in a notebook.
    Notebook,
    /// `%clew WORD` in a notebook, executed by the program that the kernel started for it: with a notebook's commands and a terminal's
    /// text.
    Forwarded,
    /// `clew.session()` in a program: as in a notebook, and with the answer also as data.
    Python,
}

impl Interface {
    /// Returns the interface of this process: a kernel that starts it for a notebook or a program sets a variable.
    pub fn of_command() -> Self {
        match env::var_os("CLEW_CARRIED") {
            Some(said) if said == "1" => Self::Forwarded,
            Some(said) if said == "program" => Self::Python,
            _ => Self::Terminal,
        }
    }

    /// Returns the prefix of commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminal => "clew",
            Self::Notebook | Self::Forwarded | Self::Python => "%clew",
        }
    }

    /// Formats a command for this interface, in backticks. For a program it is converted to a call later (`Context::told`).
    pub fn command(self, words: &str) -> String {
        format!("`{} {words}`", self.name())
    }
}

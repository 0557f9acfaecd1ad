//! The interfaces through which commands come in.

use std::env;

/// Through which interface a command came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// `clew WORD` in a terminal.
    Terminal,
    /// `%clew WORD` in a notebook.
    Notebook,
    /// `%clew WORD` in a notebook, done by the command that the kernel started for it: a notebook's words, a terminal's text.
    Forwarded,
    /// `clew.session()` in a program: as in a notebook, and with the answer as data too.
    Python,
}

impl Interface {
    /// The interface of the command: a kernel that starts it for a notebook, or for a program there, says so.
    pub fn of_command() -> Self {
        match env::var_os("CLEW_CARRIED") {
            Some(said) if said == "1" => Self::Forwarded,
            Some(said) if said == "program" => Self::Python,
            _ => Self::Terminal,
        }
    }

    /// What people type before the word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminal => "clew",
            Self::Notebook | Self::Forwarded | Self::Python => "%clew",
        }
    }

    /// A command as people type it here, in backticks. What a program is told is a call in the end (`Context::told`).
    pub fn command(self, words: &str) -> String {
        format!("`{} {words}`", self.name())
    }
}

//! What a command knows of the world around it. Everything is handed in, so that tests fix it.

use std::path::PathBuf;

use clew_core::format::Timestamp;
use jiff::tz::TimeZone;

use crate::style::Style;

/// Through which door a command came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `clew WORD` in a terminal.
    Terminal,
    /// `%clew WORD` in a notebook.
    Notebook,
}

impl Door {
    /// What people type before the word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminal => "clew",
            Self::Notebook => "%clew",
        }
    }

    /// A command as people type it here, in backticks.
    pub fn command(self, words: &str) -> String {
        format!("`{} {words}`", self.name())
    }
}

/// Where a command runs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Through which door it came in.
    pub door: Door,
    /// The store that is used when none is named: `$CLEW_HOME`, else the platform's data folder.
    pub store: PathBuf,
    /// The folder of keys and trust.
    pub config: PathBuf,
    /// Now.
    pub now: Timestamp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// Columns that fit beside each other.
    pub width: usize,
    /// Whether and how colours are used.
    pub style: Style,
}

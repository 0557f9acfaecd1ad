//! Exit codes, and errors in three parts: what happened, what did not change, and what to type next.

use serde::Serialize;

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The command succeeded.
    Done = 0,
    /// The command succeeded, but something is lost or different.
    Inexact = 1,
    /// The command is not valid. Nothing was done.
    Usage = 2,
    /// The command was refused, for example because data is untrusted or locked. Nothing was done.
    Refused = 3,
    /// The store is corrupted.
    Damaged = 4,
}

impl Exit {
    /// Returns this code, or `Done` if `is_well`.
    #[must_use]
    pub(crate) fn unless(self, is_well: bool) -> Self {
        if is_well { Self::Done } else { self }
    }

    /// Returns the exit status of the process.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The default text about what did not change.
const UNCHANGED: &str = "Nothing was changed";

/// An expected failure, with texts for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What did not change. Empty if the command only reads.
    pub unchanged: String,
    /// What to type next.
    pub hint: Option<String>,
}

impl Problem {
    /// Creates the error for an invalid command.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::of(Exit::Usage, message)
    }

    /// Creates the error for a failure that changed nothing.
    pub fn of(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            unchanged: UNCHANGED.to_owned(),
            hint: None,
        }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Replaces the text about what did not change.
    #[must_use]
    pub(crate) fn with_unchanged(mut self, unchanged: &str) -> Self {
        unchanged.clone_into(&mut self.unchanged);
        self
    }

    /// Removes the default text about what did not change, for commands that only read.
    #[must_use]
    pub(crate) fn of_reading(mut self) -> Self {
        if self.unchanged == UNCHANGED {
            self.unchanged.clear();
        }
        self
    }

    /// Formats the text for people.
    pub fn text(&self) -> String {
        let mut text = format!("Error: {}.", self.message.trim_end_matches('.'));
        if !self.unchanged.is_empty() {
            text += &format!(" {}.", self.unchanged);
        }
        text.push('\n');
        if let Some(hint) = &self.hint {
            text += &format!("Next: {hint}\n");
        }
        text
    }
}

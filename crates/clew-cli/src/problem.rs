//! Exit codes, and errors in three parts: what happened, what is untouched, what to type next.

use serde::Serialize;

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, with something lost or different.
    Inexact = 1,
    /// Not understood: nothing was done.
    Usage = 2,
    /// Refused: untrusted, locked, dirty. Nothing was done.
    Refused = 3,
    /// The store is damaged.
    Damaged = 4,
}

impl Exit {
    /// This one, or `Done` if all is well.
    #[must_use]
    pub(crate) fn unless(self, is_well: bool) -> Self {
        if is_well { Self::Done } else { self }
    }

    /// The number a process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// What did not change, unless a failure has more to report.
const UNCHANGED: &str = "Nothing was changed";

/// An expected failure, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// Its exit code.
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
    /// A command that can't be done as it was asked for.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::of(Exit::Usage, message)
    }

    /// Any failure after which nothing has changed.
    pub fn of(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            unchanged: UNCHANGED.to_owned(),
            hint: None,
        }
    }

    /// The same with a next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, where more can be said of what did not change.
    #[must_use]
    pub(crate) fn with_unchanged(mut self, unchanged: &str) -> Self {
        unchanged.clone_into(&mut self.unchanged);
        self
    }

    /// The same after a command that only reads: that it changed nothing is no news.
    #[must_use]
    pub(crate) fn of_reading(mut self) -> Self {
        if self.unchanged == UNCHANGED {
            self.unchanged.clear();
        }
        self
    }

    /// The text for people.
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

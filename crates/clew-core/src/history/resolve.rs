//! Revisions: texts that name a run.

use super::History;
use crate::format::{Action, Outline, Timestamp};
use crate::id::RunId;

/// A revision that matches no run, or several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// No run matches.
    #[error("There is no run `{text}`")]
    Unknown {
        /// The given text.
        text: String,
        /// Similar names.
        candidates: Vec<String>,
    },
    /// The time cannot be parsed.
    #[error("`{text}` is not a time that Clew understands")]
    UnknownTime {
        /// The given text.
        text: String,
    },
    /// The operation does not exist.
    #[error("There is no operation `{text}`{}", newest.map(|newest| format!("; the newest is op:{newest}")).unwrap_or_default())]
    UnknownOperation {
        /// The given text.
        text: String,
        /// The number of the newest operation.
        newest: Option<usize>,
    },
    /// Several runs match.
    #[error("`{text}` matches {}", either(candidates))]
    Ambiguous {
        /// The given text.
        text: String,
        /// The matching runs.
        candidates: Vec<String>,
    },
    /// It goes back beyond the first run.
    #[error("`{text}` is before the first run")]
    BeforeStart {
        /// The given text.
        text: String,
    },
    /// `@` was given without a session.
    #[error("`{text}` needs a session, and this history has none yet")]
    NoPosition {
        /// The given text.
        text: String,
    },
}

/// Returns whether `typed` may be a typing error for `meant`: a prefix of it, or one typing error away.
fn is_near(meant: &str, typed: &str) -> bool {
    let is_begun = typed.len() > 1 && meant.starts_with(typed);
    is_begun || typed.len() > 2 && is_one_slip(meant, typed)
}

/// Returns whether the texts differ by one typing error: a missing, additional or wrong letter, or two letters swapped.
pub fn is_one_slip(one: &str, other: &str) -> bool {
    let same = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let (one, other) = (&one.as_bytes()[same..], &other.as_bytes()[same..]);
    let pairs = one.iter().rev().zip(other.iter().rev());
    let same = pairs.take_while(|(one, other)| one == other).count();
    match (&one[..one.len() - same], &other[..other.len() - same]) {
        ([first, second], [third, fourth]) => first == fourth && second == third,
        (one, other) => one.len() <= 1 && other.len() <= 1,
    }
}

/// Joins texts as `a, b or c`.
pub fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

const SECOND: i64 = 1_000_000_000;

impl History {
    /// Returns the run that `text` names: `@`, `@-`, `@-3`, `14`, `14a`, a hash prefix (4 digits or more), a tag or branch,
    /// `op:7`, `10m ago`. `at` is the position of the session.
    ///
    /// # Errors
    /// Fails if no run matches, or several. Both errors list candidates.
    pub fn resolve(&self, text: &str, at: Option<RunId>, now: Timestamp) -> Result<RunId, RevisionError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('@') {
            return self.resolve_relative(text, rest, at);
        }
        if let Some(run) = self.names().get(text) {
            return Ok(run);
        }
        if text.starts_with("op:") {
            let (_, operation) = &self.operations()[self.resolve_operation(text)?];
            let at = operation.view.at.as_ref().map(|at| at.run);
            return at.ok_or_else(|| self.unknown(text));
        }
        if let Some(ago) = text.strip_suffix("ago") {
            return self.resolve_time(text, ago.trim(), now);
        }
        let labelled: Vec<RunId> = self
            .outlines()
            .filter(|(_, outline)| outline.label() == text)
            .map(|(id, _)| id)
            .collect();
        match labelled.as_slice() {
            [only] => Ok(*only),
            [] => self.resolve_prefix(text),
            several => self.told_apart(several).ok_or_else(|| self.ambiguous(text, several)),
        }
    }

    /// Returns the preferred one of several runs with the same number. An exported state has the number of the run that left the
    /// state, and is used only if that run does not exist.
    fn told_apart(&self, several: &[RunId]) -> Option<RunId> {
        let mut recorded = several.iter().filter(|run| !self.is_exported(run));
        let only = recorded.next().copied();
        only.filter(|_| recorded.next().is_none())
    }

    /// Returns whether a run represents an exported state.
    pub fn is_exported(&self, run: &RunId) -> bool {
        let mut operations = self.operations().iter().map(|(_, operation)| operation);
        operations.any(|operation| operation.action == Action::Export && operation.runs.contains(run))
    }

    fn resolve_relative(&self, text: &str, rest: &str, at: Option<RunId>) -> Result<RunId, RevisionError> {
        let at = at.ok_or_else(|| RevisionError::NoPosition { text: text.to_owned() })?;
        let steps = match rest {
            "" => 0,
            "-" => 1,
            more => more
                .strip_prefix(['-', '~'])
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| self.unknown(text))?,
        };
        self.ancestry(at)
            .nth(steps)
            .map(|(id, _)| id)
            .ok_or_else(|| RevisionError::BeforeStart { text: text.to_owned() })
    }

    /// Returns the index of an operation among all of the history: `op:7` or `7`.
    ///
    /// # Errors
    /// Fails if there is no operation with this number.
    pub fn resolve_operation(&self, text: &str) -> Result<usize, RevisionError> {
        let number = text.trim().trim_start_matches("op:").parse().ok();
        number
            .filter(|number| *number < self.operations().len())
            .ok_or_else(|| RevisionError::UnknownOperation {
                text: text.to_owned(),
                newest: self.operations().len().checked_sub(1),
            })
    }

    fn resolve_time(&self, text: &str, ago: &str, now: Timestamp) -> Result<RunId, RevisionError> {
        let unknown = || RevisionError::UnknownTime { text: text.to_owned() };
        let digits = ago.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let unit = match ago[digits.len()..].trim() {
            "s" | "sec" | "secs" | "seconds" | "second" => 1,
            "m" | "min" | "mins" | "minutes" | "minute" => 60,
            "h" | "hr" | "hrs" | "hours" | "hour" => 3_600,
            "d" | "days" | "day" => 86_400,
            "w" | "weeks" | "week" => 7 * 86_400,
            _ => return Err(unknown()),
        };
        let count: i64 = digits.parse().map_err(|_| unknown())?;
        let then = now.saturating_sub(count.saturating_mul(unit).saturating_mul(SECOND));
        self.outlines()
            .filter(|(_, outline)| outline.ended() <= then)
            .max_by_key(|(_, outline)| outline.ended())
            .map(|(id, _)| id)
            .ok_or_else(|| RevisionError::BeforeStart { text: text.to_owned() })
    }

    fn resolve_prefix(&self, text: &str) -> Result<RunId, RevisionError> {
        let text_lower = text.to_ascii_lowercase();
        if text.len() < 4 || !text_lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.unknown(text));
        }
        let found: Vec<RunId> = self
            .outlines()
            .map(|(id, _)| id)
            .filter(|id| id.to_string().starts_with(&text_lower))
            .collect();
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(self.unknown(text)),
            several => Err(self.ambiguous(text, several)),
        }
    }

    fn ambiguous(&self, text: &str, runs: &[RunId]) -> RevisionError {
        let candidates = runs
            .iter()
            .map(|id| format!("{} ({})", self.label(id), id.short()))
            .collect();
        RevisionError::Ambiguous {
            text: text.to_owned(),
            candidates,
        }
    }

    fn unknown(&self, text: &str) -> RevisionError {
        let mut candidates: Vec<String> = self
            .names()
            .all()
            .map(|(name, _)| name)
            .filter(|name| is_near(name, text))
            .cloned()
            .collect();
        let number = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        if number != text && self.outlines().any(|(_, outline)| outline.label() == number) {
            candidates.push(number.to_owned());
        } else if text.starts_with(|letter: char| letter.is_ascii_digit()) {
            // Listed only for numbers: a word is not meant as the number of a run.
            candidates.extend(self.outlines().rev().take(3).map(|(_, outline)| outline.label()));
        }
        RevisionError::Unknown {
            text: text.to_owned(),
            candidates,
        }
    }

    /// Returns the number of a run as shown to people.
    pub fn label(&self, id: &RunId) -> String {
        self.outline(id).map_or_else(|| id.short(), Outline::label)
    }
}

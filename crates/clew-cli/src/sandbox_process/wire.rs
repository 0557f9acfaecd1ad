//! The protocol over the pipe: JSON frames, each preceded by its length.

use std::io::{self, Read, Write};

use clew_core::format::Summary;
use clew_core::limits;
use clew_core::plan::OutcomeKind;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::SandboxFailure;

/// Writes one frame: its length as four bytes, little-endian, and the JSON.
pub(super) fn write(to: &mut impl Write, request: &Json) -> io::Result<()> {
    let bytes = serde_json::to_vec(request)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads one frame.
///
/// # Errors
/// The frame is longer than allowed, or not JSON.
pub fn read(from: &mut impl Read) -> io::Result<Json> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > limits::ANSWER {
        return Err(SandboxFailure::LongAnswer.into());
    }
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(|_| SandboxFailure::NoAnswer.into())
}

/// The value of an expression.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExpressionValue {
    /// Its `repr`, truncated if long.
    pub text: String,
    /// Whether it was truncated.
    pub is_cut: bool,
    /// Its summary.
    pub summary: Summary,
    /// Its truth value, if requested.
    pub is_true: bool,
    /// Why the evaluation failed; the other fields are empty then.
    pub error: Option<RaisedException>,
    /// Whether the exception names a variable of the state that was not loaded.
    pub lacks: bool,
}

/// The exception that an expression or a script raised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaisedException {
    /// The exception's type.
    pub exception: String,
    /// Its message.
    pub message: String,
    /// Whether the text is not a valid expression in any state.
    pub is_syntax: bool,
}

/// A root that was not restored from its stored value, with its outcome and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InexactRoot {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// `lost`, `not_identical` or `rerun`.
    pub outcome: OutcomeKind,
    /// The reason.
    pub why: String,
}

/// The result of loading the variables that an expression needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LoadResult {
    /// What was not restored from its stored value.
    pub inexact: Vec<InexactRoot>,
    /// The only variables that affect the expression, whether they exist or not; `None` if any may.
    pub needs: Option<Vec<String>>,
}

/// The end of the standard error output, which explains why a process did not start.
#[derive(Debug, Default)]
pub struct Lines(pub String);

impl Lines {
    /// Returns the last non-empty line, without control characters.
    pub fn last(&self) -> Option<String> {
        let line = self.0.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(crate::text::clean(line))
    }
}

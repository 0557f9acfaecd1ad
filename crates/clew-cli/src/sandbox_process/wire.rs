//! What goes over the pipe: frames of JSON, each with its length before it.

use std::io::{self, Read, Write};

use clew_core::format::Summary;
use clew_core::limits;
use clew_core::plan::OutcomeKind;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::SandboxFailure;

/// Writes one frame: four bytes of length, lowest first, and the JSON.
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
/// It is longer than an answer can be, or no JSON.
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
    /// What `repr` makes of it, cut where it is long.
    pub text: String,
    /// Whether it was cut.
    pub is_cut: bool,
    /// Its summary.
    pub summary: Summary,
    /// Whether it counts as true, where that was asked.
    pub is_true: bool,
    /// Why it could not be worked out; the rest is empty then.
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
    /// What it says.
    pub message: String,
    /// Whether the text is no expression at all, in whatever state.
    pub is_syntax: bool,
}

/// A root that was not restored from its stored value: its outcome, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InexactRoot {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// `lost`, `not_identical` or `rerun`.
    pub outcome: OutcomeKind,
    /// Why.
    pub why: String,
}

/// The result of loading the variables that an expression needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LoadResult {
    /// What was not simply loaded.
    pub inexact: Vec<InexactRoot>,
    /// Names of variables, there or not, by which alone the state differs for the expression; `None` where it may be any.
    pub needs: Option<Vec<String>>,
}

/// Which lines said why a process did not start: the last of what it wrote to its standard error.
#[derive(Debug, Default)]
pub struct Lines(pub String);

impl Lines {
    /// The last line that says something, without what could steer a terminal.
    pub fn last(&self) -> Option<String> {
        let line = self.0.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(crate::text::clean(line))
    }
}

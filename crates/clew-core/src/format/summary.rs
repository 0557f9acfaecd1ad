//! What looking may show of a value without decoding it.

use serde::{Deserialize, Serialize};

/// A short description of one root's value, made while it was recorded and without calling the user's code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Qualified type name (`pandas.DataFrame`).
    pub type_name: String,
    /// Lengths per dimension; empty for scalars.
    pub shape: Vec<u64>,
    /// Approximate bytes.
    pub size: u64,
    /// Column names, at most the first 50.
    pub columns: Vec<String>,
    /// A short text of the value, at most 200 characters, control characters removed.
    pub text: String,
}

//! Summary of a value, shown without decoding the value.

use crate::id::Fingerprint;
use serde::{Deserialize, Serialize};

/// A short description of one root's value, made during recording and without calling the user's code.
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
    /// The fingerprint of the value alone, if the co-variable has other roots; `None` if it could not be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alone: Option<Fingerprint>,
    /// Other variables of the co-variable with which it directly shares an object or memory, as positions in the list of roots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<u32>,
}

//! What looking may show of a value without decoding it.

use crate::id::Fingerprint;
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
    /// What the value hashes to by itself, where the co-variable has other roots; `None` where that can't be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alone: Option<Fingerprint>,
    /// Other variables of the co-variable with which it shares an object or memory itself, as places among its roots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<u32>,
}

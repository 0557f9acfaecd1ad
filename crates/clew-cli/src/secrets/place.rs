//! The span of a credential in a text.

use std::ops::Range;

/// The kind of a credential that is only recognized by its name or context.
pub(super) const CREDENTIAL: &str = "a credential";

/// The span of a credential in a text.
#[derive(Clone, Debug)]
pub(super) struct CredentialSpan {
    /// What is removed.
    pub range: Range<usize>,
    /// The credential itself.
    pub it: Range<usize>,
    pub what: &'static str,
}

impl CredentialSpan {
    pub fn of(range: Range<usize>, what: &'static str) -> Self {
        Self {
            it: range.clone(),
            range,
            what,
        }
    }
}

//! Where a credential stands in a text.

use std::ops::Range;

/// What a credential is called of which only its name or its place tells.
pub(super) const CREDENTIAL: &str = "a credential";

/// The span of a credential in a text.
#[derive(Clone, Debug)]
pub(super) struct CredentialSpan {
    /// What is taken out.
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

//! Bytes that were checked.

use std::ops::Deref;

/// A value whose bytes were hashed and match their id. Only the store creates one, and decoders accept nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedValue<T>(T);

impl<T> VerifiedValue<T> {
    /// Made where the hash was compared, and nowhere else.
    pub(in crate::store) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for VerifiedValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

//! Verified values.

use std::ops::Deref;

/// A value whose bytes were hashed and match their id. Only the store creates one, and decoders accept nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedValue<T>(T);

impl<T> VerifiedValue<T> {
    /// Call this only after a comparison of the hash.
    pub(in crate::store) fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value itself.
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

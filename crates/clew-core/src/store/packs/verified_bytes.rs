//! Bytes that were checked.

use std::ops::Deref;

/// A value whose bytes were hashed and found to be what they are named by. Only the store makes one, and decoders take
/// nothing else (design 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Made where the hash was compared, and nowhere else.
    pub(in crate::store) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

//! The trait for the time: the engine itself does not read a clock.

use crate::format::Timestamp;

/// Returns the time. Tests use a fixed one.
pub trait Clock: Send {
    /// Nanoseconds since the Unix epoch, UTC.
    fn now(&self) -> Timestamp;

    /// Nanoseconds since an arbitrary moment; it never decreases.
    fn monotonic(&self) -> u64;
}

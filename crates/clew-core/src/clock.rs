//! The seam to time: the engine has no clock of its own.

use crate::format::Timestamp;

/// Tells the time. Fixed in tests.
pub trait Clock: Send {
    /// Nanoseconds since the Unix epoch, UTC.
    fn now(&self) -> Timestamp;

    /// Nanoseconds since some moment, never going back.
    fn monotonic(&self) -> u64;
}

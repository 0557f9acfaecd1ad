//! A clock that stands still.

use clew_core::clock::Clock;
use clew_core::format::Timestamp;

/// A clock that always returns the same time.
#[derive(Debug, Clone, Copy)]
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        1_700_000_000_000_000_000
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

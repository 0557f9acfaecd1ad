//! A clock that stands still.

use clew_core::clock::Clock;
use clew_core::format::Timestamp;

/// It is always the same moment, and nothing takes time.
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

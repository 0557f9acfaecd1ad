//! The system's clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clew_core::clock::Clock;
use clew_core::format::Timestamp;

/// The clock of this machine.
#[derive(Debug)]
pub(crate) struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::try_from(since.as_nanos()).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

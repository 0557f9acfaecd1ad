//! A run's record, where most of it does not matter.

use clew_core::format::{RECORD_VERSION, Run, RunKind, Timestamp};

/// A cell that ran at `started` without leaving or taking anything. What matters is said over it.
pub fn bare_run(number: u64, started: Timestamp) -> Run {
    Run {
        version: RECORD_VERSION,
        number,
        kind: RunKind::Cell,
        started,
        duration: 1,
        ..Run::default()
    }
}

//! Run records with default values.

use clew_core::format::{RECORD_VERSION, Run, RunKind, Timestamp};

/// Returns a run of a cell at `started` without any changes. Callers override the fields that matter.
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

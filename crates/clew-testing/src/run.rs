//! A run's record, where most of it does not matter.

use clew_core::format::{CheckedRoots, Ending, Evidence, RECORD_VERSION, Run, RunKind, Timestamp};

/// A cell that ran at `started` without leaving or taking anything. What matters is said over it.
pub fn bare_run(number: u64, started: Timestamp) -> Run {
    Run {
        version: RECORD_VERSION,
        number,
        suffix: String::new(),
        parent: None,
        repeats: None,
        defining: Vec::new(),
        parent_confirmed: false,
        after_move: false,
        kind: RunKind::Cell,
        source: None,
        output: None,
        cell: None,
        execution_count: None,
        started,
        duration: 1,
        ending: Ending::Done,
        death: None,
        evidence: Evidence::default(),
        looked: CheckedRoots::All,
        changed: Vec::new(),
        unchanged: Vec::new(),
        shared: Vec::new(),
        only_outputs: false,
        removed: Vec::new(),
        full: None,
        warnings: Vec::new(),
    }
}

//! Many machines at once.

use std::sync::Arc;
use std::thread;

use clew_remote::sync::PushSummary;
use clew_testing::remote::{Failing, Fault};

use super::machine::{Machine, clone_of, place};

#[test]
fn a_push_after_many_asks_for_no_more_than_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let there = Failing::new(Arc::new(place(&folder)), |_, _| Fault::None);
    let calls = |push: &dyn Fn() -> PushSummary| {
        let before = there.calls();
        assert!(!push().is_nothing());
        there.calls() - before
    };
    let (one, mut working) = Machine::with_history();
    let mut asked = Vec::new();
    for run in 0..40 {
        working.runs(&format!("x = text value_{run}"));
        asked.push(calls(&|| one.push(&there).unwrap()));
    }
    assert!(asked[39] <= asked[1], "{asked:?}");
    // The head, what is new, the head.
    assert_eq!(asked[39], 3, "{asked:?}");
    // Who has all of it knows what lies there, and who forgot that asks once for each bundle: 32 became one.
    let other = clone_of(&one, &there);
    assert_eq!(other.cells(), one.cells());
    let mut at_other = other.works();
    let mut pushes = |cell: &str| {
        at_other.runs(cell);
        calls(&|| other.push(&there).unwrap())
    };
    assert_eq!(pushes("y = text first"), 3);
    other.forgets();
    assert_eq!((pushes("y = text second"), pushes("y = text third")), (3 + 10, 3));
}

#[test]
fn p09_eight_machines_that_push_at_once_all_come_through() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (first, mut working) = Machine::with_history();
    working.runs("x = text begun");
    first.push(&there).unwrap();
    let (first, there) = (&first, &there);
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let mut machine = Machine::new();
                machine.history = first.history;
                machine.pull(there).unwrap().unwrap();
                let mut working = machine.works();
                for round in 0..5 {
                    working.runs(&format!("n = text {number}_{round}"));
                    machine.push(there).unwrap();
                }
            });
        }
    });
    first.pull(there).unwrap().unwrap();
    let cells = first.cells();
    assert_eq!(cells.len(), 1 + 8 * 5);
    let mut last = Machine::new();
    last.history = first.history;
    last.pull(there).unwrap().unwrap();
    assert_eq!(last.cells().len(), cells.len());
    assert!(last.memory().exists());
}

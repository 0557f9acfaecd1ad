//! Many machines at once.

use std::thread;

use super::machine::{Machine, place};

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

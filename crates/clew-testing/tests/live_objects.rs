//! Live objects without a value that two states have: they stay bound, and the report says how sure it is.

use clew_core::id::Root;
use clew_core::plan::{Outcome, OutcomeKind, Report};
use clew_core::session::{Request, RestoreOptions, Session};
use clew_testing::recording::begin;
use clew_testing::toy::{ToyKernel, Value};

fn go(session: &mut Session, kernel: &mut ToyKernel, request: &Request) -> Report {
    session.perform(kernel, request, RestoreOptions::default()).unwrap()
}

fn outcome<'r>(report: &'r Report, name: &str) -> &'r Outcome {
    let root = Root::name(name);
    let mut outcomes = report.outcomes.iter();
    outcomes.find(|outcome| outcome.root == root).unwrap()
}

fn serial(kernel: &ToyKernel, name: &str) -> Option<u64> {
    Some(kernel.world.heap.serial_of(kernel.world.name(name)?))
}

fn length(kernel: &ToyKernel, name: &str) -> usize {
    match kernel.world.heap.value(kernel.world.name(name).unwrap()) {
        Value::List(items) => items.len(),
        other => panic!("{other:?} is no list"),
    }
}

#[test]
fn what_a_cell_used_stays_bound_and_is_not_verified() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &["h = handle", "advance h"]);
    let handle = serial(&kernel, "h");
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(
        (outcome(&report, "h").kind, outcome(&report, "h").unverified),
        (OutcomeKind::Unchanged, true)
    );
    assert_eq!(report.at, report.to);
    assert_eq!(serial(&kernel, "h"), handle);
    let report = go(&mut session, &mut kernel, &Request::Redo(1));
    assert_eq!(
        (outcome(&report, "h").kind, outcome(&report, "h").unverified),
        (OutcomeKind::Unchanged, false)
    );
    assert_eq!(serial(&kernel, "h"), handle);
}

#[test]
fn a_list_is_what_it_was_before_a_live_object_was_appended() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &["h = handle\nl = list h", "x = list", "append x h"]);
    let handle = serial(&kernel, "h");
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(outcome(&report, "x").kind, OutcomeKind::Restored);
    assert_eq!((serial(&kernel, "h"), length(&kernel, "x")), (handle, 0));
    let report = go(&mut session, &mut kernel, &Request::Redo(1));
    assert_eq!(outcome(&report, "x").kind, OutcomeKind::Unchanged);
    assert_eq!((serial(&kernel, "h"), length(&kernel, "x")), (handle, 1));
}

#[test]
fn an_object_comes_back_from_another_name() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &["h = handle", "old = is h\nh = handle"]);
    let handle = serial(&kernel, "old");
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(outcome(&report, "h").kind, OutcomeKind::Unchanged);
    assert_eq!((serial(&kernel, "h"), serial(&kernel, "old")), (handle, None));
}

#[test]
fn an_object_that_is_gone_is_lost() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &["h = handle", "h = handle"]);
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(outcome(&report, "h").kind, OutcomeKind::Lost);
}

#[test]
fn one_of_two_stays_where_the_other_is_gone() {
    let mut kernel = ToyKernel::new(1);
    let cells = ["h = handle", "c = handle h", "c = handle h"];
    let mut session = begin(&mut kernel, &cells);
    let handle = serial(&kernel, "h");
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(outcome(&report, "h").kind, OutcomeKind::Unchanged);
    assert_eq!(outcome(&report, "c").kind, OutcomeKind::Lost);
    assert_eq!(serial(&kernel, "h"), handle);
}

#[test]
fn what_is_not_what_it_was_stays_and_is_called_so() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &["x = list\nh = handle x", "append x x"]);
    let before = (serial(&kernel, "h"), serial(&kernel, "x"));
    let report = go(&mut session, &mut kernel, &Request::Undo(1));
    assert_eq!(outcome(&report, "x").kind, OutcomeKind::NotIdentical);
    assert_eq!((serial(&kernel, "h"), serial(&kernel, "x")), before);
    assert_ne!(report.at, report.to);
}

//! What a push sends grows with what is new, not with what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clew_remote::Backend;
use clew_testing::remote::{Asked, Failing, Fault};

use super::machine::{Machine, clone_of, place};

#[test]
fn a_small_run_is_as_many_bytes_behind_hundreds_as_behind_a_few() {
    let folder = tempfile::tempdir().unwrap();
    let there = Failing::new(Arc::new(place(&folder)), |_, _| Fault::None);
    let (one, mut working) = Machine::with_history();
    let (mut runs, mut sent) = (0, Vec::new());
    for before in [50, 100, 200, 400] {
        while runs < before {
            runs += 1;
            working.runs(&format!("x = text value_{runs}"));
        }
        one.push(&there).unwrap();
        runs += 1;
        working.runs(&format!("x = text value_{runs}"));
        let moved = there.moved();
        one.push(&there).unwrap();
        sent.push(there.moved() - moved);
    }
    let least = sent.iter().min().unwrap();
    assert!(sent.iter().all(|bytes| bytes * 4 < least * 5), "{sent:?}");
    assert_eq!(clone_of(&one, &there).cells().len(), runs);
}

#[test]
fn p09_who_comes_second_sends_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let there: Arc<dyn Backend> = Arc::new(place(&folder));
    let (one, mut working) = Machine::with_history();
    working.runs("x = text begun");
    one.push(&*there).unwrap();
    let other = clone_of(&one, &*there);
    other.works().runs("y = text other");
    working.runs("x = text more");
    let (first, beneath) = (AtomicBool::new(true), Arc::clone(&there));
    let between = Failing::new(there.clone(), move |_, asked| {
        if asked == Asked::Swap && first.swap(false, Ordering::SeqCst) {
            other.push(&*beneath).unwrap();
        }
        Fault::None
    });
    let pushed = one.push(&between).unwrap();
    assert_eq!(
        (pushed.bundles, between.calls()),
        (1, 5),
        "head, bundle, swap; head, swap"
    );
    let last = clone_of(&one, &*there);
    let mut cells = last.cells();
    cells.sort();
    assert_eq!(cells, ["x = text begun", "x = text more", "y = text other"]);
}

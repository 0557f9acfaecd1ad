//! There and back.

use clew_remote::sync::heads;

use super::machine::{Machine, clone_of, large, place};

#[test]
fn a_history_goes_to_a_place_and_comes_to_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut working) = Machine::with_history();
    working.runs(&(large("a", 400_000, 1) + "\nl = list"));
    working.runs(&(large("b", 90_000, 2) + "\nappend l l"));
    let pushed = one.push(&there).unwrap();
    assert!(pushed.bundles >= 4, "in portions: {pushed:?}");
    assert_eq!((pushed.sessions, pushed.damage.len()), (1, 0));
    assert_eq!(heads(&there).unwrap(), [one.history.unwrap()]);
    let mut other = Machine::new();
    other.history = one.history;
    let pulled = other.pull(&there).unwrap().unwrap();
    assert_eq!((pulled.carried.runs, pulled.bundles), (3, pushed.bundles));
    assert_eq!(other.cells(), one.cells());
    assert_eq!(other.resumed(), ["a", "b", "l"]);
}

#[test]
fn only_what_is_new_goes_over_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut working) = Machine::with_history();
    working.runs(&large("a", 2_000_000, 1));
    let first = one.push(&there).unwrap();
    assert!(one.push(&there).unwrap().is_nothing());
    working.runs("poke a 1000000 7");
    let second = one.push(&there).unwrap();
    assert!(second.new < 200_000 && first.new > 1_900_000, "{first:?}\n{second:?}");
    let other = clone_of(&one, &there);
    working.runs("poke a 1000001 8");
    one.push(&there).unwrap();
    let pulled = other.pull(&there).unwrap().unwrap();
    assert!(pulled.bytes < 300_000 && pulled.bundles == 1, "{pulled:?}");
    assert_eq!(other.pull(&there).unwrap().unwrap().bundles, 0);
    assert_eq!(other.cells(), one.cells());
    // Whoever forgot what it had fetches all of it, and has nothing twice.
    other.forgets();
    let again = other.pull(&there).unwrap().unwrap();
    assert_eq!((again.carried.things, again.carried.runs), (0, 0));
    one.forgets();
    assert!(one.push(&there).unwrap().is_nothing());
}

#[test]
fn p03_what_could_not_be_read_here_is_not_taken_for_there() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut working) = Machine::with_history();
    working.runs(&large("a", 400_000, 1));
    let whole = one.spoils_packs();
    let pushed = one.push(&there).unwrap();
    assert!(!pushed.damage.is_empty(), "{pushed:?}");
    // Whoever has it whole sends it: here the same machine, whose disk reads well again.
    for (path, bytes) in whole {
        std::fs::write(path, bytes).unwrap();
    }
    let pushed = one.push(&there).unwrap();
    assert!(pushed.damage.is_empty() && pushed.new > 0, "{pushed:?}");
    let other = clone_of(&one, &there);
    assert_eq!(other.resumed(), ["a"]);
}

#[test]
fn p09_what_two_machines_push_is_kept_both() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut at_one) = Machine::with_history();
    at_one.runs("x = text begun");
    one.push(&there).unwrap();
    let other = clone_of(&one, &there);
    let mut at_other = other.works();
    at_one.runs("x = text one");
    at_other.runs(&large("y", 150_000, 2));
    other.push(&there).unwrap();
    one.push(&there).unwrap();
    for machine in [&one, &other] {
        machine.pull(&there).unwrap().unwrap();
        let mut cells = machine.cells();
        cells.sort();
        assert_eq!(cells, ["x = text begun", "x = text one", "y = bytes 150000 2"]);
    }
    assert!(one.push(&there).unwrap().is_nothing() && other.push(&there).unwrap().is_nothing());
    // The kernels go on as if nothing had come.
    at_one.runs("z = text more");
    one.push(&there).unwrap();
    other.pull(&there).unwrap().unwrap();
    assert_eq!(other.cells().len(), 4);
}

#[test]
fn of_a_history_that_is_not_there_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _working) = Machine::with_history();
    assert!(one.pull(&place(&folder)).unwrap().is_none());
}

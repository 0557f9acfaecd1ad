//! Small bundles of many pushes become one, and nothing is lost on the way.

use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use clew_remote::{Backend, Name, RemoteError};
use clew_testing::remote::{Asked, Failing, Fault, unreachable};
use tempfile::TempDir;

use super::machine::{Machine, Working, clone_of, copied, place};

/// So many that lie together become one.
const MANY: usize = 32;
/// After so long what was replaced goes.
const LATER: i64 = 2 * 3600 * 1_000_000_000;

fn objects(there: &dyn Backend) -> usize {
    there.list(&"bundles".parse::<Name>().unwrap()).unwrap().len()
}

/// So many runs, each pushed; how many bundles were made one by that.
fn pushes(one: &Machine, working: &mut Working, there: &dyn Backend, runs: std::ops::Range<usize>) -> u64 {
    let push = |run| {
        working.runs(&format!("x = text value_{run}"));
        one.push(there).unwrap().merged
    };
    runs.map(push).sum()
}

/// A machine that pushed so often that one more push makes one bundle of many, and what it pushed to.
fn before_one_more() -> (Machine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (one, mut working) = Machine::with_history();
    assert_eq!(pushes(&one, &mut working, &place(&folder), 1..MANY), 0);
    working.runs("y = text last");
    (one, folder)
}

#[test]
fn a_hundred_pushes_leave_few_bundles() {
    let folder = tempfile::tempdir().unwrap();
    let there = Failing::new(Arc::new(place(&folder)), |_, _| Fault::None);
    let (mut one, mut working) = Machine::with_history();
    assert!(pushes(&one, &mut working, &there, 0..100) >= 96);
    // Somebody may be reading what was replaced.
    assert!(objects(&there) >= 100);
    one.now += LATER;
    pushes(&one, &mut working, &there, 100..101);
    assert!(objects(&there) <= 8, "{}", objects(&there));
    let calls = there.calls();
    let other = clone_of(&one, &there);
    assert!(there.calls() - calls <= 9, "{}", there.calls() - calls);
    assert_eq!((other.cells(), other.resumed()), (one.cells(), vec!["x".to_owned()]));
    // Who made it has it, and so it pushes on.
    assert_eq!(one.pull(&there).unwrap().unwrap().bundles, 0);
    pushes(&one, &mut working, &there, 101..140);
    other.pull(&there).unwrap().unwrap();
    assert_eq!(other.cells(), one.cells());
    assert_eq!(clone_of(&one, &there).cells(), one.cells());
}

#[test]
fn p01_a_push_that_makes_one_of_many_loses_nothing_wherever_it_is_cut() {
    let (one, folder) = before_one_more();
    let gone = || unreachable("connection reset");
    for fault in [Fault::Before(gone()), Fault::After(gone()), Fault::CutAfter(3_000)] {
        // What comes between is fetching, and all alike.
        for at in (0..5).chain([18]).chain(33..) {
            let (mut one, beneath) = (one.copied(), tempfile::tempdir().unwrap());
            copied(folder.path(), beneath.path());
            let there: Arc<dyn Backend> = Arc::new(place(&beneath));
            let kind = fault.clone();
            let failing = Failing::new(
                there.clone(),
                move |call, _| {
                    if call == at { kind.clone() } else { Fault::None }
                },
            );
            let pushed = one.push(&failing);
            // The head, what is new, the head; all else comes when it is pushed.
            assert!(pushed.is_ok() || at < 3, "{pushed:?}");
            let cells = clone_of(&one, &*there).cells().len();
            assert!(
                cells == MANY || (pushed.is_err() && cells == MANY - 1),
                "{fault:?} at {at}: {cells}"
            );
            // The next goes on, and one that comes later takes away what was replaced.
            for hours in [0, LATER] {
                one.now += hours;
                one.works().runs("z = text more");
                one.push(&*there).unwrap();
                assert_eq!(clone_of(&one, &*there).cells(), one.cells(), "{fault:?} at {at}");
            }
            // That a bundle is which nobody came to name costs its room.
            assert!(objects(&*there) < 8, "{fault:?} at {at}: {}", objects(&*there));
            if failing.calls() <= at {
                assert!(at > MANY as u64, "there were so few calls: {at}");
                break;
            }
        }
    }
}

#[test]
fn where_nothing_may_be_removed_a_push_asks_a_few_times_and_goes_on() {
    let (mut one, folder) = before_one_more();
    let there: Arc<dyn Backend> = Arc::new(place(&folder));
    one.push(&*there).unwrap();
    one.now += LATER;
    let kept = Failing::new(there.clone(), |_, asked| match asked {
        Asked::Remove => Fault::Before(unreachable("not allowed")),
        _ => Fault::None,
    });
    for _ in 0..2 {
        let calls = kept.calls();
        one.works().runs("z = text more");
        one.push(&kept).unwrap();
        assert!(kept.calls() - calls <= 3 + 16, "{}", kept.calls() - calls);
    }
    assert_eq!(objects(&*there), MANY + 1 + 2);
    one.works().runs("z = text last");
    one.push(&*there).unwrap();
    assert_eq!(objects(&*there), 1 + 3);
    assert_eq!(clone_of(&one, &*there).cells(), one.cells());
}

#[test]
fn p02_who_reads_while_bundles_go_reads_the_head_again() {
    let (one, folder) = before_one_more();
    let there: Arc<dyn Backend> = Arc::new(place(&folder));
    let mut other = Machine::new();
    other.history = one.history;
    let expected = one.cells();
    let (beneath, waits) = (Arc::clone(&there), Mutex::new(Some(one)));
    let meanwhile = Failing::new(there.clone(), move |_, asked| {
        let one = (asked == Asked::Read).then(|| waits.lock().unwrap().take()).flatten();
        if let Some(mut one) = one {
            assert_eq!(one.push(&*beneath).unwrap().merged, MANY as u64);
            one.now += LATER;
            one.works().runs("z = text more");
            one.push(&*beneath).unwrap();
        }
        Fault::None
    });
    other.pull(&meanwhile).unwrap().unwrap();
    assert_eq!(objects(&*there), 2);
    assert_eq!(other.cells()[..MANY], expected[..]);
    assert_eq!(other.cells().len(), MANY + 1);
    // Where it is in the head and is not there, that is said.
    let bundles = there.list(&"bundles".parse::<Name>().unwrap()).unwrap();
    there.remove(&bundles[0].name).unwrap();
    let mut last = Machine::new();
    last.history = other.history;
    let missing = last.pull(&*there);
    assert!(
        matches!(
            missing,
            Err(clew_remote::sync::SyncError::Remote(RemoteError::NotFound { .. }))
        ),
        "{missing:?}"
    );
}

#[test]
fn p11_what_another_key_made_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (mut one, mut working) = Machine::with_history();
    pushes(&one, &mut working, &there, 0..20);
    let mut other = clone_of(&one, &there);
    other.person = 8;
    other.works().runs("y = text other");
    assert_eq!(other.push(&there).unwrap().merged, 0);
    let others = there.list(&"bundles".parse::<Name>().unwrap()).unwrap();
    // Neither those before it nor those behind are many.
    assert_eq!(pushes(&one, &mut working, &there, 20..20 + MANY - 1), 0);
    assert_eq!(pushes(&one, &mut working, &there, 90..91), MANY as u64);
    one.now += LATER;
    pushes(&one, &mut working, &there, 91..92);
    let left = there.list(&"bundles".parse::<Name>().unwrap()).unwrap();
    assert_eq!(left.len(), 20 + 1 + 1 + 1);
    assert!(others.iter().all(|before| left.contains(before)));
    other.pull(&there).unwrap().unwrap();
    one.pull(&there).unwrap().unwrap();
    assert_eq!(other.cells(), one.cells());
}

#[test]
fn p09_two_that_push_at_once_keep_both_lines_while_bundles_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let there = place(&folder);
    let (one, mut working) = Machine::with_history();
    pushes(&one, &mut working, &there, 0..MANY - 4);
    let other = clone_of(&one, &there);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut at_other = other.works();
            for round in 0..6 {
                at_other.runs(&format!("y = text other_{round}"));
                other.push(&there).unwrap();
            }
        });
        pushes(&one, &mut working, &there, 100..100 + 2 * MANY);
    });
    let last = clone_of(&one, &there);
    assert_eq!(last.cells().len(), MANY - 4 + 2 * MANY + 6);
    one.pull(&there).unwrap().unwrap();
    other.pull(&there).unwrap().unwrap();
    assert_eq!((one.cells(), other.cells()), (last.cells(), last.cells()));
}

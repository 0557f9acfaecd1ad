//! A push that leaves out what is to be made again there.

use std::collections::BTreeSet;
use std::sync::Arc;

use clew_core::history::History;
use clew_core::id::{ManifestId, Root};
use clew_core::plan::carry::Target;
use clew_core::store::{OutgoingHistory, StoreError};
use clew_remote::sync::{Speed, SyncError, speed, there};
use clew_remote::{Backend, RemoteError};
use clew_testing::remote::{Asked, Failing, Fault};

use super::machine::{Machine, Working, clone_of, large, place};

/// The value that the last run left under a name.
fn value(machine: &Machine, name: &str) -> ManifestId {
    let loaded = machine.loaded();
    let history = History::of(&loaded);
    let (last, _) = history.runs().next_back().unwrap();
    history.state(*last).version(&Root::name(name)).unwrap().manifest
}

/// What goes out if nothing of these names does.
fn without(machine: &Machine, names: &[&str]) -> OutgoingHistory {
    let left: BTreeSet<ManifestId> = names.iter().map(|name| value(machine, name)).collect();
    OutgoingHistory::with(&machine.store(), machine.history.unwrap(), &|value| {
        !left.contains(value)
    })
    .unwrap()
}

/// A machine with two values, `a` the larger one.
fn two_values() -> (Machine, Working, [ManifestId; 2]) {
    let (one, mut working) = Machine::with_history();
    working.runs(&large("a", 400_000, 1));
    working.runs(&large("b", 90_000, 2));
    let values = ["a", "b"].map(|name| value(&one, name));
    (one, working, values)
}

/// Whether a machine has a value whole.
fn has(machine: &Machine, value: ManifestId) -> bool {
    machine.store().parts_of(value).is_ok()
}

#[test]
fn what_is_left_out_stays_here_and_a_later_push_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let (one, _working, [a, b]) = two_values();
    let pushed = one.pushes(&without(&one, &["a"]), &place).unwrap();
    assert!(pushed.new < 120_000 && pushed.damage.is_empty(), "{pushed:?}");
    let other = clone_of(&one, &place);
    assert_eq!((has(&other, a), has(&other, b)), (false, true));
    // What describes it is there: whoever makes it again knows what has to come of that.
    assert!(other.store().manifest(a).is_ok());
    assert_eq!(other.loaded().damage, []);
    assert_eq!(other.loaded().runs.len(), one.loaded().runs.len());
    let known = there(one.history.unwrap(), &one.way(&place)).unwrap();
    let parts = |value| one.store().parts_of(value).unwrap();
    assert!(parts(b).iter().all(|(id, _)| known.has(id)));
    assert!(!parts(a).iter().all(|(id, _)| known.has(id)));
    // Twice is once; and all of it is what was left out.
    assert!(one.pushes(&without(&one, &["a"]), &place).unwrap().is_nothing());
    let rest = one.push(&place).unwrap();
    assert!(rest.new > 350_000 && rest.sessions == 0, "{rest:?}");
    other.pull(&place).unwrap().unwrap();
    assert!(has(&other, a));
    assert_eq!(other.resumed(), ["a", "b"]);
    assert_eq!(other.cells(), one.cells());
}

#[test]
fn p01_a_planned_push_that_is_cut_anywhere_goes_on_with_the_same_plan_or_another() {
    let mut at = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let place: Arc<dyn Backend> = Arc::new(place(&folder));
        let (mut one, mut working) = Machine::with_history();
        one.portion = 400_000;
        working.runs(&large("a", 250_000, 1));
        working.runs(&large("b", 900_000, 2));
        let n = at;
        let gone = move |call| if call == n { Fault::CutAfter(2_000) } else { Fault::None };
        let failing = Failing::new(place.clone(), move |call, _| gone(call));
        let cut = one.pushes(&without(&one, &["a"]), &failing).is_err();
        if cut && at % 2 == 1 {
            // Somebody changed their mind: what was sent counts, and nothing is there that belongs to nothing.
            one.pushes(&without(&one, &["b"]), &*place).unwrap();
            let other = clone_of(&one, &*place);
            assert!(has(&other, value(&one, "a")));
        } else {
            one.pushes(&without(&one, &["a"]), &*place).unwrap();
            let other = clone_of(&one, &*place);
            let [a, b] = ["a", "b"].map(|name| has(&other, value(&one, name)));
            assert_eq!((a, b), (false, true), "at {at}");
        }
        one.push(&*place).unwrap();
        assert_eq!(clone_of(&one, &*place).resumed(), ["a", "b"], "at {at}");
        if failing.calls() <= at {
            break;
        }
        at += 1;
    }
    assert!(at >= 6, "there were so few calls: {at}");
}

/// How many values a machine lacks that were left out, and what else it lacks.
fn lacks(machine: &Machine) -> (u64, Vec<String>) {
    let verified = machine.store().verify(true).unwrap();
    let damage = verified.damage.into_iter().map(|damage| damage.what);
    (verified.left_out, damage.collect())
}

#[test]
fn p03_what_was_left_out_is_told_from_what_is_lost_until_the_rest_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let (one, mut working, [a, b]) = two_values();
    one.pushes(&without(&one, &["a"]), &place).unwrap();
    assert_eq!(lacks(&one), (0, vec![]), "who sends lacks nothing");
    let other = clone_of(&one, &place);
    assert_eq!(lacks(&other), (1, vec![]));
    let told = other.store();
    told.load(one.history.unwrap()).unwrap();
    let why = told.parts_of(a).unwrap_err();
    assert!(matches!(why, StoreError::LeftOut { time: 9 }), "{why}");
    // It travels on: to a third machine by way of the second, and in a bundle of all.
    let beyond = tempfile::tempdir().unwrap();
    let beyond = super::machine::place(&beyond);
    other.push(&beyond).unwrap();
    assert_eq!(lacks(&clone_of(&one, &beyond)), (1, vec![]));
    // What else is missing is lost, note or not.
    let spoilt = clone_of(&one, &place);
    for (id, _) in one.store().parts_of(b).unwrap() {
        assert!(
            spoilt
                .store()
                .parts_of(b)
                .unwrap()
                .iter()
                .any(|(other, _)| *other == id)
        );
    }
    spoilt.loses_packs();
    let (left, damage) = lacks(&spoilt);
    assert!(left <= 1 && !damage.is_empty(), "{left} {damage:?}");
    // A run more, and the rest: then nothing is excused any more.
    working.runs("c = text more");
    one.pushes(&without(&one, &["a"]), &place).unwrap();
    other.pull(&place).unwrap().unwrap();
    assert_eq!(lacks(&other), (1, vec![]));
    one.push(&place).unwrap();
    other.pull(&place).unwrap().unwrap();
    assert_eq!(lacks(&other), (0, vec![]));
    assert!(other.store().left_out(one.history.unwrap()).is_empty());
    let late = clone_of(&one, &place);
    assert_eq!(lacks(&late), (0, vec![]));
    assert!(late.store().left_out(one.history.unwrap()).is_empty());
    late.loses_packs();
    let (left, damage) = lacks(&late);
    assert!(left == 0 && !damage.is_empty(), "{left} {damage:?}");
}

const SECOND: i64 = 1_000_000_000;

#[test]
fn the_way_is_measured_once_an_hour_and_nothing_stays_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Failing::new(Arc::new(place(&folder)), |_, _| Fault::None);
    let (one, _working) = Machine::with_history();
    let first: Speed = speed(&one.way(&failing), 5 * SECOND).unwrap();
    assert!(
        first.up > 0.0 && first.down > 0.0 && first.round_trip >= 0.0,
        "{first:?}"
    );
    assert!(failing.moved() >= 2 * (64 << 10));
    assert_eq!(failing.list(&"probes".parse().unwrap()).unwrap(), []);
    let calls = failing.calls();
    assert_eq!(speed(&one.way(&failing), 3_000 * SECOND).unwrap(), first);
    assert_eq!(failing.calls(), calls, "it was measured a moment ago");
    // An hour later, and where the clock was set back, it is measured again.
    for now in [3_700, 2] {
        let again = speed(&one.way(&failing), now * SECOND).unwrap();
        assert_eq!(again.measured, now * SECOND);
    }
}

#[test]
fn a_place_that_takes_no_probe_says_so_and_one_that_fails_later_keeps_none() {
    let folder = tempfile::tempdir().unwrap();
    let place: Arc<dyn Backend> = Arc::new(place(&folder));
    let (one, _working) = Machine::with_history();
    let refused = || RemoteError::Refused {
        place: "lab".to_owned(),
        said: "read-only".to_owned(),
    };
    for on in [Asked::Write, Asked::Read] {
        let failing = Failing::new(place.clone(), move |_, asked| {
            if asked == on {
                Fault::Before(refused())
            } else {
                Fault::None
            }
        });
        let failed = speed(&one.way(&failing), SECOND);
        assert!(
            matches!(failed, Err(SyncError::Remote(RemoteError::Refused { .. }))),
            "{failed:?}"
        );
        assert_eq!(place.list(&"probes".parse().unwrap()).unwrap(), []);
    }
}

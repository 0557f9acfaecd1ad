//! Histories that are pushed to a remote that fails, and pulled from it, over real HTTP with a bad network before it: S3 by moto's server, Azure by
//! azurite, Google Cloud by a small server of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_remote::sync::SyncError;
use clew_remote::transfer::PART;
use clew_remote::{Backend, Name, RemoteError, RetryPolicy};

use super::cloud::{Cloud, on_each, xml};
use super::moto::Moto;
use super::network::{Deed, Network, answer};
use crate::sync::machine::{Machine, large};

fn other(one: &Machine) -> Machine {
    let mut other = Machine::new();
    other.history = one.history;
    other
}

/// Pushes and pulls behind a network that does this to every fourth connection, and holds what came against what was sent.
fn comes_through(cloud: &dyn Cloud, folder: &str, deed: Deed) {
    let what = format!("{}, {folder}", cloud.name());
    let straight = cloud.straight(folder);
    let (mut one, mut working) = Machine::with_history();
    // In many bundles, so that there are connections to fail.
    one.portion = 40_000;
    let hit = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&hit);
    let network = Network::start(cloud.port(), move |number| match number % 4 {
        1 => {
            count.fetch_add(1, Ordering::SeqCst);
            deed.clone()
        }
        _ => Deed::Pass,
    });
    let place = cloud.behind(&network, folder);
    for round in 1..3 {
        working.runs(&large(&format!("v{round}"), 150_000, round));
        let pushed = one.push(&place).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(pushed.damage, [""; 0], "{what}");
    }
    assert!(
        one.push(&straight).unwrap().is_nothing(),
        "{what}: not all of it is there"
    );
    let other = other(&one);
    other
        .pull(&place)
        .unwrap_or_else(|error| panic!("{what}: {error}"))
        .expect("it is there");
    assert_eq!(other.cells(), one.cells(), "{what}");
    assert_eq!(other.resumed(), ["v1", "v2"], "{what}");
    assert!(hit.load(Ordering::SeqCst) >= 4, "{what} was hardly met");
}

#[test]
fn p03_a_push_and_a_pull_come_through_a_server_that_fails_now_and_then() {
    on_each(|cloud| {
        for (what, deed) in cloud.troubles() {
            comes_through(cloud, what, deed);
        }
    });
}

#[test]
fn p03_a_push_and_a_pull_come_through_a_network_that_fails_now_and_then() {
    on_each(|cloud| {
        for (what, deed) in [
            ("cut-request", Deed::CutRequest(2_000)),
            ("cut-answer", Deed::CutAnswer(150)),
            ("lost-answer", Deed::LoseAnswer),
            ("trickle", Deed::Trickle),
        ] {
            comes_through(cloud, what, deed);
        }
    });
}

#[test]
fn a_server_that_is_silent_or_stops_in_the_middle_is_not_waited_for_for_ever() {
    on_each(|cloud| {
        let straight = cloud.straight("silent");
        let (one, mut working) = Machine::with_history();
        working.runs(&large("a", 250_000, 1));
        let network = Network::start(cloud.port(), |number| match number {
            1 | 4 => Deed::Silence,
            6 => Deed::Stall(40),
            _ => Deed::Pass,
        });
        one.push(&cloud.behind(&network, "silent")).unwrap();
        assert!(one.push(&straight).unwrap().is_nothing(), "{}", cloud.name());
        let other = other(&one);
        let network = Network::start(cloud.port(), |number| match number {
            0 => Deed::Silence,
            // In the middle of a bundle.
            2 | 3 => Deed::Stall(2_000),
            _ => Deed::Pass,
        });
        other.pull(&cloud.behind(&network, "silent")).unwrap().unwrap();
        assert_eq!(other.cells(), one.cells(), "{}", cloud.name());
        assert_eq!(other.resumed(), ["a"], "{}", cloud.name());
    });
}

#[test]
fn a_server_that_never_comes_back_ends_a_push_after_so_many_tries() {
    on_each(|cloud| {
        let internal = answer("500 Internal Server Error", "", &xml("InternalError"));
        for (what, deed) in [("500", internal), ("cut", Deed::CutRequest(1))] {
            let (one, mut working) = Machine::with_history();
            working.runs("x = text 1");
            let network = Network::start(0, move |_| deed.clone());
            let pushed = one.push(&cloud.behind(&network, "away"));
            let what = format!("{}, {what}: {pushed:?}", cloud.name());
            assert!(
                matches!(pushed, Err(SyncError::Remote(RemoteError::Unreachable { .. }))),
                "{what}"
            );
            assert_eq!(network.connections(), u64::from(RetryPolicy::default().tries), "{what}");
        }
    });
}

#[test]
fn p01_a_push_that_is_refused_in_the_middle_moves_no_head_and_the_next_goes_on() {
    on_each(|cloud| {
        for (folder, deed, is_meant) in cloud.refusals() {
            refused_in_a_push(cloud, folder, deed, is_meant);
        }
    });
}

fn refused_in_a_push(cloud: &dyn Cloud, folder: &str, deed: Deed, is_meant: fn(&RemoteError) -> bool) {
    let what = format!("{}, {folder}", cloud.name());
    let straight = cloud.straight(folder);
    let (one, mut working) = Machine::with_history();
    working.runs("x = text before");
    one.push(&straight).unwrap();
    working.runs(&large("a", 1_200_000, 1));
    let (written, after) = (Arc::new(AtomicU64::new(0)), 6);
    let network = Network::told(cloud.port(), move |_, asked| {
        let is_write = asked.starts_with("PUT ");
        if is_write && written.fetch_add(1, Ordering::SeqCst) >= after {
            deed.clone()
        } else {
            Deed::Pass
        }
    });
    let pushed = one.push(&cloud.behind(&network, folder));
    let Err(SyncError::Remote(error)) = &pushed else {
        panic!("{what}: {pushed:?}")
    };
    assert!(is_meant(error), "{what}: {error}");
    let other = other(&one);
    other.pull(&straight).unwrap().unwrap();
    assert_eq!(other.cells(), ["x = text before"], "{what}");
    let rest = one.push(&straight).unwrap();
    assert!(rest.new < 1_200_000, "{what}: what was sent is sent again: {rest:?}");
    other.pull(&straight).unwrap().unwrap();
    assert_eq!(other.cells(), one.cells(), "{what}");
    assert_eq!(other.resumed(), ["a", "x"], "{what}");
}

#[test]
fn p03_a_pull_that_is_refused_in_the_middle_shows_nothing_and_the_next_goes_on() {
    on_each(|cloud| {
        let straight = cloud.straight("pulled");
        let (one, mut working) = Machine::with_history();
        working.runs(&large("a", 600_000, 1));
        one.push(&straight).unwrap();
        for (what, deed, is_meant) in cloud.refusals() {
            let what = format!("{}, {what}", cloud.name());
            let other = other(&one);
            let network = Network::start(
                cloud.port(),
                move |number| {
                    if number < 4 { Deed::Pass } else { deed.clone() }
                },
            );
            let pulled = other.pull(&cloud.behind(&network, "pulled"));
            let Err(SyncError::Remote(error)) = &pulled else {
                panic!("{what}: {pulled:?}")
            };
            assert!(is_meant(error), "{what}: {error}");
            assert!(
                other.store().load(other.history.unwrap()).is_err(),
                "{what}: something shows"
            );
            other.pull(&straight).unwrap().unwrap();
            assert_eq!(other.cells(), one.cells(), "{what}");
        }
    });
}

/// What it is called, what is done, and to which call.
type Case = (&'static str, Deed, fn(&str) -> bool);

#[test]
fn a_conflict_without_a_condition_is_waited_out_and_a_success_that_is_none_is_no_success() {
    let moto = Moto::start();
    let place = |folder: &str, deed: Deed, hit: fn(&str) -> bool| {
        let met = AtomicU64::new(0);
        let network = Network::told(moto.port, move |_, asked| {
            // Each kind of call fails once.
            if hit(asked) && met.fetch_add(1, Ordering::SeqCst) == 0 {
                deed.clone()
            } else {
                Deed::Pass
            }
        });
        (moto.behind(&network, folder), network)
    };
    let conflict = || answer("409 Conflict", "", &xml("OperationAborted"));
    let late = answer("200 OK", "", &xml("InternalError"));
    let bytes: Vec<u8> = (0..PART + 77).map(|at| (at * 7 % 253) as u8).collect();
    let cases: [Case; 5] = [
        ("begun", conflict(), |asked| {
            asked.starts_with("POST ") && asked.contains("?uploads")
        }),
        ("part", conflict(), |asked| asked.contains("partNumber=1")),
        ("finished", conflict(), |asked| {
            asked.starts_with("POST ") && asked.contains("?uploadId")
        }),
        ("late", late, |asked| {
            asked.starts_with("POST ") && asked.contains("?uploadId")
        }),
        ("removed", conflict(), |asked| asked.starts_with("DELETE ")),
    ];
    for (what, deed, hit) in cases {
        let (place, network) = place(what, deed, hit);
        let name: Name = "pack".parse().unwrap();
        let mut sending = clew_remote::transfer::UploadProgress::default();
        let sent = crate::send(&place, &name, &bytes, &mut sending, &mut clew_remote::unwatched);
        assert!(sent.is_ok(), "{what}: {sent:?}");
        assert_eq!(moto.storage(what).length(&name), Ok(Some(bytes.len() as u64)), "{what}");
        place.remove(&name).unwrap();
        assert_eq!(moto.storage(what).length(&name), Ok(None), "{what}");
        assert!(network.connections() >= 8, "{what}");
    }
}

#[test]
fn what_a_cut_left_in_parts_is_let_go_of_by_the_next_push() {
    let moto = Moto::start();
    let (mut one, mut working) = Machine::with_history();
    one.portion = 2 * PART;
    working.runs(&format!("n = noise {} 1", PART + 700_000));
    let network = Network::told(moto.port, |_, asked| {
        if asked.contains("partNumber=2") || asked.starts_with("DELETE ") {
            answer("403 Forbidden", "", &xml("AccessDenied"))
        } else {
            Deed::Pass
        }
    });
    for _ in 0..2 {
        one.push(&moto.behind(&network, "parts")).unwrap_err();
        assert!(moto.uploads() >= 1, "it was not sent in parts");
    }
    let straight = moto.storage("parts");
    working.runs("x = text more");
    one.push(&straight).unwrap();
    assert_eq!(moto.uploads(), 0);
    let other = other(&one);
    other.pull(&straight).unwrap().unwrap();
    assert_eq!(other.resumed(), ["n", "x"]);
}

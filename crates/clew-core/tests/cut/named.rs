//! Plans of histories that a person can follow.

use clew_core::plan::cut::{
    Alternative, Choice, ChoiceValue, Cost, Decision, Optimality, Replay, ReplayObstacle, ReplayProhibition,
    SendObstacle, SharedPiece, UnattainableValue, ValueTransfer,
};

use crate::check;

fn run(choice: &mut Choice, cost: u64, reads: &[usize]) -> usize {
    let cost = Ok(Cost::of_microseconds(cost));
    choice.add_run(Replay {
        cost,
        reads: reads.to_vec(),
    })
}

fn value(choice: &mut Choice, maker: usize, cost: u64, pieces: &[usize]) -> usize {
    choice.add_value(ChoiceValue {
        maker: Some(maker),
        sending: Ok(ValueTransfer {
            cost: Cost::of_microseconds(cost),
            bytes: cost,
            pieces: pieces.to_vec(),
        }),
        is_wanted: false,
    })
}

fn piece(choice: &mut Choice, cost: u64) -> usize {
    choice.add_piece(SharedPiece {
        cost: Cost::of_microseconds(cost),
        bytes: cost,
        is_there: false,
    })
}

fn decide(choice: &Choice) -> Decision {
    let decision = choice.decide();
    check(choice, &decision);
    decision
}

#[test]
fn a_version_that_was_replaced_is_sent_for_the_run_that_edits_it() {
    let mut choice = Choice::default();
    let load = run(&mut choice, 1_000, &[]);
    let small = value(&mut choice, load, 10, &[]);
    let widen = run(&mut choice, 5, &[small]);
    let wide = value(&mut choice, widen, 500, &[]);
    choice.want(wide);
    let decision = decide(&choice);
    assert_eq!((decision.sent, decision.replayed), (vec![small], vec![widen]));
    assert_eq!(
        decision.send_all,
        Alternative::Possible {
            cost: Cost::of_microseconds(500),
            bytes: 500
        }
    );
    assert_eq!(
        decision.replay_all,
        Alternative::Possible {
            cost: Cost::of_microseconds(1_005),
            bytes: 0
        }
    );
}

#[test]
fn what_costs_the_same_is_sent() {
    let mut choice = Choice::default();
    let make = run(&mut choice, 10, &[]);
    let made = value(&mut choice, make, 10, &[]);
    choice.want(made);
    assert_eq!(decide(&choice).sent, [made]);
}

#[test]
fn what_can_neither_be_sent_nor_made_is_named_with_what_stands_in_the_way() {
    let mut choice = Choice::default();
    let fetch = choice.add_run(Replay {
        cost: Err(ReplayProhibition::UsedNetwork),
        reads: Vec::new(),
    });
    let unsent = |maker| ChoiceValue {
        maker,
        sending: Err(SendObstacle::Withheld),
        is_wanted: true,
    };
    let fetched = choice.add_value(unsent(Some(fetch)));
    let count = run(&mut choice, 1, &[fetched]);
    let counted = choice.add_value(unsent(Some(count)));
    let given = choice.add_value(unsent(None));
    let other = run(&mut choice, 7, &[]);
    let fine = value(&mut choice, other, 8, &[]);
    choice.want(fine);
    let decision = decide(&choice);
    let behind_fetch = ReplayObstacle::Run {
        run: fetch,
        why: ReplayProhibition::UsedNetwork,
    };
    let named = |value, not_replayed| UnattainableValue {
        value,
        not_sent: SendObstacle::Withheld,
        not_replayed,
    };
    assert_eq!(
        decision.out_of_reach,
        [
            named(fetched, behind_fetch.clone()),
            named(counted, behind_fetch.clone()),
            named(given, ReplayObstacle::NoMaker { value: given }),
        ]
    );
    assert_eq!(
        (decision.replayed, decision.cost),
        (vec![other], Cost::of_microseconds(7))
    );
    assert_eq!(
        decision.send_all,
        Alternative::NotSent {
            value: fetched,
            why: SendObstacle::Withheld
        }
    );
    assert_eq!(
        decision.replay_all,
        Alternative::NotReplayed {
            value: fetched,
            why: behind_fetch
        }
    );
}

/// Three runs, of which each reads an input that shares a piece with what the next one leaves: a piece is saved where a run
/// is replayed and the one before it is not. That asks for the largest directed cut of a triangle, and no network has it.
#[test]
fn pieces_that_are_shared_both_ways_take_more_than_one_cut() {
    let mut choice = Choice::default();
    let pieces: Vec<usize> = (0..3).map(|_| piece(&mut choice, 100)).collect();
    let given = |choice: &mut Choice, piece: usize| {
        choice.add_value(ChoiceValue {
            maker: None,
            sending: Ok(ValueTransfer {
                pieces: vec![piece],
                ..ValueTransfer::default()
            }),
            is_wanted: false,
        })
    };
    for index in 0..3 {
        let input = given(&mut choice, pieces[index]);
        let made = run(&mut choice, 1, &[input]);
        let left = value(&mut choice, made, 0, &[pieces[(index + 2) % 3]]);
        choice.want(left);
    }
    let decision = decide(&choice);
    assert_eq!(
        (decision.cost, decision.proof),
        (Cost::of_microseconds(201), Optimality::Optimal)
    );
}

/// The same for every pair of forty runs: more cases than anybody could try.
#[test]
fn a_search_that_is_given_up_says_how_far_from_the_best_its_plan_may_be() {
    const SIDE: usize = 40;
    let mut choice = Choice::default();
    let pieces: Vec<usize> = (0..SIDE * SIDE)
        .map(|index| piece(&mut choice, 50 + index as u64 % 7))
        .collect();
    for index in 0..SIDE {
        let others = (0..SIDE).filter(|other| *other != index);
        let read = others.clone().map(|other| pieces[index * SIDE + other]).collect();
        let left: Vec<usize> = others.map(|other| pieces[other * SIDE + index]).collect();
        let input = choice.add_value(ChoiceValue {
            maker: None,
            sending: Ok(ValueTransfer {
                pieces: read,
                ..ValueTransfer::default()
            }),
            is_wanted: false,
        });
        let made = run(&mut choice, 1, &[input]);
        let left = value(&mut choice, made, 0, &left);
        choice.want(left);
    }
    let decision = decide(&choice);
    let Optimality::Bound(bound) = decision.proof else {
        panic!("{:?}", decision.proof)
    };
    assert!(bound > Cost::ZERO && bound < decision.cost, "{bound:?}");
    let Alternative::Possible { cost, .. } = decision.send_all else {
        panic!("everything can be sent")
    };
    assert!(decision.cost <= cost);
}

#[test]
fn a_line_of_edits_shares_what_they_left_alone_and_is_sent_once() {
    let mut choice = Choice::default();
    let base = piece(&mut choice, 1_000);
    let load = run(&mut choice, 50_000, &[]);
    let mut last = value(&mut choice, load, 1, &[base]);
    for _ in 0..20 {
        let edited = piece(&mut choice, 3);
        let edit = run(&mut choice, 100, &[last]);
        last = value(&mut choice, edit, 1, &[base, edited]);
    }
    choice.want(last);
    let decision = decide(&choice);
    assert_eq!(
        (decision.sent, decision.cost),
        (vec![last], Cost::of_microseconds(1_004))
    );
}

#[test]
fn a_line_of_runs_may_be_as_long_as_it_likes() {
    let mut choice = Choice::default();
    let mut last = Vec::new();
    for _ in 0..50_000 {
        let edit = run(&mut choice, 1, &last);
        last = vec![value(&mut choice, edit, 1_000_000, &[])];
    }
    choice.want(last[0]);
    let decision = decide(&choice);
    assert_eq!(decision.replayed.len(), 50_000);
    assert_eq!(decision.cost, Cost::of_microseconds(50_000));
}

#[test]
fn a_decision_is_written_and_read_again() {
    let mut choice = Choice::default();
    let make = run(&mut choice, 10, &[]);
    let made = value(&mut choice, make, 20, &[]);
    choice.want(made);
    let decision = choice.decide();
    let bytes = rmp_serde::to_vec_named(&decision).unwrap();
    assert_eq!(rmp_serde::from_slice::<Decision>(&bytes).unwrap(), decision);
}

#[test]
fn nothing_wanted_takes_nothing() {
    let decision = Choice::default().decide();
    assert_eq!(
        (decision.cost, decision.bytes, decision.proof),
        (Cost::ZERO, 0, Optimality::Optimal)
    );
}

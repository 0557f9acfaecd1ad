//! Random programs with random moves on the toy kernel, against the reference (issue 2, item 9).

use clew_testing::machine::{Tally, play};

/// Steps of a program.
const STEPS: usize = 30;
/// So many wrong programs are shown, then it is enough.
const ENOUGH: usize = 5;

/// Plays the programs of seeds `from..to` and prints what was played, and every wrong value.
fn play_all(from: u64, to: u64) {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in from..to {
        match play(seed, STEPS) {
            Ok(played) => tally.add(&played),
            Err(failure) => wrong.push(failure.to_string()),
        }
        if wrong.len() == ENOUGH {
            break;
        }
    }
    println!("seeds {from}..{to}: {tally}; wrong values: {}", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn p03_p05_random_programs_never_bring_back_a_wrong_value() {
    play_all(0, 300);
}

#[test]
#[ignore = "long: run by `make test-long`"]
fn p03_p05_thousands_of_random_programs_never_bring_back_a_wrong_value() {
    play_all(1_000_000, 1_005_000);
}

//! Random programs with random moves on the toy kernel, against the reference (issue 2, item 9).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_testing::disk::Surviving;
use clew_testing::machine::{Mode, Player, Step, Tally, crash_everywhere, play};

/// Steps of a program.
const STEPS: usize = 30;
/// So many wrong programs are shown, then it is enough.
const ENOUGH: usize = 5;

/// Plays the programs of seeds `from..to` on two threads and prints what was played, and every wrong value.
fn play_all(from: u64, to: u64) {
    let next = AtomicU64::new(from);
    let found = Mutex::new((Tally::default(), Vec::new()));
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to || found.lock().unwrap().1.len() >= ENOUGH {
                return;
            }
            let played = play(seed, STEPS);
            let mut found = found.lock().unwrap();
            match played {
                Ok(played) => found.0.add(&played),
                Err(failure) => found.1.push(failure.to_string()),
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(worker))));
    let (tally, wrong) = found.into_inner().unwrap();
    println!("seeds {from}..{to}: {tally}; wrong values: {}", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the long searches are asked for (`make test-long`).
fn is_long() -> bool {
    std::env::var_os("CLEW_LONG").is_some()
}

#[test]
fn p03_p05_random_programs_never_bring_back_a_wrong_value() {
    play_all(0, if is_long() { 10_000 } else { 300 });
}

#[test]
fn p01_p02_a_session_resumes_from_every_crash_image_with_all_it_said_was_kept() {
    if is_long() {
        crash_all(0, 100, 1);
    } else {
        crash_all(0, 8, 3);
    }
}

fn crash_all(from: u64, to: u64, stride: usize) {
    let mut tally = Tally::default();
    for seed in from..to {
        match crash_everywhere(seed, 12, stride) {
            Ok(played) => tally.add(&played),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("seeds {from}..{to}: {tally}; wrong values: 0");
}

fn cell(source: &str) -> Step {
    Step::Run {
        source: source.to_owned(),
        hooked: true,
    }
}

#[test]
fn a_run_that_shows_a_live_object_and_uses_it_counts_as_a_change() {
    for seed in 0..8 {
        for used in ["show y\nadvance y\n", "advance y\nshow y\n"] {
            let mut player = Player::new(seed, Mode::of(seed));
            let steps = [cell("y = handle "), cell(used)];
            steps.iter().try_for_each(|step| player.apply(step)).unwrap();
        }
    }
}

#[test]
fn a_disk_that_only_says_it_synced_is_found_out() {
    let mut player = Player::new(4, Mode::of(4));
    player.only_say_synced();
    let surviving = Surviving::Nothing;
    let steps = [
        cell("a = list"),
        Step::Sync,
        Step::PowerCut { after: 0, surviving },
        cell("b = list"),
    ];
    let went = steps.iter().try_for_each(|step| player.apply(step));
    assert!(went.is_err_and(|what| what.contains("gone")));
}

#[test]
fn a_live_object_that_a_resume_makes_anew_is_compared_with_nothing() {
    for advanced in ["", "advance y", "advance y\nadvance y"] {
        let mut player = Player::new(8123, Mode::of(8123));
        let steps = [
            cell("y = handle "),
            cell(advanced),
            Step::Switch(1),
            cell("h = token"),
            Step::Crash,
            cell("advance y"),
        ];
        steps.iter().try_for_each(|step| player.apply(step)).unwrap();
    }
}

#[test]
fn a_weak_reference_reads_what_undo_keeps_alive() {
    for made in ["x = handle e", "x = list\nappend x e", "x = tuple e"] {
        for run in 0..4 {
            let mut player = Player::new(9641, Mode::of(9641));
            let (names, with_shared) = (vec!["b".to_owned()], true);
            let restore = Step::Restore {
                run,
                names,
                with_shared,
            };
            let steps = [
                cell("b = set "),
                cell("e = weak b"),
                Step::Outside(made.to_owned()),
                restore,
            ];
            steps.iter().try_for_each(|step| player.apply(step)).unwrap();
        }
    }
}

//! Runs after which only what they touched is looked at: a look at everything finds nothing that they overlooked.

use std::sync::atomic::{AtomicU64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::{HistoryDescription, RunKind};
use clew_core::kernel::TouchedRoots;
use clew_core::record::RunInput;
use clew_core::session::Session;
use clew_testing::disk::SimDisk;
use clew_testing::recording::{key_of, session_by, store_of, touched_by};
use clew_testing::toy::{ToyKernel, run_cell};
use clew_testing::{Dice, Flavour, random_cell};

/// A clock by which every look takes long, so that none at everything follows a run.
#[derive(Debug, Default)]
struct Slow(AtomicU64);

impl Clock for Slow {
    fn now(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> u64 {
        self.0.fetch_add(50_000_000, Ordering::Relaxed)
    }
}

/// What binds a name to something that is there.
const FINDS: [&str; 5] = ["= item ", "= field ", "= library ", "= setting ", "= call "];

fn begin(kernel: &mut ToyKernel) -> Session {
    let (disk, key) = (SimDisk::new(1), key_of(1));
    let history = store_of(&disk, &key)
        .create_history(&HistoryDescription::default())
        .unwrap();
    let mut session = session_by(Box::<Slow>::default(), &disk, &key, history);
    session.start(kernel).unwrap();
    session
}

#[test]
fn p03_what_a_run_changed_is_seen_where_only_what_it_touched_is_looked_at() {
    for seed in 0..400 {
        let flavour = Flavour {
            hostile: seed % 2 == 1,
            live: seed % 5 == 1,
            failing: seed % 3 == 1,
            process: seed % 7 >= 4,
        };
        let (mut dice, mut kernel) = (Dice::new(seed), ToyKernel::new(1));
        let mut session = begin(&mut kernel);
        let mut played = Vec::new();
        for _ in 0..40 {
            // One statement: what touches few names leaves many that belong together with them.
            let cell = random_cell(&mut dice, &kernel.world, flavour);
            let source = cell.lines().next().unwrap_or_default().to_owned();
            // Two names that are bound to one value: that they are is seen by a look at everything only.
            if FINDS.iter().any(|verb| source.contains(verb)) {
                continue;
            }
            let before = touched_by(&kernel, &session, &source);
            let _ = run_cell(&mut kernel.world, &source, played.len() as u64);
            played.push(source.clone());
            let mut all = touched_by(&kernel, &session, &source);
            all.extend(before);
            let input = RunInput {
                source: Some(source),
                touched: TouchedRoots::Only(all),
                ..RunInput::silent(RunKind::Cell, 0)
            };
            session.record(&mut kernel, input).unwrap();
            let overlooked = session.look_outside(&mut kernel).unwrap();
            assert!(
                overlooked.is_none(),
                "seed {seed}: {overlooked:?}\n{}",
                played.join("\n")
            );
        }
    }
}

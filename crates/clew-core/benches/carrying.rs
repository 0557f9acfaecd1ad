//! What it takes to plan the way of a long history's state to another place: `cargo bench -p clew-core --bench carrying`.
//!
//! Ten thousand runs of five sessions over 200 names, on the real disk, in a folder that is taken away; runs take up to two
//! seconds each. *The first* reads the runs' manifests and the heads of packs; *again* has them at hand, as in a session that goes on.
//! *Laid out* is without the cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use clew_core::format::FileEvidence;
use clew_core::history::History;
use clew_core::history::flow::Flow;
use clew_core::plan::carry::{CarryRequest, LinkSpeed, LoadingSpeed, Rates, Target};
use clew_core::plan::cut::Cost;
use clew_core::session::{StoredVersions, plan_move};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::LongHistory;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// A place that has the files, and no values.
struct Files;

impl Target for Files {
    fn has(&self, _: &[u8; 32]) -> bool {
        false
    }

    fn has_file(&self, _: &FileEvidence) -> bool {
        true
    }
}

fn plans(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = SigningKey::from_secret(&[1; 32]);
    let store = Store::open(Arc::new(RealDisk), folder.path().join("store"), Access::ReadWrite).expect("a new store");
    let store = store.with_trust(Trust::own(key.public()));
    // All on one line: what went back is on none that leads to the end.
    let long = LongHistory {
        line: 0,
        ..LongHistory::default()
    };
    let id = long.record(&store, &key, "long").expect("a history");
    let begin = || {
        let history = History::of(&store.load(id).expect("its runs"));
        let last = history.outlines().last().expect("a run").0;
        (history, last)
    };
    let mut group = criterion.benchmark_group(format!("carry {} runs", long.cells));
    group.sample_size(10);
    for (name, rate) in [("slow", 100.0), ("middling", 1e4), ("fast", 1e8)] {
        let rates = Rates {
            link: LinkSpeed::direct(rate),
            loading: LoadingSpeed {
                by_codec: BTreeMap::new(),
                all: 1e9,
            },
            start: Cost::of_seconds(0.7),
            records: 0,
        };
        let (history, last) = begin();
        let stored = StoredVersions::of(&store);
        let plan = plan_move((&history, last), &stored, &Files, &rates, None).expect("a plan");
        println!(
            "{name}: {} sent, {} replayed, {:?}, {:?}; all sent {:?}, all replayed {:?}; {} on the line",
            plan.sent.len(),
            plan.replayed.len(),
            plan.proof,
            plan.cost,
            plan.send_all,
            plan.replay_all,
            history.ancestry(last).count(),
        );
        group.bench_function(format!("{name}, again"), |bencher| {
            bencher.iter(|| plan_move((&history, last), &stored, &Files, &rates, None));
        });
        group.bench_function(format!("{name}, the line alone"), |bencher| {
            bencher.iter(|| {
                let flow = Flow::new(&history, &store).coarse();
                flow.place(last).line().count()
            });
        });
        group.bench_function(format!("{name}, laid out again"), |bencher| {
            bencher.iter(|| {
                let flow = Flow::new(&history, &store).coarse();
                let carry = CarryRequest {
                    history: &history,
                    flow: &flow,
                    run: last,
                    stock: &stored,
                    target: &Files,
                    rates: &rates,
                };
                carry.lay_out().runs.len()
            });
        });
        group.bench_function(format!("{name}, the first"), |bencher| {
            bencher.iter_batched_ref(
                begin,
                |(history, last)| {
                    let stored = StoredVersions::of(&store);
                    plan_move((history, *last), &stored, &Files, &rates, None).expect("a plan")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);

//! What a plan costs in a long history: `cargo bench -p clew-core --bench planning`.
//!
//! Ten thousand runs of five sessions over 200 names, on the real disk, in a folder that is taken away. A plan is a mover with
//! `--dry-run` in a toy kernel: the look at 200 small values, what differs, how each comes back, and whether what would be
//! loaded is there. *Again* says that what was read of manifests is at hand, as in a session that goes on.

use std::sync::Arc;

use clew_core::session::{Request, RestoreOptions, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_testing::toy::ToyKernel;
use clew_testing::{LongHistory, Still};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn plans(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = SigningKey::from_secret(&[1; 32]);
    let store = Store::open(Arc::new(RealDisk), folder.path().join("store"), Access::ReadWrite).expect("a new store");
    let store = store.with_trust(Trust::own(key.public()));
    let long = LongHistory::default();
    let history = long.record(&store, &key, "long").expect("a history");
    let begin = || {
        let loaded = store.load(history).expect("its runs");
        let id = store.new_session();
        let writer = store.writer(history, id, &key).expect("a writer");
        let mut kernel = ToyKernel::new(99);
        let mut session = Session::new(id, store.clone(), writer, loaded, Box::new(Still));
        session.start(&mut kernel).expect("a start");
        let resumed = session.perform(&mut kernel, &Request::Resume(None), RestoreOptions::default());
        resumed.expect("the last state");
        (session, kernel)
    };
    let dry_run = RestoreOptions {
        dry_run: true,
        ..RestoreOptions::default()
    };
    let plan = |session: &mut Session, kernel: &mut ToyKernel, to: &str| {
        session
            .perform(kernel, &Request::Switch(to.to_owned()), dry_run)
            .expect("a plan")
    };
    let mut group = criterion.benchmark_group(format!("plan for {} runs", long.cells));
    group.sample_size(20);
    // From the last state: twenty runs back, half of the way, all of it.
    for to in ["@-20", "5000", "2"] {
        let (mut session, mut kernel) = begin();
        group.bench_function(format!("to {to}, again"), |bencher| {
            bencher.iter(|| plan(&mut session, &mut kernel, to));
        });
        group.bench_function(format!("to {to}, the first"), |bencher| {
            bencher.iter_batched_ref(
                begin,
                |(session, kernel)| plan(session, kernel, to),
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);

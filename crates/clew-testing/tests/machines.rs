//! A session on one machine and a gc on another one, whose locks do not keep each other out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clew_core::format::{HistoryDescription, RunKind};
use clew_core::id::HistoryId;
use clew_core::record::RunInput;
use clew_core::session::{RecordingReport, Session, SessionError};
use clew_core::store::{Access, Collection, LoadedHistory, SigningKey, Store, Trust};
use clew_testing::Still;
use clew_testing::disk::{SimDisk, Turns};
use clew_testing::toy::{ToyKernel, run_cell};

const GC: usize = 1;
const SESSION: usize = 2;
const HOUR: i64 = 3_600_000_000_000;

fn open(disk: &SimDisk) -> Store {
    let store = Store::open(Arc::new(disk.clone()), Path::new("/store"), Access::ReadWrite).unwrap();
    store.with_trust(Trust::own(key().public()))
}

fn key() -> SigningKey {
    SigningKey::from_secret(&[1; 32])
}

fn begin(store: &Store, history: HistoryId, kernel: &mut ToyKernel) -> Session {
    let id = store.new_session();
    let writer = store.writer(history, id, &key()).unwrap();
    let mut session = Session::new(id, store.clone(), writer, LoadedHistory::default(), Box::new(Still));
    session.start(kernel).unwrap();
    session
}

fn record(session: &mut Session, kernel: &mut ToyKernel, source: &str) -> Result<RecordingReport, SessionError> {
    run_cell(&mut kernel.world, source, 1).unwrap();
    let input = RunInput {
        source: Some(source.to_owned()),
        ..RunInput::silent(RunKind::Cell, 0)
    };
    session.record(kernel, input)
}

fn collect(store: &Store, hours: i64) {
    let order = Collection {
        now: hours * HOUR,
        uptime: None,
        grace: 24 * HOUR,
        forgotten_only: false,
        with_dead: false,
        dry_run: false,
    };
    store.collect(order, &mut || false).unwrap();
}

const AGAIN: &str = "b = bytes 200000 1";

/// A store with the values of a session whose log is gone: nothing needs them, which a gc noted.
fn with_garbage() -> (BTreeMap<PathBuf, Vec<u8>>, HistoryId) {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let history = store.create_history(&HistoryDescription::default()).unwrap();
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&store, history, &mut kernel);
    record(&mut session, &mut kernel, AGAIN).unwrap();
    session.sync().unwrap();
    drop(session);
    let mut files = disk.files();
    files.retain(|path, _| path.extension().is_none_or(|extension| extension != "log"));
    let disk = SimDisk::with_files(&files);
    collect(&open(&disk), 1000);
    (disk.files(), history)
}

/// Says that a machine is through, however it ends.
struct Leave<'t>(&'t Turns, usize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// Records what a gc takes away meanwhile, in this order. Gives how many calls each machine made.
fn race(files: &BTreeMap<PathBuf, Vec<u8>>, history: HistoryId, order: &[(usize, u64)]) -> [u64; 2] {
    let disk = SimDisk::with_files(files);
    let turns = Arc::new(Turns::default());
    let (there, here) = (open(&disk.machine(GC, &turns)), open(&disk.machine(SESSION, &turns)));
    let mut kernel = ToyKernel::new(2);
    let mut session = begin(&here, history, &mut kernel);
    turns.begin(order.iter().copied());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _leave = Leave(&turns, GC);
            collect(&there, 1025);
        });
        let _leave = Leave(&turns, SESSION);
        record(&mut session, &mut kernel, AGAIN).unwrap();
        record(&mut session, &mut kernel, "x = int 1").unwrap();
    });
    let damage = open(&disk).verify(true).unwrap().damage;
    assert_eq!(damage, [], "{order:?}");
    [GC, SESSION].map(|machine| turns.calls(machine))
}

#[test]
fn p01_p09_a_session_stores_again_what_a_gc_of_another_machine_took_away_while_it_recorded() {
    let (files, history) = with_garbage();
    let to_the_end = u64::MAX;
    let [gc, session] = race(&files, history, &[(SESSION, to_the_end), (GC, to_the_end)]);
    assert!(gc > 10 && session > 10, "{gc} and {session} calls");
    let step = if std::env::var_os("CLEW_LONG").is_some() { 1 } else { 5 };
    for n in (0..=gc).step_by(step) {
        for m in (0..=session).step_by(step) {
            race(
                &files,
                history,
                &[(SESSION, m), (GC, n), (SESSION, to_the_end), (GC, to_the_end)],
            );
            race(
                &files,
                history,
                &[(GC, n), (SESSION, m), (GC, to_the_end), (SESSION, to_the_end)],
            );
        }
    }
}

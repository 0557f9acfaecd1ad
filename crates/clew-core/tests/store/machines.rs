//! Machines over one disk whose locks hold on each of them and not between them, as on some network file systems: whatever
//! the order of their calls, what was acknowledged is there, and what is not there was not acknowledged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clew_core::id::{HistoryId, RunId};
use clew_core::store::{Access, SessionWriter, Store, StoreError};
use clew_testing::disk::{SimDisk, Turns};

use crate::gc::{at, collect, give_up};
use crate::story::{Told, begin, check_never_wrong, open, writer};

const ONE: usize = 1;
const OTHER: usize = 2;
const TO_THE_END: u64 = u64::MAX;

/// A store in which a gc would take something away.
struct Scene {
    files: BTreeMap<PathBuf, Vec<u8>>,
    history: HistoryId,
}

impl Scene {
    /// Run 1, and what run 11 will be: nothing needs it, which a gc noted long ago.
    fn new() -> Self {
        let (disk, store, history) = begin(70);
        let mut writer = writer(&store, history);
        Told::new(1).record(&mut writer).unwrap();
        Told::new(11).put(&mut writer, None).unwrap();
        writer.abandon();
        writer.sync().unwrap();
        drop(writer);
        assert!(collect(&store, at(0)).found.things > 0);
        let files = disk.files();
        Self { files, history }
    }
}

/// Two machines at work.
struct Machines {
    disk: SimDisk,
    turns: Arc<Turns>,
    one: Store,
    other: Store,
    history: HistoryId,
}

/// Says that a machine is through, however it ends.
struct Leave<'t>(&'t Turns, usize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// How the other machine writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// All see it.
    AtOnce,
    /// All see it when it is flushed, as network file systems have it.
    WhenFlushed,
}

impl Machines {
    fn of(scene: &Scene, writes: Writes) -> Self {
        let disk = SimDisk::with_files(&scene.files);
        let turns = Arc::new(Turns::default());
        let other = match writes {
            Writes::AtOnce => disk.machine(OTHER, &turns),
            Writes::WhenFlushed => disk.keeping_back(OTHER, &turns),
        };
        Self {
            one: open(&disk.machine(ONE, &turns), Access::ReadWrite).unwrap(),
            other: open(&other, Access::ReadWrite).unwrap(),
            disk,
            turns,
            history: scene.history,
        }
    }

    /// Both at once, in an order.
    fn race<A: Send, B: Send>(
        &self,
        order: &[(usize, u64)],
        one: impl FnOnce() -> A + Send,
        other: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.turns.begin(order.iter().copied());
        thread::scope(|scope| {
            let one = scope.spawn(|| {
                let _leave = Leave(&self.turns, ONE);
                one()
            });
            let other = scope.spawn(|| {
                let _leave = Leave(&self.turns, OTHER);
                other()
            });
            (one.join().unwrap(), other.join().unwrap())
        })
    }

    fn come_back(&self) -> (Store, Vec<RunId>) {
        let store = open(&self.disk, Access::ReadOnly).unwrap();
        let loaded = store.load(self.history).unwrap();
        check_never_wrong(&store, &loaded);
        let runs = loaded.runs.iter().filter_map(|(id, stored)| Some((*id, stored.run()?)));
        let whole = runs.filter(|(_, run)| Told::read(&store, run).is_ok());
        let whole = whole.map(|(id, _)| id).collect();
        (store, whole)
    }

    /// Records and flushes on the other machine while this one collects. Gives the run that is there at last.
    fn flush_beside_gc(&self, order: &[(usize, u64)], writer: &mut SessionWriter, number: u64) -> RunId {
        let (collected, run) = self.race(
            order,
            || self.one.collect(at(25), &mut give_up),
            || {
                let first = record(writer, number);
                let run = record_at_last(writer, number, first);
                flush_at_last(writer, run, number)
            },
        );
        collected.unwrap();
        run
    }

    fn check(&self, acknowledged: &[RunId], order: &[(usize, u64)]) {
        let (store, whole) = self.come_back();
        let loaded = store.load(self.history).unwrap();
        if let Some(run) = acknowledged.iter().find(|run| !whole.contains(run)) {
            let stored = loaded.runs.get(run).and_then(|stored| stored.run());
            let why = stored.map(|run| (run.number, Told::read(&store, run).unwrap_err().to_string()));
            panic!("{order:?}: an acknowledged run is lost: {why:?}");
        }
    }
}

/// All orders in which each machine waits once in the middle for the other.
fn orders([one, other]: [u64; 2]) -> impl Iterator<Item = [(usize, u64); 4]> {
    let stops = (0..=one).flat_map(move |n| (0..=other).map(move |m| (n, m)));
    stops.flat_map(|(n, m)| {
        [
            [(ONE, n), (OTHER, m), (ONE, TO_THE_END), (OTHER, TO_THE_END)],
            [(OTHER, m), (ONE, n), (OTHER, TO_THE_END), (ONE, TO_THE_END)],
        ]
    })
}

/// Every one, or one of so many: enough to come by every call of each machine, and not by every pair.
fn step() -> usize {
    if std::env::var_os("CLEW_LONG").is_some() { 1 } else { 13 }
}

/// Goes through all orders of what `act` does with two machines, of which it gives the acknowledged runs.
fn through_all_orders(writes: Writes, act: impl Fn(&Machines, &[(usize, u64)]) -> Vec<RunId>) {
    let scene = Scene::new();
    let first = Machines::of(&scene, writes);
    act(&first, &[(ONE, TO_THE_END), (OTHER, TO_THE_END)]);
    let calls = [ONE, OTHER].map(|machine| first.turns.calls(machine));
    assert!(calls.iter().all(|calls| *calls > 10), "{calls:?}");
    let tried: Vec<_> = orders(calls).step_by(step()).collect();
    println!("{} orders of {calls:?} calls", tried.len());
    for order in tried {
        let machines = Machines::of(&scene, writes);
        let acknowledged = act(&machines, &order);
        machines.check(&acknowledged, &order);
        go_on(&machines, acknowledged, &order);
    }
}

/// Later gcs of one machine, and what the other records meanwhile, change nothing.
fn go_on(machines: &Machines, mut acknowledged: Vec<RunId>, order: &[(usize, u64)]) {
    let mut writer = writer(&machines.other, machines.history);
    for (number, hours) in [(16, 50), (11, 80)] {
        machines.one.collect(at(hours), &mut give_up).unwrap();
        acknowledged.push(record(&mut writer, number).unwrap());
        writer.sync().unwrap();
    }
    machines.check(&acknowledged, order);
}

fn record(writer: &mut SessionWriter, number: u64) -> Result<RunId, StoreError> {
    let recorded = Told::new(number).record(writer);
    if recorded.is_err() {
        writer.abandon();
    }
    recorded.map(|(_, run)| run)
}

/// As a session does: what was not saved is recorded again.
fn record_at_last(writer: &mut SessionWriter, number: u64, first: Result<RunId, StoreError>) -> RunId {
    match first {
        Err(StoreError::TakenAway { .. }) => record(writer, number).unwrap(),
        first => first.unwrap(),
    }
}

#[test]
fn p01_p09_what_a_recorder_takes_up_while_a_gc_of_another_machine_removes_it_is_kept_or_not_said_to_be_saved() {
    through_all_orders(Writes::AtOnce, |machines, order| {
        // It knows what lies where.
        let mut writer = writer(&machines.other, machines.history);
        let before = record(&mut writer, 6).unwrap();
        let (collected, first) = machines.race(
            order,
            || machines.one.collect(at(25), &mut give_up),
            || record(&mut writer, 11),
        );
        collected.unwrap();
        vec![before, record_at_last(&mut writer, 11, first)]
    });
}

#[test]
fn p01_p09_a_session_whose_own_pack_a_gc_of_another_machine_removes_loses_nothing() {
    through_all_orders(Writes::AtOnce, |machines, order| {
        let mut writer = writer(&machines.other, machines.history);
        Told::new(21).put(&mut writer, None).unwrap();
        writer.abandon();
        let before = record(&mut writer, 6).unwrap();
        writer.sync().unwrap();
        // Another machine does not see that the pack is written.
        assert_eq!(machines.one.collect(at(0), &mut give_up).unwrap().in_use.things, 0);
        let (collected, (first, synced)) = machines.race(
            order,
            || machines.one.collect(at(25), &mut give_up),
            || (record(&mut writer, 21), writer.sync()),
        );
        collected.unwrap();
        synced.unwrap();
        let again = record_at_last(&mut writer, 21, first);
        vec![before, again, record(&mut writer, 26).unwrap()]
    });
}

#[test]
fn p08_p09_gcs_of_two_machines_take_away_nothing_that_is_needed() {
    through_all_orders(Writes::AtOnce, |machines, order| {
        let (_, before) = machines.come_back();
        let gc = |store: &Store| match store.collect(at(25), &mut give_up) {
            Ok(_) | Err(StoreError::Busy { .. }) => {}
            Err(error) => panic!("{error}"),
        };
        machines.race(order, || gc(&machines.one), || gc(&machines.other));
        before
    });
}

/// Flushes; where runs turn out not to be saved, these are recorded again, as the warning says.
fn flush_at_last(writer: &mut SessionWriter, run: RunId, number: u64) -> RunId {
    match writer.sync() {
        Ok(()) => run,
        Err(StoreError::TakenAway { is_earlier: true, .. }) => {
            let said = record(writer, number);
            assert!(
                matches!(said, Err(StoreError::TakenAway { is_earlier: true, .. })),
                "the next run is told"
            );
            let run = record(writer, number).unwrap();
            writer.sync().unwrap();
            run
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn p01_p09_where_a_machine_keeps_back_what_it_writes_what_it_says_is_synced_is_there() {
    through_all_orders(Writes::WhenFlushed, |machines, order| {
        let mut writer = writer(&machines.other, machines.history);
        let before = record(&mut writer, 6).unwrap();
        writer.sync().unwrap();
        vec![before, machines.flush_beside_gc(order, &mut writer, 11)]
    });
}

#[test]
fn p01_p09_where_a_machine_keeps_back_what_it_writes_its_own_pack_may_go_and_what_is_synced_is_there() {
    through_all_orders(Writes::WhenFlushed, |machines, order| {
        let mut writer = writer(&machines.other, machines.history);
        Told::new(21).put(&mut writer, None).unwrap();
        writer.abandon();
        let before = record(&mut writer, 6).unwrap();
        writer.sync().unwrap();
        machines.one.collect(at(0), &mut give_up).unwrap();
        vec![before, machines.flush_beside_gc(order, &mut writer, 21)]
    });
}

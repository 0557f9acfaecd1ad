//! Clocks that jump: order, grace and age stay right, and nothing goes too early.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::{RunKind, Timestamp, Uptime};
use clew_core::history::History;
use clew_core::id::HistoryId;
use clew_core::record::RunInput;
use clew_core::session::{NameRequest, Request, RestoreOptions, RetentionRules, Session, spared};
use clew_core::store::{Access, Collection, CollectionReport};
use clew_testing::disk::SimDisk;
use clew_testing::toy::{ToyKernel, run_cell};

use crate::gc::{BEGUN, HOUR, at, collect, with_garbage};
use crate::story::{begin, key, open, writer};

const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A clock that anybody may set.
#[derive(Clone)]
struct Set(Arc<AtomicI64>);

impl Set {
    fn jump(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for Set {
    fn now(&self) -> Timestamp {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

/// A kernel, and the session that records it.
struct Desk {
    kernel: ToyKernel,
    session: Session,
    clock: Set,
}

impl Desk {
    fn open(disk: &SimDisk, history: HistoryId, clock: &Set, life: u64) -> Self {
        let store = open(disk, Access::ReadWrite).unwrap();
        let (id, loaded) = (store.new_session(), store.load(history).unwrap());
        let writer = store.writer(history, id, &key()).unwrap();
        let mut desk = Self {
            kernel: ToyKernel::new(life),
            session: Session::new(id, store, writer, loaded, Box::new(clock.clone())),
            clock: clock.clone(),
        };
        desk.session.start(&mut desk.kernel).unwrap();
        desk
    }

    fn cell(&mut self, source: &str) {
        run_cell(&mut self.kernel.world, source, 1).unwrap();
        let input = RunInput {
            source: Some(source.to_owned()),
            ..RunInput::silent(RunKind::Cell, self.clock.now())
        };
        self.session.record(&mut self.kernel, input).unwrap();
    }

    fn go(&mut self, request: &Request) -> String {
        let done = self
            .session
            .perform(&mut self.kernel, request, RestoreOptions::default());
        done.unwrap().at
    }

    fn tag(&mut self, name: &str, at: &str) {
        let (name, at) = (name.to_owned(), at.to_owned());
        self.session.name(&NameRequest::Tag { name, at }).unwrap();
    }
}

/// Where a new kernel takes the history up.
fn resumed(disk: &SimDisk, history: HistoryId, clock: &Set) -> String {
    Desk::open(disk, history, clock, 9).go(&Request::Resume(None))
}

/// The actions of a history as somebody reads them who was not there.
fn told(disk: &SimDisk, history: HistoryId) -> Vec<(u8, u64)> {
    let loaded = open(disk, Access::ReadOnly).unwrap().load(history).unwrap();
    let history = History::of(&loaded);
    let first = history.operations()[0].1.session;
    let is_other = |session| u8::from(session != first);
    let operations = history.operations().iter();
    operations.map(|(_, it)| (is_other(it.session), it.number)).collect()
}

#[test]
fn p01_whatever_a_clock_says_a_history_is_taken_up_where_it_was_left() {
    for jump in [YEAR, -DAY, -YEAR, 2 * HOUR] {
        let (disk, _, history) = begin(1);
        let clock = Set(Arc::new(AtomicI64::new(BEGUN + 40 * YEAR)));
        let mut first = Desk::open(&disk, history, &clock, 1);
        first.cell("x = int 1");
        clock.jump(jump);
        first.cell("x = int 2");
        first.go(&Request::Undo(1));
        first.go(&Request::Redo(1));
        drop(first);
        assert_eq!(resumed(&disk, history, &clock), "3", "{jump}: it has not jumped back");
        clock.jump(-jump);
        assert_eq!(resumed(&disk, history, &clock), "3", "{jump}");
        let mut second = Desk::open(&disk, history, &clock, 2);
        second.go(&Request::Resume(None));
        second.cell("y = int 3");
        let mine = second.session.history().label(&second.session.at().unwrap());
        drop(second);
        assert_eq!(
            resumed(&disk, history, &clock),
            mine,
            "{jump}: the second kernel was there last"
        );
    }
}

#[test]
fn operations_and_names_are_told_as_they_were_done() {
    for jump in [YEAR, -DAY] {
        let (disk, _, history) = begin(2);
        let clock = Set(Arc::new(AtomicI64::new(BEGUN + 40 * YEAR)));
        let mut first = Desk::open(&disk, history, &clock, 1);
        first.cell("x = int 1");
        clock.jump(jump);
        first.cell("x = int 2");
        first.tag("best", "2");
        clock.jump(-jump);
        let mut second = Desk::open(&disk, history, &clock, 2);
        second.go(&Request::Resume(None));
        second.cell("x = int 3");
        second.session.name(&NameRequest::DeleteTag("best".to_owned())).unwrap();
        second.tag("best", "3");
        let expected: Vec<_> = (0..4)
            .map(|number| (0, number))
            .chain((0..5).map(|number| (1, number)))
            .collect();
        assert_eq!(told(&disk, history), expected, "{jump}");
        let third = Desk::open(&disk, history, &clock, 3);
        let known = third.session.history();
        let best = known.names().get("best").map(|run| known.label(&run));
        assert_eq!(best.as_deref(), Some("3"), "{jump}");
    }
}

fn gc(disk: &SimDisk, now: Timestamp, boot: u8, up: i64) -> CollectionReport {
    let uptime = Uptime {
        boot: [boot; 16],
        nanoseconds: up.cast_unsigned(),
    };
    let order = Collection {
        now,
        uptime: Some(uptime),
        ..at(0)
    };
    collect(&open(disk, Access::ReadWrite).unwrap(), order)
}

fn check_waiting(found: &CollectionReport, when: &str) {
    assert_eq!((found.gone.things, found.packs_removed), (0, 0), "{when}: {found:?}");
    assert!(found.waiting.things > 0, "{when}: {found:?}");
}

#[test]
fn p08_a_clock_that_jumps_ahead_and_back_ends_no_grace_period() {
    let (disk, _) = with_garbage(3);
    let noted = gc(&disk, BEGUN, 1, 0);
    assert!(noted.found.things > 0 && noted.waiting.things == 0, "{noted:?}");
    check_waiting(&gc(&disk, BEGUN + YEAR, 1, HOUR), "a year ahead, an hour later");
    check_waiting(&gc(&disk, BEGUN - DAY, 1, 2 * HOUR), "a day back");
    let almost = gc(&disk, BEGUN + 30 * HOUR, 1, 24 * HOUR - 1);
    check_waiting(&almost, "a moment before it is due");
    assert_eq!(almost.next, Some(BEGUN + 30 * HOUR + 1), "by the clock of that moment");
    let gone = gc(&disk, BEGUN + 24 * HOUR, 1, 24 * HOUR);
    assert!(gone.packs_removed > 0 && gone.gone == noted.found, "{gone:?}");
}

#[test]
fn p08_what_a_clock_noted_that_was_ahead_waits_no_year() {
    let (disk, _) = with_garbage(4);
    gc(&disk, BEGUN + YEAR, 1, 0);
    check_waiting(&gc(&disk, BEGUN, 1, HOUR), "the clock is right again");
    assert!(gc(&disk, BEGUN + DAY, 1, 24 * HOUR).packs_removed > 0);
    // After a start of the machine nobody knows how long it was ago: the grace period begins anew.
    let (disk, _) = with_garbage(5);
    let noted = gc(&disk, BEGUN + YEAR, 1, 0);
    let anew = gc(&disk, BEGUN, 2, HOUR);
    assert_eq!((anew.found, anew.waiting.things), (noted.found, 0), "{anew:?}");
    check_waiting(&gc(&disk, BEGUN + 23 * HOUR, 2, 24 * HOUR - 1), "not a day later");
    assert!(gc(&disk, BEGUN + DAY, 2, 25 * HOUR).packs_removed > 0);
}

#[test]
fn p08_the_clock_counts_where_the_machine_was_started_since_or_another_one_looks() {
    let (disk, _) = with_garbage(6);
    gc(&disk, BEGUN, 1, 50 * DAY);
    check_waiting(&gc(&disk, BEGUN + 23 * HOUR, 2, HOUR), "another start");
    assert!(gc(&disk, BEGUN + 24 * HOUR, 3, 2 * HOUR).packs_removed > 0);
}

#[test]
fn p08_runs_behind_a_young_one_are_young_whatever_their_clock_said() {
    let (disk, _, history) = begin(7);
    let clock = Set(Arc::new(AtomicI64::new(BEGUN + 40 * YEAR)));
    let mut desk = Desk::open(&disk, history, &clock, 1);
    desk.cell("x = int 1");
    clock.jump(YEAR);
    desk.cell("x = int 2");
    clock.jump(-YEAR);
    // Of these the clock says that they are as old as the first.
    desk.cell("x = int 3");
    desk.cell("x = int 4");
    clock.jump(YEAR + DAY);
    desk.cell("x = int 5");
    let rules = RetentionRules {
        days: Some(30),
        ..RetentionRules::default()
    };
    drop(desk);
    // A later session, so that only the rule keeps what was there before.
    writer(&open(&disk, Access::ReadWrite).unwrap(), history);
    let loaded = open(&disk, Access::ReadOnly).unwrap().load(history).unwrap();
    let let_go = spared(history, &loaded, &rules, false, clock.now()).values;
    let known = History::of(&loaded);
    let by = |number: u64| {
        let (_, run) = known.runs().find(|(_, run)| run.number == number).unwrap();
        run.changed.iter().map(|version| version.manifest).collect::<Vec<_>>()
    };
    assert!(by(2).iter().all(|value| let_go.contains(value)), "the first one is old");
    for number in 3..=6 {
        assert!(
            by(number).iter().all(|value| !let_go.contains(value)),
            "run {number} is young"
        );
    }
}

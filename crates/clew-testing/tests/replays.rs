//! A store that went bad, byte by byte: what can't be loaded is made again in a process of its own, or lost and said.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::{Ending, Evidence, HistoryDescription, RunKind};
use clew_core::id::{HistoryId, Root, RootKind};
use clew_core::plan::{OutcomeKind, Report};
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, Session};
use clew_core::store::{Access, Budget, KeyTrust, SigningKey, Store, Trust, TrustEntry};
use clew_testing::Still;
use clew_testing::disk::SimDisk;
use clew_testing::machine::other_process;
use clew_testing::toy::{ToyKernel, World, run_cell};
use clew_testing::{Dice, Flavour, evidence_of, random_cell};

/// Cells that share objects, memory and a class, and read each other.
const CELLS: [&str; 3] = [
    "n = int 1\nclass C k=n\nt = text needle\nl = list t",
    "z = bytes 300 1\nv = view z 8 8\nm = list l l\ni = new C x=l",
    "append m t\nb = bytes 200 7",
];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(&[seed; 32])
}

fn session(disk: &SimDisk, key: &SigningKey, trust: &Trust, history: Option<HistoryId>) -> (Session, HistoryId) {
    let store = Store::open(Arc::new(disk.clone()), Path::new("/store"), Access::ReadWrite).unwrap();
    let store = store.with_trust(trust.clone());
    let history = history.unwrap_or_else(|| store.create_history(&HistoryDescription::default()).unwrap());
    let loaded = store.load(history).unwrap();
    let id = store.new_session();
    let writer = store.writer(history, id, key).unwrap();
    (Session::new(id, store, writer, loaded, Box::new(Still)), history)
}

/// A disk on which the cells were recorded by a shell that did not watch them, and what they left.
fn recorded() -> (SimDisk, HistoryId, World) {
    let mut cells = CELLS.into_iter();
    let unwatched = |cell: &str| (cell.to_owned(), Evidence::default());
    record(Budget::Bytes(u64::MAX), &mut |_| cells.next().map(unwatched))
}

/// A disk on which cells were recorded as long as there are some for the world, and what they left.
fn record(budget: Budget, cell: &mut dyn FnMut(&World) -> Option<(String, Evidence)>) -> (SimDisk, HistoryId, World) {
    let disk = SimDisk::new(1);
    let (mut session, history) = session(&disk, &key(1), &Trust::own(key(1).public()), None);
    session.set_budget(budget);
    let mut kernel = ToyKernel::new(1);
    session.start(&mut kernel).unwrap();
    for count in 1.. {
        let Some((source, evidence)) = cell(&kernel.world) else {
            break;
        };
        let ending = match run_cell(&mut kernel.world, &source, count) {
            Ok(()) => Ending::Done,
            Err(_) => Ending::Interrupted,
        };
        let input = RunInput {
            source: Some(source),
            execution_count: Some(count),
            ending,
            evidence,
            ..RunInput::silent(RunKind::Cell, 0)
        };
        session.record(&mut kernel, input).unwrap();
    }
    session.sync().unwrap();
    (disk, history, kernel.world)
}

/// A new process that resumed from a disk: what it had planned, and what it reports.
struct Resumed {
    planned: Report,
    report: Report,
    kernel: ToyKernel,
}

fn resume(disk: &SimDisk, history: HistoryId, key: &SigningKey, trust: &Trust, replay: bool) -> Resumed {
    let (mut session, _) = session(disk, key, trust, Some(history));
    let mut kernel = ToyKernel::new(2);
    session.start(&mut kernel).unwrap();
    kernel.others.run = Some(other_process(disk, history, 2, trust));
    let resume = |session: &mut Session, kernel: &mut ToyKernel, dry_run| {
        let options = RestoreOptions { dry_run, replay };
        session.perform(kernel, &Request::Resume(None), options).unwrap()
    };
    let planned = resume(&mut session, &mut kernel, true);
    assert_eq!(kernel.others.count, 0, "a plan starts nothing");
    let report = resume(&mut session, &mut kernel, false);
    Resumed {
        planned,
        report,
        kernel,
    }
}

/// Every pack of the disk once for each byte, with that byte changed; of many bytes one, unless the long searches are asked
/// for (`make test-long`).
fn damaged(disk: &SimDisk, one_of: usize) -> Vec<SimDisk> {
    let stride = if std::env::var_os("CLEW_LONG").is_some() {
        1
    } else {
        one_of
    };
    let files = disk.files();
    let mut found = Vec::new();
    for (path, bytes) in &files {
        let is_pack = path.extension().is_some_and(|extension| extension == "pack");
        for at in (0..bytes.len()).step_by(stride).filter(|_| is_pack) {
            let disk = SimDisk::with_files(&files);
            disk.rot(path, at, 1);
            found.push(disk);
        }
    }
    found
}

/// Holds what came back against what was there, and every loss against its reason; how many roots were made again.
fn judge(resumed: &Resumed, expected: &World) -> usize {
    let back = |word: OutcomeKind| {
        matches!(
            word,
            OutcomeKind::Unchanged | OutcomeKind::Restored | OutcomeKind::Rerun
        )
    };
    let outcomes = resumed.report.outcomes.iter();
    let good: BTreeSet<Root> = outcomes
        .filter(|outcome| back(outcome.kind) && outcome.root.kind != RootKind::Definition)
        .map(|outcome| outcome.root.clone())
        .collect();
    clew_testing::same(&resumed.kernel.world, expected, Some(&good)).unwrap();
    for outcome in &resumed.report.outcomes {
        assert!(back(outcome.kind) || outcome.why.is_some(), "{outcome:?}");
    }
    resumed.report.count(OutcomeKind::Rerun)
}

#[test]
fn p03_one_bad_byte_anywhere_is_made_good_unasked_or_said() {
    let (disk, history, expected) = recorded();
    let (own, mut replayed, mut lost, mut planned) = (Trust::own(key(1).public()), 0, 0, 0);
    let disks = damaged(&disk, 13);
    for disk in &disks {
        let resumed = resume(disk, history, &key(1), &own, false);
        let count = judge(&resumed, &expected);
        assert!(count == 0 || resumed.kernel.others.count > 0);
        replayed += usize::from(count > 0);
        lost += resumed.report.count(OutcomeKind::Lost);
        let says = |why: &Option<String>| {
            let says = "its cell would be rerun in a sandbox process, if the sandbox works here";
            why.as_deref().is_some_and(|why| why.ends_with(says))
        };
        planned += usize::from(resumed.planned.outcomes.iter().any(|outcome| says(&outcome.why)));
    }
    println!(
        "{} disks: something made again on {replayed}, foreseen on {planned}; {lost} lost",
        disks.len()
    );
    assert!(
        replayed > 100 && planned > 10,
        "{replayed} replayed, {planned} foreseen"
    );
}

fn word_of(resumed: &Resumed, name: &str) -> OutcomeKind {
    let mut outcomes = resumed.report.outcomes.iter();
    let found = outcomes.find(|outcome| outcome.root == Root::name(name));
    found.unwrap_or_else(|| panic!("{name} has no outcome")).kind
}

/// A new process that resumed where a budget kept out whatever is large: that is made again from what it was made from, however
/// many cells that takes.
fn resumed_without_large(cells: &[&str]) -> (Resumed, World) {
    let mut cells = cells.iter();
    let (disk, history, expected) = record(Budget::Bytes(0), &mut |world| {
        let cell = cells.next()?;
        Some(((*cell).to_owned(), evidence_of(world, cell, 0)))
    });
    let own = Trust::own(key(1).public());
    (resume(&disk, history, &key(1), &own, false), expected)
}

#[test]
fn a_line_of_cells_is_replayed_in_order_for_what_is_not_stored() {
    let (resumed, expected) = resumed_without_large(&[
        "k = noise 2000000 1",
        "poke k 3 9",
        "n = int 7000",
        "poke k 4 9",
        "b = view k 0 1500000\nk = int 3",
    ]);
    assert_eq!(
        word_of(&resumed, "b"),
        OutcomeKind::Rerun,
        "{:?}",
        resumed.report.outcomes
    );
    assert_eq!(word_of(&resumed, "n"), OutcomeKind::Restored);
    assert_eq!(judge(&resumed, &expected), 1);
}

#[test]
fn a_global_rebound_later_is_what_it_was_when_its_reader_is_replayed() {
    let (resumed, expected) = resumed_without_large(&[
        "k = noise 2000000 1",
        "def f reads k",
        "y = call f",
        "k = noise 2000000 2",
    ]);
    assert_eq!(
        word_of(&resumed, "k"),
        OutcomeKind::Rerun,
        "{:?}",
        resumed.report.outcomes
    );
    assert_eq!(
        word_of(&resumed, "y"),
        OutcomeKind::Rerun,
        "{:?}",
        resumed.report.outcomes
    );
    judge(&resumed, &expected);
}

#[test]
fn p03_random_programs_on_bad_disks_come_back_or_are_said_not_to() {
    let flavour = Flavour {
        hostile: false,
        live: false,
        failing: true,
        process: false,
    };
    let own = Trust::own(key(1).public());
    let (mut replayed, mut lost) = (0, 0);
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let mut left = 12;
        let (disk, history, expected) = record(Budget::Bytes(u64::MAX), &mut |world| {
            left -= 1;
            let cell = random_cell(&mut dice, world, flavour);
            let evidence = evidence_of(world, &cell, 0);
            (left >= 0).then_some((cell, evidence))
        });
        let is_pack = |path: &Path| path.extension().is_some_and(|extension| extension == "pack");
        for (path, bytes) in disk.files().iter().filter(|(path, _)| is_pack(path)) {
            for _ in 0..8 {
                disk.rot(path, dice.below(bytes.len() as u64) as usize, 1);
            }
        }
        for replay in [false, true] {
            let resumed = resume(&disk, history, &key(1), &own, replay);
            replayed += judge(&resumed, &expected);
            lost += resumed.report.count(OutcomeKind::Lost);
        }
    }
    println!("{replayed} made again, {lost} lost");
    assert!(replayed > 20, "{replayed} made again, {lost} lost");
}

#[test]
fn p11_cells_of_others_are_never_run_unasked() {
    let (disk, history, expected) = recorded();
    let stranger = Trust::own(key(2).public());
    let said = TrustEntry {
        standing: KeyTrust::Trusted,
        time: 0,
        label: "a colleague".to_owned(),
    };
    let colleague = stranger.clone().saying(key(1).public(), said);
    let mut runs = 0;
    for disk in damaged(&disk, 101) {
        for (trust, replay) in [(&stranger, false), (&stranger, true), (&colleague, false)] {
            let resumed = resume(&disk, history, &key(2), trust, replay);
            assert_eq!((judge(&resumed, &expected), resumed.kernel.others.count), (0, 0));
        }
        runs += resume(&disk, history, &key(2), &colleague, true).kernel.others.count;
    }
    assert!(runs > 10, "with consent a trusted cell ran {runs} times");
}

//! Each effect on the disk fails in turn: nothing acknowledged is lost, and recording goes on when the disk does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clew_core::id::HistoryId;
use clew_core::store::{Access, SessionWriter, Store, StoreError};
use clew_testing::disk::{Fault, SimDisk, Surviving};

use crate::story::{Told, begin, check_never_wrong, ids, key, open};

const RUNS: u64 = 8;

/// Records runs 1 to 8 as the engine does, in one session: a failure abandons the run, and the next run goes on. Gives what was acknowledged and the errors met.
fn live(disk: &SimDisk, store: &Store, history: HistoryId) -> (Vec<u64>, Vec<StoreError>) {
    let (mut saved, mut errors) = (Vec::new(), Vec::new());
    let mut writer: Option<SessionWriter> = None;
    for number in 1..=RUNS {
        let outcome = record(&mut writer, store, history, number);
        match outcome {
            Ok(()) => saved.push(number),
            Err(error) => {
                if let Some(writer) = &mut writer {
                    writer.abandon();
                }
                errors.push(error);
            }
        }
        if number % 3 == 0
            && let Some(Err(error)) = writer.as_mut().map(SessionWriter::sync)
        {
            errors.push(error);
        }
        if number == RUNS - 2 {
            // The disk works again, or has space again.
            disk.heal();
        }
    }
    (saved, errors)
}

/// The same where the engine itself panics: whoever holds the session has it recover, and goes on. Gives what was
/// acknowledged, and how many panics there were.
fn live_through_panics(store: &Store, history: HistoryId) -> (Vec<u64>, u32) {
    let (mut saved, mut panics) = (Vec::new(), 0);
    let mut writer: Option<SessionWriter> = None;
    for number in 1..=RUNS {
        let recorded = catch_unwind(AssertUnwindSafe(|| record(&mut writer, store, history, number)));
        match recorded {
            Ok(recorded) => {
                recorded.unwrap();
                saved.push(number);
            }
            Err(_) => panics += recover(&mut writer),
        }
        let synced = catch_unwind(AssertUnwindSafe(|| match &mut writer {
            Some(writer) if number % 3 == 0 => writer.sync(),
            _ => Ok(()),
        }));
        match synced {
            Ok(Ok(())) => {}
            // A panic within a flush is told as its error.
            Ok(Err(error)) => {
                assert!(matches!(error, StoreError::Panicked), "{error}");
                panics += 1;
            }
            Err(_) => panics += recover(&mut writer),
        }
    }
    let ended = catch_unwind(AssertUnwindSafe(|| drop(writer)));
    (saved, panics + u32::from(ended.is_err()))
}

fn recover(writer: &mut Option<SessionWriter>) -> u32 {
    if let Some(writer) = writer {
        writer.recover();
    }
    1
}

fn record(
    writer: &mut Option<SessionWriter>,
    store: &Store,
    history: HistoryId,
    number: u64,
) -> Result<(), StoreError> {
    if writer.is_none() {
        *writer = Some(store.writer(history, store.new_session(), &key())?);
    }
    if let Some(writer) = writer {
        writer.reserve_number()?;
        Told::new(number).record(writer)?;
    }
    Ok(())
}

fn effects_of_a_life() -> u64 {
    let (disk, store, history) = begin(30);
    let before = disk.effects();
    let (saved, errors) = live(&disk, &store, history);
    assert_eq!((saved.len() as u64, errors.len()), (RUNS, 0));
    disk.effects() - before
}

fn fail_each(fault: Fault) {
    for n in 0..effects_of_a_life() {
        let (disk, store, history) = begin(30);
        disk.fail_at(n, fault);
        let (saved, errors) = live(&disk, &store, history);
        assert!(
            saved.ends_with(&[RUNS - 1, RUNS]),
            "effect {n}: recording does not go on: {saved:?}, {errors:?}"
        );
        for error in &errors {
            check_words(error, fault);
        }
        // The live handle and a new process agree.
        for store in [store, open(&disk, Access::ReadOnly).unwrap()] {
            let loaded = store.load(history).unwrap();
            let whole = check_never_wrong(&store, &loaded);
            let is_kept = saved.iter().all(|number| whole.contains(number));
            assert!(
                is_kept,
                "effect {n}: saved {saved:?}, there are {whole:?}; {:?}",
                loaded.damage
            );
            assert_eq!(loaded.damage, [], "effect {n}");
        }
    }
}

fn check_words(error: &StoreError, fault: Fault) {
    let text = error.to_string();
    let is_clear = match fault {
        Fault::Full => text.contains("the disk is full") || text.contains("stopped writing"),
        _ => text.contains("simulated I/O error") || text.contains("stopped writing"),
    };
    assert!(is_clear, "{text}");
    assert!(!error.is_full() || error.hint().is_some());
}

#[test]
fn p01_an_input_output_error_at_any_effect_loses_nothing_acknowledged() {
    fail_each(Fault::Error);
}

#[test]
fn p01_p07_a_panic_at_any_effect_loses_nothing_acknowledged() {
    for fault in [Fault::Panic, Fault::PanicAfter] {
        for n in 0..effects_of_a_life() {
            let (disk, store, history) = begin(30);
            disk.fail_at(n, fault);
            let (saved, panics) = live_through_panics(&store, history);
            assert_eq!(panics, 1, "{fault:?} {n}");
            assert!(saved.len() as u64 >= RUNS - 1, "{fault:?} {n}: {saved:?}");
            // Everything was flushed, or is not said to be: so a power cut takes nothing of what is.
            for store in [store, open(&disk, Access::ReadOnly).unwrap()] {
                let loaded = store.load(history).unwrap();
                let whole = check_never_wrong(&store, &loaded);
                assert!(
                    saved.iter().all(|number| whole.contains(number)),
                    "{fault:?} {n}: saved {saved:?}, there are {whole:?}"
                );
                assert_eq!(loaded.damage, [], "{fault:?} {n}");
            }
        }
    }
}

#[test]
fn p01_a_disk_that_fills_at_any_effect_loses_nothing_acknowledged() {
    fail_each(Fault::Full);
}

#[test]
fn p01_a_short_write_at_any_effect_loses_nothing_acknowledged() {
    fail_each(Fault::Short);
}

#[test]
fn p01_a_write_that_fails_and_cannot_be_taken_back_loses_nothing_acknowledged_done_or_not() {
    fail_each(Fault::Phantom);
    fail_each(Fault::Stuck);
}

#[test]
fn p01_what_was_put_before_a_failure_goes_with_the_next_commit() {
    let (disk, store, history) = begin(33);
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    for fault in [Fault::Error, Fault::Stuck, Fault::Phantom, Fault::Full] {
        let pieces = writer
            .put_stream(format!("put before {fault:?}").as_bytes(), &[])
            .unwrap();
        disk.fail_at(0, fault);
        Told::new(1).record(&mut writer).unwrap_err();
        disk.heal();
        Told::new(4).record(&mut writer).unwrap();
        let other = open(&disk, Access::ReadOnly).unwrap();
        assert_eq!(
            other.stream(&ids(&pieces)).unwrap().into_inner(),
            format!("put before {fault:?}").into_bytes()
        );
    }
}

#[test]
fn p01_after_a_failed_flush_the_session_goes_on_and_never_calls_synced_what_may_be_lost() {
    let (disk, store, history) = begin(32);
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(1).record(&mut writer).unwrap();
    writer.sync().unwrap();
    Told::new(2).record(&mut writer).unwrap();
    disk.fail_at(0, Fault::Error);
    writer.sync().unwrap_err();
    // The same values again, which a failed flush may have lost, and new ones.
    for number in [2, 3] {
        Told::new(number).record(&mut writer).unwrap();
    }
    writer.sync().unwrap();
    assert_eq!(writer.marks(), (4, 1));
    let other = open(&disk, Access::ReadOnly).unwrap();
    let loaded = other.load(history).unwrap();
    assert_eq!(check_never_wrong(&other, &loaded), [1, 2, 2, 3]);
    assert_eq!(loaded.damage, []);
    let session = &loaded.sessions[&writer.session()];
    assert_eq!((session.operations.len(), session.synced), (4, 1));
    // What the old files hold behind their last mark is gone; what came after the failure needs none of it.
    let found = disk.crash(Surviving::Nothing);
    let store = open(&found, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&store, &store.load(history).unwrap()), [1, 2, 3]);
}

#[test]
fn p01_a_flush_that_fails_after_the_session_went_on_in_new_files_counts_too() {
    let (disk, store, history) = begin(34);
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(1).record(&mut writer).unwrap();
    writer.sync().unwrap();
    Told::new(2).record(&mut writer).unwrap();
    let job = writer.begin_sync().unwrap();
    // The old files are whole, so the next sync would flush them again.
    writer.recover();
    Told::new(3).record(&mut writer).unwrap();
    disk.fail_at(0, Fault::Error);
    let outcome = job.run();
    writer.end_sync(&job, outcome).unwrap_err();
    // The same values again, which the failed flush may have lost.
    for number in [2, 3] {
        Told::new(number).record(&mut writer).unwrap();
    }
    writer.sync().unwrap();
    assert_eq!(writer.marks(), (5, 1));
    let other = open(&disk, Access::ReadOnly).unwrap();
    let loaded = other.load(history).unwrap();
    assert_eq!(check_never_wrong(&other, &loaded), [1, 2, 2, 3, 3]);
    assert_eq!(loaded.sessions[&writer.session()].synced, 1);
}

#[test]
fn p02_a_full_disk_can_be_read() {
    let (disk, store, history) = begin(31);
    let mut writer = store.writer(history, store.new_session(), &key()).unwrap();
    Told::new(2).record(&mut writer).unwrap();
    disk.fail_at(0, Fault::Full);
    let error = Told::new(3).record(&mut writer).unwrap_err();
    assert!(error.is_full());
    assert!(
        error
            .to_string()
            .ends_with("the disk is full. Everything saved before is kept"),
        "{error}"
    );
    let other = open(&disk, Access::ReadOnly).unwrap();
    assert_eq!(check_never_wrong(&other, &other.load(history).unwrap()), [2]);
    disk.heal();
    Told::new(3).record(&mut writer).unwrap();
    assert_eq!(check_never_wrong(&other, &other.load(history).unwrap()), [2, 3]);
}

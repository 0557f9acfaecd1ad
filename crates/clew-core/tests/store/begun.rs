//! Notes of cells that began: read as they were written, or passed over.

use std::path::Path;

use clew_core::format::{CellEnd, Ending, InFlightMarker, Process, RECORD_VERSION};
use clew_core::id::{HistoryId, SessionId};
use clew_core::store::disk::{Disk, read_exact_at, write_all_at};
use clew_core::store::{Access, LeftoverMarker, SigningKey, Store};
use clew_testing::disk::SimDisk;

use crate::story::{begin, key, open, writer};

fn cell(history: HistoryId, session: SessionId) -> InFlightMarker {
    InFlightMarker {
        version: RECORD_VERSION,
        history,
        session,
        process: Process {
            host: "desk".to_owned(),
            pid: 7,
            ..Process::default()
        },
        source: None,
        masked: vec!["a GitHub token".to_owned()],
        cell: Some("c1".to_owned()),
        execution_count: Some(9),
        started: 1_000,
        ended: None,
    }
}

/// A store in which a session noted a cell, its disk, and the note.
fn noted(source: Option<&str>) -> (SimDisk, Store, LeftoverMarker) {
    let (disk, store, history) = begin(3);
    let writer = writer(&store, history);
    writer.note_begun(cell(history, writer.session()), source).unwrap();
    let mut found = store.begun(&key());
    assert_eq!(found.len(), 1);
    (disk, store, found.remove(0))
}

fn bytes(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    read_exact_at(&*file, &mut bytes, 0).unwrap();
    bytes
}

fn replace(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    disk.unlink(path).unwrap();
    write_all_at(&*disk.create_new(path).unwrap(), bytes, 0).unwrap();
}

#[test]
fn a_note_is_read_as_it_was_written_and_the_next_takes_its_place() {
    let (_, store, left) = noted(Some("x = 'half done'"));
    assert_eq!(left.source.as_deref(), Some("x = 'half done'"));
    let source = left.begun.source;
    assert!(source.is_some());
    let told = cell(left.begun.history, left.begun.session);
    assert_eq!(left.begun, InFlightMarker { source, ..told.clone() });

    let again = store.writer(left.begun.history, SessionId([8; 16]), &key()).unwrap();
    for count in [10, 11] {
        let next = InFlightMarker {
            session: again.session(),
            execution_count: Some(count),
            ..told.clone()
        };
        again.note_begun(next, None).unwrap();
    }
    let found = store.begun(&key());
    let counts: Vec<_> = found.iter().map(|left| left.begun.execution_count).collect();
    assert_eq!((counts.len(), counts.contains(&Some(11))), (2, true));
    found.iter().for_each(|left| store.unlink_note(&left.path));
    assert_eq!(store.begun(&key()), Vec::new());
}

#[test]
fn a_note_says_that_its_cell_ended_and_one_whose_end_was_cut_off_says_that_it_runs() {
    let (disk, store, history) = begin(3);
    let writer = writer(&store, history);
    let mut note = writer
        .note_begun(cell(history, writer.session()), Some("x = 1"))
        .unwrap();
    let runs = bytes(&disk, note.path()).len();
    let ended = CellEnd {
        duration: 5,
        ending: Ending::Failed {
            exception: "ValueError".to_owned(),
        },
    };
    writer.note_ended(&mut note, ended.clone()).unwrap();
    let whole = bytes(&disk, note.path());
    for length in runs..=whole.len() {
        replace(&disk, note.path(), &whole[..length]);
        let left = store.begun(&key()).remove(0);
        assert_eq!(left.source.as_deref(), Some("x = 1"));
        let is_whole = length == whole.len();
        assert_eq!(left.begun.ended, is_whole.then(|| ended.clone()), "{length} bytes");
    }
}

#[test]
fn p11_a_note_that_another_key_made_is_passed_over() {
    let (disk, _, _) = noted(Some("x = 1"));
    let other = SigningKey::from_secret(&[7; 32]);
    assert_eq!(open(&disk, Access::ReadOnly).unwrap().begun(&other), Vec::new());
}

#[test]
fn p14_a_note_that_is_cut_or_changed_is_none_or_says_what_it_said() {
    let (disk, store, left) = noted(Some("x = 1"));
    let whole = bytes(&disk, &left.path);
    for length in 0..whole.len() {
        replace(&disk, &left.path, &whole[..length]);
        assert_eq!(store.begun(&key()), Vec::new(), "cut at {length}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 4;
        replace(&disk, &left.path, &changed);
        for found in store.begun(&key()) {
            assert_eq!(found.begun, left.begun, "byte {place}");
            assert!(found.source.is_none() || found.source == left.source, "byte {place}");
        }
    }
}

#[test]
fn of_two_who_take_a_note_one_has_it() {
    let (_, store, left) = noted(None);
    let taken = store.claim(left.clone(), SessionId([1; 16])).unwrap();
    assert_eq!(store.claim(left, SessionId([2; 16])), None);
    assert_eq!(
        store.begun(&key()),
        vec![taken],
        "who took it may die before the run is written"
    );
}

#[test]
fn p12_a_source_is_noted_under_a_salt_and_gone_with_the_note() {
    let (disk, store, left) = noted(Some("x = 1"));
    let other = writer(&store, left.begun.history);
    other
        .note_begun(cell(left.begun.history, other.session()), Some("x = 1"))
        .unwrap();
    let sources: Vec<_> = store.begun(&key()).iter().map(|left| left.begun.source).collect();
    assert_ne!(sources[0], sources[1], "an id confirms no guess");
    store.unlink_note(&left.path);
    assert!(disk.open(&left.path).is_err());
}

//! One suite for all places: what [`Backend`] promises, each as a story in a folder of its own.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use clew_remote::transfer::{PART, UploadProgress, fetch, read_whole};
use clew_remote::{
    Backend, Head, ListedObject, Name, Part, Patient, RemoteError, RetryPolicy, Token, Upload, WriteOutcome, unwatched,
};
use clew_testing::remote::{Asked, Failing, Fault, unreachable};

use crate::{send, swaps};

/// Where a story plays: nothing else writes under this name.
pub struct Ground {
    pub place: Arc<dyn Backend>,
    pub folder: Name,
}

impl Ground {
    pub fn name(&self, rest: &str) -> Name {
        self.folder.join(rest).expect("a name")
    }

    fn put(&self, rest: &str, bytes: &[u8]) -> Result<WriteOutcome, RemoteError> {
        self.place.write(&self.name(rest), bytes, &mut unwatched)
    }

    fn read(&self, rest: &str) -> Option<Vec<u8>> {
        read_whole(&*self.place, &self.name(rest)).expect("it can be read")
    }

    fn listed(&self, rest: &str) -> Vec<String> {
        let listed = self.place.list(&self.name(rest)).expect("it can be listed");
        let line = |one: ListedObject| {
            format!(
                "{} {}",
                one.name.as_str().rsplit_once('/').expect("in a folder").1,
                one.length
            )
        };
        listed.into_iter().map(line).collect()
    }
}

type Story = fn(&Ground);

/// Every one of them, for every place.
const STORIES: &[(&str, Story)] = &[
    ("what_was_written_is_read", what_was_written_is_read),
    ("a_range_is_read", a_range_is_read),
    ("what_is_not_there_is_not_found", what_is_not_there_is_not_found),
    ("an_object_is_written_once", an_object_is_written_once),
    (
        "a_folder_is_listed_with_those_below",
        a_folder_is_listed_with_those_below,
    ),
    ("what_was_removed_is_gone", what_was_removed_is_gone),
    ("a_head_changes_by_who_read_it_last", a_head_changes_by_who_read_it_last),
    ("eight_writers_make_one_chain", eight_writers_make_one_chain),
    ("a_large_object_goes_in_parts", a_large_object_goes_in_parts),
    (
        "a_large_object_can_be_sent_by_two_at_once",
        a_large_object_can_be_sent_by_two_at_once,
    ),
    ("a_sending_that_was_cut_goes_on", a_sending_that_was_cut_goes_on),
    ("a_fetch_that_was_cut_goes_on", a_fetch_that_was_cut_goes_on),
    ("what_was_abandoned_was_never_there", what_was_abandoned_was_never_there),
    ("a_transfer_is_told_of_and_given_up", a_transfer_is_told_of_and_given_up),
    ("heads_can_be_shared", heads_can_be_shared),
];

/// Plays all of them and tells of all that failed.
pub fn check(place: &Arc<dyn Backend>) {
    let mut failed = Vec::new();
    for (name, story) in STORIES {
        let ground = Ground {
            place: Arc::clone(place),
            folder: name.parse().expect("a name"),
        };
        // Shown as it happens; the panic's own text says where.
        eprintln!("{}: {name}", place.place());
        if catch_unwind(AssertUnwindSafe(|| story(&ground))).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{} does not keep: {failed:?}", place.place());
}

fn what_was_written_is_read(ground: &Ground) {
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    for (rest, bytes) in [
        ("empty", b"".as_slice()),
        ("one", b"x"),
        ("a/b/deep.v1_2-3", &every_byte),
    ] {
        assert_eq!(ground.put(rest, bytes), Ok(WriteOutcome::New));
        assert_eq!(ground.read(rest).as_deref(), Some(bytes), "{rest}");
        assert_eq!(ground.place.length(&ground.name(rest)), Ok(Some(bytes.len() as u64)));
    }
}

fn a_range_is_read(ground: &Ground) {
    ground.put("ten", b"0123456789").expect("it is written");
    let read = |range| ground.place.read(&ground.name("ten"), range, &mut unwatched);
    assert_eq!(read(0..10).as_deref(), Ok(b"0123456789".as_slice()));
    assert_eq!(read(3..7).as_deref(), Ok(b"3456".as_slice()));
    assert_eq!(read(9..10).as_deref(), Ok(b"9".as_slice()));
    assert_eq!(read(4..4).as_deref(), Ok(b"".as_slice()));
    for beyond in [8..11, 10..12, 100..101] {
        let read = read(beyond.clone());
        assert!(matches!(read, Err(RemoteError::Damaged { .. })), "{beyond:?}: {read:?}");
    }
}

fn what_is_not_there_is_not_found(ground: &Ground) {
    let name = ground.name("nothing");
    assert_eq!(ground.place.length(&name), Ok(None));
    assert_eq!(ground.place.head(&name), Ok(None));
    let read = ground.place.read(&name, 0..1, &mut unwatched);
    assert!(matches!(read, Err(RemoteError::NotFound { .. })), "{read:?}");
    assert_eq!(ground.listed("no-folder"), [""; 0]);
    // A folder is no object.
    ground.put("folder/one", b"1").expect("it is written");
    assert_eq!(ground.place.length(&ground.name("folder")), Ok(None));
}

fn an_object_is_written_once(ground: &Ground) {
    assert_eq!(ground.put("object", b"as it is"), Ok(WriteOutcome::New));
    assert_eq!(ground.put("object", b"as it is"), Ok(WriteOutcome::AlreadyThere));
    // It is named by what it holds, so this is another one in its place.
    let other = ground.put("object", b"longer than it is");
    assert!(matches!(other, Err(RemoteError::Damaged { .. })), "{other:?}");
    assert_eq!(ground.read("object").as_deref(), Some(b"as it is".as_slice()));
}

fn a_folder_is_listed_with_those_below(ground: &Ground) {
    for (rest, bytes) in [
        ("packs/b", "22"),
        ("packs/a", "1"),
        ("packs/in/c", "333"),
        ("packs-not", "4"),
        ("logs/d", "5"),
    ] {
        ground.put(rest, bytes.as_bytes()).expect("it is written");
    }
    assert_eq!(ground.listed("packs"), ["a 1", "b 2", "c 3"]);
    assert_eq!(ground.listed("packs/in"), ["c 3"]);
    for number in 0..30 {
        ground.put(&format!("many/{number:02}"), b"x").expect("it is written");
    }
    let expected: Vec<String> = (0..30).map(|number| format!("{number:02} 1")).collect();
    assert_eq!(ground.listed("many"), expected);
}

fn what_was_removed_is_gone(ground: &Ground) {
    ground.put("object", b"short-lived").expect("it is written");
    ground.place.remove(&ground.name("object")).expect("it is removed");
    assert_eq!(ground.read("object"), None);
    assert_eq!(ground.listed("object"), [""; 0]);
    ground
        .place
        .remove(&ground.name("object"))
        .expect("nothing is left to remove");
    assert_eq!(ground.put("object", b"short-lived"), Ok(WriteOutcome::New));
}

fn a_head_changes_by_who_read_it_last(ground: &Ground) {
    let name = ground.name("head");
    let swap = |expected: Option<&Token>, bytes: &[u8]| ground.place.swap(&name, expected, bytes);
    let is_conflict = |swapped| matches!(swapped, Err(RemoteError::Conflict { .. }));
    let said = || ground.place.head(&name).expect("it can be read").expect("it is there");

    let other = ground
        .place
        .swap(&ground.name("other"), None, b"another head")
        .expect("it is made");
    assert!(
        is_conflict(swap(Some(&other), b"zero")),
        "changed though it is not there"
    );
    let first = swap(None, b"one").expect("it is made");
    assert_eq!(
        said(),
        Head {
            bytes: b"one".into(),
            token: first.clone()
        }
    );
    assert!(is_conflict(swap(None, b"two")), "made though it is there");
    let second = swap(Some(&first), b"two").expect("it is changed");
    assert_eq!(
        said(),
        Head {
            bytes: b"two".into(),
            token: second.clone()
        }
    );
    assert!(is_conflict(swap(Some(&first), b"three")), "changed with an old token");
    assert_eq!(said().bytes, b"two");

    ground.place.remove(&name).expect("it is removed");
    assert!(
        is_conflict(swap(Some(&second), b"three")),
        "changed though it was removed"
    );
    assert_eq!(ground.place.head(&name), Ok(None));
    swap(None, b"four").expect("it is made again");
}

fn eight_writers_make_one_chain(ground: &Ground) {
    swaps::check(&ground.place, &ground.name("head"), 8, 20);
}

/// Two parts and a bit, no two pages alike.
fn large() -> Vec<u8> {
    let count = (2 * PART + 12_345) as usize;
    let words = (0..count.div_ceil(8) as u64).flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(count).collect()
}

fn a_large_object_goes_in_parts(ground: &Ground) {
    let (name, bytes) = (ground.name("pack"), large());
    let mut sending = UploadProgress::default();
    let mut send = || send(&*ground.place, &name, &bytes, &mut sending, &mut unwatched);
    assert_eq!(send(), Ok(WriteOutcome::New));
    assert_eq!(send(), Ok(WriteOutcome::AlreadyThere));
    assert!(
        ground.read("pack") == Some(bytes.clone()),
        "what lies there is what was sent"
    );
    let range = ground.place.read(&name, PART - 5..PART + 5, &mut unwatched);
    let (from, to) = (PART as usize - 5, PART as usize + 5);
    assert_eq!(range.as_deref(), Ok(&bytes[from..to]));
}

fn a_large_object_can_be_sent_by_two_at_once(ground: &Ground) {
    let (name, bytes) = (ground.name("pack"), large());
    let together = std::sync::Barrier::new(2);
    // Nobody finishes before all have begun, and then all do.
    let finish = |sending: &mut UploadProgress| {
        let upload = ground.place.begin(&name, bytes.len() as u64).expect("it begins");
        let part = |(number, part): (usize, &[u8])| ground.place.part(&upload, number as u32, part, &mut unwatched);
        let parts = bytes.chunks(upload.part as usize).enumerate().map(part);
        sending.parts = parts.collect::<Result<_, _>>().expect("all arrive");
        sending.upload = Some(upload.clone());
        together.wait();
        send(&*ground.place, &name, &bytes, sending, &mut unwatched)
    };
    std::thread::scope(|scope| {
        let senders = [(); 2].map(|()| scope.spawn(|| finish(&mut UploadProgress::default())));
        for sender in senders {
            let sent = sender.join().expect("it ends");
            assert!(sent.is_ok(), "{sent:?}");
        }
    });
    assert!(ground.read("pack") == Some(bytes));
}

/// The ground behind a network that breaks off at the `n`-th call of this kind.
fn cut_at(ground: &Ground, kind: Asked, n: u64) -> Failing {
    let count = std::sync::atomic::AtomicU64::new(0);
    Failing::new(Arc::clone(&ground.place), move |_, asked| {
        let is_kind = asked == kind;
        let number = count.fetch_add(u64::from(is_kind), std::sync::atomic::Ordering::SeqCst);
        if is_kind && number == n {
            Fault::CutAfter(0)
        } else {
            Fault::None
        }
    })
}

fn a_sending_that_was_cut_goes_on(ground: &Ground) {
    let bytes = large();
    for cut in 0..3 {
        let name = ground.name(&format!("pack-{cut}"));
        let network = cut_at(ground, Asked::Part, cut);
        let mut sending = UploadProgress::default();
        let mut send = || send(&network, &name, &bytes, &mut sending, &mut unwatched);
        let cut_off = send();
        assert!(matches!(cut_off, Err(RemoteError::Unreachable { .. })), "{cut_off:?}");
        assert_eq!(ground.place.length(&name), Ok(None), "a part of it is not seen");
        let before = network.moved();
        assert_eq!(send(), Ok(WriteOutcome::New));
        assert_eq!(
            network.moved() - before,
            bytes.len() as u64 - cut * PART,
            "whole parts are not sent again"
        );
        assert!(read_whole(&*ground.place, &name).expect("it can be read") == Some(bytes.clone()));
    }
}

fn a_fetch_that_was_cut_goes_on(ground: &Ground) {
    let (name, bytes) = (ground.name("pack"), large());
    send(
        &*ground.place,
        &name,
        &bytes,
        &mut UploadProgress::default(),
        &mut unwatched,
    )
    .expect("it is sent");
    let network = cut_at(ground, Asked::Read, 1);
    let (mut arrived, mut sink) = (0, Vec::new());
    let fetch = |arrived: &mut u64, sink: &mut Vec<u8>| {
        fetch(&network, &name, bytes.len() as u64, arrived, sink, &mut unwatched)
    };
    let cut_off = fetch(&mut arrived, &mut sink);
    assert!(matches!(cut_off, Err(RemoteError::Unreachable { .. })), "{cut_off:?}");
    assert_eq!((arrived, sink.len() as u64), (PART, PART));
    let before = network.moved();
    fetch(&mut arrived, &mut sink).expect("it goes on");
    assert_eq!(
        network.moved() - before,
        bytes.len() as u64 - PART,
        "what arrived is not fetched again"
    );
    assert!(sink == bytes);
}

fn what_was_abandoned_was_never_there(ground: &Ground) {
    let name = ground.name("pack");
    let upload = ground.place.begin(&name, 3 * PART).expect("it begins");
    let part = vec![7; PART as usize];
    ground
        .place
        .part(&upload, 0, &part, &mut unwatched)
        .expect("a part arrives");
    ground.place.abandon(&upload).expect("it is abandoned");
    let late = ground.place.part(&upload, 1, &part, &mut unwatched);
    // Azure keeps no uploads apart: it takes the part, and lets go of it in a week.
    assert!(matches!(late, Err(RemoteError::NotFound { .. }) | Ok(_)), "{late:?}");
    ground.place.abandon(&upload).expect("nothing is left to abandon");
    assert_eq!(ground.place.length(&name), Ok(None));
    // Whoever goes on with it finds that out, and begins anew.
    let bytes = large();
    for (rest, parts) in [("pack", vec![Part("1".to_owned())]), ("begun", Vec::new())] {
        let upload = Some(Upload {
            name: ground.name(rest),
            ..upload.clone()
        });
        let mut sending = UploadProgress { upload, parts };
        let sent = send(&*ground.place, &ground.name(rest), &bytes, &mut sending, &mut unwatched);
        assert_eq!(sent, Ok(WriteOutcome::New));
        assert!(ground.read(rest) == Some(bytes.clone()));
    }
}

fn a_transfer_is_told_of_and_given_up(ground: &Ground) {
    let (name, bytes) = (ground.name("pack"), large());
    let mut told = 0;
    let mut watch = |moved| {
        told += moved;
        if told >= PART {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut sending = UploadProgress::default();
    let sent = send(&*ground.place, &name, &bytes, &mut sending, &mut watch);
    assert_eq!(sent, Err(RemoteError::GivenUp));
    assert_eq!(ground.place.length(&name), Ok(None));

    let mut told = 0;
    let mut watch = |moved| {
        told += moved;
        ControlFlow::Continue(())
    };
    let sent = send(
        &*ground.place,
        &name,
        &bytes,
        &mut UploadProgress::default(),
        &mut watch,
    );
    assert_eq!((sent, told), (Ok(WriteOutcome::New), bytes.len() as u64));
    let read = ground.place.read(&name, 0..PART, &mut |_| ControlFlow::Break(()));
    assert_eq!(read, Err(RemoteError::GivenUp));
}

fn heads_can_be_shared(ground: &Ground) {
    // As users do: a busy server that drops one of 160 connections is asked again.
    let patient = Patient::new(Arc::clone(&ground.place), RetryPolicy::default());
    assert_eq!(clew_remote::probe::probe(&patient), Ok(Ok(())));
    let left = ground.place.list(&"probes".parse().expect("a name"));
    assert_eq!(left, Ok(Vec::new()), "the probe leaves nothing behind");
    // What fails in the middle is no verdict, and what it made goes where it can.
    let network = Failing::new(Arc::clone(&ground.place), |call, _| match call {
        5 => Fault::Before(unreachable("away")),
        _ => Fault::None,
    });
    assert!(clew_remote::probe::probe(&network).is_err());
}

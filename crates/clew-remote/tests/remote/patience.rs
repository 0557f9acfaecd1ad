//! Trying again: what is tried, how often, and what came of what nobody heard of.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clew_remote::transfer::{PART, UploadProgress, fetch};
use clew_remote::{
    Backend, Directory, Head, ListedObject, Name, Part, Patient, RemoteError, RetryPolicy, Token, TransferCallback,
    Upload, WriteOutcome, unwatched,
};
use clew_testing::remote::{Asked, Failing, Fault, unreachable};

use crate::send;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

struct Desk {
    _folder: tempfile::TempDir,
    place: Arc<dyn Backend>,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Arc::new(Directory::create(folder.path()).expect("it is made"));
    Desk { _folder: folder, place }
}

impl Desk {
    fn failing(&self, plan: impl Fn(u64, Asked) -> Fault + Send + Sync + 'static) -> Failing {
        Failing::new(Arc::clone(&self.place), plan)
    }

    fn said(&self, head: &str) -> Vec<u8> {
        self.place
            .head(&name(head))
            .expect("it can be read")
            .expect("it is there")
            .bytes
    }
}

fn patient(place: &Failing) -> Patient {
    Patient::new(Arc::new(place.clone()), RetryPolicy::default()).waiting_by(|_| ())
}

fn once(fault: Fault) -> impl Fn(u64, Asked) -> Fault {
    move |call, _| if call == 0 { fault.clone() } else { Fault::None }
}

#[test]
fn what_passes_is_tried_again_and_nothing_else_is() {
    let desk = desk();
    let away = desk.failing(|_, _| Fault::Before(unreachable("500")));
    let written = patient(&away).write(&name("a"), b"x", &mut unwatched);
    assert_eq!((written, away.calls()), (Err(unreachable("500")), 8));

    let refused = RemoteError::Refused {
        place: "there".to_owned(),
        said: "ExpiredToken".to_owned(),
    };
    let refusing = desk.failing(move |_, _| Fault::Before(refused.clone()));
    let written = patient(&refusing).write(&name("a"), b"x", &mut unwatched);
    assert!(matches!(written, Err(RemoteError::Refused { .. })), "{written:?}");
    assert_eq!(refusing.calls(), 1);

    let shaky = desk.failing(|call, _| {
        if call < 7 {
            Fault::Before(unreachable("503"))
        } else {
            Fault::None
        }
    });
    assert_eq!(
        patient(&shaky).write(&name("a"), b"x", &mut unwatched),
        Ok(WriteOutcome::New)
    );
}

#[test]
fn waits_grow_and_those_that_a_server_asks_for_are_kept() {
    let desk = desk();
    let waits = Arc::new(Mutex::new(Vec::new()));
    let wait = |asked: Option<u64>| {
        let busy = RemoteError::Unreachable {
            place: "there".to_owned(),
            said: "429".to_owned(),
            wait: asked.map(Duration::from_secs),
        };
        let busy = desk.failing(move |_, _| Fault::Before(busy.clone()));
        let noted = Arc::clone(&waits);
        let noting = move |time| noted.lock().expect("unbroken").push(time);
        let patient = Patient::new(Arc::new(busy), RetryPolicy::default()).waiting_by(noting);
        patient.length(&name("a")).expect_err("it stays busy");
        std::mem::take(&mut *waits.lock().expect("unbroken"))
            .into_iter()
            .sum::<Duration>()
    };
    // 0.4, 0.8 … 20 s at the longest, and anything below.
    let longest = Duration::from_millis(400 + 800 + 1600 + 3200 + 6400 + 12800 + 20000);
    let free: Vec<Duration> = (0..20).map(|_| wait(None)).collect();
    assert!(free.iter().all(|sum| *sum <= longest), "{free:?}");
    assert!(free.iter().any(|sum| *sum > longest / 8), "{free:?}");
    assert!(
        free.windows(2).any(|pair| pair[0] != pair[1]),
        "those who failed together come back apart"
    );
    assert!(wait(Some(5)) >= Duration::from_secs(7 * 5));
    // A server may not stop a session for a day.
    assert!(wait(Some(86_400)) <= longest + Duration::from_mins(7));
}

#[test]
fn a_wait_can_be_given_up() {
    let desk = desk();
    let away = desk.failing(|_, _| Fault::Before(unreachable("500")));
    let patient = Patient::new(Arc::new(away.clone()), RetryPolicy::default()).waiting_by(|_| ());
    let mut looks = 0;
    let mut watch = |_| {
        looks += 1;
        if looks > 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let written = patient.write(&name("a"), b"x", &mut watch);
    assert_eq!(written, Err(RemoteError::GivenUp));
    assert!(away.calls() < 8);
}

/// A line that several transfers share, and that is reset whenever so many bytes went through it: then all of them fail.
#[derive(Debug)]
struct Line {
    inner: Arc<dyn Backend>,
    left: Mutex<u64>,
    budget: u64,
    resets: AtomicU64,
}

impl Line {
    fn carry(&self, bytes: u64, watch: TransferCallback<'_>) -> Result<(), RemoteError> {
        let began = self.resets.load(Ordering::SeqCst);
        // Slowly, so that others are on the line meanwhile.
        for piece in 0..bytes.div_ceil(1 << 20) {
            std::thread::sleep(Duration::from_millis(1));
            let size = (bytes - (piece << 20)).min(1 << 20);
            let mut left = self.left.lock().expect("unbroken");
            if self.resets.load(Ordering::SeqCst) == began && *left < size {
                *left = self.budget;
                self.resets.fetch_add(1, Ordering::SeqCst);
            }
            if self.resets.load(Ordering::SeqCst) != began {
                return Err(unreachable("reset"));
            }
            *left -= size;
            drop(left);
            assert!(watch(size).is_continue());
        }
        Ok(())
    }
}

impl Backend for Line {
    fn place(&self) -> String {
        self.inner.place()
    }
    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        self.carry(range.end - range.start, watch)?;
        self.inner.read(name, range, &mut unwatched)
    }
    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        self.inner.length(name)
    }
    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        self.carry(bytes.len() as u64, watch)?;
        self.inner.write(name, bytes, &mut unwatched)
    }
    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        self.inner.begin(name, length)
    }
    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        self.carry(bytes.len() as u64, watch)?;
        self.inner.part(upload, number, bytes, &mut unwatched)
    }
    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        self.inner.finish(upload, parts)
    }
    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        self.inner.abandon(upload)
    }
    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        self.inner.list(folder)
    }
    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        self.inner.remove(name)
    }
    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        self.inner.head(name)
    }
    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        self.inner.swap(name, expected, bytes)
    }
}

#[test]
fn transfers_that_share_a_line_which_is_reset_again_and_again_come_through_and_each_retry_is_told() {
    let desk = desk();
    // Room for one part, or two: never for one of each transfer.
    let budget = 2 * PART + (4 << 20);
    let line = Line {
        inner: Arc::clone(&desk.place),
        left: Mutex::new(budget),
        budget,
        resets: AtomicU64::new(0),
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let patient = Patient::new(Arc::new(line), RetryPolicy::default())
        .waiting_by(|_| ())
        .telling(move |retry| {
            let retry = (retry.next, retry.of, retry.error.to_string());
            noted.lock().expect("unbroken").push(retry);
        });
    let bytes = large();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (patient, bytes) = (&patient, &bytes);
            scope.spawn(move || {
                let name = name(&format!("pack-{number}"));
                let sent = send(patient, &name, bytes, &mut UploadProgress::default(), &mut unwatched);
                assert_eq!(sent, Ok(WriteOutcome::New), "{number}");
            });
        }
    });
    let told = told.lock().expect("unbroken");
    assert!(!told.is_empty(), "the line was never cut");
    assert!(
        told.iter()
            .all(|(next, of, error)| { (2..=8).contains(next) && *of == 8 && error.contains("reset") }),
        "{told:?}"
    );
}

#[test]
fn a_swap_whose_answer_was_lost_was_won() {
    let desk = desk();
    let first = desk.place.swap(&name("main"), None, b"one").expect("it is made");
    let lossy = desk.failing(once(Fault::After(unreachable("the answer is lost"))));
    let token = patient(&lossy)
        .swap(&name("main"), Some(&first), b"two")
        .expect("it was won");
    assert_eq!(desk.said("main"), b"two");
    assert_eq!(
        desk.place.head(&name("main")).expect("read").expect("there").token,
        token
    );
    let lossy = desk.failing(once(Fault::After(unreachable("the answer is lost"))));
    patient(&lossy).swap(&name("new"), None, b"one").expect("it was won");
}

#[test]
fn a_swap_that_lost_is_not_taken_for_won() {
    let desk = desk();
    let first = desk.place.swap(&name("main"), None, b"one").expect("it is made");
    desk.place
        .swap(&name("main"), Some(&first), b"theirs")
        .expect("it is changed");
    let shaky = desk.failing(once(Fault::Before(unreachable("503"))));
    let swapped = patient(&shaky).swap(&name("main"), Some(&first), b"ours");
    assert!(matches!(swapped, Err(RemoteError::Conflict { .. })), "{swapped:?}");
    assert_eq!(desk.said("main"), b"theirs");
}

fn large() -> Vec<u8> {
    (0..2 * PART + 5).map(|at| (at % 251) as u8).collect()
}

/// How a call can go wrong that may be made again.
fn faults() -> [Fault; 3] {
    let error = unreachable("cut");
    [
        Fault::Before(error.clone()),
        Fault::After(error),
        Fault::CutAfter(1 << 20),
    ]
}

#[test]
fn a_transfer_comes_through_wherever_one_call_fails() {
    let bytes = large();
    for fault in faults() {
        // Of six calls: length, begin, three parts, finish, length. One more, so that none fails.
        for n in 0..8 {
            let desk = desk();
            let fault = fault.clone();
            let shaky = desk.failing(move |call, _| if call == n { fault.clone() } else { Fault::None });
            let sent = send(
                &patient(&shaky),
                &name("pack"),
                &bytes,
                &mut UploadProgress::default(),
                &mut unwatched,
            );
            assert_eq!(sent, Ok(WriteOutcome::New), "call {n}");
            assert!(fetched(&*desk.place, bytes.len()) == bytes, "call {n}");
        }
    }
}

/// What lies there as the pack.
fn fetched(place: &dyn Backend, length: usize) -> Vec<u8> {
    let (mut arrived, mut sink) = (0, Vec::new());
    fetch(
        place,
        &name("pack"),
        length as u64,
        &mut arrived,
        &mut sink,
        &mut unwatched,
    )
    .expect("fetched");
    sink
}

#[test]
fn a_fetch_comes_through_wherever_one_call_fails() {
    let (bytes, desk) = (large(), desk());
    send(
        &*desk.place,
        &name("pack"),
        &bytes,
        &mut UploadProgress::default(),
        &mut unwatched,
    )
    .expect("sent");
    for fault in faults() {
        for n in 0..4 {
            let fault = fault.clone();
            let shaky = desk.failing(move |call, _| if call == n { fault.clone() } else { Fault::None });
            assert!(fetched(&patient(&shaky), bytes.len()) == bytes, "call {n}");
        }
    }
}

#[test]
fn a_slow_remote_is_waited_for() {
    let desk = desk();
    let slow = desk.failing(|_, _| Fault::Slow(Duration::from_millis(20)));
    assert_eq!(
        patient(&slow).write(&name("a"), b"x", &mut unwatched),
        Ok(WriteOutcome::New)
    );
    assert_eq!(slow.calls(), 1);
}

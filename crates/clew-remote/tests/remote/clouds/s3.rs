//! S3 as a place, with moto's server.

use std::sync::Arc;

use clew_remote::transfer::{PART, UploadProgress, fetch, read_whole};
use clew_remote::{Backend, Name, Patient, RemoteError, RetryPolicy, WriteOutcome, unwatched};

use super::moto::{Moto, storage_at};
use super::network::{Deed, Network, answer};
use crate::{conformance, send};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

#[test]
fn s3_keeps_the_contract() {
    let moto = Moto::start();
    let place: Arc<dyn Backend> = Arc::new(moto.storage("a/folder"));
    conformance::check(&place);
    // Two folders of a bucket know nothing of each other.
    let beside = moto.storage("a/folder-beside");
    assert_eq!(beside.list(&name("what_was_written_is_read")), Ok(Vec::new()));
    let bare = moto.storage("");
    assert_ne!(bare.list(&name("a")), Ok(Vec::new()));
    let nowhere = storage_at(moto.port, "s3://no-such-bucket/x");
    let said = nowhere.head(&name("main"));
    assert!(
        matches!(said, Err(RemoteError::NoPlace { .. })),
        "no head yet is another thing: {said:?}"
    );
}

fn large() -> Vec<u8> {
    (0..2 * PART + 77).map(|at| (at * 7 % 253) as u8).collect()
}

/// Behind a network with this plan; what fails is tried again without waiting.
fn behind(moto: &Moto, plan: impl Fn(u64) -> Deed + Send + Sync + 'static) -> (Patient, Network) {
    let network = Network::start(moto.port, plan);
    let storage = storage_at(network.port, "s3://clew/behind");
    (
        Patient::new(Arc::new(storage), RetryPolicy::default()).waiting_by(|_| ()),
        network,
    )
}

#[test]
fn s3_comes_through_a_bad_network() {
    let moto = Moto::start();
    let (bytes, straight) = (large(), moto.storage("behind"));
    // Every third connection breaks off in one of these ways; the parts have 8 MiB.
    let deeds = || {
        let busy = answer("503 Service Unavailable", "Retry-After: 0\r\n", "");
        [
            Deed::CutRequest(3 << 20),
            busy,
            Deed::LoseAnswer,
            answer("500 Internal Server Error", "", ""),
            Deed::CutAnswer(100),
        ]
    };
    for shift in 0..3 {
        let deeds = deeds();
        let plan = move |n: u64| {
            if n % 3 == shift {
                deeds[(n / 3 % 5) as usize].clone()
            } else {
                Deed::Pass
            }
        };
        let (patient, network) = behind(&moto, plan);
        let pack = name(&format!("pack-{shift}"));
        let sent = send(&patient, &pack, &bytes, &mut UploadProgress::default(), &mut unwatched);
        assert_eq!(sent, Ok(WriteOutcome::New));
        assert!(read_whole(&straight, &pack).expect("it can be read") == Some(bytes.clone()));

        let head = name(&format!("head-{shift}"));
        let mut token = patient.swap(&head, None, b"0").expect("it is made");
        for number in 1..8_u8 {
            token = patient
                .swap(&head, Some(&token), &[number])
                .expect("nobody else is there");
        }
        assert_eq!(
            straight
                .head(&head)
                .expect("it can be read")
                .expect("it is there")
                .bytes,
            [7]
        );
        assert!(network.connections() > 15, "{}", network.connections());
    }
}

#[test]
fn a_fetch_from_s3_goes_on_where_it_was_cut() {
    let moto = Moto::start();
    let (bytes, straight) = (large(), moto.storage("behind"));
    send(
        &straight,
        &name("pack"),
        &bytes,
        &mut UploadProgress::default(),
        &mut unwatched,
    )
    .expect("it is sent");
    let (patient, network) = behind(&moto, |n| match n {
        0 | 1 => Deed::CutAnswer(5 << 20),
        3 => Deed::CutAnswer(200),
        _ => Deed::Pass,
    });
    let (mut arrived, mut sink) = (0, Vec::new());
    fetch(
        &patient,
        &name("pack"),
        bytes.len() as u64,
        &mut arrived,
        &mut sink,
        &mut unwatched,
    )
    .expect("fetched");
    assert!(sink == bytes);
    assert_eq!(network.connections(), 6, "three parts, and three tries in vain");
}

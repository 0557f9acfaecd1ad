//! Everything that people may read of remotes.

use std::time::Duration;

use clew_remote::probe::ProbeFailure;
use clew_remote::{Name, RemoteError};
use clew_testing::{every, lines};

fn name() -> Name {
    "packs/3f2a9c10".parse().expect("a name")
}

fn place() -> String {
    "s3://bucket/clew".to_owned()
}

#[test]
fn errors_of_remotes() {
    let errors = every!(RemoteError {
        RemoteError::NotFound { .. } => [RemoteError::NotFound { place: place(), name: name() }],
        RemoteError::Conflict { .. } => [RemoteError::Conflict { place: place(), name: name() }],
        RemoteError::Refused { .. } => [RemoteError::Refused { place: place(), said: "400 ExpiredToken".into() }],
        RemoteError::Clock { .. } => [RemoteError::Clock {
            place: place(),
            said: "403 RequestTimeTooSkewed; its clock is 61 minutes behind this machine's".into(),
        }],
        RemoteError::Full { .. } => [RemoteError::Full { place: place(), said: "507 QuotaExceeded".into() }],
        RemoteError::Unreachable { .. } => [RemoteError::Unreachable {
            place: place(),
            said: "503 SlowDown: Please reduce your request rate".into(),
            wait: Some(Duration::from_secs(3)),
        }],
        RemoteError::Damaged { .. } => [RemoteError::Damaged {
            place: place(),
            name: name(),
            why: "it has 3 bytes instead of 4".into(),
        }],
        RemoteError::Unable { .. } => [RemoteError::Unable {
            place: place(),
            what: "keep others out of a head",
            said: "its file locks do not work".into(),
        }],
        RemoteError::NoPlace { .. } => [RemoteError::NoPlace { place: place(), said: "404 NoSuchBucket".into() }],
        RemoteError::Here { .. } => [RemoteError::Here { said: "Permission denied (os error 13)".into() }],
        RemoteError::NoRoom { .. } => [RemoteError::NoRoom { said: "No space left on device (os error 28)".into() }],
        RemoteError::GivenUp => [RemoteError::GivenUp],
        RemoteError::Name(_) => ["../x".parse::<Name>().expect_err("no name").into()],
    });
    insta::assert_snapshot!(lines(errors));
}

#[test]
fn why_heads_cannot_be_shared() {
    let lies = every!(ProbeFailure {
        ProbeFailure::Unable { .. } => [ProbeFailure::Unable { said: "501 NotImplemented".into() }],
        ProbeFailure::Overwrites => [ProbeFailure::Overwrites],
        ProbeFailure::TakesStale => [ProbeFailure::TakesStale],
        ProbeFailure::ManyWinners { .. } => [ProbeFailure::ManyWinners { winners: 3 }],
        ProbeFailure::Forgets => [ProbeFailure::Forgets],
    });
    insta::assert_snapshot!(lines(lies));
}

//! What the answers of servers mean: each is given by a server that has nothing else to say.

use std::time::Duration;

use clew_remote::{Backend, Name, ObjectStorage, RemoteError, Token, unwatched};

use super::moto::storage_at;
use super::network::{Network, answer};

fn name() -> Name {
    "packs/a".parse().expect("a name")
}

/// What is said where a server always gives this answer.
fn asked<T>(
    status: &str,
    headers: &str,
    body: &str,
    ask: impl Fn(&ObjectStorage) -> Result<T, RemoteError>,
) -> (Result<T, RemoteError>, u64) {
    let (status, headers, body) = (status.to_owned(), headers.to_owned(), body.to_owned());
    let network = Network::start(0, move |_| answer(&status, &headers, &body));
    let said = ask(&storage_at(network.port, "s3://bucket/clew"));
    (said, network.connections())
}

fn xml(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>In words</Message><Secret>not shown</Secret></Error>")
}

fn read(storage: &ObjectStorage) -> Result<Vec<u8>, RemoteError> {
    storage.read(&name(), 0..3, &mut unwatched)
}

fn swap(storage: &ObjectStorage) -> Result<Token, RemoteError> {
    storage.swap(&name(), Some(&Token("\"tag\"\n".to_owned())), b"x")
}

/// Which variant, and what is said.
fn told(error: RemoteError) -> (&'static str, String) {
    match error {
        RemoteError::NotFound { .. } => ("not found", String::new()),
        RemoteError::Conflict { .. } => ("conflict", String::new()),
        RemoteError::Refused { said, .. } => ("refused", said),
        RemoteError::Clock { said, .. } => ("clock", said),
        RemoteError::Full { said, .. } => ("full", said),
        RemoteError::Unreachable { said, .. } => ("unreachable", said),
        RemoteError::Damaged { why, .. } => ("damaged", why),
        RemoteError::Unable { said, .. } => ("unable", said),
        RemoteError::NoPlace { said, .. } => ("no place", said),
        other => ("other", other.to_string()),
    }
}

#[test]
fn an_answer_means_what_can_be_done_about_it() {
    let cases = [
        ("404 Not Found", "NoSuchKey", "not found", ""),
        (
            "404 Not Found",
            "NoSuchBucket",
            "no place",
            "404 NoSuchBucket: In words",
        ),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "clock",
            "403 RequestTimeTooSkewed: In words",
        ),
        (
            "401 Unauthorized",
            "AccessDenied",
            "refused",
            "401 AccessDenied: In words",
        ),
        (
            "400 Bad Request",
            "ExpiredToken",
            "refused",
            "400 ExpiredToken: In words",
        ),
        (
            "400 Bad Request",
            "InvalidBucketName",
            "no place",
            "400 InvalidBucketName: In words",
        ),
        (
            "416 Range Not Satisfiable",
            "InvalidRange",
            "damaged",
            "it ends before the requested data",
        ),
        (
            "429 Too Many Requests",
            "TooManyRequests",
            "unreachable",
            "429 TooManyRequests: In words",
        ),
        (
            "500 Internal Server Error",
            "InternalError",
            "unreachable",
            "500 InternalError: In words",
        ),
        (
            "503 Service Unavailable",
            "SlowDown",
            "unreachable",
            "503 SlowDown: In words",
        ),
        (
            "507 Insufficient Storage",
            "XMinioStorageFull",
            "full",
            "507 XMinioStorageFull: In words",
        ),
    ];
    for (status, code, kind, said) in cases {
        let (result, asked) = asked(status, "", &xml(code), read);
        assert_eq!(
            told(result.expect_err(code)),
            (kind, said.to_owned()),
            "{status} {code}"
        );
        assert_eq!(asked, 1, "{code} is asked once: who tries again is one alone");
    }
}

#[test]
fn an_answer_to_a_swap_means_what_can_be_done_about_it() {
    let cases = [
        ("412 Precondition Failed", "PreconditionFailed", "conflict", ""),
        ("409 Conflict", "ConditionalRequestConflict", "conflict", ""),
        ("404 Not Found", "NoSuchKey", "conflict", ""),
        (
            "501 Not Implemented",
            "NotImplemented",
            "unable",
            "501 NotImplemented: In words",
        ),
        (
            "503 Service Unavailable",
            "SlowDown",
            "unreachable",
            "503 SlowDown: In words",
        ),
    ];
    for (status, code, kind, said) in cases {
        let (result, asked) = asked(status, "", &xml(code), swap);
        assert_eq!(
            told(result.expect_err(code)),
            (kind, said.to_owned()),
            "{status} {code}"
        );
        assert_eq!(asked, 1, "{code}");
    }
}

#[test]
fn a_server_says_how_long_to_wait() {
    let (said, _) = asked("503 Service Unavailable", "Retry-After: 7\r\n", "", read);
    let Err(RemoteError::Unreachable { wait, .. }) = said else {
        panic!("{said:?}")
    };
    assert_eq!(wait, Some(Duration::from_secs(7)));
}

/// The time by a clock that is so many minutes ahead of this machine's, as servers write it.
fn date(minutes: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
    time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string()
}

#[test]
fn a_clock_that_is_wrong_is_told_from_a_login_that_is() {
    for (status, code) in [
        ("403 Forbidden", "AuthenticationFailed"),
        ("401 Unauthorized", "Unauthorized"),
        ("400 Bad Request", "ExpiredToken"),
        ("400 Bad Request", "invalid_grant"),
    ] {
        let told_at = |minutes| told(asked(status, &date(minutes), &xml(code), read).0.expect_err(code));
        assert_eq!(told_at(1).0, "refused", "{code}: a minute is borne by all");
        for (minutes, way) in [(62, "ahead of"), (-62, "behind")] {
            let (kind, said) = told_at(minutes);
            assert_eq!(kind, "clock", "{code}");
            assert!(said.contains(&format!(" minutes {way} this machine's")), "{said}");
        }
    }
    let (kind, _) = told(
        asked("404 Not Found", &date(62), &xml("NoSuchKey"), read)
            .0
            .expect_err("404"),
    );
    assert_eq!(kind, "not found", "what a server does not refuse is not about the time");
}

#[test]
fn a_server_says_until_when_to_wait_by_its_own_clock() {
    let headers = date(62) + &date(63).replace("Date:", "Retry-After:");
    let (said, _) = asked("503 Service Unavailable", &headers, "", read);
    let Err(RemoteError::Unreachable { wait: Some(wait), .. }) = said else {
        panic!("{said:?}")
    };
    assert!((59..=61).contains(&wait.as_secs()), "{wait:?}");
}

#[test]
fn a_conflict_is_one_only_where_there_was_a_condition() {
    let (said, _) = asked("409 Conflict", "", &xml("OperationAborted"), read);
    assert_eq!(told(said.expect_err("a failure")).0, "unreachable");
    let (said, _) = asked("409 Conflict", "", &xml("OperationAborted"), swap);
    assert_eq!(told(said.expect_err("a failure")).0, "conflict");
}

#[test]
fn an_object_that_somebody_else_is_writing_is_not_taken_for_there() {
    let network = Network::start(0, |connection| match connection {
        0 => answer("409 Conflict", "", &xml("OperationAborted")),
        _ => answer("404 Not Found", "", ""),
    });
    let said = storage_at(network.port, "s3://bucket/clew").write(&name(), b"x", &mut unwatched);
    assert_eq!(told(said.expect_err("it may fail yet")).0, "unreachable");
    assert_eq!(network.connections(), 2);
}

#[test]
fn what_a_server_says_does_no_harm_to_a_terminal() {
    let body = format!("\u{1b}[2J{}", "x".repeat(100_000));
    let (said, _) = asked("500 Internal Server Error", "", &body, read);
    let (kind, said) = told(said.expect_err("a failure"));
    assert_eq!(kind, "unreachable");
    assert!(said.starts_with("500 [2Jxxx") && said.len() == 300, "{said:?}");
}

#[test]
fn a_server_that_is_not_there_may_be_there_later() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = free.local_addr().expect("it listens").port();
    drop(free);
    let said = read(&storage_at(port, "s3://bucket/clew"));
    assert_eq!(told(said.expect_err("nobody listens")).0, "unreachable");
}

#[test]
fn a_url_is_a_place_or_says_why_not() {
    let open = |url: &str| ObjectStorage::open(url, &[]).expect_err(url).to_string();
    let texts = [
        "ftp://bucket/x",
        "https://example.com/x",
        "no url",
        "s3://key:secret@bucket/x",
        "https://account.blob.core.windows.net/container?sig=secret",
    ]
    .map(open);
    insta::assert_snapshot!(clew_testing::lines(texts));
}

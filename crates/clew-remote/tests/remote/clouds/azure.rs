//! Azure as a place, with azurite.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clew_remote::transfer::{PART, UploadProgress, read_whole};
use clew_remote::{Backend, Name, ObjectStorage, Patient, RemoteError, RetryPolicy, WriteOutcome, unwatched};

use super::cloud::{Cloud, LONG_AGO, Refusal, is_full, is_of_clocks, is_refused, xml};
use super::network::{Deed, Network, answer};
use crate::{conformance, send};

/// Ends when nobody holds its input any more, as moto's does. It makes the container that is there, and says then where it listens.
const PROGRAM: &str = r"
process.stdin.on('end', () => process.exit(0)).resume();
process.argv = [process.argv[0], 'azurite-blob', '--blobPort', '0', '--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck'];
const crypto = require('crypto'), http = require('http');
const account = 'devstoreaccount1', key = process.env.CLEW_TEST_KEY, say = console.log;
console.log = (text) => {
  const port = /listens on .*:(\d+)/.exec(String(text));
  if (port) make(Number(port[1]));
};
function make(port) {
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2023-11-03' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  const signed = ['PUT', ...Array(11).fill(''), ...lines, `/${account}/${account}/clew`, 'restype:container'].join('\n');
  const signature = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest('base64');
  headers.Authorization = `SharedKey ${account}:${signature}`;
  const options = { port, host: '127.0.0.1', method: 'PUT', path: `/${account}/clew?restype=container`, headers };
  http.request(options, (answer) => say(`${answer.statusCode} ${port}`)).end();
}
require('azurite/dist/src/blob/main.js');
";

/// The account that azurite has, and everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub struct Azurite {
    process: Child,
    port: u16,
}

impl Azurite {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv-servers");
        assert!(
            folder.join("node_modules/azurite").exists(),
            "azurite is missing: tools/make_venv.sh servers installs it"
        );
        let mut command = Command::new("node");
        command
            .args(["-e", PROGRAM])
            .current_dir(folder)
            .env("CLEW_TEST_KEY", KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("node starts");
        let mut line = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped"));
        lines.read_line(&mut line).expect("it says where it listens");
        // Somebody has to go on reading, or it stands still when the pipe is full.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        let port = line.trim().strip_prefix("201 ").and_then(|port| port.parse().ok());
        Self {
            process,
            port: port.unwrap_or_else(|| panic!("it makes a container: {line}")),
        }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Cloud for Azurite {
    fn name(&self) -> &'static str {
        "Azure"
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn storage_at(&self, port: u16, folder: &str, more: &[(&str, &str)]) -> ObjectStorage {
        storage_with(port, &format!("az://clew/{folder}"), KEY, more)
    }

    fn troubles(&self) -> Vec<(&'static str, Deed)> {
        let (internal, busy) = ("500 Internal Server Error", "503 Server Busy");
        vec![
            ("internal", answer(internal, "", &xml("InternalError"))),
            ("timed-out", answer(internal, "", &xml("OperationTimedOut"))),
            ("busy", answer(busy, "", &xml("ServerBusy"))),
            ("busy-a-while", answer(busy, "Retry-After: 3\r\n", &xml("ServerBusy"))),
            ("too-many", answer("429 Too Many Requests", "", &xml("TooManyRequests"))),
            ("gone", answer("502 Bad Gateway", "", "")),
        ]
    }

    fn refusals(&self) -> Vec<Refusal> {
        let forbidden = "403 Forbidden";
        let full = "507 Insufficient Storage";
        vec![
            ("full", answer(full, "", &xml("AccountQuotaExceeded")), is_full),
            ("quota", answer(forbidden, "", &xml("QuotaExceeded")), is_full),
            (
                "expired",
                answer(forbidden, "", &xml("AuthenticationFailed")),
                is_refused,
            ),
            (
                "withdrawn",
                answer(forbidden, "", &xml("AuthorizationPermissionMismatch")),
                is_refused,
            ),
            (
                "unknown",
                answer("401 Unauthorized", "", &xml("InvalidAuthenticationInfo")),
                is_refused,
            ),
            (
                "clock",
                answer(forbidden, LONG_AGO, &xml("AuthenticationFailed")),
                is_of_clocks,
            ),
        ]
    }
}

/// What listens at a port, taken for Azure.
fn storage_at(port: u16, url: &str, key: &str) -> ObjectStorage {
    storage_with(port, url, key, &[])
}

/// The same with more settings.
fn storage_with(port: u16, url: &str, key: &str, more: &[(&str, &str)]) -> ObjectStorage {
    let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let settings = [
        ("azure_storage_account_name", ACCOUNT.to_owned()),
        ("azure_storage_account_key", key.to_owned()),
        ("azure_endpoint", format!("http://127.0.0.1:{port}/{ACCOUNT}")),
        ("azure_allow_http", "true".to_owned()),
    ];
    let settings = settings.into_iter().chain(more);
    let settings: Vec<_> = settings.map(|(key, value)| (key.to_owned(), value)).collect();
    ObjectStorage::open(url, &settings).expect("it is a remote")
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

#[test]
fn azure_keeps_the_contract() {
    let azurite = Azurite::start();
    let place: Arc<dyn Backend> = Arc::new(storage_at(azurite.port, "az://clew/a/folder", KEY));
    conformance::check(&place);
    // Two folders of a container know nothing of each other.
    let beside = storage_at(azurite.port, "az://clew/a/folder-beside", KEY);
    assert_eq!(beside.list(&name("what_was_written_is_read")), Ok(Vec::new()));
    let said = |url: &str, key: &str| storage_at(azurite.port, url, key).head(&name("main"));
    let nowhere = said("az://no-such-container/x", KEY);
    assert!(
        matches!(nowhere, Err(RemoteError::NoPlace { .. })),
        "no head yet is another thing: {nowhere:?}"
    );
    let refused = said("az://clew/a/folder", "c2VjcmV0IHRoYXQgaXMgd3Jvbmc=");
    assert!(matches!(refused, Err(RemoteError::Refused { .. })), "{refused:?}");
}

#[test]
fn azure_comes_through_a_bad_network() {
    let azurite = Azurite::start();
    let straight = storage_at(azurite.port, "az://clew/behind", KEY);
    let deeds = [
        Deed::CutRequest(3 << 20),
        answer("503 Server Busy", "Retry-After: 0\r\n", ""),
        Deed::LoseAnswer,
        answer("500 Internal Server Error", "", ""),
        Deed::CutAnswer(100),
    ];
    let network = Network::start(azurite.port, move |n| match n % 3 {
        0 => deeds[(n / 3 % 5) as usize].clone(),
        _ => Deed::Pass,
    });
    let storage = storage_at(network.port, "az://clew/behind", KEY);
    let patient = Patient::new(Arc::new(storage), RetryPolicy::default()).waiting_by(|_| ());
    let bytes: Vec<u8> = (0..2 * PART + 77).map(|at| (at * 7 % 253) as u8).collect();
    let sent = send(
        &patient,
        &name("pack"),
        &bytes,
        &mut UploadProgress::default(),
        &mut unwatched,
    );
    assert_eq!(sent, Ok(WriteOutcome::New));
    assert!(read_whole(&straight, &name("pack")).expect("it can be read") == Some(bytes));
    let mut token = patient.swap(&name("main"), None, b"0").expect("it is made");
    for number in 1..8_u8 {
        token = patient
            .swap(&name("main"), Some(&token), &[number])
            .expect("nobody else is there");
    }
    let left = straight
        .head(&name("main"))
        .expect("it can be read")
        .expect("it is there");
    assert_eq!(left.bytes, [7]);
}

#[test]
fn azure_refuses_what_ran_out_and_is_full_at_its_quota() {
    let said = |status: &'static str, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>In words</Message></Error>");
        let network = Network::start(0, move |_| answer(status, "", &body));
        let place = storage_at(network.port, "az://clew/a/folder", KEY);
        let written = place.write(&name("a"), b"x", &mut unwatched);
        assert_eq!(network.connections(), 1, "who tries again is one alone");
        written.expect_err("a failure")
    };
    let ran_out = said("403 Forbidden", "AuthenticationFailed");
    assert!(matches!(ran_out, RemoteError::Refused { .. }), "{ran_out:?}");
    let full = said("507 Insufficient Storage", "AccountQuotaExceeded");
    assert!(matches!(full, RemoteError::Full { .. }), "{full:?}");
    let busy = said("503 Server Busy", "ServerBusy");
    assert!(matches!(busy, RemoteError::Unreachable { .. }), "{busy:?}");
}

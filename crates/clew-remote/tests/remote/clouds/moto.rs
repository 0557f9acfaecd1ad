//! A server that speaks S3, on loopback at a free port: it ends with the test, however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clew_remote::ObjectStorage;

use super::cloud::{Cloud, Refusal, is_full, is_of_clocks, is_refused, xml};
use super::network::{Deed, answer};

/// Ends when nobody holds its input any more, so that a test that is killed leaves no server behind. Two things of moto 5.2.5 are put right: its
/// threads fall over each other (a head that is read while it is written is a 500), so it does one thing after another; and where S3 says
/// 404 to a part of an upload that was aborted, it fails.
const PROGRAM: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import exceptions, models
from moto.server import main
alone, called = threading.Lock(), DomainDispatcherApplication.__call__
def call(self, environ, start_response):
    with alone:
        return called(self, environ, start_response)
DomainDispatcherApplication.__call__ = call
uploaded = models.S3Backend.upload_part
def upload_part(self, bucket_name, multipart_id, *others, **named):
    if multipart_id not in self.get_bucket(bucket_name).multiparts:
        raise exceptions.NoSuchUpload(upload_id=multipart_id)
    return uploaded(self, bucket_name, multipart_id, *others, **named)
models.S3Backend.upload_part = upload_part
main(['-H', '127.0.0.1', '-p', '0'])
";

/// The bucket that is there.
const BUCKET: &str = "clew";

pub struct Moto {
    process: Child,
    pub port: u16,
}

impl Moto {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv-servers/bin/python");
        assert!(
            python.exists(),
            "{} is missing: tools/make_venv.sh servers makes it",
            python.display()
        );
        let mut command = Command::new(python);
        command
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let lines = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut lines = lines.lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.split_once("http://127.0.0.1:")?.1.trim().parse().ok());
        // Somebody has to go on reading, or it stands still when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        let moto = Self {
            process,
            port: port.expect("it says where it listens"),
        };
        moto.make_bucket();
        moto
    }

    fn make_bucket(&self) {
        self.asked("PUT", "");
    }

    /// How many objects are on their way in parts.
    pub fn uploads(&self) -> usize {
        self.asked("GET", "?uploads").matches("<UploadId>").count()
    }

    fn asked(&self, method: &str, query: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let headers = "Host: localhost\r\nContent-Length: 0\r\nConnection: close\r\n";
        let request = format!("{method} /{BUCKET}{query} HTTP/1.1\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("it is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// A folder in its bucket.
    pub fn storage(&self, folder: &str) -> ObjectStorage {
        storage_at(self.port, &format!("s3://{BUCKET}/{folder}"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Cloud for Moto {
    fn name(&self) -> &'static str {
        "S3"
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn storage_at(&self, port: u16, folder: &str, more: &[(&str, &str)]) -> ObjectStorage {
        storage_with(port, &format!("s3://{BUCKET}/{folder}"), more)
    }

    fn troubles(&self) -> Vec<(&'static str, Deed)> {
        let busy = "503 Service Unavailable";
        let until = "Retry-After: Sun, 22 Nov 2026 05:36:53 GMT\r\nDate: Sun, 22 Nov 2026 05:36:50 GMT\r\n";
        vec![
            (
                "internal",
                answer("500 Internal Server Error", "", &xml("InternalError")),
            ),
            ("busy", answer(busy, "", &xml("SlowDown"))),
            ("busy-a-while", answer(busy, "Retry-After: 3\r\n", &xml("SlowDown"))),
            ("busy-until", answer(busy, until, &xml("SlowDown"))),
            ("conflict", answer("409 Conflict", "", &xml("OperationAborted"))),
            ("too-many", answer("429 Too Many Requests", "", &xml("TooManyRequests"))),
            ("timed-out", answer("408 Request Timeout", "", &xml("RequestTimeout"))),
        ]
    }

    fn refusals(&self) -> Vec<Refusal> {
        let (refused, forbidden) = ("400 Bad Request", "403 Forbidden");
        let full = "507 Insufficient Storage";
        vec![
            ("full", answer(full, "", &xml("XMinioStorageFull")), is_full),
            ("quota", answer(forbidden, "", &xml("QuotaExceeded")), is_full),
            ("expired", answer(refused, "", &xml("ExpiredToken")), is_refused),
            ("withdrawn", answer(forbidden, "", &xml("AccessDenied")), is_refused),
            (
                "clock",
                answer(forbidden, "", &xml("RequestTimeTooSkewed")),
                is_of_clocks,
            ),
        ]
    }
}

/// What listens at a port, taken for S3.
pub fn storage_at(port: u16, url: &str) -> ObjectStorage {
    storage_with(port, url, &[])
}

/// The same with more settings.
pub fn storage_with(port: u16, url: &str, more: &[(&str, &str)]) -> ObjectStorage {
    let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let settings = [
        ("aws_endpoint", format!("http://127.0.0.1:{port}")),
        ("aws_allow_http", "true".to_owned()),
        ("aws_region", "us-east-1".to_owned()),
        ("aws_access_key_id", "testing".to_owned()),
        ("aws_secret_access_key", "testing".to_owned()),
    ];
    let settings = settings.into_iter().chain(more);
    let settings: Vec<_> = settings.map(|(key, value)| (key.to_owned(), value)).collect();
    ObjectStorage::open(url, &settings).expect("it is a remote")
}

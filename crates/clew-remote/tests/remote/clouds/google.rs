//! Google Cloud Storage as a place, with a small server that does what its XML interface is documented to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use clew_remote::{Backend, ObjectStorage, RemoteError, unwatched};

use super::cloud::{Cloud, LONG_AGO, Refusal, is_full, is_of_clocks, is_refused, xml};
use super::http::{Request, read_request};
use super::network::{self, Deed, Network};
use crate::conformance;

/// What is in the bucket, with the generation of each, and what is on its way there.
#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, (u64, Vec<u8>)>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Never given twice, also not after a removal.
    generation: u64,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

fn answer(status: &'static str, body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status,
        headers: String::new(),
        body: body.into(),
    }
}

fn missing(code: &str) -> Answer {
    answer("404 Not Found", format!("<Error><Code>{code}</Code></Error>"))
}

impl Bucket {
    fn answer(&mut self, request: &Request) -> Answer {
        let Some(name) = request.path.strip_prefix("/clew") else {
            return missing("NoSuchBucket");
        };
        let name = name.trim_start_matches('/');
        match (request.method.as_str(), request.query("uploadid")) {
            ("POST", None) => self.begin(),
            ("PUT", Some(id)) => self.part(id, request),
            ("POST", Some(id)) => self.finish(id, name),
            ("DELETE", Some(id)) => match self.uploads.remove(id) {
                Some(_) => answer("204 No Content", ""),
                None => missing("NoSuchUpload"),
            },
            ("PUT", None) => self.put(name, request),
            ("DELETE", None) => match self.objects.remove(name) {
                Some(_) => answer("204 No Content", ""),
                None => missing("NoSuchKey"),
            },
            _ if request.query("list-type").is_some() => self.list(request.query("prefix").unwrap_or_default()),
            _ => self.get(name, request),
        }
    }

    fn put(&mut self, name: &str, request: &Request) -> Answer {
        let current = self.objects.get(name).map_or(0, |object| object.0).to_string();
        match request.header("x-goog-if-generation-match") {
            Some(expected) if expected != current => answer("412 Precondition Failed", ""),
            _ => self.store(name, request.body.clone()),
        }
    }

    fn store(&mut self, name: &str, bytes: Vec<u8>) -> Answer {
        self.generation += 1;
        self.objects.insert(name.to_owned(), (self.generation, bytes));
        let mut stored = answer("200 OK", "");
        stored.headers = self.described(name);
        stored
    }

    fn described(&self, name: &str) -> String {
        let generation = self.objects[name].0;
        format!(
            "ETag: \"{generation}\"\r\nx-goog-generation: {generation}\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        )
    }

    fn get(&self, name: &str, request: &Request) -> Answer {
        let Some((_, bytes)) = self.objects.get(name) else {
            return missing("NoSuchKey");
        };
        let headers = self.described(name);
        let Some(range) = request.header("range").and_then(|range| range.strip_prefix("bytes=")) else {
            let body = bytes.clone();
            return Answer {
                status: "200 OK",
                headers,
                body,
            };
        };
        let (first, last) = range.split_once('-').expect("a range");
        let (first, last): (usize, usize) = (first.parse().expect("a number"), last.parse().expect("a number"));
        if first >= bytes.len() {
            return answer("416 Range Not Satisfiable", "");
        }
        let last = last.min(bytes.len() - 1);
        let length = bytes.len();
        Answer {
            status: "206 Partial Content",
            headers: format!("{headers}Content-Range: bytes {first}-{last}/{length}\r\n"),
            body: bytes[first..=last].to_vec(),
        }
    }

    fn list(&self, prefix: &str) -> Answer {
        let mut body = "<ListBucketResult>".to_owned();
        for (name, (generation, bytes)) in self.objects.iter().filter(|object| object.0.starts_with(prefix)) {
            let size = bytes.len();
            write!(
                body,
                "<Contents><Key>{name}</Key><Size>{size}</Size><ETag>{generation}</ETag>\
                 <LastModified>2026-11-21T12:00:00.000Z</LastModified></Contents>"
            )
            .expect("text");
        }
        answer("200 OK", body + "</ListBucketResult>")
    }

    fn begin(&mut self) -> Answer {
        self.generation += 1;
        let id = format!("upload-{}", self.generation);
        self.uploads.insert(id.clone(), BTreeMap::new());
        let result = "InitiateMultipartUploadResult";
        answer("200 OK", format!("<{result}><UploadId>{id}</UploadId></{result}>"))
    }

    fn part(&mut self, id: &str, request: &Request) -> Answer {
        let Some(parts) = self.uploads.get_mut(id) else {
            return missing("NoSuchUpload");
        };
        let number = request
            .query("partnumber")
            .and_then(|number| number.parse().ok())
            .expect("a number");
        parts.insert(number, request.body.clone());
        let mut arrived = answer("200 OK", "");
        arrived.headers = format!("ETag: \"{number}\"\r\n");
        arrived
    }

    fn finish(&mut self, id: &str, name: &str) -> Answer {
        let Some(parts) = self.uploads.remove(id) else {
            return missing("NoSuchUpload");
        };
        let mut stored = self.store(name, parts.into_values().flatten().collect());
        let result = "CompleteMultipartUploadResult";
        stored.body = format!("<{result}><ETag>done</ETag></{result}>").into_bytes();
        stored
    }
}

/// Serves a bucket on loopback, one answer a connection, until the test's process ends.
fn serve() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let bucket = Arc::new(Mutex::new(Bucket::default()));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let bucket = Arc::clone(&bucket);
            // A client that goes away is none of ours to tell of.
            thread::spawn(move || serve_one(&stream, &bucket).ok());
        }
    });
    port
}

fn serve_one(mut client: &TcpStream, bucket: &Mutex<Bucket>) -> io::Result<()> {
    let request = read_request(client)?;
    let Answer { status, headers, body } = bucket.lock().expect("unbroken").answer(&request);
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes())?;
    if request.method == "HEAD" {
        Ok(())
    } else {
        client.write_all(&body)
    }
}

/// One that serves until the test's process ends.
pub struct Google {
    port: u16,
}

impl Google {
    pub fn start() -> Self {
        Self { port: serve() }
    }
}

impl Cloud for Google {
    fn name(&self) -> &'static str {
        "Google"
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn storage_at(&self, port: u16, folder: &str, more: &[(&str, &str)]) -> ObjectStorage {
        storage_at(port, &format!("gs://clew/{folder}"), more)
    }

    fn troubles(&self) -> Vec<(&'static str, Deed)> {
        let busy = "503 Service Unavailable";
        let all = [
            ("internal", "500 Internal Server Error", "", "InternalError"),
            ("busy", busy, "", "ServiceUnavailable"),
            ("busy-a-while", busy, "Retry-After: 3\r\n", "ServiceUnavailable"),
            ("too-many", "429 Too Many Requests", "", "SlowDown"),
            ("timed-out", "408 Request Timeout", "", "RequestTimeout"),
            ("late", "504 Gateway Timeout", "", "GatewayTimeout"),
        ];
        all.map(|(what, status, headers, code)| (what, network::answer(status, headers, &xml(code))))
            .into()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let said = |status: &str, headers: &str, code: &str| network::answer(status, headers, &xml(code));
        let (forbidden, unknown) = ("403 Forbidden", "401 Unauthorized");
        let revoked = network::answer("400 Bad Request", "", r#"{"error": "invalid_grant"}"#);
        vec![
            (
                "full",
                said("507 Insufficient Storage", "", "InsufficientStorage"),
                is_full,
            ),
            ("quota", said(forbidden, "", "QuotaExceeded"), is_full),
            ("expired", said(unknown, "", "AuthenticationRequired"), is_refused),
            ("revoked", revoked, is_refused),
            ("withdrawn", said(forbidden, "", "AccessDenied"), is_refused),
            ("clock", said(unknown, LONG_AGO, "AuthenticationRequired"), is_of_clocks),
        ]
    }
}

/// A folder in the bucket.
const URL: &str = "gs://clew/a/folder";

/// What listens at a port, taken for Google Cloud.
fn storage_at(port: u16, url: &str, more: &[(&str, &str)]) -> ObjectStorage {
    let key = format!(
        r#"{{"gcs_base_url": "http://127.0.0.1:{port}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
    );
    let settings = [("google_service_account_key", key.as_str()), ("allow_http", "true")];
    let settings = settings.iter().chain(more);
    let settings: Vec<_> = settings
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    ObjectStorage::open(url, &settings).expect("it is a remote")
}

#[test]
fn google_keeps_the_contract() {
    let place: Arc<dyn Backend> = Arc::new(storage_at(serve(), URL, &[]));
    conformance::check(&place);
}

#[test]
fn google_refuses_what_ran_out_and_is_full_at_its_quota() {
    let said = |status: &'static str, body: &'static str| {
        let network = Network::start(0, move |_| network::answer(status, "", body));
        let place = storage_at(network.port, URL, &[]);
        let head = place.head(&"main".parse().expect("a name"));
        let written = place.write(&"a".parse().expect("a name"), b"x", &mut unwatched);
        assert_eq!(network.connections(), 2, "who tries again is one alone");
        assert_eq!(
            format!("{:?}", head.as_ref().err()),
            format!("{:?}", written.as_ref().err())
        );
        head.expect_err("a failure")
    };
    let ran_out = said("401 Unauthorized", "<Error><Code>AuthenticationRequired</Code></Error>");
    assert!(matches!(ran_out, RemoteError::Refused { .. }), "{ran_out:?}");
    let revoked = said("400 Bad Request", r#"{"error": "invalid_grant"}"#);
    assert!(matches!(revoked, RemoteError::Refused { .. }), "{revoked:?}");
    let full = said("403 Forbidden", "<Error><Code>QuotaExceeded</Code></Error>");
    assert!(matches!(full, RemoteError::Full { .. }), "{full:?}");
}

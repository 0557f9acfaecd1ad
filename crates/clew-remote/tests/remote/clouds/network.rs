//! A bad network on loopback: connections that pass, break off, or are answered by nobody that was asked.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What becomes of a connection.
#[derive(Debug, Clone)]
pub enum Deed {
    /// It goes through.
    Pass,
    /// It goes through until the server has said so many bytes.
    CutAnswer(u64),
    /// It goes through until the client has said so many bytes.
    CutRequest(u64),
    /// Everything goes to the server, and nothing comes back.
    LoseAnswer,
    /// It is answered so.
    Answer(String),
}

/// An answer of a server, with more headers where wanted.
pub fn answer(status: &str, headers: &str, body: &str) -> Deed {
    let length = body.len();
    Deed::Answer(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

pub struct Network {
    pub port: u16,
    connections: Arc<AtomicU64>,
}

impl Network {
    /// Listens before what listens at the port `beyond`; the plan is told how many connections came before. It ends with the test's process.
    pub fn start(beyond: u16, plan: impl Fn(u64) -> Deed + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let connections = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let deed = plan(count.fetch_add(1, Ordering::SeqCst));
                thread::spawn(move || serve(&stream, beyond, &deed));
            }
        });
        Self { port, connections }
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(client: &TcpStream, beyond: u16, deed: &Deed) {
    match deed {
        Deed::Answer(text) => answer_all(client, text).ok(),
        Deed::Pass => through(client, beyond, u64::MAX, u64::MAX).ok(),
        Deed::CutAnswer(most) => through(client, beyond, u64::MAX, *most).ok(),
        Deed::LoseAnswer => through(client, beyond, u64::MAX, 0).ok(),
        Deed::CutRequest(most) => through(client, beyond, *most, u64::MAX).ok(),
    };
}

fn answer_all(mut client: &TcpStream, text: &str) -> io::Result<()> {
    super::http::read_request(client)?;
    client.write_all(text.as_bytes())
}

fn through(client: &TcpStream, beyond: u16, most_up: u64, most_down: u64) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", beyond))?;
    thread::scope(|scope| {
        scope.spawn(|| pass(client, &server, most_up));
        pass(&server, client, most_down);
    });
    Ok(())
}

/// Passes on at most `most` bytes. What is cut is cut on both sides; what ends is only said to end.
fn pass(from: &TcpStream, to: &TcpStream, most: u64) {
    let passed = io::copy(&mut from.take(most), &mut { to });
    let is_cut = passed.is_err() || passed.is_ok_and(|passed| passed == most);
    let ends = if is_cut { Shutdown::Both } else { Shutdown::Write };
    to.shutdown(ends).ok();
    if is_cut {
        from.shutdown(Shutdown::Both).ok();
    }
}

//! A bad network on loopback: connections that pass, break off, or are answered by nobody that was asked.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

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
    /// It is taken, and never answered.
    Silence,
    /// It goes through until the server has said so many bytes; then nobody says anything more, and it stays open.
    Stall(u64),
    /// It goes through, and what the server says comes a few bytes at a time.
    Trickle,
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
    pub fn start(beyond: u16, plan: impl Fn(u64) -> Deed + Send + Sync + 'static) -> Self {
        Self::told(beyond, move |number, _| plan(number))
    }

    /// The same with a plan that is also told what is asked: `PUT /clew/a?x-id=PutObject HTTP/1.1`.
    pub fn told(beyond: u16, plan: impl Fn(u64, &str) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let connections = Arc::new(AtomicU64::new(0));
        let (count, plan) = (Arc::clone(&connections), Arc::new(plan));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (number, plan) = (count.fetch_add(1, Ordering::SeqCst), Arc::clone(&plan));
                thread::spawn(move || {
                    let asked = first_line(&stream).unwrap_or_default();
                    serve(&stream, beyond, &plan(number, &asked));
                });
            }
        });
        Self { port, connections }
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The first line of what a client says, which stays to be read.
fn first_line(client: &TcpStream) -> io::Result<String> {
    let mut bytes = [0; 4096];
    loop {
        let count = client.peek(&mut bytes)?;
        let said = String::from_utf8_lossy(&bytes[..count]);
        match said.split_once("\r\n") {
            Some((line, _)) => return Ok(line.to_owned()),
            None if count == 0 || count == bytes.len() => return Ok(said.into_owned()),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn serve(client: &TcpStream, beyond: u16, deed: &Deed) {
    match deed {
        Deed::Answer(text) => answer_all(client, text).ok(),
        Deed::Pass => through(client, beyond, u64::MAX, u64::MAX).ok(),
        Deed::CutAnswer(most) => through(client, beyond, u64::MAX, *most).ok(),
        Deed::LoseAnswer => through(client, beyond, u64::MAX, 0).ok(),
        Deed::CutRequest(most) => through(client, beyond, *most, u64::MAX).ok(),
        Deed::Silence => hold(client).ok(),
        Deed::Stall(most) => stall(client, beyond, *most).ok(),
        Deed::Trickle => trickle(client, beyond).ok(),
    };
}

fn answer_all(mut client: &TcpStream, text: &str) -> io::Result<()> {
    super::http::read_request(client)?;
    client.write_all(text.as_bytes())
}

/// Waits until the client goes away.
fn hold(mut client: &TcpStream) -> io::Result<()> {
    io::copy(&mut client, &mut io::sink())?;
    Ok(())
}

/// What a server beyond says to what a client asks.
fn answered(client: &TcpStream, beyond: u16) -> io::Result<Vec<u8>> {
    let asked = super::http::read_bytes(client)?;
    let mut server = TcpStream::connect(("127.0.0.1", beyond))?;
    server.write_all(&asked)?;
    let mut said = Vec::new();
    server.read_to_end(&mut said)?;
    Ok(said)
}

fn stall(mut client: &TcpStream, beyond: u16, most: u64) -> io::Result<()> {
    let said = answered(client, beyond)?;
    client.write_all(&said[..said.len().min(most as usize)])?;
    hold(client)
}

fn trickle(mut client: &TcpStream, beyond: u16) -> io::Result<()> {
    let said = answered(client, beyond)?;
    for few in said.chunks(said.len() / 10 + 1) {
        client.write_all(few)?;
        thread::sleep(SLOW);
    }
    Ok(())
}

/// Between two pieces of what trickles in.
const SLOW: Duration = Duration::from_millis(20);

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

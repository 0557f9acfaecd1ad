//! As much of HTTP as a server on loopback needs that closes after each answer.

use std::io::{self, Read};
use std::net::TcpStream;

/// A request that has come whole.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    /// Without its query.
    pub path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a part of the query; empty where it has none.
    pub fn query(&self, key: &str) -> Option<&str> {
        value(&self.query, key)
    }

    /// The value of a header, by its name in lower case.
    pub fn header(&self, key: &str) -> Option<&str> {
        value(&self.headers, key)
    }
}

fn value<'p>(pairs: &'p [(String, String)], key: &str) -> Option<&'p str> {
    pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str())
}

/// Reads a request with its body: a client that is answered while it sends may not read.
pub fn read_request(client: &TcpStream) -> io::Result<Request> {
    let (bytes, end) = read(client)?;
    let mut request = parse(&String::from_utf8_lossy(&bytes[..end]));
    request.body = bytes[end + 4..].to_vec();
    Ok(request)
}

/// Reads a request as it was sent.
pub fn read_bytes(client: &TcpStream) -> io::Result<Vec<u8>> {
    Ok(read(client)?.0)
}

/// Reads a request, and where its head ends.
fn read(mut client: &TcpStream) -> io::Result<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let length = parse(&String::from_utf8_lossy(&bytes[..end]))
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let missing = (end + 4 + length).saturating_sub(bytes.len());
    let arrived = client.take(missing as u64).read_to_end(&mut bytes)?;
    if arrived < missing {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((bytes, end))
}

fn parse(head: &str) -> Request {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |text: &str, between: char| {
        let (key, value) = text.split_once(between).unwrap_or((text, ""));
        (key.to_ascii_lowercase(), decoded(value.trim()))
    };
    Request {
        method,
        path: decoded(path),
        query: query.split('&').map(|part| pair(part, '=')).collect(),
        headers: lines.map(|line| pair(line, ':')).collect(),
        body: Vec::new(),
    }
}

/// With `%5F` and its like as letters again.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.extend(letter.map(char::from));
        decoded.push_str(part.get(2..).unwrap_or_default());
    }
    decoded
}

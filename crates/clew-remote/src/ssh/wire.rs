//! The ssh protocol: frames, and the messages in them.
//!
//! ```text
//! both    MAGIC, then frames: length of the rest u32 · kind u8 · request u64 · bytes     (all little-endian)
//! client  Hello
//! server  Hello, with an error if there is one
//! client  Ask 1 · Piece 1 · Ask 2 · Piece 1 …      any number concurrently, interleaved in any order
//! server  Answer 2 · Piece 2 · Answer 1 …          each names the request that it answers
//! ```
//! An `Ask` or `Answer` states how many bytes follow in pieces. Large messages therefore do not block small ones, and the receiver knows
//! the size in advance. Hello, asks and answers are MessagePack maps: fields can be added.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RemoteError;
use crate::name::Name;

/// Distinguishes the protocol from output of a login script.
pub const MAGIC: &[u8; 16] = b"clew remote ssh\n";
/// The only protocol version so far.
pub const PROTOCOL: u32 = 1;
/// The most bytes of one frame.
pub const PIECE: usize = 64 << 10;
/// The most bytes that follow one ask or answer: the largest part of an object of several terabytes, or a list of millions of objects.
pub const MOST: u64 = 256 << 20;
/// The most requests that may be arriving at once.
const MOST_OPEN: usize = 256;
/// The most bytes of them that are buffered.
const MOST_HELD: u64 = 2 * MOST;
const HEADER: usize = 13;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Hello = 0,
    Ask = 1,
    Answer = 2,
    Piece = 3,
    /// The call was cancelled; the rest is not needed.
    GivenUp = 4,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub kind: MessageKind,
    pub request: u64,
    pub bytes: Vec<u8>,
}

impl Frame {
    pub fn of(kind: MessageKind, request: u64, message: &impl Serialize) -> Self {
        Self {
            kind,
            request,
            bytes: encode(message),
        }
    }

    pub fn piece(request: u64, bytes: &[u8]) -> Self {
        Self {
            kind: MessageKind::Piece,
            request,
            bytes: bytes.to_vec(),
        }
    }

    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        header[4] = self.kind as u8;
        header[5..].copy_from_slice(&self.request.to_le_bytes());
        to.write_all(&header)?;
        to.write_all(&self.bytes)
    }

    /// Reads the next frame; `None` at the end of the input.
    pub fn read(from: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        if from.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut header[1..])?;
        let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes")) as usize;
        let kind = match header[4] {
            0 => MessageKind::Hello,
            1 => MessageKind::Ask,
            2 => MessageKind::Answer,
            3 => MessageKind::Piece,
            4 => MessageKind::GivenUp,
            _ => return Err(odd("an unknown kind of frame")),
        };
        if length > PIECE {
            return Err(odd("a frame that is too long"));
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes)?;
        let request = u64::from_le_bytes(header[5..].try_into().expect("eight bytes"));
        Ok(Some(Self { kind, request, bytes }))
    }
}

/// The error for an invalid message.
pub(crate) fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Encodes as a MessagePack map.
pub(crate) fn encode(message: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(message).expect("plain data has an encoding")
}

pub(crate) fn decode<M: DeserializeOwned>(bytes: &[u8]) -> io::Result<M> {
    rmp_serde::from_slice(bytes).map_err(|_| odd("a message that cannot be read"))
}

/// The greeting of either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The oldest supported version.
    pub oldest: u32,
    /// The newest supported version.
    pub newest: u32,
    /// The version of Clew, for display.
    pub version: String,
    /// From the client: whether to make the folder a remote.
    #[serde(default)]
    pub creates: bool,
    /// From the server: why it cannot serve.
    #[serde(default)]
    pub fault: Option<WireError>,
}

impl Hello {
    pub fn new() -> Self {
        Self {
            oldest: PROTOCOL,
            newest: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            creates: false,
            fault: None,
        }
    }

    /// Whether both sides support a common version.
    pub fn is_understood(&self) -> bool {
        (self.oldest..=self.newest).contains(&PROTOCOL)
    }
}

/// A request, and how many bytes follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub what: BackendCall,
    pub follow: u64,
}

/// A call of a method of [`crate::Backend`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BackendCall {
    Read {
        name: String,
        start: u64,
        end: u64,
    },
    Length {
        name: String,
    },
    /// The object follows.
    Write {
        name: String,
    },
    Begin {
        name: String,
        length: u64,
    },
    /// The part follows.
    Part {
        upload: BegunUpload,
        number: u32,
    },
    /// The parts follow, as a list of texts.
    Finish {
        upload: BegunUpload,
    },
    Abandon {
        upload: BegunUpload,
    },
    List {
        folder: String,
    },
    Remove {
        name: String,
    },
    Head {
        name: String,
    },
    /// The head's new content follows.
    Swap {
        name: String,
        expected: Option<String>,
    },
}

/// A [`crate::Upload`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BegunUpload {
    pub name: String,
    pub id: String,
    pub part: u64,
}

/// The answer to a request, and how many bytes follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub came: AnswerOutcome,
    pub follow: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AnswerOutcome {
    /// The result follows if there is one: bytes, or a list of names and lengths.
    Done,
    Length(Option<u64>),
    /// Whether the object is new.
    Written(bool),
    Begun(BegunUpload),
    Part(String),
    /// The version of the head, which follows; `None` if it does not exist.
    Head(Option<String>),
    Swapped(String),
    Failed(WireError),
}

/// A [`RemoteError`] without the remote's address, which differs on the client side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WireError {
    NotFound(String),
    Conflict(String),
    Refused(String),
    Full(String),
    Unreachable(String),
    Damaged(String, String),
    Unable(String),
    NoPlace(String),
    Here(String),
    GivenUp,
    /// An invalid name, or an impossible request.
    Senseless(String),
}

impl From<RemoteError> for WireError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::NotFound { name, .. } => Self::NotFound(name.to_string()),
            RemoteError::Conflict { name, .. } => Self::Conflict(name.to_string()),
            RemoteError::Refused { said, .. } | RemoteError::Clock { said, .. } => Self::Refused(said),
            RemoteError::Full { said, .. } => Self::Full(said),
            RemoteError::Unreachable { said, .. } => Self::Unreachable(said),
            RemoteError::Damaged { name, why, .. } => Self::Damaged(name.to_string(), why),
            RemoteError::Unable { what, said, .. } => Self::Unable(format!("{what}: {said}")),
            RemoteError::NoPlace { said, .. } => Self::NoPlace(said),
            RemoteError::Here { said } | RemoteError::NoRoom { said } => Self::Here(said),
            RemoteError::GivenUp => Self::GivenUp,
            RemoteError::Name(fault) => Self::Senseless(fault.to_string()),
        }
    }
}

/// The longest text from the other side that is displayed.
const MOST_SAID: usize = 300;

/// Shortens a text from the other side for display.
pub(crate) fn shown(said: &str) -> String {
    let is_shown = |letter: &char| !letter.is_control();
    said.trim().chars().filter(is_shown).take(MOST_SAID).collect()
}

impl WireError {
    /// Converts it to an error with the client's address of the remote.
    pub fn remote_error(self, place: &str) -> RemoteError {
        let place = place.to_owned();
        let about = |name: &str, then: &dyn Fn(Name) -> RemoteError| match name.parse() {
            Ok(name) => then(name),
            Err(fault) => RemoteError::Name(fault),
        };
        match self {
            Self::NotFound(name) => about(&name, &|name| RemoteError::NotFound {
                place: place.clone(),
                name,
            }),
            Self::Conflict(name) => about(&name, &|name| RemoteError::Conflict {
                place: place.clone(),
                name,
            }),
            Self::Damaged(name, why) => about(&name, &|name| RemoteError::damaged(&place, &name, shown(&why))),
            Self::Refused(said) => RemoteError::Refused {
                place,
                said: shown(&said),
            },
            Self::Full(said) => RemoteError::Full {
                place,
                said: shown(&said),
            },
            Self::Unreachable(said) => RemoteError::unreachable(place, shown(&said)),
            Self::Unable(said) | Self::Senseless(said) => RemoteError::unable(place, "do this", shown(&said)),
            Self::NoPlace(said) | Self::Here(said) => RemoteError::no_place(place, shown(&said)),
            Self::GivenUp => RemoteError::GivenUp,
        }
    }
}

/// Incoming messages, in interleaved pieces.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    open: HashMap<u64, (M, u64, Vec<u8>)>,
    held: u64,
    /// Returns how many bytes follow a message.
    follow: fn(&M) -> u64,
}

impl<M: DeserializeOwned> Inbox<M> {
    pub fn new(follow: fn(&M) -> u64) -> Self {
        Self {
            open: HashMap::new(),
            held: 0,
            follow,
        }
    }

    /// Adds a frame; returns a message once it is complete.
    pub fn take(&mut self, frame: &Frame) -> io::Result<Option<(u64, M, Vec<u8>)>> {
        let request = frame.request;
        match frame.kind {
            MessageKind::Hello => return Err(odd("a second greeting")),
            MessageKind::GivenUp => {
                self.close(request);
                return Ok(None);
            }
            MessageKind::Ask | MessageKind::Answer => self.begin(request, &frame.bytes)?,
            MessageKind::Piece => self.add(request, &frame.bytes)?,
        }
        let is_whole = |(_, follow, bytes): &(M, u64, Vec<u8>)| *follow == bytes.len() as u64;
        let is_whole = self.open.get(&request).is_some_and(is_whole);
        Ok(is_whole.then(|| self.close(request)).flatten())
    }

    fn begin(&mut self, request: u64, bytes: &[u8]) -> io::Result<()> {
        let message: M = decode(bytes)?;
        let follow = (self.follow)(&message);
        if follow > MOST || self.open.len() >= MOST_OPEN || self.held.saturating_add(follow) > MOST_HELD {
            return Err(odd("more than may be asked for at once"));
        }
        self.held += follow;
        match self.open.insert(request, (message, follow, Vec::new())) {
            None => Ok(()),
            Some(_) => Err(odd("a request twice")),
        }
    }

    fn add(&mut self, request: u64, piece: &[u8]) -> io::Result<()> {
        let (_, follow, bytes) = self
            .open
            .get_mut(&request)
            .ok_or_else(|| odd("a piece of what was not begun"))?;
        if (bytes.len() + piece.len()) as u64 > *follow {
            return Err(odd("more bytes than were said"));
        }
        bytes.extend_from_slice(piece);
        Ok(())
    }

    fn close(&mut self, request: u64) -> Option<(u64, M, Vec<u8>)> {
        let (message, follow, bytes) = self.open.remove(&request)?;
        self.held -= follow;
        Some((request, message, bytes))
    }
}

/// Reads frames as both sides would, until they end or are invalid.
pub fn conversation(bytes: &[u8]) {
    let from = &mut &bytes[..];
    let mut asks = Inbox::new(|ask: &Ask| ask.follow);
    let mut answers = Inbox::new(|answer: &Answer| answer.follow);
    while let Ok(Some(frame)) = Frame::read(from) {
        if frame.kind == MessageKind::Hello {
            decode::<Hello>(&frame.bytes).ok();
        }
        let asked = asks.take(&frame);
        if let Ok(Some((_, ask, _))) = &asked {
            assert_eq!(
                decode::<Ask>(&encode(ask)).ok().as_ref(),
                Some(ask),
                "it comes back as it was"
            );
        }
        let answered = answers.take(&frame);
        if let Ok(Some((_, answer, _))) = &answered
            && let AnswerOutcome::Failed(fault) = &answer.came
        {
            assert!(fault.clone().remote_error("there").to_string().len() <= 4 * (MOST_SAID + frame.bytes.len()));
        }
        if asked.is_err() && answered.is_err() {
            return;
        }
    }
}

//! A folder on another machine as a remote, through the system's `ssh` and `clew serve --stdio` on the server side.
//!
//! The user's keys, agents, jump hosts and known hosts work as usual, and Clew reads none of them. One connection serves all threads; after
//! a failure the next call opens a new one, which is what [`crate::Patient`] relies on. On the server side a [`crate::Directory`] does the
//! work.

mod address;
mod link;
mod pieces;
mod serve;
mod ssh_process;
mod wire;

use std::ffi::OsString;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use address::Address;
use pieces::PartProgress;
pub use serve::serve;
use ssh_process::SshProcess;
pub use wire::conversation;
use wire::{AnswerOutcome, BackendCall, BegunUpload, MOST};

use crate::backend::{Backend, Head, ListedObject, Part, Token, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::transfer::PART;

/// The command that starts ssh.
#[derive(Debug, Clone)]
pub struct SshCommand {
    /// The program.
    pub program: OsString,
    /// Additional options.
    pub options: Vec<OsString>,
    /// Whether ssh may ask the user for a password.
    pub may_ask: bool,
}

impl Default for SshCommand {
    fn default() -> Self {
        Self {
            program: "ssh".into(),
            options: Vec::new(),
            may_ask: false,
        }
    }
}

/// A folder on another machine.
#[derive(Debug)]
pub struct Ssh {
    address: Address,
    calling: SshCommand,
    started: Mutex<Option<Arc<SshProcess>>>,
    pieces: PartProgress,
}

impl Ssh {
    /// Whether a text denotes a folder on another machine: `ssh://HOST/FOLDER` or `HOST:FOLDER`.
    pub fn is_meant(text: &str) -> bool {
        Address::is_meant(text)
    }

    /// Opens `ssh://[USER@]HOST[:PORT]/FOLDER`, or `[USER@]HOST:FOLDER`. Does not connect yet.
    ///
    /// `?clew=PROGRAM` after the folder names the program to start there.
    ///
    /// # Errors
    /// `NoPlace` if the text is not a valid address.
    pub fn open(text: &str, calling: SshCommand) -> Result<Self, RemoteError> {
        Ok(Self {
            address: Address::parse(text)?,
            calling,
            started: Mutex::new(None),
            pieces: PartProgress::default(),
        })
    }

    /// Like [`Self::open`], but connects, and makes the folder a remote if it is not one.
    pub fn create(text: &str, calling: SshCommand) -> Result<Self, RemoteError> {
        let ssh = Self::open(text, calling)?;
        let started = ssh.start(true, &mut unwatched)?;
        *ssh.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        Ok(ssh)
    }

    fn start(&self, creates: bool, watch: TransferCallback<'_>) -> Result<Arc<SshProcess>, RemoteError> {
        SshProcess::start(&self.address, &self.calling, creates, watch).map(Arc::new)
    }

    /// Returns the open connection, else a new one.
    fn started(&self, watch: TransferCallback<'_>) -> Result<Arc<SshProcess>, RemoteError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = started.as_ref().filter(|started| !started.is_over()) {
            return Ok(Arc::clone(started));
        }
        *started = None;
        Ok(Arc::clone(started.insert(self.start(false, watch)?)))
    }

    fn ask(
        &self,
        what: BackendCall,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<(AnswerOutcome, Vec<u8>), RemoteError> {
        if bytes.len() as u64 > MOST {
            let said = format!("{} bytes are too many for one part", bytes.len());
            return Err(RemoteError::unable(self.place(), "do this", said));
        }
        match self.started(watch)?.ask(what, bytes, watch)? {
            (AnswerOutcome::Failed(fault), _) => Err(fault.remote_error(&self.place())),
            done => Ok(done),
        }
    }

    fn ask_shortly(&self, what: BackendCall) -> Result<(AnswerOutcome, Vec<u8>), RemoteError> {
        self.ask(what, b"", &mut unwatched)
    }

    /// The error for an answer of the wrong kind.
    fn odd(&self) -> RemoteError {
        let said = "it sent an unexpected answer: is it another version of Clew?";
        RemoteError::unable(self.place(), "do this", said)
    }
}

impl Backend for Ssh {
    fn place(&self) -> String {
        self.address.url()
    }

    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        let mut all = Vec::new();
        let mut start = range.start;
        loop {
            let end = range.end.min(start + PART);
            let what = BackendCall::Read {
                name: name.to_string(),
                start,
                end,
            };
            let (_, bytes) = self.ask(what, b"", watch)?;
            if bytes.len() as u64 != end - start {
                return Err(self.odd());
            }
            all.extend_from_slice(&bytes);
            start = end;
            if start >= range.end {
                return Ok(all);
            }
        }
    }

    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        let name = name.to_string();
        match self.ask_shortly(BackendCall::Length { name })? {
            (AnswerOutcome::Length(length), _) => Ok(length),
            _ => Err(self.odd()),
        }
    }

    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        let name = name.to_string();
        match self.ask(BackendCall::Write { name }, bytes, watch)? {
            (AnswerOutcome::Written(true), _) => Ok(WriteOutcome::New),
            (AnswerOutcome::Written(false), _) => Ok(WriteOutcome::AlreadyThere),
            _ => Err(self.odd()),
        }
    }

    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        let name = name.to_string();
        match self.ask_shortly(BackendCall::Begin { name, length })? {
            (AnswerOutcome::Begun(begun), _) if (1..=MOST).contains(&begun.part) => begun.upload(),
            _ => Err(self.odd()),
        }
    }

    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        // A folder accepts parts of any size at the offset given by their number, so bytes that arrived before an interruption are not sent
        // again.
        while let Some(piece) = self.pieces.next(upload, number, bytes.len() as u64) {
            let what = BackendCall::Part {
                upload: BegunUpload {
                    part: piece.size,
                    ..BegunUpload::from(upload)
                },
                number: piece.number,
            };
            let came = self.ask(what, &bytes[piece.start as usize..piece.end as usize], watch);
            self.pieces.note(upload, number, &piece, &came);
            if !matches!(came?, (AnswerOutcome::Part(_), _)) {
                return Err(self.odd());
            }
        }
        Ok(Part(bytes.len().to_string()))
    }

    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        self.pieces.forget(upload);
        let upload = BegunUpload::from(upload);
        let parts: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
        self.ask(BackendCall::Finish { upload }, &wire::encode(&parts), &mut unwatched)?;
        Ok(())
    }

    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        self.pieces.forget(upload);
        let upload = BegunUpload::from(upload);
        self.ask_shortly(BackendCall::Abandon { upload })?;
        Ok(())
    }

    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        let folder = folder.to_string();
        let (_, bytes) = self.ask_shortly(BackendCall::List { folder })?;
        let listed: Vec<(String, u64)> = wire::decode(&bytes).map_err(|_| self.odd())?;
        let one = |(name, length): (String, u64)| {
            Ok(ListedObject {
                name: name.parse()?,
                length,
            })
        };
        listed.into_iter().map(one).collect()
    }

    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        let name = name.to_string();
        self.ask_shortly(BackendCall::Remove { name })?;
        Ok(())
    }

    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        let name = name.to_string();
        match self.ask_shortly(BackendCall::Head { name })? {
            (AnswerOutcome::Head(token), bytes) => Ok(token.map(Token).map(|token| Head { bytes, token })),
            _ => Err(self.odd()),
        }
    }

    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        let what = BackendCall::Swap {
            name: name.to_string(),
            expected: expected.map(|token| token.0.clone()),
        };
        match self.ask(what, bytes, &mut unwatched)? {
            (AnswerOutcome::Swapped(token), _) => Ok(Token(token)),
            _ => Err(self.odd()),
        }
    }
}

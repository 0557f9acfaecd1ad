//! An `ssh` process: its arguments, its error output, and the errors derived from it.

use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::SshCommand;
use super::address::Address;
use super::link::{CallError, SshConnection};
use super::wire::{AnswerOutcome, BackendCall, Hello, PROTOCOL, shown};
use crate::backend::TransferCallback;
use crate::error::RemoteError;

/// A server side that sends nothing for this long is considered dead, even if the network works.
const SILENCE: Duration = Duration::from_mins(2);
/// How long to wait for an ssh process to exit after its pipes were closed.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// The most bytes of error output that are kept.
const MOST_SAID: usize = 4 << 10;
/// The most characters of it that are displayed.
const MOST_SHOWN: usize = 300;

/// Options of every ssh call: no terminal, no forwarding (the user's forwarding settings are for interactive logins), and detection of a
/// broken network within 45 seconds.
const OPTIONS: [&str; 11] = [
    "-T",
    "-x",
    "-a",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "ConnectTimeout=15",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "ServerAliveCountMax=3",
];

/// One connection, with its ssh process.
#[derive(Debug)]
pub(super) struct SshProcess {
    link: SshConnection,
    place: String,
    process: Mutex<Child>,
    said: Arc<Mutex<SshErrorOutput>>,
}

/// The standard error output of ssh.
#[derive(Debug, Default)]
struct SshErrorOutput {
    text: String,
    is_all: bool,
}

impl SshErrorOutput {
    /// Returns the last lines as one: the reason is in the last line.
    fn shown(&self) -> String {
        let lines = self.text.lines().map(str::trim);
        let lines: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('@'))
            .collect();
        let line = lines.join(" ");
        let skipped = line.chars().count().saturating_sub(MOST_SHOWN);
        shown(&line.chars().skip(skipped).collect::<String>())
    }
}

impl SshProcess {
    /// Starts an ssh process, and exchanges greetings.
    pub fn start(
        address: &Address,
        calling: &SshCommand,
        creates: bool,
        watch: TransferCallback<'_>,
    ) -> Result<Self, RemoteError> {
        let mut command = Command::new(&calling.program);
        command
            .args(arguments(address, calling))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| RemoteError::Here {
            said: format!("{} cannot be started: {error}", calling.program.display()),
        })?;
        let said = Arc::new(Mutex::new(SshErrorOutput::default()));
        listen(process.stderr.take().expect("it is piped"), Arc::clone(&said));
        let (from, to) = (process.stdout.take(), process.stdin.take());
        let hello = Hello {
            creates,
            ..Hello::new()
        };
        let started = Self {
            link: SshConnection::begin(from.expect("it is piped"), to.expect("it is piped"), &hello, SILENCE),
            place: address.url(),
            process: Mutex::new(process),
            said,
        };
        let hello = started.link.hello(watch).map_err(|lost| started.failed(lost, true))?;
        started.check(hello)?;
        Ok(started)
    }

    fn check(&self, hello: Hello) -> Result<(), RemoteError> {
        if !hello.is_understood() {
            let said = format!(
                "the Clew there ({}) supports versions {} to {} of the protocol, this one {PROTOCOL}: install the newer one on both machines",
                shown(&hello.version),
                hello.oldest,
                hello.newest
            );
            return Err(RemoteError::no_place(&self.place, said));
        }
        hello.fault.map_or(Ok(()), |fault| Err(fault.remote_error(&self.place)))
    }

    pub fn is_over(&self) -> bool {
        self.link.is_over()
    }

    pub fn ask(
        &self,
        what: BackendCall,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<(AnswerOutcome, Vec<u8>), RemoteError> {
        self.link
            .ask(what, bytes, watch)
            .map_err(|lost| self.failed(lost, false))
    }

    /// Converts the end of a connection into an error; `is_first` if nothing was received on it.
    fn failed(&self, lost: CallError, is_first: bool) -> RemoteError {
        let CallError::Ended(why) = lost else {
            return RemoteError::GivenUp;
        };
        let status = self.ended();
        let said = self.said();
        let is_refused = REFUSED.iter().any(|words| said.text.contains(words));
        let (place, words) = (self.place.clone(), said.shown());
        let said = if words.is_empty() { why } else { words };
        match status.and_then(|status| status.code()) {
            Some(ITS_OWN) if is_refused => RemoteError::Refused { place, said },
            Some(code) if NOT_FOUND.contains(&code) => RemoteError::no_place(
                place,
                format!(
                    "`clew` cannot be started there ({said}): install Clew there, or give its path with \
                     `?clew=/FOLDER/bin/clew` at the end of the URL"
                ),
            ),
            Some(code) if is_first && code != ITS_OWN => RemoteError::no_place(
                place,
                format!("`clew serve` stops there ({said}): is it the same version of Clew?"),
            ),
            _ => RemoteError::unreachable(place, said),
        }
    }

    fn said(&self) -> MutexGuard<'_, SshErrorOutput> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits briefly until the process has ended and its error output is complete, and returns the exit status.
    fn ended(&self) -> Option<ExitStatus> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + LAST_WORDS;
        loop {
            let status = process.try_wait().ok().flatten();
            if (status.is_some() && self.said().is_all) || Instant::now() > end {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for SshProcess {
    fn drop(&mut self) {
        self.link.end("it is not needed any more");
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        process.kill().ok();
        process.wait().ok();
    }
}

fn arguments(address: &Address, calling: &SshCommand) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = calling.options.clone();
    arguments.extend(OPTIONS.iter().map(OsString::from));
    if !calling.may_ask {
        arguments.extend(["-o", "BatchMode=yes"].map(OsString::from));
    }
    if let Some(port) = address.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &address.user {
        arguments.extend(["-l".into(), user.into()]);
    }
    let clew = address.clew.as_deref().unwrap_or("clew");
    let command = format!("exec {} serve --stdio {}", quoted(clew), quoted(&address.path));
    arguments.extend(["--".into(), address.host.clone().into(), command.into()]);
    arguments
}

/// Quotes a word for any Unix shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Collects the end of the error output.
fn listen(mut from: ChildStderr, said: Arc<Mutex<SshErrorOutput>>) {
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            while said.text.len() > MOST_SAID {
                said.text.remove(0);
            }
        }
        said.lock().unwrap_or_else(PoisonError::into_inner).is_all = true;
    });
}

/// Messages of ssh for errors that only the user can fix. ssh does not translate them.
const REFUSED: [&str; 6] = [
    "Permission denied",
    "Host key verification failed",
    "REMOTE HOST IDENTIFICATION HAS CHANGED",
    "Too many authentication failures",
    "No matching host key",
    "Bad owner or permissions",
];
/// The exit status of ssh for its own failures.
const ITS_OWN: i32 = 255;
/// The exit statuses of a shell that finds no program or may not execute it.
const NOT_FOUND: [i32; 2] = [126, 127];

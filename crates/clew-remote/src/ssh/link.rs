//! A connection over two pipes: many threads send requests concurrently, and each gets its own answer.
//!
//! One thread writes the outbox, one reads; callers wait and check for cancellation about ten times a second.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{
    Answer, AnswerOutcome, Ask, BackendCall, Frame, Hello, Inbox, MAGIC, MessageKind, PIECE, decode, odd, shown,
};
use crate::backend::TransferCallback;

/// How often a call checks for cancellation.
const LOOK: Duration = Duration::from_millis(100);
/// The most frames that wait in the outbox.
const MOST_WAITING: usize = 4;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The caller cancelled it.
    GivenUp,
    /// The connection ended, for this reason.
    Ended(String),
}

#[derive(Debug, Default)]
struct PendingAnswer {
    moved: u64,
    answer: Option<(AnswerOutcome, Vec<u8>)>,
}

#[derive(Debug)]
struct State {
    outbox: VecDeque<Frame>,
    waiting: HashMap<u64, PendingAnswer>,
    next: u64,
    hello: Option<Hello>,
    /// Why the connection ended.
    end: Option<String>,
    /// When a byte was last sent or received.
    last_sign: Instant,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A connection through ssh. Closed on drop.
#[derive(Debug)]
pub(crate) struct SshConnection {
    shared: Arc<Shared>,
    silence: Duration,
}

/// Not the number of any request.
const GREETING: u64 = 0;

impl State {
    /// Counts the bytes of a piece as moved.
    fn count(&mut self, frame: &Frame) {
        if frame.kind == MessageKind::Piece
            && let Some(waiting) = self.waiting.get_mut(&frame.request)
        {
            waiting.moved += frame.bytes.len() as u64;
        }
    }

    fn take_moved(&mut self, request: u64) -> u64 {
        let waiting = self.waiting.get_mut(&request);
        waiting.map_or(0, |waiting| std::mem::take(&mut waiting.moved))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: &str) {
        self.state().end.get_or_insert_with(|| why.to_owned());
        self.changed.notify_all();
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl SshConnection {
    /// Opens a connection, which ends after `silence` without a byte while a caller waits for an answer.
    pub fn begin(
        from: impl Read + Send + 'static,
        to: impl Write + Send + 'static,
        hello: &Hello,
        silence: Duration,
    ) -> Self {
        let state = State {
            outbox: VecDeque::from([Frame::of(MessageKind::Hello, 0, hello)]),
            waiting: HashMap::new(),
            next: 0,
            hello: None,
            end: None,
            last_sign: Instant::now(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let (reader, writer) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || {
            let why = read_all(&reader, &mut BufReader::new(from));
            reader.end(
                &why.err()
                    .map_or_else(|| "it ended".to_owned(), |error| error.to_string()),
            );
        });
        thread::spawn(move || {
            if let Err(error) = write_all(&writer, &mut BufWriter::new(to)) {
                writer.end(&error.to_string());
            }
        });
        Self { shared, silence }
    }

    /// Whether the connection has ended.
    pub fn is_over(&self) -> bool {
        self.shared.state().end.is_some()
    }

    /// Returns the other side's greeting.
    pub fn hello(&self, watch: TransferCallback<'_>) -> Result<Hello, CallError> {
        self.until(GREETING, watch, |state| state.hello.clone())
    }

    /// Sends a request, and returns its answer. Bytes count as moved when they leave the outbox or arrive.
    pub fn ask(
        &self,
        what: BackendCall,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<(AnswerOutcome, Vec<u8>), CallError> {
        let request = self.open();
        let came = self.say(request, what, bytes, watch).and_then(|()| {
            self.until(request, watch, |state| {
                let waiting = state.waiting.get_mut(&request)?;
                waiting.answer.take()
            })
        });
        let moved = self.close(request, came.is_err());
        // Before the result is used: otherwise fast requests could never be cancelled.
        if came.is_ok() && watch(moved).is_break() {
            return Err(CallError::GivenUp);
        }
        came
    }

    fn open(&self) -> u64 {
        let mut state = self.shared.state();
        state.next += 1;
        state.last_sign = Instant::now();
        let request = state.next;
        state.waiting.insert(request, PendingAnswer::default());
        request
    }

    /// Closes a request, and returns the moved bytes that were not reported yet.
    fn close(&self, request: u64, is_given_up: bool) -> u64 {
        let mut state = self.shared.state();
        let moved = state.take_moved(request);
        state.waiting.remove(&request);
        if is_given_up && state.end.is_none() {
            state.outbox.push_back(Frame {
                kind: MessageKind::GivenUp,
                request,
                bytes: Vec::new(),
            });
            self.shared.changed.notify_all();
        }
        moved
    }

    /// Puts a request and its pieces into the outbox as room becomes available.
    fn say(&self, request: u64, what: BackendCall, bytes: &[u8], watch: TransferCallback<'_>) -> Result<(), CallError> {
        let follow = bytes.len() as u64;
        let ask = Frame::of(MessageKind::Ask, request, &Ask { what, follow });
        let pieces = bytes.chunks(PIECE).map(|piece| Frame::piece(request, piece));
        for frame in std::iter::once(ask).chain(pieces) {
            let mut frame = Some(frame);
            self.until(request, watch, |state| {
                let has_room = state.outbox.len() < MOST_WAITING;
                let frame = has_room.then(|| frame.take()).flatten()?;
                state.count(&frame);
                state.outbox.push_back(frame);
                Some(())
            })?;
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits until `have` returns a value.
    fn until<T>(
        &self,
        request: u64,
        watch: TransferCallback<'_>,
        mut have: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, CallError> {
        let mut last_told = Instant::now();
        let mut state = self.shared.state();
        loop {
            if let Some(had) = have(&mut state) {
                return Ok(had);
            }
            if let Some(why) = &state.end {
                return Err(CallError::Ended(why.clone()));
            }
            if state.last_sign.elapsed() > self.silence {
                let why = format!("it did not answer for {} s", self.silence.as_secs());
                drop(state);
                self.shared.end(&why);
                return Err(CallError::Ended(why));
            }
            if last_told.elapsed() >= LOOK {
                let moved = state.take_moved(request);
                drop(state);
                if watch(moved).is_break() {
                    return Err(CallError::GivenUp);
                }
                last_told = Instant::now();
                state = self.shared.state();
            }
            state = self.shared.wait(state);
        }
    }

    /// Ends the connection for all waiting calls.
    pub fn end(&self, why: &str) {
        self.shared.end(why);
    }
}

impl Drop for SshConnection {
    fn drop(&mut self) {
        self.shared.end("it is not needed any more");
    }
}

fn write_all(shared: &Shared, to: &mut dyn Write) -> io::Result<()> {
    to.write_all(MAGIC)?;
    loop {
        let mut state = shared.state();
        let frame = loop {
            if let Some(frame) = state.outbox.pop_front() {
                break frame;
            }
            if state.end.is_some() {
                return Ok(());
            }
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let is_last = state.outbox.is_empty();
        drop(state);
        frame.write(to)?;
        if is_last {
            to.flush()?;
        }
        shared.state().last_sign = Instant::now();
        shared.changed.notify_all();
    }
}

fn read_all(shared: &Shared, from: &mut BufReader<impl Read>) -> io::Result<()> {
    read_magic(from)?;
    let mut inbox = Inbox::new(|answer: &Answer| answer.follow);
    while let Some(frame) = Frame::read(from)? {
        let mut state = shared.state();
        state.last_sign = Instant::now();
        if frame.kind == MessageKind::Hello && state.hello.is_none() {
            state.hello = Some(decode(&frame.bytes)?);
            drop(state);
            shared.changed.notify_all();
            continue;
        }
        state.count(&frame);
        if let Some((request, answer, bytes)) = inbox.take(&frame)? {
            // The call may have been cancelled.
            if let Some(waiting) = state.waiting.get_mut(&request) {
                waiting.answer = Some((answer.came, bytes));
            }
        }
        drop(state);
        shared.changed.notify_all();
    }
    Ok(())
}

/// Reads the magic bytes one by one and stops at the first mismatch: another program may wait for input after its output.
///
/// # Errors
/// The input is something else; the error quotes it.
pub(crate) fn read_magic(from: &mut BufReader<impl Read>) -> io::Result<()> {
    let mut first = [0];
    for (at, expected) in MAGIC.iter().enumerate() {
        let is_over = from.read(&mut first)? == 0;
        if is_over && at == 0 {
            return Err(odd("it ended before it answered"));
        }
        if is_over || first != [*expected] {
            let said = [&MAGIC[..at], &first, from.buffer()].concat();
            let said = shown(&String::from_utf8_lossy(&said));
            return Err(odd(&format!("something else than Clew answers: {said:?}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::unwatched;

    #[test]
    fn a_far_side_that_says_nothing_is_given_up() {
        let (from, _silent) = io::pipe().expect("a pipe");
        let link = SshConnection::begin(from, io::sink(), &Hello::new(), Duration::from_millis(1));
        let Err(CallError::Ended(why)) = link.hello(&mut unwatched) else {
            panic!("it says nothing")
        };
        assert!(why.contains("did not answer"), "{why}");
        assert!(link.is_over());
    }

    #[test]
    fn who_says_something_else_is_not_waited_for() {
        let (from, mut noise) = io::pipe().expect("a pipe");
        noise.write_all(b"clew? Hello").expect("it is said");
        let link = SshConnection::begin(from, io::sink(), &Hello::new(), Duration::from_hours(1));
        let Err(CallError::Ended(why)) = link.hello(&mut unwatched) else {
            panic!("it is no greeting")
        };
        assert!(why.contains("clew? Hello"), "{why}");
    }

    #[test]
    fn what_is_asked_of_a_silent_far_side_can_be_given_up() {
        let (from, _silent) = io::pipe().expect("a pipe");
        let (_nobody, to) = io::pipe().expect("a pipe");
        let link = SshConnection::begin(from, to, &Hello::new(), Duration::from_hours(1));
        let mut looks = 0;
        let mut watch = |_| {
            looks += 1;
            match looks {
                3 => std::ops::ControlFlow::Break(()),
                _ => std::ops::ControlFlow::Continue(()),
            }
        };
        // More than the pipe holds: sending blocks in the middle.
        let what = BackendCall::Write { name: "a".to_owned() };
        let came = link.ask(what, &vec![0; 1 << 20], &mut watch);
        assert_eq!(came, Err(CallError::GivenUp));
    }
}

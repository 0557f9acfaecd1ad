//! The server side of the ssh protocol: executes requests in one folder only.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::link::read_magic;
use super::wire::{
    Answer, AnswerOutcome, Ask, BackendCall, BegunUpload, Frame, Hello, Inbox, MAGIC, MOST, MessageKind, PIECE,
    PROTOCOL, WireError, decode, encode, odd,
};
use crate::backend::{Backend, Part, Token, Upload, WriteOutcome, unwatched};
use crate::directory::Directory;
use crate::error::RemoteError;

/// Requests that are executed concurrently.
const WORKERS: usize = 16;

type PendingCall = (u64, Ask, Vec<u8>);

/// Answers requests from `from` until it ends, and accesses only the folder `root`.
///
/// # Errors
/// The input is invalid, or an answer cannot be written.
pub fn serve(root: &Path, from: impl Read, to: impl Write + Send) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let to = Out(Mutex::new(to));
    to.write(MAGIC)?;
    read_magic(&mut from)?;
    let hello = match Frame::read(&mut from)? {
        Some(frame) if frame.kind == MessageKind::Hello => decode::<Hello>(&frame.bytes)?,
        _ => return Err(odd("no greeting")),
    };
    let place = opened(root, &hello);
    let fault = place.as_ref().err().cloned().map(WireError::from);
    to.frame(&Frame::of(MessageKind::Hello, 0, &Hello { fault, ..Hello::new() }))?;
    match place {
        Ok(place) => answer_all(&place, &mut from, &to),
        // Reported in the greeting already.
        Err(_) => Ok(()),
    }
}

fn opened(root: &Path, hello: &Hello) -> Result<Directory, RemoteError> {
    if !hello.is_understood() {
        let said = format!("the Clew there uses version {PROTOCOL} of the protocol, which is not the required one");
        return Err(RemoteError::no_place("", said));
    }
    if hello.creates {
        Directory::create(root)
    } else {
        Directory::open(root)
    }
}

fn answer_all<W: Write + Send>(place: &Directory, from: &mut dyn Read, to: &Out<W>) -> io::Result<()> {
    // Without a buffer: excess requests wait on the sender's side and do not accumulate here.
    let (asked, work) = mpsc::sync_channel::<PendingCall>(0);
    let work = Mutex::new(work);
    let one = || {
        loop {
            let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((request, ask, bytes)) = next else { return };
            let answered = done(place, ask.what, &bytes);
            let (came, follows) = answered.unwrap_or_else(|error| (AnswerOutcome::Failed(error.into()), Vec::new()));
            // If this fails, the other side is gone and the input ends too.
            to.answer(request, came, &follows).ok();
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(one);
        }
        let ended = read_asks(from, &asked);
        // The workers end when the channel closes.
        drop(asked);
        ended
    })
}

fn read_asks(from: &mut dyn Read, asked: &mpsc::SyncSender<PendingCall>) -> io::Result<()> {
    let mut inbox = Inbox::new(|ask: &Ask| ask.follow);
    while let Some(frame) = Frame::read(from)? {
        if let Some(ask) = inbox.take(&frame)?
            && asked.send(ask).is_err()
        {
            break;
        }
    }
    Ok(())
}

fn senseless(what: &str) -> RemoteError {
    RemoteError::unable("", "do this", what)
}

/// Executes a request; returns the answer and its data.
fn done(place: &Directory, what: BackendCall, bytes: &[u8]) -> Result<(AnswerOutcome, Vec<u8>), RemoteError> {
    let alone = |came| Ok((came, Vec::new()));
    match what {
        BackendCall::Read { name, start, end } => {
            if start > end || end - start > MOST {
                return Err(senseless("too many bytes for one request"));
            }
            Ok((
                AnswerOutcome::Done,
                place.read(&name.parse()?, start..end, &mut unwatched)?,
            ))
        }
        BackendCall::Length { name } => alone(AnswerOutcome::Length(place.length(&name.parse()?)?)),
        BackendCall::Write { name } => {
            let written = place.write(&name.parse()?, bytes, &mut unwatched)?;
            alone(AnswerOutcome::Written(written == WriteOutcome::New))
        }
        BackendCall::Begin { name, length } => {
            let upload = place.begin(&name.parse()?, length)?;
            alone(AnswerOutcome::Begun(BegunUpload::from(&upload)))
        }
        BackendCall::Part { upload, number } => {
            let part = place.part(&upload.upload()?, number, bytes, &mut unwatched)?;
            alone(AnswerOutcome::Part(part.0))
        }
        BackendCall::Finish { upload } => {
            let parts: Vec<String> = decode(bytes).map_err(|error| senseless(&error.to_string()))?;
            let parts: Vec<Part> = parts.into_iter().map(Part).collect();
            place.finish(&upload.upload()?, &parts)?;
            alone(AnswerOutcome::Done)
        }
        BackendCall::Abandon { upload } => {
            place.abandon(&upload.upload()?)?;
            alone(AnswerOutcome::Done)
        }
        BackendCall::List { folder } => {
            let listed = place.list(&folder.parse()?)?;
            let listed: Vec<(String, u64)> = listed
                .into_iter()
                .map(|one| (one.name.to_string(), one.length))
                .collect();
            Ok((AnswerOutcome::Done, encode(&listed)))
        }
        BackendCall::Remove { name } => {
            place.remove(&name.parse()?)?;
            alone(AnswerOutcome::Done)
        }
        BackendCall::Head { name } => Ok(match place.head(&name.parse()?)? {
            Some(head) => (AnswerOutcome::Head(Some(head.token.0)), head.bytes),
            None => (AnswerOutcome::Head(None), Vec::new()),
        }),
        BackendCall::Swap { name, expected } => {
            let token = place.swap(&name.parse()?, expected.map(Token).as_ref(), bytes)?;
            alone(AnswerOutcome::Swapped(token.0))
        }
    }
}

impl From<&Upload> for BegunUpload {
    fn from(upload: &Upload) -> Self {
        Self {
            name: upload.name.to_string(),
            id: upload.id.clone(),
            part: upload.part,
        }
    }
}

impl BegunUpload {
    pub fn upload(self) -> Result<Upload, RemoteError> {
        Ok(Upload {
            name: self.name.parse()?,
            id: self.id,
            part: self.part,
        })
    }
}

/// The output, shared by all workers; frames are written atomically.
struct Out<W>(Mutex<W>);

impl<W: Write> Out<W> {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(bytes)?;
        to.flush()
    }

    fn frame(&self, frame: &Frame) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(frame.bytes.len() + 16);
        frame.write(&mut bytes)?;
        self.write(&bytes)
    }

    fn answer(&self, request: u64, came: AnswerOutcome, follows: &[u8]) -> io::Result<()> {
        let follow = follows.len() as u64;
        self.frame(&Frame::of(MessageKind::Answer, request, &Answer { came, follow }))?;
        for piece in follows.chunks(PIECE) {
            self.frame(&Frame::piece(request, piece))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the answers to these frames, after the greeting.
    fn answered(root: &Path, frames: &[Frame]) -> (io::Result<()>, Vec<Answer>) {
        let mut asked = MAGIC.to_vec();
        for frame in frames {
            frame.write(&mut asked).expect("it is written");
        }
        let mut said = Vec::new();
        let ended = serve(root, asked.as_slice(), &mut said);
        let mut said = &said[MAGIC.len()..];
        let mut answers = Vec::new();
        while let Some(frame) = Frame::read(&mut said).expect("whole frames") {
            if frame.kind == MessageKind::Answer {
                answers.push(decode(&frame.bytes).expect("an answer"));
            }
        }
        (ended, answers)
    }

    fn greeting() -> Frame {
        let creates = true;
        Frame::of(
            MessageKind::Hello,
            0,
            &Hello {
                creates,
                ..Hello::new()
            },
        )
    }

    fn ask(request: u64, what: BackendCall, follow: u64) -> Frame {
        Frame::of(MessageKind::Ask, request, &Ask { what, follow })
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = folder.path().join("outside");
        std::fs::write(&outside, b"not yours").expect("it is written");
        let text = |text: &str| text.to_owned();
        for odd in ["../outside", "/etc/passwd", ".clew-remote", "a/../../outside", ""] {
            let upload = || BegunUpload {
                name: text("packs/a"),
                id: text(odd),
                part: 1,
            };
            let asked = [
                greeting(),
                ask(
                    1,
                    BackendCall::Read {
                        name: text(odd),
                        start: 0,
                        end: 1,
                    },
                    0,
                ),
                ask(2, BackendCall::Write { name: text(odd) }, 1),
                Frame::piece(2, b"x"),
                ask(
                    3,
                    BackendCall::Part {
                        upload: upload(),
                        number: 0,
                    },
                    1,
                ),
                Frame::piece(3, b"x"),
                ask(4, BackendCall::Finish { upload: upload() }, 1),
                Frame::piece(4, &[0x90]),
                ask(5, BackendCall::Remove { name: text(odd) }, 0),
                ask(6, BackendCall::List { folder: text(odd) }, 0),
                ask(
                    7,
                    BackendCall::Swap {
                        name: text(odd),
                        expected: None,
                    },
                    0,
                ),
            ];
            let (ended, answers) = answered(&folder.path().join("remote"), &asked);
            ended.expect("it goes on");
            let is_refused = |answer: &Answer| matches!(answer.came, AnswerOutcome::Failed(_));
            assert_eq!(answers.len(), 7);
            assert!(answers.iter().all(is_refused), "{odd:?}: {answers:?}");
            assert_eq!(
                answered(
                    &folder.path().join("remote"),
                    &[greeting(), ask(1, BackendCall::Abandon { upload: upload() }, 0)]
                )
                .1
                .len(),
                1
            );
        }
        assert_eq!(std::fs::read(&outside).expect("it is there"), b"not yours");
    }

    #[test]
    fn p14_what_makes_no_sense_ends_the_conversation() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = || BackendCall::Write { name: "a".to_owned() };
        for odd in [
            vec![ask(1, write(), u64::MAX)],
            vec![ask(1, write(), 1), ask(1, write(), 1)],
            vec![Frame::piece(1, b"x")],
            vec![ask(1, write(), 1), Frame::piece(1, b"xx")],
            vec![Frame::piece(0, &[]), greeting()],
            vec![greeting()],
            (0..4).map(|number| ask(number, write(), MOST)).collect(),
        ] {
            let asked = [vec![greeting()], odd].concat();
            let (ended, answers) = answered(&folder.path().join("remote"), &asked);
            assert_eq!(ended.expect_err("it is over").kind(), io::ErrorKind::InvalidData);
            assert_eq!(answers, []);
        }
        let read = BackendCall::Read {
            name: "a".to_owned(),
            start: 5,
            end: 1,
        };
        let (ended, answers) = answered(&folder.path().join("remote"), &[greeting(), ask(1, read, 0)]);
        ended.expect("it goes on");
        assert!(matches!(
            &answers[..],
            [Answer {
                came: AnswerOutcome::Failed(WireError::Unable(_)),
                ..
            }]
        ));
    }

    #[test]
    fn another_version_is_told_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let hello = Hello {
            oldest: PROTOCOL + 1,
            newest: PROTOCOL + 2,
            ..Hello::new()
        };
        let mut asked = MAGIC.to_vec();
        Frame::of(MessageKind::Hello, 0, &hello)
            .write(&mut asked)
            .expect("it is written");
        let mut said = Vec::new();
        serve(folder.path(), asked.as_slice(), &mut said).expect("it is said");
        let frame = Frame::read(&mut &said[MAGIC.len()..]).expect("a frame").expect("one");
        let hello: Hello = decode(&frame.bytes).expect("a greeting");
        assert!(matches!(hello.fault, Some(WireError::NoPlace(_))), "{hello:?}");
    }
}

//! What the frames of a log hold: decompressed, hashed and parsed, on several processors where there is much.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::cores::cores;
use crate::format::{
    FileDescription, FrameDecoder, FrameKind, Operation, Outline, PackMention, RecordError, Signed, decode_record,
};
use crate::id::{OperationId, PackId, RunId};
use crate::store::scan::{Gap, ScannedFrame};
use crate::store::stored_run::StoredRun;

/// What one frame holds.
pub(super) enum Content {
    /// A run, by the hash of its bytes.
    Run(RunId, Result<Arc<StoredRun>, RecordError>),
    Operation(Box<Met>),
    /// An operation that can't be read, with its id where that much can be told.
    Malformed(Option<OperationId>, RecordError),
    Pack(PackId),
    Mark(u64),
    File(Option<FileDescription>),
    /// A payload that does not decompress.
    Damaged(Gap),
    /// A kind of record that came later, or is reserved.
    Other,
}

/// An operation whose seal was not judged yet.
pub(super) struct Met {
    pub id: OperationId,
    pub operation: Operation,
    pub signed: Signed,
}

/// Frames are shared out by so many.
const SHARE: usize = 512;
/// The most threads: looking leaves the other processors to the user's work.
const MOST_THREADS: usize = 4;

/// The contents of frames whose payloads are as stored, in their order, each with where its frame starts.
pub(super) fn contents(frames: Vec<ScannedFrame>) -> Vec<(u64, Content)> {
    let work = Work::of(frames);
    // A short log does without the number of processors, which takes reading files.
    let helpers = match work.shares() {
        1 => 0,
        shares => cores().min(MOST_THREADS).min(shares) - 1,
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            // Where there can be no more threads, this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, || work.take_part());
        }
        work.take_part();
    });
    work.done()
}

type Contents = Vec<(u64, Content)>;

/// Frames that are shared out among threads.
struct Work {
    open: Mutex<Vec<(usize, Vec<ScannedFrame>)>>,
    done: Mutex<BTreeMap<usize, Contents>>,
}

impl Work {
    fn of(frames: Vec<ScannedFrame>) -> Self {
        let mut shares = Vec::new();
        let mut frames = frames.into_iter();
        loop {
            let share: Vec<ScannedFrame> = frames.by_ref().take(SHARE).collect();
            if share.is_empty() {
                break;
            }
            shares.push((shares.len(), share));
        }
        Self {
            open: Mutex::new(shares),
            done: Mutex::default(),
        }
    }

    fn shares(&self) -> usize {
        locked(&self.open).len().max(1)
    }

    fn take_part(&self) {
        let mut decoder = FrameDecoder::default();
        loop {
            let next = locked(&self.open).pop();
            let Some((number, frames)) = next else { break };
            let contents = frames
                .into_iter()
                .map(|frame| (frame.offset, content(&mut decoder, frame)))
                .collect();
            locked(&self.done).insert(number, contents);
        }
    }

    fn done(self) -> Contents {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_values().flatten().collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn content(decoder: &mut FrameDecoder, frame: ScannedFrame) -> Content {
    let (header, from) = (frame.header, frame.offset);
    let plain = match decoder.borrowed(&header, &frame.payload) {
        Ok(plain) => plain,
        Err(why) => {
            let to = header.end(from);
            return Content::Damaged(Gap { from, to, why });
        }
    };
    match header.kind {
        FrameKind::RUN => {
            let (id, outline) = (RunId::of(plain), Outline::parse(plain));
            Content::Run(
                id,
                outline.map(|outline| Arc::new(StoredRun::new(outline, header, frame.payload))),
            )
        }
        FrameKind::OPERATION => operation(plain),
        FrameKind::PACK => {
            decode_record::<PackMention>(plain).map_or(Content::Other, |mention| Content::Pack(mention.pack))
        }
        FrameKind::MARK => plain
            .try_into()
            .map_or(Content::Other, |bytes| Content::Mark(u64::from_le_bytes(bytes))),
        FrameKind::FILE => Content::File(decode_record(plain).ok()),
        _ => Content::Other,
    }
}

fn operation(payload: &[u8]) -> Content {
    let signed = match decode_record::<Signed>(payload) {
        Ok(signed) => signed,
        Err(error) => return Content::Malformed(None, error),
    };
    let id = OperationId::of(&signed.bytes);
    match decode_record::<Operation>(&signed.bytes) {
        Ok(operation) => Content::Operation(Box::new(Met { id, operation, signed })),
        Err(error) => Content::Malformed(Some(id), error),
    }
}

//! What the frames of a log hold: decompressed, hashed and parsed, on several processors where there is much.

use std::sync::Arc;

use crate::cores::with_each;
use crate::format::{
    FileDescription, FrameDecoder, FrameKind, Operation, Outline, PackMention, RecordError, Signed, decode_record,
};
use crate::id::{OperationId, PackId, RunId};
use crate::store::logs::stored_run::StoredRun;
use crate::store::scan::{Gap, ScannedFrame};

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

/// The contents of frames whose payloads are as stored, in their order, each with where its frame starts.
pub(super) fn contents(frames: Vec<ScannedFrame>) -> Vec<(u64, Content)> {
    with_each(frames, FrameDecoder::default, |decoder, frame| {
        (frame.offset, content(decoder, frame))
    })
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

//! Decoding the frames of a log: decompresses, hashes and parses them, on several processors if there are many.

use std::sync::Arc;

use crate::cores::with_each;
use crate::format::{
    FileDescription, FrameDecoder, FrameKind, Operation, Outline, PackMention, RecordDecodeError, SignedRecord,
    decode_record,
};
use crate::id::{OperationId, PackId, RunId};
use crate::store::logs::stored_run::StoredRun;
use crate::store::scan::{ScannedFrame, UnreadableRange};

/// The decoded content of one frame of a log.
pub(super) enum FrameContent {
    /// A run, with the hash of its bytes.
    Run(RunId, Result<Arc<StoredRun>, RecordDecodeError>),
    Operation(Box<UnverifiedOperation>),
    /// An operation that cannot be read, with its id if that is known.
    Malformed(Option<OperationId>, RecordDecodeError),
    Pack(PackId),
    Mark(u64),
    File(Option<FileDescription>),
    /// A payload that does not decompress.
    Damaged(UnreadableRange),
    /// A kind of record that is newer or reserved.
    Other,
}

/// An operation whose signature is not checked yet.
pub(super) struct UnverifiedOperation {
    pub id: OperationId,
    pub operation: Operation,
    pub signed: SignedRecord,
}

/// Decodes frames with stored payloads, in their order. Returns each content with the offset of its frame.
pub(super) fn contents(frames: Vec<ScannedFrame>) -> Vec<(u64, FrameContent)> {
    with_each(frames, FrameDecoder::default, |decoder, frame| {
        (frame.offset, content(decoder, frame))
    })
}

fn content(decoder: &mut FrameDecoder, frame: ScannedFrame) -> FrameContent {
    let (header, from) = (frame.header, frame.offset);
    let plain = match decoder.borrowed(&header, &frame.payload) {
        Ok(plain) => plain,
        Err(why) => {
            let to = header.end(from);
            return FrameContent::Damaged(UnreadableRange { from, to, why });
        }
    };
    match header.kind {
        FrameKind::RUN => {
            let (id, outline) = (RunId::of(plain), Outline::parse(plain));
            FrameContent::Run(
                id,
                outline.map(|outline| Arc::new(StoredRun::new(outline, header, frame.payload))),
            )
        }
        FrameKind::OPERATION => operation(plain),
        FrameKind::PACK => {
            decode_record::<PackMention>(plain).map_or(FrameContent::Other, |mention| FrameContent::Pack(mention.pack))
        }
        FrameKind::MARK => plain.try_into().map_or(FrameContent::Other, |bytes| {
            FrameContent::Mark(u64::from_le_bytes(bytes))
        }),
        FrameKind::FILE => FrameContent::File(decode_record(plain).ok()),
        _ => FrameContent::Other,
    }
}

fn operation(payload: &[u8]) -> FrameContent {
    let signed = match decode_record::<SignedRecord>(payload) {
        Ok(signed) => signed,
        Err(error) => return FrameContent::Malformed(None, error),
    };
    let id = OperationId::of(&signed.bytes);
    match decode_record::<Operation>(&signed.bytes) {
        Ok(operation) => FrameContent::Operation(Box::new(UnverifiedOperation { id, operation, signed })),
        Err(error) => FrameContent::Malformed(Some(id), error),
    }
}

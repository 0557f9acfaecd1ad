//! Repairs a modified store: checksums, ids, signatures, and references to changed ids.
//!
//! A store rejects data that does not match its hash, so fuzzing that only changes bytes never gets past the hashes. An attacker can
//! recompute them, and so does this module.

use clew_core::format::{FrameEncoder, FrameKind, SignedRecord, TableEntry, decode_record, encode_record};
use clew_core::id::{BlobId, BlockId, ManifestId, OperationId, RunId, SegmentId};
use clew_core::store::SigningKey;

use crate::sections::{Section, sections};

/// Changed ids: the old and the new one.
#[derive(Default)]
struct Renamed(Vec<([u8; 32], [u8; 32])>);

impl Renamed {
    fn note(&mut self, old: [u8; 32], new: [u8; 32]) {
        // A small number is enough, because each entry costs a search through all later bytes.
        if old != new && old != [0; 32] && self.0.len() < 64 {
            self.0.push((old, new));
        }
    }

    /// Replaces changed ids in some bytes.
    fn follow(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for (old, new) in &self.0 {
            let found: Vec<usize> = memchr::memmem::find_iter(&out, old).collect();
            for at in found {
                out[at..at + 32].copy_from_slice(new);
            }
        }
        out
    }
}

/// Returns the store with every frame repaired whose lengths are valid.
pub fn mended(bytes: &[u8], key: &SigningKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let (mut renamed, mut encoder) = (Renamed::default(), FrameEncoder::default());
    for section in sections(bytes) {
        match section {
            Section::Frame {
                kind,
                codec: 0,
                id,
                meta,
                payload,
                ..
            } => {
                let plain = renamed.follow(payload);
                let (plain, new) = named(kind, plain, key).unwrap_or_else(|| (payload.to_vec(), id));
                renamed.note(id, new);
                let meta = table(kind, meta, &plain, &mut renamed);
                encoder.frame(kind, new, &meta, &plain, &mut out);
            }
            Section::Frame { whole, .. } => out.extend_from_slice(whole),
            Section::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

/// Returns the payload, and the id that it must have. An operation is signed again.
fn named(kind: FrameKind, plain: Vec<u8>, key: &SigningKey) -> Option<(Vec<u8>, [u8; 32])> {
    let id = match kind {
        FrameKind::BLOB => BlobId::of(&plain).0,
        FrameKind::MANIFEST => ManifestId::of(&plain).0,
        FrameKind::RUN => RunId::of(&plain).0,
        FrameKind::OPERATION => {
            let signed: SignedRecord = decode_record(&plain).ok()?;
            let id = OperationId::of(&signed.bytes).0;
            return Some((encode_record(&key.sign(signed.bytes)), id));
        }
        _ => [0; 32],
    };
    Some((plain, id))
}

/// Returns a table with the ids of the data that its entries refer to.
fn table(kind: FrameKind, meta: &[u8], plain: &[u8], renamed: &mut Renamed) -> Vec<u8> {
    let of = match kind {
        FrameKind::SEGMENT => |bytes: &[u8]| SegmentId::of(bytes).0,
        FrameKind::BLOCKS => |bytes: &[u8]| BlockId::of(bytes).0,
        _ => return meta.to_vec(),
    };
    let mut out = meta.to_vec();
    for entry in out.chunks_exact_mut(TableEntry::LENGTH) {
        let number = |from: usize, to: usize| {
            let digits = entry[from..to].iter().rev();
            digits.fold(0_usize, |value, byte| value << 8 | usize::from(*byte))
        };
        let (offset, length) = (number(32, 40), number(40, 44));
        let Some(bytes) = offset.checked_add(length).and_then(|end| plain.get(offset..end)) else {
            continue;
        };
        let (old, new) = (entry[..32].try_into().unwrap_or_default(), of(bytes));
        renamed.note(old, new);
        entry[..32].copy_from_slice(&new);
    }
    out
}

//! What the raw bytes of a store hold, also where they lie compressed: a search that asks nobody whose word is to be proven.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_core::format::{FRAME_MAGIC, FrameDecoder, FrameHeader, HEADER_LENGTH};
/// Whether any file holds `text`, as it lies or in any frame that decompresses.
pub fn holds(files: &BTreeMap<PathBuf, Vec<u8>>, text: &[u8]) -> bool {
    files
        .values()
        .any(|bytes| has(bytes, text) || payloads(bytes).iter().any(|plain| has(plain, text)))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// What every frame decompresses to, wherever in the bytes one begins.
fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = FrameDecoder::default();
    let mut payloads = Vec::new();
    for at in memchr::memmem::find_iter(bytes, &FRAME_MAGIC) {
        let header = bytes
            .get(at..at + HEADER_LENGTH)
            .and_then(|header| header.try_into().ok());
        let Some(Ok(header)) = header.map(FrameHeader::parse) else {
            continue;
        };
        let from = header.payload_at(at as u64) as usize;
        if let Some(stored) = bytes.get(from..from + header.stored_length as usize) {
            payloads.extend(decoder.plain(&header, stored.to_vec()));
        }
    }
    payloads
}

//! Searches the raw bytes of a store, also in compressed data. The search does not use the code under test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_core::format::{FRAME_MAGIC, FrameDecoder, FrameHeader, HEADER_LENGTH};
/// Returns whether any file contains `text`, uncompressed or in a frame that can be decompressed.
pub fn holds(files: &BTreeMap<PathBuf, Vec<u8>>, text: &[u8]) -> bool {
    files
        .values()
        .any(|bytes| has(bytes, text) || payloads(bytes).iter().any(|plain| has(plain, text)))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// Returns the decompressed contents of every frame that begins anywhere in the bytes.
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

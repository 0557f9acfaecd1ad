//! A store as one sequence of bytes: its files one after another, each beginning with its FILE frame.
//!
//! So one input contains packs, logs, descriptions and the records of `gc`, and a mutation can cut, swap and repeat them. Payloads follow
//! directly after their tables here, without alignment to pages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clew_core::format::{FRAME_MAGIC, FileDescription, FrameHeader, FrameKind, HEADER_LENGTH, decode_record};

/// A frame in a sequence of bytes, or bytes that are not a frame.
#[derive(Debug, Clone)]
pub enum Section<'a> {
    /// A frame with valid lengths. Its checksums may be wrong.
    Frame {
        /// The whole frame.
        whole: &'a [u8],
        /// Its kind.
        kind: FrameKind,
        /// The number of its codec.
        codec: u8,
        /// Its id.
        id: [u8; 32],
        /// Its meta section.
        meta: &'a [u8],
        /// Its payload as stored.
        payload: &'a [u8],
    },
    /// Anything else.
    Bytes(&'a [u8]),
}

/// Splits a sequence of bytes.
pub fn sections(bytes: &[u8]) -> Vec<Section<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let section = frame(rest).unwrap_or_else(|| {
            let next = memchr::memmem::find(&rest[1..], &FRAME_MAGIC).map_or(rest.len(), |next| next + 1);
            Section::Bytes(&rest[..next])
        });
        at += match &section {
            Section::Frame { whole, .. } => whole.len(),
            Section::Bytes(bytes) => bytes.len(),
        };
        found.push(section);
    }
    found
}

fn frame(bytes: &[u8]) -> Option<Section<'_>> {
    let head = bytes.get(..HEADER_LENGTH)?;
    if head[..4] != FRAME_MAGIC {
        return None;
    }
    let meta_length = u32::from_le_bytes(head[12..16].try_into().ok()?) as usize;
    let stored = usize::try_from(u64::from_le_bytes(head[16..24].try_into().ok()?)).ok()?;
    let meta_end = HEADER_LENGTH.checked_add(meta_length)?;
    let meta = bytes.get(HEADER_LENGTH..meta_end)?;
    let end = meta_end.checked_add(stored)?;
    Some(Section::Frame {
        whole: bytes.get(..end)?,
        kind: FrameKind(head[5]),
        codec: head[6],
        id: head[32..64].try_into().ok()?,
        meta,
        payload: bytes.get(meta_end..end)?,
    })
}

/// Returns the files of a store below `root`. Bytes before the first FILE frame count as a log.
pub fn files_of(bytes: &[u8], root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files: Vec<(Option<FileDescription>, Vec<FrameKind>, Vec<u8>)> = Vec::new();
    for section in sections(bytes) {
        let (kind, whole) = match &section {
            Section::Frame { kind, whole, .. } => (Some(*kind), *whole),
            Section::Bytes(bytes) => (None, *bytes),
        };
        if kind == Some(FrameKind::FILE) || files.is_empty() {
            files.push((described(whole), Vec::new(), Vec::new()));
        }
        if let Some((_, kinds, file)) = files.last_mut() {
            kinds.extend(kind);
            file.extend_from_slice(whole);
        }
    }
    let named = files.into_iter().enumerate();
    named
        .map(|(nth, (description, kinds, bytes))| (root.join(name(nth, description.as_ref(), &kinds)), bytes))
        .collect()
}

fn described(frame: &[u8]) -> Option<FileDescription> {
    let header = FrameHeader::parse(frame.first_chunk()?).ok()?;
    let stored = frame.get(header.payload_at(0) as usize..header.end(0) as usize)?;
    decode_record(&header.decode(stored.to_vec()).ok()?).ok()
}

/// Returns the name of a file, from its description or its contents.
fn name(nth: usize, description: Option<&FileDescription>, kinds: &[FrameKind]) -> String {
    let is_description = kinds.contains(&FrameKind::DESCRIPTION);
    match description {
        Some(FileDescription::Store { .. }) => "format".to_owned(),
        Some(FileDescription::Pack { pack, .. }) => format!("packs/{pack}.pack"),
        Some(FileDescription::Log { history, session }) if is_description => {
            format!("histories/{history}/{session}.description")
        }
        Some(FileDescription::Log { history, session }) => format!("histories/{history}/{session}.log"),
        Some(FileDescription::Care) if kinds.contains(&FrameKind::REMOVAL) => format!("removed/{nth:032x}.removal"),
        Some(FileDescription::Care) if kinds.contains(&FrameKind::LEFT_OUT) => {
            format!("histories/{}/left-out", "01".repeat(16))
        }
        Some(FileDescription::Care) => "garbage".to_owned(),
        // A store never contains this file.
        Some(FileDescription::Bundle { .. }) => format!("{nth}.clew"),
        Some(FileDescription::Begun) => format!("live/{nth:032x}.begun"),
        None => format!("histories/{}/{nth:032x}.log", "01".repeat(16)),
    }
}

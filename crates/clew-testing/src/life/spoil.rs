//! Corrupts a store's files at every kind of position: flips a bit in each part of each kind of record, and truncates files between and
//! within records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::{FrameHeader, FrameKind, HEADER_LENGTH};
use clew_core::store::Access;
use clew_core::store::disk::Disk;

use super::{Found, Heard, open};
use crate::disk::SimDisk;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A kind of corruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiling {
    /// One bit of a byte is flipped.
    Flip,
    /// The file is truncated.
    Cut,
}

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The offset of the byte.
    pub at: usize,
    /// The kind of the record there.
    pub kind: &'static str,
}

/// The results for a store whose files were corrupted, one position after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoiled {
    /// The number of corrupted positions, by kind of record.
    pub times: BTreeMap<&'static str, u64>,
    /// Positions for which the store could not be opened.
    pub unopened: Vec<String>,
    /// Positions for which a wrong value was restored.
    pub wrong: Vec<String>,
    /// Positions for which data was lost and no corruption was reported.
    pub unsaid: Vec<String>,
}

/// The offsets of the fields in a record header. Each field is corrupted separately.
const FIELDS: [usize; 11] = [0, 4, 5, 6, 8, 12, 16, 24, 32, 64, 80];

fn name(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::FILE => "file",
        FrameKind::BLOCKS => "blocks",
        FrameKind::SEGMENT => "segments",
        FrameKind::BLOB => "text",
        FrameKind::MANIFEST => "manifest",
        FrameKind::RUN => "run",
        FrameKind::OPERATION => "operation",
        FrameKind::DESCRIPTION => "description",
        FrameKind::PACK => "pack",
        FrameKind::MARK => "mark",
        FrameKind::REMOVAL => "removal",
        FrameKind::GARBAGE => "garbage",
        FrameKind::LEFT_OUT => "left out",
        _ => "unknown",
    }
}

/// Returns every position to corrupt, file by file.
pub fn places(files: &Files) -> Vec<Place> {
    files
        .iter()
        .flat_map(|(path, bytes)| {
            let place = |(at, kind): (usize, &'static str)| Place {
                path: path.clone(),
                at,
                kind,
            };
            places_in(bytes).into_iter().map(place)
        })
        .collect()
}

fn places_in(bytes: &[u8]) -> Vec<(usize, &'static str)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(header) = header_at(bytes, at) {
        let kind = name(header.kind);
        let (payload, end) = (header.payload_at(at as u64) as usize, header.end(at as u64) as usize);
        let meta = at + HEADER_LENGTH;
        let after_meta = meta + header.meta_length as usize;
        let parts = [
            meta,
            after_meta.saturating_sub(1),
            payload,
            payload.midpoint(end),
            end - 1,
        ];
        let inside = FIELDS.iter().map(|field| at + field).chain(parts);
        found.extend(inside.filter(|place| *place < end).map(|place| (place, kind)));
        at = end;
    }
    // Other data is short: a number with its checksum.
    let rest = (at..bytes.len()).take_while(|_| at == 0);
    found.extend(rest.map(|place| (place, "number")));
    found.dedup();
    found
}

fn header_at(bytes: &[u8], at: usize) -> Option<FrameHeader> {
    let header = FrameHeader::parse(bytes.get(at..at + HEADER_LENGTH)?.try_into().ok()?).ok()?;
    (header.end(at as u64) <= bytes.len() as u64).then_some(header)
}

/// Corrupts a copy of the files at each of `places`, and checks what can still be restored.
pub fn spoil(files: &Files, store: &Path, lives: &[Heard], places: &[Place], how: Spoiling) -> Spoiled {
    let mut spoiled = Spoiled::default();
    for place in places {
        let mut copy = files.clone();
        if let Some(bytes) = copy.get_mut(&place.path) {
            match how {
                Spoiling::Flip => bytes[place.at] ^= 1 << (place.at % 8),
                Spoiling::Cut => bytes.truncate(place.at),
            }
        }
        *spoiled.times.entry(place.kind).or_default() += 1;
        spoiled.judge(&copy, store, lives, place, how);
    }
    spoiled
}

impl Spoiled {
    fn judge(&mut self, files: &Files, store: &Path, lives: &[Heard], place: &Place, how: Spoiling) {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::with_files(files));
        let what = format!("{how:?} of {} at {} ({})", place.path.display(), place.at, place.kind);
        let verified = open(Arc::clone(&disk), store, Access::ReadOnly).and_then(|store| store.verify(true));
        let damage = match verified {
            Ok(verified) => verified.damage.len(),
            Err(error) => return self.unopened.push(format!("{what}: {error}")),
        };
        let found = Found::of(&disk, store, lives, false);
        if !found.is_open {
            self.unopened.push(what.clone());
        }
        self.wrong
            .extend(found.wrong.iter().map(|wrong| format!("{what}: {wrong}")));
        // Data that is cut off at the end of a file cannot be distinguished from data that was never written.
        if how == Spoiling::Flip && damage == 0 && !found.lost.is_empty() {
            self.unsaid.push(format!("{what}: {}", found.lost[0]));
        }
    }
}

//! The cell that a kernel runs, noted before it does and taken away once the run is recorded: what a kernel that was
//! killed leaves says which cell it died in.
//!
//! The notes are no truth about histories. They are never flushed, one that was cut off is none, and who finds one writes a
//! run of it ([`crate::session::Session::mourn`]). Each names its writer by a hash with a key that only the user's own
//! programs have: what others put there is passed over.

use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, write_all_at};
use super::error::StoreError;
use super::packs::blob;
use super::scan::{Payloads, scan};
use super::{SessionWriter, SigningKey, Store};
use crate::format::{CellEnd, FileDescription, FrameEncoder, FrameKind, InFlightMarker, decode_record, encode_record};
use crate::id::{BlobId, SessionId};

const FOLDER: &str = "live";
const EXTENSION: &str = ".begun";
/// Goes before the secret when the key is made that notes are told by.
const PURPOSE: &str = "clew 2026 note of a cell that began v1";

/// The in-flight marker of a cell whose run was never recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftoverMarker {
    /// The file that says it.
    pub path: PathBuf,
    /// The cell, and who ran it.
    pub begun: InFlightMarker,
    /// Its source, where that was kept.
    pub source: Option<String>,
}

/// The in-flight marker of a running cell, as an open file.
#[derive(Debug)]
pub struct InFlightFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// How far the file goes.
    length: u64,
    begun: InFlightMarker,
}

impl InFlightFile {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn folder(store: &Path) -> PathBuf {
    store.join(FOLDER)
}

impl SessionWriter {
    /// Notes that a cell begins. The file that says so is there until [`Store::unlink_note`]; one that was there is replaced.
    pub fn note_begun(&self, mut begun: InFlightMarker, source: Option<&str>) -> Result<InFlightFile, StoreError> {
        let store = self.store();
        let path = folder(store.directory()).join(format!("{}{EXTENSION}", self.session()));
        let mut encoder = FrameEncoder::plain();
        let mut bytes = Vec::with_capacity(1024 + source.map_or(0, str::len));
        encoder.frame(
            FrameKind::FILE,
            [0; 32],
            b"",
            &encode_record(&FileDescription::Begun),
            &mut bytes,
        );
        if let Some(source) = source {
            let salted = blob::salted(store.disk(), source);
            let id = BlobId::of(&salted);
            begun.source = Some(id);
            encoder.frame(FrameKind::BLOB, id.0, b"", &salted, &mut bytes);
        }
        self.frame_of(&begun, &mut encoder, &mut bytes);
        let file = write(store.disk(), &path, &bytes)?;
        Ok(InFlightFile {
            path,
            file,
            length: bytes.len() as u64,
            begun,
        })
    }

    /// Notes that the cell ended: what it left is still to be recorded.
    pub fn note_ended(&self, note: &mut InFlightFile, ended: CellEnd) -> Result<(), StoreError> {
        note.begun.ended = Some(ended);
        let mut bytes = Vec::with_capacity(1024);
        self.frame_of(&note.begun, &mut FrameEncoder::plain(), &mut bytes);
        write_all_at(&*note.file, &bytes, note.length).map_err(StoreError::io("write to", &note.path))?;
        note.length += bytes.len() as u64;
        Ok(())
    }

    fn frame_of(&self, begun: &InFlightMarker, encoder: &mut FrameEncoder, bytes: &mut Vec<u8>) {
        let record = encode_record(begun);
        encoder.frame(FrameKind::BEGUN, mark(self.key(), &record), b"", &record, bytes);
    }
}

/// Writes a new file, over one that is there. Nothing waits for the disk.
fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Box<dyn DiskFile>, StoreError> {
    let file = disk.create_new(path).or_else(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => disk.unlink(path).and_then(|()| disk.create_new(path)),
        std::io::ErrorKind::NotFound => {
            disk.create_dir(path.parent().unwrap_or(path))?;
            disk.create_new(path)
        }
        _ => Err(error),
    });
    let file = file.map_err(StoreError::io("make", path))?;
    write_all_at(&*file, bytes, 0).map_err(StoreError::io("write to", path))?;
    Ok(file)
}

/// What tells a note of one's own: nobody else can make it, and it confirms no guess of what it is over.
fn mark(key: &SigningKey, record: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(&key.derive(PURPOSE), record).as_bytes()
}

impl Store {
    /// Cells that began under `key` and of which nothing was recorded when these notes were written, in no order.
    pub fn begun(&self, key: &SigningKey) -> Vec<LeftoverMarker> {
        let folder = folder(self.directory());
        let names = self.disk().list(&folder).unwrap_or_default();
        let notes = names.iter().filter(|name| name.ends_with(EXTENSION));
        notes
            .filter_map(|name| self.read_note(folder.join(name), key))
            .collect()
    }

    fn read_note(&self, path: PathBuf, key: &SigningKey) -> Option<LeftoverMarker> {
        let file = self.disk().open(&path).ok()?;
        let (mut begun, mut texts): (Option<InFlightMarker>, Vec<Vec<u8>>) = (None, Vec::new());
        scan(&*file, 0, Payloads::Read, |frame| match frame.header.kind {
            FrameKind::BLOB => texts.push(frame.payload),
            FrameKind::BEGUN if frame.header.id == mark(key, &frame.payload) => {
                begun = decode_record(&frame.payload).ok();
            }
            _ => {}
        })
        .ok()?;
        let begun = begun?;
        let salted = texts
            .into_iter()
            .find(|salted| Some(BlobId::of(salted)) == begun.source);
        let source = salted.and_then(|salted| blob::text(salted).ok());
        Some(LeftoverMarker { path, begun, source })
    }

    /// Takes what was left under a name that says who does: of several who try, one has it. `None` where another was
    /// faster.
    pub fn claim(&self, left: LeftoverMarker, by: SessionId) -> Option<LeftoverMarker> {
        let path = folder(self.directory()).join(format!("{}.{by}{EXTENSION}", left.begun.session));
        self.disk().rename(&left.path, &path).ok()?;
        Some(LeftoverMarker { path, ..left })
    }

    /// Takes a note away: its run is recorded. Where that can't be done the run that is there tells that it is old.
    pub fn unlink_note(&self, path: &Path) {
        self.disk().unlink(path).ok();
    }
}

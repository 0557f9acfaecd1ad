//! In-flight markers: a marker is written before a kernel runs a cell, and deleted when the run is recorded. The marker of a killed kernel
//! names the cell during which it died.
//!
//! Markers are not part of histories. They are never flushed, and a truncated one is ignored. The process that finds one records a run for
//! it ([`crate::session::Session::mourn`]). Each is authenticated by a keyed hash with a key that only the user's own programs have:
//! markers of others are ignored.

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
/// The context for deriving the key that authenticates markers.
const PURPOSE: &str = "clew 2026 note of a cell that began v1";

/// The in-flight marker of a cell whose run was never recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftoverMarker {
    /// The file.
    pub path: PathBuf,
    /// The cell, and the process that ran it.
    pub begun: InFlightMarker,
    /// Its source, if it was stored.
    pub source: Option<String>,
}

/// The in-flight marker of a running cell, as an open file.
#[derive(Debug)]
pub struct InFlightFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// The length of the file.
    length: u64,
    begun: InFlightMarker,
}

impl InFlightFile {
    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn folder(store: &Path) -> PathBuf {
    store.join(FOLDER)
}

impl SessionWriter {
    /// Writes a marker before a cell starts. It exists until [`Store::unlink_note`]; an existing one is replaced.
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

    /// Records in the marker that the cell ended and its run is not recorded yet.
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

/// Writes a new file and replaces an existing one. It is not synced.
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

/// Returns the authentication code of a marker: others cannot create it, and cannot use it to confirm a guess of the content.
fn mark(key: &SigningKey, record: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(&key.derive(PURPOSE), record).as_bytes()
}

impl Store {
    /// Returns the markers that `key` authenticates, of cells whose runs were not recorded when these were written, in no order.
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

    /// Claims a leftover marker by renaming it to a name with the session's id: only one of several sessions succeeds. Returns `None` if
    /// another was faster.
    pub fn claim(&self, left: LeftoverMarker, by: SessionId) -> Option<LeftoverMarker> {
        let path = folder(self.directory()).join(format!("{}.{by}{EXTENSION}", left.begun.session));
        self.disk().rename(&left.path, &path).ok()?;
        Some(LeftoverMarker { path, ..left })
    }

    /// Deletes a marker after its run is recorded. If that fails, the recorded run shows that the marker is outdated.
    pub fn unlink_note(&self, path: &Path) {
        self.disk().unlink(path).ok();
    }
}

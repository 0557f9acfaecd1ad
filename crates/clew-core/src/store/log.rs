//! Logs: append-only files of records, one a session, in the folder of its history.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::error::StoreError;
use super::pack::{WriteError, append};
use crate::format::{FileDescription, FrameEncoder, FrameKind, encode_record};
use crate::id::{HistoryId, SessionId};

/// The folder of all histories.
pub(super) fn histories_folder(store: &Path) -> PathBuf {
    store.join("histories")
}

/// The folder of one history.
pub(super) fn folder(store: &Path, history: HistoryId) -> PathBuf {
    histories_folder(store).join(history.to_string())
}

/// The session and the part of its log that a file's name stands for.
pub(super) fn part_of(name: &str) -> Option<(SessionId, u32)> {
    let name = name.strip_suffix(".log")?;
    match name.split_once('.') {
        None => Some((name.parse().ok()?, 1)),
        Some((session, part)) => {
            let number: u32 = part.parse().ok().filter(|number| *number > 1)?;
            (part == number.to_string()).then_some((session.parse().ok()?, number))
        }
    }
}

/// The session whose log lies there, if one does.
pub(super) fn session_at(path: &Path) -> Option<SessionId> {
    part_of(path.file_name()?.to_str()?).map(|(session, _)| session)
}

/// Whether a file's name is that of a description.
pub(super) fn is_description(name: &str) -> bool {
    name.strip_suffix(".description")
        .is_some_and(|id| id.parse::<SessionId>().is_ok())
}

/// Where a part of a session's log lies. A session has one part, unless the disk failed under it.
pub(super) fn path(store: &Path, history: HistoryId, session: SessionId, part: u32) -> PathBuf {
    let name = if part == 1 {
        format!("{session}.log")
    } else {
        format!("{session}.{part}.log")
    };
    folder(store, history).join(name)
}

/// Where a description lies, which is a log of one record.
pub(super) fn description_path(store: &Path, history: HistoryId, writer: SessionId) -> PathBuf {
    folder(store, history).join(format!("{writer}.description"))
}

/// Writes one log.
#[derive(Debug)]
pub(super) struct LogWriter {
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// Everything before is whole frames that were written.
    pub end: u64,
    /// What goes before the next batch: the file's description, packs that it names, marks.
    ahead: Vec<u8>,
    encoder: FrameEncoder,
}

impl LogWriter {
    /// Makes the log's file, which must not be there: a session never appends to another's log.
    pub fn create(disk: &dyn Disk, path: PathBuf, history: HistoryId, session: SessionId) -> Result<Self, StoreError> {
        let file = disk.create_new(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::SessionExists(session),
            _ => StoreError::io("make", &path)(error),
        })?;
        let mut log = Self {
            path,
            file: Arc::from(file),
            end: 0,
            ahead: Vec::new(),
            encoder: FrameEncoder::default(),
        };
        let description = encode_record(&FileDescription::Log { history, session });
        log.put(FrameKind::FILE, [0; 32], &description);
        Ok(log)
    }

    /// Puts a record before the next batch.
    pub fn put(&mut self, kind: FrameKind, id: [u8; 32], plain: &[u8]) {
        self.encoder.frame(kind, id, b"", plain, &mut self.ahead);
    }

    /// Appends records with one write; what was put before goes ahead of them. On an error nothing of the batch is
    /// there, and what was put stays for the next.
    pub fn append(&mut self, records: &[(FrameKind, [u8; 32], &[u8])]) -> Result<(), WriteError> {
        let mut batch = self.ahead.clone();
        for (kind, id, plain) in records {
            self.encoder.frame(*kind, *id, b"", plain, &mut batch);
        }
        append(&*self.file, &self.path, &batch, self.end, self.end)?;
        self.end += batch.len() as u64;
        self.ahead.clear();
        Ok(())
    }
}

//! Writing logs: append-only files of records, one for each session, in the folder of its history.

use std::path::PathBuf;
use std::sync::Arc;

use crate::format::{FileDescription, FrameEncoder, FrameKind, encode_record};
use crate::id::{HistoryId, SessionId};
use crate::store::disk::append::{WriteError, append};
use crate::store::disk::{Disk, DiskFile};
use crate::store::error::StoreError;

/// The writer of one log.
#[derive(Debug)]
pub(in crate::store) struct LogWriter {
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// The end of the complete frames that were written.
    pub end: u64,
    /// Frames to write before the next batch: the file's description, names of packs, marks.
    ahead: Vec<u8>,
    encoder: FrameEncoder,
}

impl LogWriter {
    /// Creates the log's file, which must not exist: a session never appends to another's log.
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

    /// Queues a record to write before the next batch.
    pub fn put(&mut self, kind: FrameKind, id: [u8; 32], plain: &[u8]) {
        self.encoder.frame(kind, id, b"", plain, &mut self.ahead);
    }

    /// Appends queued records and `records` with one write. After an error nothing of the batch is in the log, and the queued records stay
    /// queued.
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

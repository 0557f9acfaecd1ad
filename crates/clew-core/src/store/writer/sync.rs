//! Flushing: turns *saved* operations, which survive the death of the process, into *synced* ones, which survive a power failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SessionWriter;
use crate::format::FrameKind;
use crate::store::disk::{Disk, DiskFile, if_exists};
use crate::store::{End, StoreError, layout};

impl SessionWriter {
    /// Flushes packs, then the log. When this returns, everything committed is *synced*: it survives a power failure.
    ///
    /// # Errors
    /// The flush failed, and the content of the disk is unknown. The session continues in new files with the next commit; operations that
    /// were saved before never count as synced.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let job = self.begin_sync()?;
        let outcome = job.run();
        self.end_sync(&job, outcome)
    }

    /// Creates the job that flushes everything committed so far. It may run on another thread while this writer continues; pass its outcome
    /// to [`SessionWriter::end_sync`].
    pub fn begin_sync(&mut self) -> Result<SyncJob, StoreError> {
        if self.inside.is_none() {
            // If the session is inside the gate, the next commit does this check, and fails if files are gone.
            self.check_names().ok();
            self.check_packs();
        }
        self.ready()?;
        let store = self.store.directory();
        let mut packs: Vec<(PathBuf, Option<Arc<dyn DiskFile>>)> = Vec::new();
        let index = self.store.index();
        let foreign: Vec<(u32, u64)> = self
            .foreign
            .iter()
            .map(|number| (*number, index.reach(*number)))
            .collect();
        for (number, _) in &foreign {
            packs.push((index.packs[*number as usize].path.clone(), None));
        }
        drop(index);
        self.foreign.clear();
        let other_logs = std::mem::take(&mut self.other_logs);
        if let Some(pack) = &self.pack {
            packs.push((pack.path.clone(), Some(Arc::clone(&pack.file))));
        }
        let folders = [
            layout::packs_folder(store),
            layout::history_folder(store, self.history),
            layout::histories_folder(store),
            store.to_owned(),
        ];
        let has_names = self.has_new_names || !foreign.is_empty() || !other_logs.is_empty();
        Ok(SyncJob {
            disk: Arc::clone(&self.store.inner.disk),
            packs,
            folders: if has_names { folders.to_vec() } else { Vec::new() },
            other_logs,
            log: (self.log.path.clone(), Arc::clone(&self.log.file)),
            pack_end: self.pack.as_ref().map(|pack| (pack.number, pack.end)),
            log_end: self.log.end,
            part: self.part,
            saved: self.saved,
            end: self.last_end(),
            foreign,
        })
    }

    /// Processes the outcome of a flush.
    ///
    /// # Errors
    /// The flush failed. The session continues in new files with the next commit, and operations that were saved before never count as
    /// synced.
    pub fn end_sync(&mut self, job: &SyncJob, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        if let Err(error) = outcome {
            let mut unproved: Vec<u32> = job.foreign.iter().map(|(number, _)| *number).collect();
            if job.part == self.part {
                self.stop_writing(error.to_string(), false);
            } else {
                // The session went on in other files meanwhile. A second flush of the old ones would succeed and prove nothing.
                self.is_doubtful |= self.synced < job.saved;
                unproved.extend(job.pack_end.map(|(number, _)| number));
            }
            let mut index = self.store.index();
            unproved.into_iter().for_each(|number| index.distrust(number));
            drop(index);
            return Err(error);
        }
        for (number, reach) in &job.foreign {
            self.store.index().set_synced(*number, *reach);
        }
        if self.prove_flushed()? {
            // The data that was stored again is flushed and checked, too.
            return self.sync();
        }
        self.reliance.let_go(job.saved);
        if job.part == self.part && self.stopped.is_none() {
            self.mark(job);
        }
        Ok(())
    }

    fn last_end(&self) -> Option<End> {
        let number = self.saved.checked_sub(1)?;
        Some(self.store.end_of(self.history, self.session, number, self.previous?))
    }

    /// Writes marks to the files. A failure is harmless: readers then treat synced data as unsynced.
    fn mark(&mut self, job: &SyncJob) {
        let written = self.pack.as_mut();
        let marked = job
            .pack_end
            .zip(written)
            .filter(|((number, _), pack)| pack.number == *number);
        if let Some(((number, synced), pack)) = marked {
            pack.mark(synced);
            self.store.index().mark(number, synced);
            self.flush().ok();
        }
        if !self.is_doubtful && job.saved >= self.synced {
            (self.synced, self.synced_end) = (job.saved, job.end);
        }
        self.has_new_names &= self.pack.is_some() && job.pack_end.is_none();
        self.log.put(FrameKind::MARK, [0; 32], &job.log_end.to_le_bytes());
        let appended = self.log.append(&[]);
        self.outcome(appended).ok();
    }
}

/// One flush: packs, their folders, logs on which this one builds, then the log.
#[derive(Debug)]
pub struct SyncJob {
    disk: Arc<dyn Disk>,
    /// Packs of other sessions are opened only for the flush.
    packs: Vec<(PathBuf, Option<Arc<dyn DiskFile>>)>,
    folders: Vec<PathBuf>,
    other_logs: Vec<PathBuf>,
    log: (PathBuf, Arc<dyn DiskFile>),
    pack_end: Option<(u32, u64)>,
    log_end: u64,
    part: u32,
    saved: u64,
    /// The last saved operation.
    end: Option<End>,
    /// Packs of other sessions, and the ends of their scanned bytes.
    foreign: Vec<(u32, u64)>,
}

impl SyncJob {
    /// Flushes. Takes as long as the disk needs.
    ///
    /// # Errors
    /// The disk failed, or Clew panicked: the content of the disk is unknown.
    pub fn run(&self) -> Result<(), StoreError> {
        // Only this job knows what to flush: a panic that destroyed it would leave the files unflushed permanently.
        catch_unwind(AssertUnwindSafe(|| self.flush())).unwrap_or(Err(StoreError::Panicked))
    }

    fn flush(&self) -> Result<(), StoreError> {
        for (path, file) in &self.packs {
            match file {
                Some(file) => sync(path, &**file)?,
                None => {
                    // A missing pack was deleted: its needed data had been synced in another pack before.
                    if let Some(file) = self.disk.open_existing(path)? {
                        sync(path, &*file)?;
                    }
                }
            }
        }
        for folder in &self.folders {
            // A session without blocks has no packs, and the whole store may have none.
            if_exists(self.disk.sync_dir(folder)).map_err(StoreError::io("sync", folder))?;
        }
        for path in &self.other_logs {
            sync(path, &*self.disk.open(path).map_err(StoreError::io("read", path))?)?;
        }
        sync(&self.log.0, &*self.log.1)
    }
}

fn sync(path: &Path, file: &dyn DiskFile) -> Result<(), StoreError> {
    file.sync().map_err(StoreError::io("sync", path))
}

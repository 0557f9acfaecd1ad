//! Detecting that another program replaced, truncated or deleted files of this session: data written to them would be lost, and their old
//! data is gone. Tools that restore or synchronize folders do this.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SessionWriter;
use crate::store::disk::DiskFile;
use crate::store::{StoreError, gc_lock, layout};

impl SessionWriter {
    /// Stops writing to files that were deleted, replaced or truncated. Returns `Err` once for each such event.
    pub(super) fn check_names(&mut self) -> Result<(), StoreError> {
        if self.stopped.is_some() {
            return Ok(());
        }
        let log = (self.log.path.clone(), Arc::clone(&self.log.file), self.log.end);
        self.check_file(&log.0, &*log.1, log.2)?;
        let Some(pack) = &self.pack else { return Ok(()) };
        let (number, path, file, end) = (pack.number, pack.path.clone(), Arc::clone(&pack.file), pack.end);
        self.check_file(&path, &*file, end).inspect_err(|_| {
            self.store.index().distrust(number);
            self.checked.clear();
        })
    }

    /// Checks whether saved data is lost because another program deleted it, and returns the reason. Costs up to three system calls for
    /// each file.
    pub fn find_loss(&mut self) -> Option<&str> {
        // The result is stored in `self`.
        self.check_names().ok();
        self.lost.as_deref()
    }

    /// Returns the reason for a loss that was found before.
    pub fn loss(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Returns the current path of the store's folder if it was moved as a whole during this session.
    pub fn moved_to(&self) -> Option<PathBuf> {
        let (was, log) = (self.store.directory(), &self.log);
        let within = log.path.strip_prefix(was).ok()?;
        let now = log.file.present_path()?;
        let folder = now.ancestors().nth(within.components().count())?;
        (folder != was && folder.join(within) == now && self.store.disk().names(&now, &*log.file))
            .then(|| folder.to_owned())
    }

    /// Finds packs that were deleted without a new generation, which gc always writes first.
    pub(super) fn check_packs(&mut self) {
        let (disk, directory) = (self.store.disk(), self.store.directory());
        let Ok(there) = disk.list_existing(&layout::packs_folder(directory)) else {
            return;
        };
        let gone = self.store.index().missing(&there.into_iter().collect());
        if gone.is_empty() || gc_lock::generation(disk, directory) != Some(self.generation) {
            return;
        }
        for number in gone {
            self.store.index().distrust(number);
        }
        self.checked.clear();
        self.lose("another program deleted packs of the store");
    }

    /// Finds packs that were truncated: nothing in them counts as stored any more, so their data is stored again when it is recorded again.
    /// Costs up to two system calls for each pack.
    pub fn distrust_cut_packs(&mut self) {
        let own = self.pack.as_ref().map(|pack| (pack.number, pack.end));
        let cut = self.store.index().cut_short(self.store.disk(), own);
        if cut.is_empty() {
            return;
        }
        self.checked.clear();
        for number in &cut {
            self.store.index().distrust(*number);
        }
        if own.is_some_and(|(number, _)| cut.contains(&number)) {
            self.stop_writing("another program cut its pack short".to_owned(), false);
        }
    }

    fn check_file(&mut self, path: &Path, file: &dyn DiskFile, end: u64) -> Result<(), StoreError> {
        let disk = self.store.disk();
        // A file has its name from its creation, so a file without one was replaced or deleted.
        let (why, is_there) = if !disk.names(path, file) {
            let found = disk.open(path).and_then(|found| found.length());
            let has_all = found.is_ok_and(|length| length >= end);
            ("another program replaced or deleted it", has_all)
        } else if file.length().is_ok_and(|length| length < end) {
            ("another program truncated it", false)
        } else {
            return Ok(());
        };
        let error = StoreError::io("write to", path)(io::Error::new(io::ErrorKind::NotFound, why));
        if !is_there && self.saved > 0 {
            self.lose(&error.to_string());
        }
        self.stop_writing(error.to_string(), false);
        Err(error)
    }

    /// Records that saved data is lost.
    fn lose(&mut self, why: &str) {
        self.lost.get_or_insert_with(|| why.to_owned());
        self.is_doubtful = true;
    }
}

//! Files that somebody else replaced, cut short or took away under the session that writes: what is written to them nobody
//! would find again, and what they held is not there. Tools that bring back or bring over folders do so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SessionWriter;
use crate::store::disk::DiskFile;
use crate::store::{StoreError, gc_lock, layout};

impl SessionWriter {
    /// Sees to it that no more is written to files that lost their names or their ends; `Err` once, where they did.
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

    /// Why something that was saved is gone, where another program took it away under this session. Costs a system call or
    /// three a file.
    pub fn find_loss(&mut self) -> Option<&str> {
        // What it finds is noted.
        self.check_names().ok();
        self.lost.as_deref()
    }

    /// The same, as far as that was found before.
    pub fn loss(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Where the folder of the store lies now, where it was moved as a whole under this session.
    pub fn moved_to(&self) -> Option<PathBuf> {
        let (was, log) = (self.store.directory(), &self.log);
        let within = log.path.strip_prefix(was).ok()?;
        let now = log.file.present_path()?;
        let folder = now.ancestors().nth(within.components().count())?;
        (folder != was && folder.join(within) == now && self.store.disk().names(&now, &*log.file))
            .then(|| folder.to_owned())
    }

    /// Finds packs of the store that went without a word: who takes them away by the rules writes another generation first.
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

    /// Finds packs that are shorter than they were: nothing that they held is taken for stored any more, so that it is stored
    /// anew when it comes again. To ask costs a system call or two a pack.
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
        // A file gets its name when it is made, so one without was replaced or taken away.
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

    /// Says that something which was saved is gone.
    fn lose(&mut self, why: &str) {
        self.lost.get_or_insert_with(|| why.to_owned());
        self.is_doubtful = true;
    }
}

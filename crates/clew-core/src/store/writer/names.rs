//! Files that somebody else replaced, cut short or took away under the session that writes: what is written to them nobody
//! would find again, and what they held is not there. Tools that bring back or bring over folders do so.

use std::io;
use std::path::Path;

use super::SessionWriter;
use crate::store::StoreError;
use crate::store::disk::DiskFile;

impl SessionWriter {
    /// Sees to it that no more is written to files that lost their names; `Err` once, where they did.
    pub(super) fn check_names(&mut self) -> Result<(), StoreError> {
        if self.stopped.is_some() {
            return Ok(());
        }
        self.check_name(&self.log.path, &*self.log.file)
            .or_else(|error| self.stop(error))?;
        let Some(pack) = &self.pack else { return Ok(()) };
        let (number, named) = (pack.number, self.check_name(&pack.path, &*pack.file));
        named.or_else(|error| {
            self.store.index().distrust(number);
            self.checked.clear();
            self.stop(error)
        })
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

    fn check_name(&self, path: &Path, file: &dyn DiskFile) -> Result<(), StoreError> {
        // A file gets its name when it is made, so one without was replaced or taken away.
        if self.store.disk().names(path, file) {
            return Ok(());
        }
        let replaced = io::Error::new(io::ErrorKind::NotFound, "another program replaced it, or took it away");
        Err(StoreError::io("write to", path)(replaced))
    }

    fn stop(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.stop_writing(error.to_string(), false);
        Err(error)
    }
}

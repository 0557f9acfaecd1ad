//! Files that somebody else replaced, or took away, under the session that writes them: what is written to them nobody
//! would find again. Tools that bring back or bring over folders do so.

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

    fn check_name(&self, path: &Path, file: &dyn DiskFile) -> Result<(), StoreError> {
        // A file gets its name when it is made, so one without was replaced or taken away.
        if self.store.disk().names(path, file) {
            return Ok(());
        }
        let replaced = io::Error::new(io::ErrorKind::NotFound, "another program replaced it, or took it away");
        Err(StoreError::io("write to", path)(replaced))
    }

    fn stop(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.stopped = Some(error.to_string());
        Err(error)
    }
}

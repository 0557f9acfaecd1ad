//! A read-only folder, with all writes to it redirected to another folder, like an overlay file system for the files of one store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, DiskLock};

/// A disk with one folder that is only read. Files created in it are stored in another folder and found under their original names. Files
/// of the lower folder cannot be removed.
#[derive(Debug)]
pub struct OverlayDisk {
    disk: Arc<dyn Disk>,
    /// The lower folder, which is only read.
    beneath: PathBuf,
    /// The upper folder, which is written.
    above: PathBuf,
}

impl OverlayDisk {
    /// Overlays `beneath` with `above`, which has all new files. Both are on `disk`.
    pub fn new(disk: Arc<dyn Disk>, beneath: &Path, above: &Path) -> Self {
        Self {
            disk,
            beneath: beneath.to_owned(),
            above: above.to_owned(),
        }
    }

    /// Returns the path at which a file would be created; outside the lower folder, the path itself.
    fn above(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.beneath) {
            Ok(rest) => self.above.join(rest),
            Err(_) => path.to_owned(),
        }
    }

    /// Returns the same path, and creates its parent folders.
    fn made(&self, path: &Path) -> io::Result<PathBuf> {
        let above = self.above(path);
        if let Some(folder) = above.parent().filter(|folder| folder.starts_with(&self.above)) {
            self.disk.create_dir(folder)?;
        }
        Ok(above)
    }

    /// Returns the path of an existing file.
    fn found(&self, path: &Path) -> PathBuf {
        let above = self.above(path);
        if self.is_there(&above) { above } else { path.to_owned() }
    }

    fn is_there(&self, path: &Path) -> bool {
        self.disk.open(path).is_ok()
    }

    /// Returns the path of a file in the upper folder, to rename or unlink it.
    fn own(&self, path: &Path) -> io::Result<PathBuf> {
        let above = self.above(path);
        match self.is_there(&above) {
            true => Ok(above),
            false if self.is_there(path) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Disk for OverlayDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(&self.found(path))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.is_there(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.disk.create_new(&self.made(path)?)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(&self.above(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(&self.own(from)?, &self.made(to)?)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.disk.unlink(&self.own(path)?)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let (above, beneath) = (self.disk.list(&self.above(path)), self.disk.list(path));
        let mut names = match (above, beneath) {
            (Ok(above), Ok(beneath)) => [above, beneath].concat(),
            (Ok(names), Err(error)) | (Err(error), Ok(names)) if error.kind() == io::ErrorKind::NotFound => names,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        // Everything that is written here is temporary.
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(&self.made(path)?)
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock_shared(&self.made(path)?)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.disk.try_lock(&self.found(path))
    }

    fn names(&self, path: &Path, file: &dyn DiskFile) -> bool {
        self.disk.names(&self.found(path), file)
    }

    fn free(&self, _path: &Path) -> io::Result<u64> {
        self.disk.free(&self.above)
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_open_to_others(&self.found(path))
    }

    fn random(&self, bytes: &mut [u8]) {
        self.disk.random(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RealDisk, read_exact_at, write_all_at};
    use super::*;

    fn text(disk: &dyn Disk, path: &Path) -> io::Result<String> {
        let file = disk.open(path)?;
        let mut bytes = vec![0; file.length()? as usize];
        read_exact_at(&*file, &mut bytes, 0)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    fn make(disk: &dyn Disk, path: &Path, text: &str) -> io::Result<()> {
        write_all_at(&*disk.create_new(path)?, text.as_bytes(), 0)
    }

    #[test]
    fn what_is_made_lies_above_and_what_was_there_is_left_alone() {
        let (beneath, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let disk = OverlayDisk::new(Arc::new(RealDisk), beneath.path(), above.path());
        let at = |name: &str| beneath.path().join(name);
        RealDisk.create_dir(&at("packs")).unwrap();
        make(&RealDisk, &at("packs/old"), "old").unwrap();
        make(&disk, &at("packs/new.partial"), "new").unwrap();
        disk.rename(&at("packs/new.partial"), &at("packs/new")).unwrap();
        assert_eq!(disk.list(&at("packs")).unwrap(), ["new", "old"]);
        assert_eq!(text(&disk, &at("packs/new")).unwrap(), "new");
        assert_eq!(text(&disk, &at("packs/old")).unwrap(), "old");
        assert!(disk.names(&at("packs/new"), &*disk.open(&at("packs/new")).unwrap()));
        assert!(disk.names(&at("packs/old"), &*disk.open(&at("packs/old")).unwrap()));
        assert_eq!(RealDisk.list(&at("packs")).unwrap(), ["old"]);
        assert_eq!(RealDisk.list(above.path()).unwrap(), ["packs"]);
    }

    #[test]
    fn what_lies_beneath_stays_as_it_is() {
        let (beneath, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let disk = OverlayDisk::new(Arc::new(RealDisk), beneath.path(), above.path());
        let (old, other) = (beneath.path().join("old"), beneath.path().join("other"));
        make(&RealDisk, &old, "old").unwrap();
        let kind = |done: io::Result<()>| done.unwrap_err().kind();
        assert_eq!(kind(make(&disk, &old, "new")), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(disk.unlink(&old)), io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(kind(disk.rename(&old, &other)), io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(kind(disk.unlink(&other)), io::ErrorKind::NotFound);
        assert_eq!(kind(disk.list(&other).map(drop)), io::ErrorKind::NotFound);
        // A file that replaces one of the lower folder is found from then on.
        make(&disk, &other, "new").unwrap();
        disk.rename(&other, &old).unwrap();
        assert_eq!(text(&disk, &old).unwrap(), "new");
        assert_eq!(text(&RealDisk, &old).unwrap(), "old");
    }

    #[test]
    fn a_lock_is_taken_above_and_keeps_others_of_this_kernel_out() {
        let (beneath, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let disk = OverlayDisk::new(Arc::new(RealDisk), beneath.path(), above.path());
        let gate = beneath.path().join("gate");
        let held = disk.lock(&gate).unwrap();
        assert!(disk.try_lock(&gate).unwrap().is_none());
        drop(held);
        assert!(disk.try_lock(&gate).unwrap().is_some());
        assert!(RealDisk.open(&gate).is_err());
    }
}

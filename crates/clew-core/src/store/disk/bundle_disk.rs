//! A disk whose files are stored one after another in one file: the content of a bundle.
//!
//! While a bundle is written, packs and files that runs read are written directly to their final place. All other files are small and stay
//! in memory. Only the last pack or input file can grow. There are no locks, because no other process sees the files, and nothing is synced
//! before the bundle is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, DiskLock, Stamp};
use crate::format::{BUNDLE_HEAD, PAGE};

/// A disk in one file. Clones are handles to the same disk.
#[derive(Debug, Clone)]
pub struct BundledDisk {
    beneath: Arc<dyn DiskFile>,
    /// The source of random bytes.
    disk: Arc<dyn Disk>,
    files: Arc<Mutex<Files>>,
}

#[derive(Debug, Default)]
struct Files {
    named: BTreeMap<PathBuf, Kept>,
    folders: BTreeSet<PathBuf>,
    /// Files of which the beginning is not in the bundle: its length, and the file that has it.
    begun: BTreeMap<PathBuf, Begun>,
    /// The last pack or input file, which can still grow.
    growing: Option<Growing>,
    /// Whether files can be created.
    is_open: bool,
}

/// The beginning of a file that is not in the bundle.
#[derive(Debug, Clone)]
struct Begun {
    /// Its length in bytes.
    start: u64,
    /// The file that has it, if known.
    file: Option<Arc<dyn DiskFile>>,
}

/// A file as the recipient of a bundle sees it: its path, its range in the bundle, and how many bytes before it are not in the bundle.
pub(in crate::store) type BundledRange = (PathBuf, Range<u64>, u64);

/// The place of a file.
#[derive(Debug, Clone)]
enum Kept {
    /// In the bundle.
    Lies(Range<u64>),
    /// In the bundle, growing.
    Grows(Growing),
    /// In memory.
    Waits(Arc<Mutex<Vec<u8>>>),
}

/// A file that is being written to the bundle.
#[derive(Debug, Clone)]
struct Growing {
    at: u64,
    extent: Arc<Mutex<Extent>>,
}

#[derive(Debug, Default)]
struct Extent {
    length: u64,
    /// Whether another file follows it.
    is_closed: bool,
}

impl Growing {
    fn at(at: u64) -> Self {
        Self {
            at,
            extent: Arc::default(),
        }
    }

    fn range(&self) -> Range<u64> {
        self.at..self.at + locked(&self.extent).length
    }

    /// Returns its extent for a change.
    ///
    /// # Errors
    /// Another file follows it.
    fn open(&self) -> io::Result<MutexGuard<'_, Extent>> {
        let extent = locked(&self.extent);
        if extent.is_closed {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(extent)
    }

    fn close(&self) {
        locked(&self.extent).is_closed = true;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single assignment, so the content is sound even if a thread that held the lock panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BundledDisk {
    /// Creates an empty disk that writes to `file`. `disk` provides random bytes.
    pub fn new(file: Arc<dyn DiskFile>, disk: Arc<dyn Disk>) -> Self {
        let files = Files {
            is_open: true,
            ..Files::default()
        };
        Self {
            beneath: file,
            disk,
            files: Arc::new(Mutex::new(files)),
        }
    }

    /// Creates a read-only disk of the files in `file`, at the ranges in `named`.
    ///
    /// `beginning` opens the file with the beginning of a file of which the bundle has only a part.
    pub(in crate::store) fn of(
        file: Arc<dyn DiskFile>,
        disk: Arc<dyn Disk>,
        named: impl IntoIterator<Item = BundledRange>,
        beginning: &dyn Fn(&Path) -> Option<Arc<dyn DiskFile>>,
    ) -> Self {
        let mut files = Files::default();
        for (path, range, start) in named {
            files.make_folder(path.parent().unwrap_or(Path::new("")));
            if start > 0 {
                let file = beginning(&path);
                files.begun.insert(path.clone(), Begun { start, file });
            }
            files.named.insert(path, Kept::Lies(range));
        }
        Self {
            beneath: file,
            disk,
            files: Arc::new(Mutex::new(files)),
        }
    }

    /// Writes the files in memory after the packs and ends all writing. Returns the ranges of all files, in order.
    pub(in crate::store) fn settle(&self) -> io::Result<Vec<BundledRange>> {
        let mut files = locked(&self.files);
        files.is_open = false;
        if let Some(last) = &files.growing {
            last.close();
        }
        let mut end = files.end();
        for kept in files.named.values_mut() {
            let range = match kept {
                Kept::Lies(_) => continue,
                Kept::Grows(growing) => growing.range(),
                Kept::Waits(bytes) => {
                    let bytes = std::mem::take(&mut *locked(bytes));
                    super::write_all_at(&*self.beneath, &bytes, end)?;
                    let range = end..end + bytes.len() as u64;
                    end = range.end.next_multiple_of(PAGE);
                    range
                }
            };
            *kept = Kept::Lies(range);
        }
        let start = |path| files.begun.get(path).map_or(0, |begun| begun.start);
        let lying = files.named.iter().filter_map(|(path, kept)| match kept {
            Kept::Lies(range) => Some((path.clone(), range.clone(), start(path))),
            Kept::Grows(_) | Kept::Waits(_) => None,
        });
        let mut lying: Vec<_> = lying.collect();
        lying.sort_by_key(|(_, range, _)| (range.start, range.end));
        Ok(lying)
    }

    /// Records that the first `start` bytes of a file are not in the bundle.
    pub(in crate::store) fn begin_behind(&self, path: &Path, start: u64) {
        let begun = Begun { start, file: None };
        locked(&self.files).begun.insert(path.to_owned(), begun);
    }

    fn file(&self, kept: Kept) -> Box<dyn DiskFile> {
        Box::new(BundledFile {
            beneath: Arc::clone(&self.beneath),
            kept,
        })
    }
}

impl Files {
    /// Returns the offset for the next pack.
    fn end(&self) -> u64 {
        let last = self.growing.as_ref().map_or(BUNDLE_HEAD, |growing| growing.range().end);
        last.next_multiple_of(PAGE)
    }

    fn make_folder(&mut self, path: &Path) {
        self.folders.extend(path.ancestors().map(Path::to_owned));
    }
}

impl Begun {
    /// # Errors
    /// `NotFound` if the beginning is unknown or too short.
    fn joined(&self, rest: Box<dyn DiskFile>) -> io::Result<Joined> {
        let before = self.file.clone().ok_or(io::ErrorKind::NotFound)?;
        if before.length()? < self.start {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Joined {
            before,
            start: self.start,
            rest,
        })
    }
}

/// The beginning of one file, followed by another file.
#[derive(Debug)]
struct Joined {
    before: Arc<dyn DiskFile>,
    start: u64,
    rest: Box<dyn DiskFile>,
}

impl DiskFile for Joined {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.start.checked_sub(offset) {
            None | Some(0) => self.rest.read_at(buffer, offset - self.start),
            Some(left) => {
                let most = left.min(buffer.len() as u64) as usize;
                self.before.read_at(&mut buffer[..most], offset)
            }
        }
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.start + self.rest.length()?)
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// A file in a bundle.
#[derive(Debug)]
struct BundledFile {
    beneath: Arc<dyn DiskFile>,
    kept: Kept,
}

impl BundledFile {
    fn range(&self) -> Option<Range<u64>> {
        match &self.kept {
            Kept::Lies(range) => Some(range.clone()),
            Kept::Grows(growing) => Some(growing.range()),
            Kept::Waits(_) => None,
        }
    }
}

impl DiskFile for BundledFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(range) = self.range() else {
            return Ok(self.read_waiting(buffer, offset));
        };
        let left = (range.end - range.start).saturating_sub(offset);
        let most = left.min(buffer.len() as u64) as usize;
        match most {
            0 => Ok(0),
            most => self.beneath.read_at(&mut buffer[..most], range.start + offset),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match &self.kept {
            Kept::Lies(_) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Kept::Grows(growing) => {
                let mut extent = growing.open()?;
                let written = self.beneath.write_at(bytes, growing.at + offset)?;
                extent.length = extent.length.max(offset + written as u64);
                Ok(written)
            }
            Kept::Waits(waiting) => {
                let mut waiting = locked(waiting);
                let end = offset as usize + bytes.len();
                let length = waiting.len().max(end);
                waiting.resize(length, 0);
                waiting[offset as usize..end].copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }

    /// Nothing needs syncing before the bundle is complete.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(match (&self.kept, self.range()) {
            (Kept::Waits(bytes), _) => locked(bytes).len() as u64,
            (_, Some(range)) => range.end - range.start,
            (_, None) => 0,
        })
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        match &self.kept {
            Kept::Lies(_) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Kept::Grows(growing) => {
                growing.open()?.length = length;
                self.beneath.truncate(growing.at + length)
            }
            Kept::Waits(bytes) => {
                locked(bytes).truncate(length as usize);
                Ok(())
            }
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        None
    }
}

impl BundledFile {
    fn read_waiting(&self, buffer: &mut [u8], offset: u64) -> usize {
        let Kept::Waits(bytes) = &self.kept else { return 0 };
        let bytes = locked(bytes);
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Disk for BundledDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let files = locked(&self.files);
        let kept = files.named.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        let rest = self.file(kept);
        match files.begun.get(path).filter(|_| !files.is_open) {
            None => Ok(rest),
            Some(begun) => Ok(Box::new(begun.joined(rest)?)),
        }
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut files = locked(&self.files);
        if !files.is_open {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if files.named.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let is_input = path.parent().is_some_and(|folder| folder.ends_with("inputs"));
        let kept = if is_input || path.extension().is_some_and(|extension| extension == "pack") {
            let growing = Growing::at(files.end());
            if let Some(previous) = files.growing.replace(growing.clone()) {
                previous.close();
            }
            Kept::Grows(growing)
        } else {
            Kept::Waits(Arc::default())
        };
        files.named.insert(path.to_owned(), kept.clone());
        Ok(self.file(kept))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        locked(&self.files).make_folder(path);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = locked(&self.files);
        let kept = files.named.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.named.insert(to.to_owned(), kept);
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let removed = locked(&self.files).named.remove(path);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let files = locked(&self.files);
        if !files.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let all = files.named.keys().chain(&files.folders);
        let here = all.filter(|other| other.parent() == Some(path));
        let names = here.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn DiskLock>> {
        unsupported()
    }

    fn lock_shared(&self, _path: &Path) -> io::Result<Box<dyn DiskLock>> {
        unsupported()
    }

    fn try_lock(&self, _path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        unsupported()
    }

    fn is_open_to_others(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.disk.random(bytes);
    }
}

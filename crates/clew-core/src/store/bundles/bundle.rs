//! Bundles: a store in one file, signed by its maker.
//!
//! ```text
//! byte 0        FILE frame: the format, the length of the file, the offset of its contents; zeros up to byte 4,096
//! byte 4,096 n  the files of a store, each from a multiple of 4,096 on
//! at the end    CONTENTS frame: path, offset, length and hash of each, signed
//! ```
//! The first frame is written last, into a file that is renamed after that. So a bundle is complete, or was truncated later and is detected
//! by its length. The store in a bundle is read with the same code as any other.

mod inputs;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use inputs::InputBytes;

use crate::format::{
    BUNDLE_FORMAT, BUNDLE_HEAD, BundleEntry, BundledInput, Contents, FileDescription, FrameHeader, FrameKind,
    HEADER_LENGTH, PAGE, RECORD_VERSION, SignedRecord, Timestamp, decode_record, encode_record,
};
use crate::id::{BundledHasher, BundledId, HistoryId};
use crate::limits;
use crate::store::disk::atomic_file;
use crate::store::disk::{BundledDisk, BundledRange, Disk, DiskFile, read_exact_at, read_range, write_all_at};
use crate::store::error::{BundleFault, StoreError};
use crate::store::layout;
use crate::store::logs::signatures::{PublicKey, SigningKey};
use crate::store::packs::survey::Survey;
use crate::store::{Access, Store};

/// Bytes that are hashed at once.
const PORTION: usize = 1 << 20;

/// A writer of a bundle.
#[derive(Debug)]
pub struct BundleMaker {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    temporary: PathBuf,
    file: Arc<dyn DiskFile>,
    bundled: BundledDisk,
    store: Store,
    inputs: Vec<BundledInput>,
    is_done: bool,
}

impl BundleMaker {
    /// Starts a bundle. It gets the name `path` when it is complete.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn begin(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(disk.temporary_name(&format!(".{name}")));
        let file = disk.create_new(&temporary).map_err(StoreError::io("make", path))?;
        let file: Arc<dyn DiskFile> = Arc::from(file);
        let bundled = BundledDisk::new(Arc::clone(&file), Arc::clone(&disk));
        let store = Store::open(Arc::new(bundled.clone()), path, Access::ReadWrite);
        let store = store.inspect_err(|_| drop(disk.unlink(&temporary)))?;
        Ok(Self {
            disk,
            path: path.to_owned(),
            temporary,
            file,
            bundled,
            store,
            inputs: Vec::new(),
            is_done: false,
        })
    }

    /// Returns the store in the bundle.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Signs the bundle, renames it to its final name, and returns its length in bytes. It survives a power failure when this returns.
    ///
    /// # Errors
    /// A disk operation failed. The final name does not exist then, or still belongs to the previous file.
    pub fn finish(mut self, history: HistoryId, key: &SigningKey, time: Timestamp) -> Result<u64, StoreError> {
        let refused = |what| StoreError::io(what, &self.path);
        let lying = self.bundled.settle().map_err(refused("write to"))?;
        let end = lying.last().map_or(BUNDLE_HEAD, |(_, range, _)| range.end);
        let contents = Contents {
            version: RECORD_VERSION,
            time,
            history,
            files: self.hashed(lying)?,
            inputs: std::mem::take(&mut self.inputs),
        };
        let signed = encode_record(&key.sign_bundle(encode_record(&contents)));
        let told = atomic_file::framed(&[(FrameKind::CONTENTS, signed)]);
        let at = end.next_multiple_of(PAGE);
        write_all_at(&*self.file, &told, at).map_err(refused("write to"))?;
        let length = at + told.len() as u64;
        let description = FileDescription::Bundle {
            format: BUNDLE_FORMAT,
            length,
            contents: at,
        };
        let mut head = atomic_file::framed(&[(FrameKind::FILE, encode_record(&description))]);
        head.resize(BUNDLE_HEAD as usize, 0);
        write_all_at(&*self.file, &head, 0).map_err(refused("write to"))?;
        self.file.sync().map_err(refused("sync"))?;
        self.disk.rename(&self.temporary, &self.path).map_err(refused("make"))?;
        self.is_done = true;
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        self.disk.sync_folder(folder)?;
        Ok(length)
    }

    /// Marks a file of the bundle as the continuation of a file of which the recipient already has the first `start` bytes.
    pub(in crate::store) fn begin_behind(&self, path: &Path, start: u64) {
        self.bundled.begin_behind(path, start);
    }

    fn hashed(&self, lying: Vec<BundledRange>) -> Result<Vec<BundleEntry>, StoreError> {
        let hashed = |(path, range, start): BundledRange| {
            let inner = path.strip_prefix(&self.path).unwrap_or(&path);
            let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
            Ok(BundleEntry {
                path: parts.join("/"),
                at: range.start,
                length: range.end - range.start,
                start,
                hash: hash(&*self.file, range).map_err(StoreError::io("read", &self.path))?,
            })
        };
        lying.into_iter().map(hashed).collect()
    }
}

impl Drop for BundleMaker {
    fn drop(&mut self) {
        if !self.is_done {
            // Half a bundle has no use.
            self.disk.unlink(&self.temporary).ok();
        }
    }
}

fn hash(file: &dyn DiskFile, range: Range<u64>) -> std::io::Result<BundledId> {
    let mut hasher = BundledHasher::default();
    let mut buffer = vec![0; PORTION.min((range.end - range.start) as usize)];
    let mut at = range.start;
    while at < range.end {
        let count = (range.end - at).min(PORTION as u64) as usize;
        read_exact_at(file, &mut buffer[..count], at)?;
        hasher.update(&buffer[..count]);
        at += count as u64;
    }
    Ok(hasher.finish())
}

/// A reader of a bundle.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    length: u64,
    contents: Contents,
    /// The ranges of the frames that describe the content.
    told: [Range<u64>; 2],
    files: Vec<BundledRange>,
    key: PublicKey,
    store: Store,
    disk: Arc<dyn Disk>,
}

impl Bundle {
    /// Opens a bundle: reads its table of contents and checks its maker's signature. The files in it are read and checked on demand.
    ///
    /// # Errors
    /// The file is not a bundle, was truncated, is of a later version, or differs from what its maker signed.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        let file = Arc::from(disk.open(path).map_err(StoreError::io("read", path))?);
        Self::open_in(disk, path, file)
    }

    /// Opens a bundle that is inside another file: `file` has its bytes, `path` is its name for people.
    ///
    /// # Errors
    /// As for [`Bundle::open`].
    pub fn open_in(disk: &Arc<dyn Disk>, path: &Path, file: Arc<dyn DiskFile>) -> Result<Self, StoreError> {
        let refused = |why| StoreError::Bundle {
            path: path.to_owned(),
            why,
        };
        let head = head(&*file, path)?;
        let (contents, key, end) = told(&*file, &head).map_err(refused)?;
        let files = placed(&contents, head.contents).ok_or_else(|| refused(damaged("places in it are impossible")))?;
        if !contents.inputs.iter().all(BundledInput::is_safe) {
            return Err(refused(damaged("a file that was read has an impossible name in it")));
        }
        if contents.inputs.len() > limits::INPUTS {
            return Err(refused(damaged(
                "it lists more files that were read than any bundle has",
            )));
        }
        let named = files
            .into_iter()
            .map(|(inner, range, start)| (path.join(inner), range, start));
        let files: Vec<BundledRange> = named.collect();
        let bundled = BundledDisk::of(Arc::clone(&file), Arc::clone(disk), files.clone(), &|_| None);
        Ok(Self {
            store: Store::open(Arc::new(bundled), path, Access::ReadOnly)?,
            files,
            disk: Arc::clone(disk),
            path: path.to_owned(),
            length: head.length,
            told: [0..head.end, head.contents..end],
            file,
            contents,
            key,
        })
    }

    /// Returns the store in the bundle, in which every key is untrusted.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the store in the bundle, with the beginnings of partial logs taken from `base`.
    ///
    /// # Errors
    /// `base` does not have enough of a log.
    pub(in crate::store) fn over(&self, base: &Store) -> Result<Store, StoreError> {
        if self.files.iter().all(|(_, _, start)| *start == 0) {
            return Ok(self.store.clone());
        }
        let beginning = |path: &Path| {
            let inner = path.strip_prefix(&self.path).ok()?;
            let file = base.disk().open(&base.directory().join(inner)).ok()?;
            Some(Arc::from(file))
        };
        let files = self.files.iter().cloned();
        let bundled = BundledDisk::of(Arc::clone(&self.file), Arc::clone(&self.disk), files, &beginning);
        if self.files.iter().any(|(path, ..)| bundled.open(path).is_err()) {
            return Err(StoreError::Bundle {
                path: self.path.clone(),
                why: BundleFault::Behind,
            });
        }
        Store::open(Arc::new(bundled), &self.path, Access::ReadOnly)
    }

    /// Returns the files of the histories in the bundle: the path in a store, the number of bytes that come before, and the bytes in the
    /// bundle.
    pub(in crate::store) fn told(&self) -> Result<Vec<(PathBuf, u64, Vec<u8>)>, StoreError> {
        let mut told = Vec::new();
        for (path, range, start) in &self.files {
            let inner = path.strip_prefix(&self.path).unwrap_or(path);
            if inner.starts_with(layout::histories_folder(Path::new(""))) {
                let bytes = read_range(&*self.file, &self.path, range.clone())?;
                told.push((inner.to_owned(), *start, bytes));
            }
        }
        Ok(told)
    }

    /// Returns the paths of its files in a store, and of files that runs read.
    pub(in crate::store) fn inner_paths(&self) -> impl Iterator<Item = &Path> {
        self.files
            .iter()
            .map(|(path, ..)| path.strip_prefix(&self.path).unwrap_or(path))
    }

    /// Returns the ids of the data in its packs, according to their tables. The data itself is checked when it is read.
    pub fn ids(&self) -> Vec<[u8; 32]> {
        let survey = Survey::to_read(&self.store);
        let things = survey.packs.iter().flat_map(|pack| &pack.things);
        things.map(|thing| thing.id).collect()
    }

    /// Returns an in-memory disk, for the combined records of several bundles.
    pub(in crate::store) fn beside(&self) -> BundledDisk {
        BundledDisk::new(Arc::clone(&self.file), Arc::clone(&self.disk))
    }

    /// Returns the path of the bundle.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the key of its maker.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Returns when it was made.
    pub fn time(&self) -> Timestamp {
        self.contents.time
    }

    /// Returns the history that it contains, completely or in part.
    pub fn history(&self) -> HistoryId {
        self.contents.history
    }

    /// Reads every byte of the bundle and compares it with what its maker signed.
    ///
    /// # Errors
    /// A file in it differs or cannot be read, or there is data between the files.
    pub fn check(&self) -> Result<(), StoreError> {
        if !self.is_blank_between().map_err(StoreError::io("read", &self.path))? {
            return Err(StoreError::Bundle {
                path: self.path.clone(),
                why: BundleFault::Padded,
            });
        }
        for bundled in &self.contents.files {
            let found = hash(&*self.file, bundled.at..bundled.at + bundled.length);
            if found.map_err(StoreError::io("read", &self.path))? != bundled.hash {
                return Err(StoreError::Bundle {
                    path: self.path.clone(),
                    why: BundleFault::Changed(bundled.path.clone()),
                });
            }
        }
        Ok(())
    }

    /// Returns whether all bytes without a hash or checksum are zeros.
    fn is_blank_between(&self) -> std::io::Result<bool> {
        let [head, contents] = &self.told;
        let files = self.files.iter().map(|(_, range, _)| range);
        let mut at = head.end;
        for range in files.chain([contents, &(self.length..self.length)]) {
            if !self.file.is_blank(at..range.start)? {
                return Ok(false);
            }
            at = range.end;
        }
        Ok(true)
    }
}

fn damaged(why: &str) -> BundleFault {
    BundleFault::Damaged(why.to_owned())
}

/// The content of a bundle's first frame.
struct Head {
    /// The offset of the frame's end.
    end: u64,
    length: u64,
    contents: u64,
}

/// Reads the first frame.
fn head(file: &dyn DiskFile, path: &Path) -> Result<Head, StoreError> {
    let refused = |why| StoreError::Bundle {
        path: path.to_owned(),
        why,
    };
    let has = file.length().map_err(StoreError::io("read", path))?;
    let mut bytes = vec![0; has.min(BUNDLE_HEAD) as usize];
    read_exact_at(file, &mut bytes, 0).map_err(StoreError::io("read", path))?;
    let (plain, end) = frame(&bytes, FrameKind::FILE).ok_or_else(|| refused(BundleFault::None))?;
    match decode_record(&plain) {
        Ok(FileDescription::Bundle { format, .. }) if format > BUNDLE_FORMAT => {
            Err(refused(BundleFault::Newer(format)))
        }
        Ok(FileDescription::Bundle { length, contents, .. }) if length == has => Ok(Head { end, length, contents }),
        Ok(FileDescription::Bundle { length, .. }) => Err(refused(BundleFault::CutOff { has, of: length })),
        _ => Err(refused(BundleFault::None)),
    }
}

/// Returns the payload of the first frame of `bytes`, if it is sound, complete and of that kind, and the length of the frame.
fn frame(bytes: &[u8], kind: FrameKind) -> Option<(Vec<u8>, u64)> {
    let header = FrameHeader::parse(bytes.first_chunk::<HEADER_LENGTH>()?).ok()?;
    // A meta section or padding before the payload would be bytes that no signature covers.
    if header.payload_at(0) != HEADER_LENGTH as u64 {
        return None;
    }
    let payload = bytes.get(header.payload_at(0) as usize..header.end(0) as usize)?;
    header.check_payload(payload).ok()?;
    let plain = (header.kind == kind).then(|| header.decode(payload.to_vec()).ok())??;
    Some((plain, header.end(0)))
}

/// Returns the signed table of contents, the maker's key, and the offset of the frame's end.
fn told(file: &dyn DiskFile, head: &Head) -> Result<(Contents, PublicKey, u64), BundleFault> {
    let length = head.length.checked_sub(head.contents);
    let length = length.filter(|length| *length <= limits::FILE_PLAIN && head.contents >= BUNDLE_HEAD);
    let mut bytes = vec![0; length.ok_or_else(|| damaged("it is not where it should be"))? as usize];
    read_exact_at(file, &mut bytes, head.contents).map_err(|error| damaged(&error.to_string()))?;
    let (plain, end) = frame(&bytes, FrameKind::CONTENTS).ok_or_else(|| damaged("it is not a valid frame"))?;
    let signed: SignedRecord = decode_record(&plain).map_err(|error| damaged(&error.to_string()))?;
    if !PublicKey::has_signed_bundle(&signed) {
        return Err(BundleFault::NotSealed);
    }
    let contents = decode_record(&signed.bytes).map_err(|error| damaged(&error.to_string()))?;
    Ok((contents, PublicKey(signed.key), head.contents + end))
}

/// Returns the ranges of the files with their paths; `None` if a path leads out of the store, or a range is impossible.
fn placed(contents: &Contents, end: u64) -> Option<Vec<BundledRange>> {
    let mut free = BUNDLE_HEAD;
    let placed = contents.files.iter().map(|bundled| {
        let to = bundled.at.checked_add(bundled.length)?;
        let lies = bundled.at >= free && bundled.at.is_multiple_of(PAGE) && to <= end;
        let is_inside = bundled.path.split('/').all(is_part);
        free = to;
        let path = Path::new(&bundled.path);
        let is_log = path.extension().is_some_and(|extension| extension == "log") || bundled.start == 0;
        let is_short = bundled.start <= limits::STORED;
        (lies && is_inside && is_log && is_short).then(|| (PathBuf::from(&bundled.path), bundled.at..to, bundled.start))
    });
    placed.collect()
}

/// Returns whether it is valid as a part of a path in a store, and leads to no other folder on any system.
fn is_part(part: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(files: &[(&str, u64, u64)]) -> Contents {
        let bundled = |(path, at, length): &(&str, u64, u64)| BundleEntry {
            path: (*path).to_owned(),
            at: *at,
            length: *length,
            start: 0,
            hash: BundledHasher::default().finish(),
        };
        Contents {
            version: RECORD_VERSION,
            time: 0,
            history: HistoryId([0; 16]),
            files: files.iter().map(bundled).collect(),
            inputs: Vec::new(),
        }
    }

    #[test]
    fn p14_no_path_leads_out_of_a_bundle_and_no_file_lies_where_none_can() {
        let placed = |files: &[(&str, u64, u64)]| placed(&contents(files), 20_480).is_some();
        assert!(placed(&[]));
        assert!(placed(&[("packs/a.pack", 4096, 5000), ("format", 12_288, 8192)]));
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "packs/../../x",
            "a//b",
            "./a",
            "a/.",
            "a\\b",
            "c:a",
            "a\0",
        ] {
            assert!(!placed(&[(path, 4096, 10)]), "{path:?}");
        }
        for (at, length) in [
            (0, 10),
            (4097, 10),
            (4096, 16_385),
            (4096, u64::MAX),
            (u64::MAX - 4095, 10),
            (24_576, 0),
        ] {
            assert!(!placed(&[("a", at, length)]), "{at} {length}");
        }
        assert!(!placed(&[("a", 4096, 5000), ("b", 8192, 10)]), "one over the other");
        assert!(
            !placed(&[("a", 8192, 10), ("b", 4096, 10)]),
            "in another order than they lie"
        );
    }
}

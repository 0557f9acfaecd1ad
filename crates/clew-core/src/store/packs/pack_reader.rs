//! Reading from packs, with a cache of decoded frames.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::index::{PackLocation, Placement};
use crate::format::{Codec, FrameHeader, HEADER_LENGTH};
use crate::store::disk::{Disk, DiskFile, read_exact_at};
use crate::store::{Fault, Store};

/// The number of cached frames: the pieces of an edited stream alternate between old and new frames.
const FRAMES_AT_HAND: usize = 16;
/// Longer frames, in bytes, are not cached between two reads.
const LONGEST_KEPT: usize = 1 << 20;

/// A decoded frame.
#[derive(Debug)]
struct Decoded {
    pack: PathBuf,
    at: u64,
    plain: Vec<u8>,
}

/// A cache of decoded frames between reads. A thousand small values of one run are in a few frames, and each frame would be decoded a
/// thousand times.
///
/// Data from the cache is compared with its id like all other data, so the cache cannot cause wrong results.
#[derive(Debug, Default)]
pub(in crate::store) struct PackFrameCache(Mutex<Vec<Decoded>>);

impl PackFrameCache {
    fn take(&self) -> Vec<Decoded> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, mut frames: Vec<Decoded>) {
        frames.retain(|frame| frame.plain.len() <= LONGEST_KEPT);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = frames;
    }

    fn let_go(&self) {
        drop(self.take());
    }
}

/// A reader of packs that shares a cache with the readers before and after it.
pub(in crate::store) struct CachingPackReader<'s> {
    reader: PackReader<'s>,
    at_hand: &'s PackFrameCache,
}

impl Store {
    /// Frees the memory of the cache.
    pub fn let_go(&self) {
        self.inner.at_hand.let_go();
    }

    pub(in crate::store) fn reader(&self) -> CachingPackReader<'_> {
        let at_hand = &self.inner.at_hand;
        let mut reader = PackReader::new(self.disk());
        reader.frames = at_hand.take();
        CachingPackReader { reader, at_hand }
    }
}

impl Drop for CachingPackReader<'_> {
    fn drop(&mut self) {
        self.at_hand.put_back(std::mem::take(&mut self.reader.frames));
    }
}

impl<'s> Deref for CachingPackReader<'s> {
    type Target = PackReader<'s>;

    fn deref(&self) -> &PackReader<'s> {
        &self.reader
    }
}

impl DerefMut for CachingPackReader<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

/// A reader of packs that caches the last file and the last frames.
#[derive(Debug)]
pub(in crate::store) struct PackReader<'s> {
    disk: &'s dyn Disk,
    file: Option<(u32, Arc<dyn DiskFile>)>,
    /// The most recently used frame is last.
    frames: Vec<Decoded>,
}

impl<'s> PackReader<'s> {
    /// Creates a reader without cached frames.
    pub fn new(disk: &'s dyn Disk) -> Self {
        Self {
            disk,
            file: None,
            frames: Vec::new(),
        }
    }

    /// Creates a reader with an open pack, which may have been renamed or unlinked.
    pub fn over(disk: &'s dyn Disk, pack: u32, file: Arc<dyn DiskFile>) -> Self {
        Self {
            file: Some((pack, file)),
            ..Self::new(disk)
        }
    }

    /// Returns the bytes at `place`, unverified. `path` is the path of the pack.
    pub fn read(&mut self, path: &Path, place: &PackLocation) -> Result<Vec<u8>, String> {
        match place.form {
            Placement::Raw => {
                let mut bytes = vec![0; place.length as usize];
                self.read_raw(path, place, &mut bytes)?;
                Ok(bytes)
            }
            Placement::Framed(offset) => {
                let plain = self.read_frame(path, place)?;
                let end = offset as usize + place.length as usize;
                plain
                    .get(offset as usize..end)
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| Fault::ShortFrame.into())
            }
        }
    }

    /// Fills `bytes` with the raw bytes from `place` on.
    pub fn read_raw(&mut self, path: &Path, place: &PackLocation, bytes: &mut [u8]) -> Result<(), String> {
        let file = self.open(path, place.pack)?;
        read_exact_at(&*file, bytes, place.at).map_err(|error| error.to_string())
    }

    fn read_frame(&mut self, path: &Path, place: &PackLocation) -> Result<&[u8], String> {
        let is_it = |frame: &Decoded| frame.at == place.at && frame.pack == path;
        if let Some(index) = self.frames.iter().rposition(is_it) {
            self.frames[index..].rotate_left(1);
        } else {
            let file = self.open(path, place.pack)?;
            let plain = read_payload(&*file, place.at)?;
            if self.frames.len() == FRAMES_AT_HAND {
                self.frames.remove(0);
            }
            let (pack, at) = (path.to_owned(), place.at);
            self.frames.push(Decoded { pack, at, plain });
        }
        Ok(self.frames.last().map_or(&[], |frame| &frame.plain))
    }

    /// Returns the whole stored frame that contains `place`, with its header, even if its payload is corrupted.
    pub fn frame_as_it_lies(&mut self, path: &Path, place: &PackLocation) -> Result<Vec<u8>, String> {
        let header = self.header(path, place)?;
        self.range(path, place.pack, (place.at, header.end(place.at)))
    }

    fn header(&mut self, path: &Path, place: &PackLocation) -> Result<FrameHeader, String> {
        let file = self.open(path, place.pack)?;
        let mut bytes = [0; HEADER_LENGTH];
        read_exact_at(&*file, &mut bytes, place.at).map_err(|error| error.to_string())?;
        FrameHeader::parse(&bytes).map_err(|error| error.to_string())
    }

    /// Returns bytes of the pack `pack`, whether or not they are frames.
    pub fn range(&mut self, path: &Path, pack: u32, (from, to): (u64, u64)) -> Result<Vec<u8>, String> {
        let file = self.open(path, pack)?;
        read_range(&*file, from, to)
    }

    fn open(&mut self, path: &Path, pack: u32) -> Result<Arc<dyn DiskFile>, String> {
        if let Some((number, file)) = &self.file
            && *number == pack
        {
            return Ok(Arc::clone(file));
        }
        let file: Arc<dyn DiskFile> = Arc::from(self.disk.open(path).map_err(|error| error.to_string())?);
        self.file = Some((pack, Arc::clone(&file)));
        Ok(file)
    }
}

/// Returns the plain payload of the frame at `at`.
fn read_payload(file: &dyn DiskFile, at: u64) -> Result<Vec<u8>, String> {
    let mut bytes = [0; HEADER_LENGTH];
    read_exact_at(file, &mut bytes, at).map_err(|error| error.to_string())?;
    let header = FrameHeader::parse(&bytes).map_err(|error| error.to_string())?;
    let length = file.length().map_err(|error| error.to_string())?;
    if header.end(at) > length {
        return Err(Fault::CutShort.into());
    }
    let mut stored = vec![0; header.stored_length as usize];
    read_exact_at(file, &mut stored, header.payload_at(at)).map_err(|error| error.to_string())?;
    match header.check_payload(&stored) {
        // Each item in it is compared with its own id: damage of one item does not affect the others.
        Err(_) if header.codec == Codec::Raw => Ok(stored),
        _ => header.decode(stored).map_err(|error| error.to_string()),
    }
}

/// Returns a range of bytes of a file.
fn read_range(file: &dyn DiskFile, from: u64, to: u64) -> Result<Vec<u8>, String> {
    let length = file.length().map_err(|error| error.to_string())?;
    if to > length {
        return Err(Fault::CutShort.into());
    }
    let mut bytes = vec![0; (to - from) as usize];
    read_exact_at(file, &mut bytes, from).map_err(|error| error.to_string())?;
    Ok(bytes)
}

//! The store: append-only packs and logs, one writer each, and the seals over them.
//!
//! On the way in a [`SessionWriter`] takes segments, memory, texts, manifests and runs, and commits them with one
//! operation. On the way back [`Store::load`] reads what operations made visible, and [`Store::segment`],
//! [`Store::extent`] and their like hand out [`Verified`] bytes. Readers take no lock and write nothing: a store that
//! is read-only, full, or being written by ten kernels can be read.
//!
//! ```text
//! STORE/format                          which format this is
//!       packs/PACK.pack                 blocks, segments, blobs, manifests; one writer each
//!       histories/HISTORY/SESSION.log   descriptions, runs, operations; one writer each
//!                         numbers       the last run number given; its lock is the history's lock
//! ```

mod blob;
mod blocks;
pub mod disk;
mod error;
mod load;
mod log;
mod manifests;
mod numbers;
mod pack;
mod scan;
mod seal;
mod verified;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use error::StoreError;
pub use load::{Damage, LoadedHistory, LoadedOperation, LoadedSession};
pub use manifests::Manifests;
pub use seal::{PublicKey, SigningKey, Trust, Verdict};
pub use verified::Verified;
pub use verify::Verification;
pub use writer::{SessionWriter, SyncJob};

use crate::format::{
    Body, FileDescription, FrameEncoder, FrameError, FrameKind, HistoryDescription, Manifest, StoredExtent,
    StoredManifest, decode_list, decode_record, encode_record,
};
use crate::graph::{BLOCK_LENGTH, block_cuts};
use crate::id::{BlobId, BlockId, HistoryId, ManifestId, SegmentId, SessionId};
use blocks::{Form, Index, PackReader, Place};
use disk::{Disk, write_all_at};
use scan::{Payloads, scan};

/// The format of stores that is written here, and the newest that is read.
pub const STORE_FORMAT: u16 = 1;
const FORMAT_FILE: &str = "format";

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looking: nothing is ever written, not even a lock.
    ReadOnly,
    /// Recording. The store is made if there is none.
    ReadWrite,
}

/// Packs, logs and keys of many histories. Clones are handles on the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    trust: Arc<Trust>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    access: Access,
    index: Mutex<Index>,
}

impl Store {
    /// Opens the store in `directory`.
    ///
    /// # Errors
    /// There is none (to read only), or it is of a newer format. Damage is no error: it is found when it matters.
    pub fn open(disk: Arc<dyn Disk>, directory: impl AsRef<Path>, access: Access) -> Result<Self, StoreError> {
        let directory = directory.as_ref().to_owned();
        match read_format(&*disk, &directory)? {
            Some(found) if found > STORE_FORMAT => {
                return Err(StoreError::NewerFormat {
                    path: directory,
                    found,
                    known: STORE_FORMAT,
                });
            }
            Some(_) => {}
            None if access == Access::ReadWrite => create(&*disk, &directory)?,
            None => return Err(StoreError::NoStore { path: directory }),
        }
        let inner = Inner {
            disk,
            directory,
            access,
            index: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            trust: Arc::default(),
        })
    }

    /// The same store, in which seals are judged by `trust`. Without it every key is foreign.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Arc::new(trust);
        self
    }

    /// Whom this handle trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The folder it lies in.
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// All histories, with their newest descriptions.
    pub fn histories(&self) -> Result<Vec<(HistoryId, HistoryDescription)>, StoreError> {
        let folder = log::histories_folder(self.directory());
        let names = match self.disk().list(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        let ids = names.iter().filter_map(|name| name.parse::<HistoryId>().ok());
        Ok(ids
            .map(|id| (id, self.descriptions(id).pop().unwrap_or_default()))
            .collect())
    }

    /// Makes a new history. It survives a power cut from the start.
    pub fn create_history(&self, description: &HistoryDescription) -> Result<HistoryId, StoreError> {
        let mut id = HistoryId([0; 16]);
        self.disk().random(&mut id.0);
        self.write_description(id, description)?;
        Ok(id)
    }

    /// Describes a history anew: it was renamed, moved, or taken up by another kernel.
    pub fn describe_history(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        self.disk()
            .list(&log::folder(self.directory(), history))
            .map_err(|_| StoreError::NoHistory(history))?;
        self.write_description(history, description)
    }

    fn write_description(&self, history: HistoryId, description: &HistoryDescription) -> Result<(), StoreError> {
        if self.inner.access == Access::ReadOnly {
            return Err(StoreError::ReadOnly {
                path: self.directory().to_owned(),
            });
        }
        let folder = log::folder(self.directory(), history);
        let writer = self.new_session();
        let path = log::description_path(self.directory(), history, writer);
        let file = FileDescription::Log {
            history,
            session: writer,
        };
        let frames = [
            (FrameKind::FILE, encode_record(&file)),
            (FrameKind::DESCRIPTION, encode_record(description)),
        ];
        self.disk()
            .create_dir(&folder)
            .map_err(StoreError::io("make", &folder))?;
        write_new_file(self.disk(), &path, &frames)?;
        for folder in [&folder, &log::histories_folder(self.directory()), self.directory()] {
            self.disk().sync_dir(folder).map_err(StoreError::io("sync", folder))?;
        }
        Ok(())
    }

    /// A new random id for a session.
    pub fn new_session(&self) -> SessionId {
        let mut id = SessionId([0; 16]);
        self.disk().random(&mut id.0);
        id
    }

    /// A writer for a session that never wrote before.
    pub fn writer(
        &self,
        history: HistoryId,
        session: SessionId,
        key: &SigningKey,
    ) -> Result<SessionWriter, StoreError> {
        SessionWriter::create(self, history, session, key)
    }

    /// A part of an object stream.
    pub fn segment(&self, id: SegmentId) -> Result<Verified<Vec<u8>>, StoreError> {
        self.fetch(&id.0, FrameKind::SEGMENT).map(Verified::new)
    }

    /// A whole object stream.
    pub fn stream(&self, ids: &[SegmentId]) -> Result<Verified<Vec<u8>>, StoreError> {
        let mut whole = Vec::new();
        for id in ids {
            whole.extend(self.segment(*id)?.into_inner());
        }
        Ok(Verified::new(whole))
    }

    /// A text, its salt taken off.
    pub fn blob(&self, id: BlobId) -> Result<Verified<String>, StoreError> {
        let salted = self.fetch(&id.0, FrameKind::BLOB)?;
        let text = blob::text(salted).map_err(|why| self.damaged(&id.0, FrameKind::BLOB, why.to_owned()))?;
        Ok(Verified::new(text))
    }

    /// A manifest. Manifests lie in packs, not in logs, since they are many and hold summaries that can be forgotten;
    /// so they are read when asked for, not when a history is loaded.
    pub fn manifest(&self, id: ManifestId) -> Result<Verified<Manifest>, StoreError> {
        let bytes = self.fetch(&id.0, FrameKind::MANIFEST)?;
        let damaged = |why: String| self.damaged(&id.0, FrameKind::MANIFEST, why);
        let stored: StoredManifest = decode_record(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut manifest = stored.manifest;
        if let Body::Encoded(encoding) = &mut manifest.body {
            for (index, lists) in &stored.lists {
                let extent = encoding.extents.get_mut(*index as usize);
                let extent = extent.ok_or_else(|| damaged("it lists blocks of no extent".to_owned()))?;
                extent.blocks = self.block_list(lists)?;
            }
        }
        Ok(Verified::new(manifest))
    }

    fn block_list(&self, lists: &[SegmentId]) -> Result<Vec<BlockId>, StoreError> {
        let mut blocks = Vec::new();
        for id in lists {
            let bytes = self.fetch(&id.0, FrameKind::SEGMENT)?;
            let ids = decode_list(&bytes)
                .ok_or_else(|| self.damaged(&id.0, FrameKind::SEGMENT, "it is no list of blocks".to_owned()))?;
            blocks.extend(ids);
        }
        Ok(blocks)
    }

    /// A piece of memory.
    pub fn extent(&self, extent: &StoredExtent) -> Result<Verified<Vec<u8>>, StoreError> {
        let mut bytes = Vec::new();
        // Each block says how long the extent is at most, so no length is believed that nothing stands for.
        let most = (extent.blocks.len() as u64).saturating_mul(BLOCK_LENGTH);
        let fits = extent.length <= most && bytes.try_reserve_exact(extent.length as usize).is_ok();
        if !fits {
            return Err(StoreError::TooLarge {
                what: "A piece of memory",
                length: extent.length,
                most,
            });
        }
        self.read_extent(extent, &mut bytes)?;
        Ok(Verified::new(bytes))
    }

    /// Reads neighbours in a pack with one read, then verifies each block.
    fn read_extent(&self, extent: &StoredExtent, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
        let mut reader = PackReader::new(self.disk());
        let mut cuts = block_cuts(extent.length, extent.column);
        let places = self.places_of(&extent.blocks)?;
        let mut at = 0;
        while at < places.len() {
            let neighbours = neighbours(&places[at..]);
            let start = bytes.len();
            let length: usize = places[at..at + neighbours]
                .iter()
                .map(|place| place.length as usize)
                .sum();
            if start + length > extent.length as usize {
                return Err(self.misfit(extent));
            }
            bytes.resize(start + length, 0);
            let is_read = neighbours > 1
                && reader
                    .read_raw(&self.pack_path(&places[at]), &places[at], &mut bytes[start..])
                    .is_ok();
            let mut from = start;
            for (id, place) in extent.blocks[at..at + neighbours].iter().zip(&places[at..]) {
                let end = from + place.length as usize;
                if cuts.next() != Some((from as u64, u64::from(place.length))) {
                    return Err(self.misfit(extent));
                }
                if !is_read || BlockId::of(&bytes[from..end]) != *id {
                    let block = self.fetch_with(&mut reader, &id.0, FrameKind::BLOCKS)?;
                    bytes[from..end].copy_from_slice(&block);
                }
                from = end;
            }
            at += neighbours;
        }
        if cuts.next().is_some() {
            Err(self.misfit(extent))
        } else {
            Ok(())
        }
    }

    fn misfit(&self, extent: &StoredExtent) -> StoreError {
        let first = extent.blocks.first().map(|id| id.0).unwrap_or_default();
        self.damaged(&first, FrameKind::BLOCKS, "it does not fit its extent".to_owned())
    }

    fn places_of(&self, blocks: &[BlockId]) -> Result<Vec<Place>, StoreError> {
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        if blocks.iter().any(|id| !index.has(&id.0)) {
            index.refresh(self.disk(), self.directory())?;
        }
        let places: Option<Vec<Place>> = blocks.iter().map(|id| index.places(&id.0).first().copied()).collect();
        let missing = blocks.iter().find(|id| !index.has(&id.0)).copied();
        drop(index);
        places.ok_or_else(|| self.missing(&missing.map(|id| id.0).unwrap_or_default(), FrameKind::BLOCKS))
    }

    fn disk(&self) -> &dyn Disk {
        &*self.inner.disk
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is only ever added to, so it is sound even where a thread that held it panicked.
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pack_path(&self, place: &Place) -> PathBuf {
        self.index().packs[place.pack as usize].path.clone()
    }

    /// Reads and verifies whatever has that id.
    fn fetch(&self, id: &[u8; 32], kind: FrameKind) -> Result<Vec<u8>, StoreError> {
        self.fetch_with(&mut PackReader::new(self.disk()), id, kind)
    }

    fn fetch_with(&self, reader: &mut PackReader<'_>, id: &[u8; 32], kind: FrameKind) -> Result<Vec<u8>, StoreError> {
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        if !index.has(id) {
            index.refresh(self.disk(), self.directory())?;
        }
        let places = index.places(id);
        drop(index);
        let mut failure = None;
        for place in &places {
            let path = self.pack_path(place);
            match read_and_hash(reader, &path, place, id, kind) {
                Ok(bytes) => return Ok(bytes),
                Err(why) => failure = Some((path, why)),
            }
        }
        let (path, why) = failure.ok_or_else(|| self.missing(id, kind))?;
        Err(damaged(id, kind, path, why))
    }

    /// Reads and verifies what lies at one place.
    fn read_place(&self, place: &Place, id: &[u8; 32], kind: FrameKind) -> Result<Vec<u8>, StoreError> {
        let path = self.pack_path(place);
        let mut reader = PackReader::new(self.disk());
        read_and_hash(&mut reader, &path, place, id, kind).map_err(|why| damaged(id, kind, path, why))
    }

    fn damaged(&self, id: &[u8; 32], kind: FrameKind, why: String) -> StoreError {
        let place = self.index().places(id).first().copied();
        let path = place.map_or_else(|| pack::folder(self.directory()), |place| self.pack_path(&place));
        damaged(id, kind, path, why)
    }

    fn missing(&self, id: &[u8; 32], kind: FrameKind) -> StoreError {
        StoreError::Missing {
            kind: word(kind),
            id: BlockId(*id).short(),
            packs: self.missing_packs(),
        }
    }
}

/// How many of `places`, from the first on, lie raw and one after another in one pack.
fn neighbours(places: &[Place]) -> usize {
    let is_next = |pair: &[Place]| {
        pair[0].form == Form::Raw
            && pair[1].form == Form::Raw
            && pair[0].pack == pair[1].pack
            && pair[0].at + u64::from(pair[0].length) == pair[1].at
    };
    1 + places.windows(2).take_while(|pair| is_next(pair)).count()
}

fn read_and_hash(
    reader: &mut PackReader<'_>,
    path: &Path,
    place: &Place,
    id: &[u8; 32],
    kind: FrameKind,
) -> Result<Vec<u8>, String> {
    let bytes = reader.read(path, place)?;
    if hash(kind, &bytes) == *id {
        Ok(bytes)
    } else {
        Err("its hash does not match".to_owned())
    }
}

/// What bytes of that kind are named by.
fn hash(kind: FrameKind, plain: &[u8]) -> [u8; 32] {
    match kind {
        FrameKind::SEGMENT => SegmentId::of(plain).0,
        FrameKind::BLOB => BlobId::of(plain).0,
        FrameKind::MANIFEST => ManifestId::of(plain).0,
        _ => BlockId::of(plain).0,
    }
}

fn word(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::SEGMENT => "Segment",
        FrameKind::BLOB => "Text",
        FrameKind::MANIFEST => "Manifest",
        _ => "Block",
    }
}

fn damaged(id: &[u8; 32], kind: FrameKind, path: PathBuf, why: String) -> StoreError {
    StoreError::Damaged {
        kind: word(kind),
        id: BlockId(*id).short(),
        path,
        why,
    }
}

/// The format that `directory` says it has; `None` if it is no store. A damaged format file is no obstacle: every frame
/// has its own version.
fn read_format(disk: &dyn Disk, directory: &Path) -> Result<Option<u16>, StoreError> {
    let path = directory.join(FORMAT_FILE);
    let file = match disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let has_logs = disk.list(&log::histories_folder(directory)).is_ok();
            return Ok(has_logs.then_some(STORE_FORMAT));
        }
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let mut format = STORE_FORMAT;
    let scanned = scan(&*file, 0, Payloads::Read, |frame| {
        if let Ok(FileDescription::Store { format: found }) = decode_record(&frame.payload) {
            format = found;
        }
    })
    .map_err(StoreError::io("read", &path))?;
    if let Some(FrameError::Newer(version)) = scanned.gaps.first().map(|gap| gap.why.clone()) {
        format = format.max(u16::from(version));
    }
    Ok(Some(format))
}

fn create(disk: &dyn Disk, directory: &Path) -> Result<(), StoreError> {
    disk.create_dir(directory).map_err(StoreError::io("make", directory))?;
    let mut nonce = [0; 8];
    disk.random(&mut nonce);
    let temporary = directory.join(format!("{FORMAT_FILE}.{:016x}", u64::from_le_bytes(nonce)));
    let path = directory.join(FORMAT_FILE);
    let description = FileDescription::Store { format: STORE_FORMAT };
    write_new_file(disk, &temporary, &[(FrameKind::FILE, encode_record(&description))])?;
    // Whoever else makes the store at this moment writes the same bytes.
    disk.rename(&temporary, &path).map_err(StoreError::io("make", &path))?;
    disk.sync_dir(directory).map_err(StoreError::io("sync", directory))?;
    if let Some(parent) = directory.parent() {
        // What a parent can't do, it need not: the store is there for this machine's life.
        disk.sync_dir(parent).ok();
    }
    Ok(())
}

/// Makes a file of a few frames and waits until it would survive a power cut (its name apart).
fn write_new_file(disk: &dyn Disk, path: &Path, frames: &[(FrameKind, Vec<u8>)]) -> Result<(), StoreError> {
    let file = disk.create_new(path).map_err(StoreError::io("make", path))?;
    let mut bytes = Vec::new();
    for (kind, plain) in frames {
        FrameEncoder::default().frame(*kind, [0; 32], b"", plain, &mut bytes);
    }
    let written = write_all_at(&*file, &bytes, 0);
    if let Err(error) = written {
        // Half a file is worth nothing; if it can't be taken away readers pass over it.
        disk.unlink(path).ok();
        return Err(StoreError::io("write to", path)(error));
    }
    file.sync().map_err(StoreError::io("sync", path))
}

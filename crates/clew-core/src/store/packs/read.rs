//! Reading from packs: all returned data was hashed and matches its id.

use std::path::{Path, PathBuf};

use super::blob;
use super::index::PackLocation;
use super::pack_reader::PackReader;
use crate::format::{
    Body, Encoding, FrameKind, Lists, Manifest, SegmentList, StoredExtent, StoredManifest, decode_ids, decode_memory,
    decode_record,
};
use crate::graph::Mention;
use crate::id::{BlobId, BlockId, ManifestId, SegmentId};
use crate::limits;
use crate::store::layout;
use crate::store::{Fault, Store, StoreError, VerifiedValue};

/// Up to this number of pieces of a stream are read without computing their length first: at most 64 MiB.
const FEW: usize = 1024;

impl Store {
    /// Returns a whole object stream, from its pieces.
    ///
    /// # Errors
    /// A piece is missing or corrupted; or all pieces do not fit into memory. The latter is known before much is read, because a few bytes
    /// can name one piece a million times.
    pub fn stream(&self, ids: &[SegmentId]) -> Result<VerifiedValue<Vec<u8>>, StoreError> {
        let mut reader = self.reader();
        let mut whole = Vec::new();
        if ids.len() > FEW {
            let length = self.length_of(ids)?;
            let reserved = usize::try_from(length).map(|length| whole.try_reserve_exact(length));
            if !matches!(reserved, Ok(Ok(()))) {
                return Err(StoreError::NoMemory { length });
            }
        }
        for id in ids {
            let piece = self.fetch_with(&mut reader, &id.0, FrameKind::SEGMENT)?;
            let length = (whole.len() + piece.len()) as u64;
            whole
                .try_reserve(piece.len())
                .map_err(|_| StoreError::NoMemory { length })?;
            whole.extend(piece);
        }
        Ok(VerifiedValue::new(whole))
    }

    /// Returns the total length of pieces of a stream according to the packs' tables.
    fn length_of(&self, ids: &[SegmentId]) -> Result<u64, StoreError> {
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        // Missing pieces count as empty: reading them reports the error.
        let lengths = ids.iter().filter_map(|id| index.first(&id.0));
        Ok(lengths.map(|place| u64::from(place.length)).sum())
    }

    /// Returns a text, without its salt.
    pub fn blob(&self, id: BlobId) -> Result<VerifiedValue<String>, StoreError> {
        let salted = self.fetch(&id.0, FrameKind::BLOB)?;
        let text = blob::text(salted).map_err(|fault| self.damaged(&id.0, FrameKind::BLOB, fault.into()))?;
        Ok(VerifiedValue::new(text))
    }

    /// Returns a manifest. Manifests are in packs, not in logs, because there are many and their summaries can be forgotten; so they are
    /// read on demand, not when a history is loaded.
    pub fn manifest(&self, id: ManifestId) -> Result<VerifiedValue<Manifest>, StoreError> {
        if let Some(time) = self.forgotten(id) {
            return Err(StoreError::Forgotten { time });
        }
        let stored = self.stored_manifest(id)?;
        self.whole_manifest(id, stored)
    }

    /// Returns a manifest with its separate parts.
    pub(in crate::store) fn whole_manifest(
        &self,
        id: ManifestId,
        stored: StoredManifest,
    ) -> Result<VerifiedValue<Manifest>, StoreError> {
        let mut manifest = stored.manifest;
        if let Body::Encoded(encoding) = &mut manifest.body {
            let brought = self.bring_together(encoding, &stored.lists);
            brought.map_err(|error| self.excused(id, error))?;
        }
        Ok(VerifiedValue::new(manifest))
    }

    /// Reads the separate parts of an encoding.
    fn bring_together(&self, encoding: &mut Encoding, lists: &Lists) -> Result<(), StoreError> {
        if let Some(stream) = &lists.stream {
            encoding.stream = self.expand(stream)?.1;
        }
        if let Some(asides) = &lists.asides {
            encoding.asides = self.expand(asides)?.1;
        }
        if let Some(memory) = &lists.memory {
            (encoding.extents, encoding.mentions) = self.memory(memory)?;
        }
        Ok(())
    }

    /// Reads separate extents and mentions.
    pub(in crate::store) fn memory(
        &self,
        listed: &SegmentList,
    ) -> Result<(Vec<StoredExtent>, Vec<Mention>), StoreError> {
        let bytes = self.stream(&self.expand(listed)?.1)?;
        let first = listed.ids.first().copied().unwrap_or(SegmentId([0; 32]));
        decode_memory(&bytes).ok_or_else(|| self.no_list(first))
    }

    /// Returns a manifest as stored, forgotten or not.
    pub(in crate::store) fn stored_manifest(&self, id: ManifestId) -> Result<StoredManifest, StoreError> {
        let bytes = self.fetch(&id.0, FrameKind::MANIFEST)?;
        decode_record(&bytes).map_err(|error| self.damaged(&id.0, FrameKind::MANIFEST, error.to_string()))
    }

    /// Returns the ids of the lists in `listed`, and the ids that they list.
    pub(in crate::store) fn expand(
        &self,
        listed: &SegmentList,
    ) -> Result<(Vec<SegmentId>, Vec<SegmentId>), StoreError> {
        let mut reader = self.reader();
        let (mut lists, mut ids) = (Vec::new(), listed.ids.clone());
        if listed.is_too_deep() {
            return Err(self.no_list(ids.first().copied().unwrap_or(SegmentId([0; 32]))));
        }
        for _ in 0..listed.levels {
            let mut named = Vec::new();
            for id in &ids {
                let bytes = self.fetch_with(&mut reader, &id.0, FrameKind::SEGMENT)?;
                named.extend(decode_ids(&bytes).ok_or_else(|| self.no_list(*id))?);
                if named.len() > limits::LISTED {
                    return Err(self.no_list(*id));
                }
            }
            lists.append(&mut ids);
            ids = named;
        }
        Ok((lists, ids))
    }

    fn no_list(&self, id: SegmentId) -> StoreError {
        self.damaged(&id.0, FrameKind::SEGMENT, Fault::NoList.into())
    }

    /// Returns blocks, in the requested order: for callers that need only some blocks of a piece of memory.
    pub fn blocks(&self, ids: &[BlockId]) -> Result<Vec<VerifiedValue<Vec<u8>>>, StoreError> {
        let mut reader = self.reader();
        let read = |id: &BlockId| self.fetch_with(&mut reader, &id.0, FrameKind::BLOCKS);
        ids.iter()
            .map(read)
            .map(|block| block.map(VerifiedValue::new))
            .collect()
    }

    pub(in crate::store) fn places_of(&self, blocks: &[BlockId]) -> Result<Vec<PackLocation>, StoreError> {
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        if blocks.iter().any(|id| !index.has(&id.0)) {
            index.refresh(self.disk(), self.directory())?;
        }
        let places: Option<Vec<PackLocation>> = blocks
            .iter()
            .map(|id| index.best(&id.0).or_else(|| index.first(&id.0)))
            .collect();
        let missing = blocks.iter().find(|id| !index.has(&id.0)).copied();
        drop(index);
        places.ok_or_else(|| self.missing(&missing.map(|id| id.0).unwrap_or_default(), FrameKind::BLOCKS))
    }

    pub(in crate::store) fn pack_path(&self, place: &PackLocation) -> PathBuf {
        self.index().packs[place.pack as usize].path.clone()
    }

    /// Reads and verifies the data with this id.
    pub(in crate::store) fn fetch(&self, id: &[u8; 32], kind: FrameKind) -> Result<Vec<u8>, StoreError> {
        self.fetch_with(&mut self.reader(), id, kind)
    }

    /// Like [`Self::fetch`], with a reader that caches frames.
    pub(in crate::store) fn fetch_with(
        &self,
        reader: &mut PackReader<'_>,
        id: &[u8; 32],
        kind: FrameKind,
    ) -> Result<Vec<u8>, StoreError> {
        if let Some(bytes) = self.glimpsed(reader, id, kind) {
            return Ok(bytes);
        }
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        if !index.has(id) {
            index.refresh(self.disk(), self.directory())?;
        }
        let places = index.places(id);
        drop(index);
        let mut failure = match self.read_one(reader, &places, id, kind) {
            Ok(bytes) => return Ok(bytes),
            Err(failure) => failure,
        };
        if places.iter().any(|place| self.is_gone(&self.pack_path(place))) {
            // A pack was deleted; its needed data is in another one.
            let mut index = self.index();
            index.refresh(self.disk(), self.directory())?;
            let places = index.places(id);
            drop(index);
            failure = match self.read_one(reader, &places, id, kind) {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            };
        }
        let (path, why) = failure.ok_or_else(|| self.missing(id, kind))?;
        Err(damaged(id, kind, path, why))
    }

    /// Returns the data at the first sound location; otherwise the last pack and the fault there, if there is any location.
    fn read_one(
        &self,
        reader: &mut PackReader<'_>,
        places: &[PackLocation],
        id: &[u8; 32],
        kind: FrameKind,
    ) -> Result<Vec<u8>, Option<(PathBuf, String)>> {
        let mut failure = None;
        for place in places {
            let path = self.pack_path(place);
            match read_and_hash(reader, &path, place, id, kind) {
                Ok(bytes) => return Ok(bytes),
                Err(why) => {
                    self.index().give_up(*place);
                    failure = Some((path, why));
                }
            }
        }
        Err(failure)
    }

    fn is_gone(&self, pack: &Path) -> bool {
        let opened = self.disk().open(pack);
        opened.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Returns the data at the location that a scan of the ends of packs found. A wrong location is not damage.
    fn glimpsed(&self, reader: &mut PackReader<'_>, id: &[u8; 32], kind: FrameKind) -> Option<Vec<u8>> {
        let place = self.index().glimpse(self.disk(), self.directory(), id)?;
        read_and_hash(reader, &self.pack_path(&place), &place, id, kind).ok()
    }

    /// Reads and verifies the data at one location.
    pub(in crate::store) fn read_place(
        &self,
        place: &PackLocation,
        id: &[u8; 32],
        kind: FrameKind,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.pack_path(place);
        // Not from the cache: the data may no longer be on the disk.
        let mut reader = PackReader::new(self.disk());
        read_and_hash(&mut reader, &path, place, id, kind).map_err(|why| damaged(id, kind, path, why))
    }

    pub(in crate::store) fn damaged(&self, id: &[u8; 32], kind: FrameKind, why: String) -> StoreError {
        let place = self.index().first(id);
        let path = place.map_or_else(
            || layout::packs_folder(self.directory()),
            |place| self.pack_path(&place),
        );
        damaged(id, kind, path, why)
    }

    pub(in crate::store) fn missing(&self, id: &[u8; 32], kind: FrameKind) -> StoreError {
        StoreError::Missing {
            kind: word(kind),
            id: BlockId(*id).short(),
            packs: self.missing_packs(),
        }
    }
}

/// Returns the data at a location, if it matches the id.
pub(in crate::store) fn read_and_hash(
    reader: &mut PackReader<'_>,
    path: &Path,
    place: &PackLocation,
    id: &[u8; 32],
    kind: FrameKind,
) -> Result<Vec<u8>, String> {
    let bytes = reader.read(path, place)?;
    if hash(kind, &bytes) == *id {
        Ok(bytes)
    } else {
        Err(Fault::Hash.into())
    }
}

/// Returns the id of data of that kind.
pub(in crate::store) fn hash(kind: FrameKind, plain: &[u8]) -> [u8; 32] {
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

//! Reading from packs: whatever is handed out was hashed and found to be what it is named by.

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

/// So many pieces of a stream are read without asking first how long they are: 64 MiB at most.
const FEW: usize = 1024;

impl Store {
    /// A whole object stream, from its pieces.
    ///
    /// # Errors
    /// A piece is missing or damaged; or all together don't fit into memory, which is known before much is read: a few bytes
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

    /// How long pieces of a stream are together, as the packs' tables say.
    fn length_of(&self, ids: &[SegmentId]) -> Result<u64, StoreError> {
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        // What is not there adds nothing: whoever reads it says so.
        let lengths = ids.iter().filter_map(|id| index.first(&id.0));
        Ok(lengths.map(|place| u64::from(place.length)).sum())
    }

    /// A text, its salt taken off.
    pub fn blob(&self, id: BlobId) -> Result<VerifiedValue<String>, StoreError> {
        let salted = self.fetch(&id.0, FrameKind::BLOB)?;
        let text = blob::text(salted).map_err(|fault| self.damaged(&id.0, FrameKind::BLOB, fault.into()))?;
        Ok(VerifiedValue::new(text))
    }

    /// A manifest. Manifests lie in packs, not in logs, since they are many and hold summaries that can be forgotten;
    /// so they are read when asked for, not when a history is loaded.
    pub fn manifest(&self, id: ManifestId) -> Result<VerifiedValue<Manifest>, StoreError> {
        if let Some(time) = self.forgotten(id) {
            return Err(StoreError::Forgotten { time });
        }
        let stored = self.stored_manifest(id)?;
        self.whole_manifest(id, stored)
    }

    /// A manifest with what of it lies apart.
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

    /// Reads what of an encoding lies apart.
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

    /// Extents and mentions that lie apart.
    pub(in crate::store) fn memory(
        &self,
        listed: &SegmentList,
    ) -> Result<(Vec<StoredExtent>, Vec<Mention>), StoreError> {
        let bytes = self.stream(&self.expand(listed)?.1)?;
        let first = listed.ids.first().copied().unwrap_or(SegmentId([0; 32]));
        decode_memory(&bytes).ok_or_else(|| self.no_list(first))
    }

    /// A manifest as it lies, forgotten or not.
    pub(in crate::store) fn stored_manifest(&self, id: ManifestId) -> Result<StoredManifest, StoreError> {
        let bytes = self.fetch(&id.0, FrameKind::MANIFEST)?;
        decode_record(&bytes).map_err(|error| self.damaged(&id.0, FrameKind::MANIFEST, error.to_string()))
    }

    /// The ids that `listed` stands for, behind those of the lists that name them.
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

    /// Blocks, in the order asked for: for who looks into a piece of memory without wanting all of it.
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

    /// Reads and verifies whatever has that id.
    pub(in crate::store) fn fetch(&self, id: &[u8; 32], kind: FrameKind) -> Result<Vec<u8>, StoreError> {
        self.fetch_with(&mut self.reader(), id, kind)
    }

    /// The same with a reader that has at hand what it read last.
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
            // A pack was taken away; what was alive in it lies in another one.
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

    /// What lies at the first of these places that holds it; else the last pack and what is wrong in it.
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

    /// What has that id, if it lies where a glimpse at the ends of packs says. A wrong glimpse is no damage.
    fn glimpsed(&self, reader: &mut PackReader<'_>, id: &[u8; 32], kind: FrameKind) -> Option<Vec<u8>> {
        let place = self.index().glimpse(self.disk(), self.directory(), id)?;
        read_and_hash(reader, &self.pack_path(&place), &place, id, kind).ok()
    }

    /// Reads and verifies what lies at one place.
    pub(in crate::store) fn read_place(
        &self,
        place: &PackLocation,
        id: &[u8; 32],
        kind: FrameKind,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.pack_path(place);
        // From the disk itself: what was read before may no longer be there.
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

/// What lies at a place, if its hash is that.
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

/// What bytes of that kind are named by.
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

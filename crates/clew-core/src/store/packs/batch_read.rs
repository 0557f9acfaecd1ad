//! Reading many small items of packs together: in the order of the files, so that each part of a pack is read once, and decoded on several
//! processors. Reading all manifests of a long history takes a hundredth of the reads.

use super::read::hash;
use crate::cores::with_each;
use crate::format::{FrameDecoder, FrameKind, Manifest, StoredManifest, decode_record};
use crate::id::ManifestId;
use crate::store::scan::{Payloads, ScannedFrame, visit_at};
use crate::store::{Store, VerifiedValue};

/// Fewer items are read one by one: the ends of packs may suffice for these.
const MANY: usize = 64;

impl Store {
    /// Returns those manifests that can be read together. For all others call [`Store::manifest`], which returns the error or reads another
    /// copy.
    pub fn manifests(&self, ids: &[ManifestId]) -> Vec<(ManifestId, VerifiedValue<Manifest>)> {
        let mut ids = ids.to_vec();
        ids.retain(|id| self.forgotten(*id).is_none());
        let stored = self.stored_manifests(&ids).into_iter();
        stored
            .filter_map(|(id, stored)| Some((id, self.whole_manifest(id, stored).ok()?)))
            .collect()
    }

    /// Returns stored manifests, forgotten or not, as far as they can be read together.
    pub(in crate::store) fn stored_manifests(&self, ids: &[ManifestId]) -> Vec<(ManifestId, StoredManifest)> {
        if ids.len() < MANY {
            return Vec::new();
        }
        let mut frames = Vec::new();
        self.visit_frames(&self.frames_of(ids), Payloads::Stored, |_, frame| frames.push(frame));
        let decoded = with_each(frames, FrameDecoder::default, |decoder, frame| decoded(decoder, &frame));
        decoded.into_iter().flatten().collect()
    }

    /// Returns the locations of the frames of manifests, in the order of packs; the best location of manifests that are in several.
    fn frames_of(&self, ids: &[ManifestId]) -> Vec<(u32, u64)> {
        let mut index = self.index();
        // If the packs cannot be listed, the caller's separate reads report the missing manifests.
        let is_read = index.read(self.disk(), self.directory()).is_ok();
        let places = ids.iter().filter(|_| is_read).filter_map(|id| index.best(&id.0));
        let mut frames: Vec<(u32, u64)> = places.map(|place| (place.pack, place.at)).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// Visits the sound frames at the given locations, with their packs. The locations are sorted.
    pub(in crate::store) fn visit_frames(
        &self,
        places: &[(u32, u64)],
        payloads: Payloads,
        mut visit: impl FnMut(u32, ScannedFrame),
    ) {
        for places in places.chunk_by(|one, other| one.0 == other.0) {
            let pack = places[0].0;
            let path = self.index().packs[pack as usize].path.clone();
            let Ok(file) = self.disk().open(&path) else { continue };
            let places: Vec<u64> = places.iter().map(|(_, at)| *at).collect();
            // Unreadable frames are skipped.
            let _ = visit_at(&*file, &places, payloads, |frame| visit(pack, frame));
        }
    }
}

/// Decodes the manifest in a frame with a stored payload, and compares it with its id.
fn decoded(decoder: &mut FrameDecoder, frame: &ScannedFrame) -> Option<(ManifestId, StoredManifest)> {
    let plain = decoder.borrowed(&frame.header, &frame.payload).ok()?;
    let id = frame.header.id;
    let is_it = frame.header.kind == FrameKind::MANIFEST && hash(FrameKind::MANIFEST, plain) == id;
    let stored = decode_record(plain).ok().filter(|_| is_it)?;
    Some((ManifestId(id), stored))
}

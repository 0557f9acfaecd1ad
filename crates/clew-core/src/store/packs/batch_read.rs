//! Many small things of packs read together: in the order in which they lie, so that each part of a pack is read once, and decoded on
//! several processors. Whoever wants all manifests of a long history reads a hundredth as often.

use super::read::hash;
use crate::cores::with_each;
use crate::format::{FrameDecoder, FrameKind, Manifest, StoredManifest, decode_record};
use crate::id::ManifestId;
use crate::store::scan::{Payloads, ScannedFrame, visit_at};
use crate::store::{Store, VerifiedValue};

/// Fewer are read one by one: the ends of packs may do for these.
const MANY: usize = 64;

impl Store {
    /// Manifests, as far as they can be read together. Of one that is not among these [`Store::manifest`] tells why, or where else it is.
    pub fn manifests(&self, ids: &[ManifestId]) -> Vec<(ManifestId, VerifiedValue<Manifest>)> {
        let mut ids = ids.to_vec();
        ids.retain(|id| self.forgotten(*id).is_none());
        let stored = self.stored_manifests(&ids).into_iter();
        stored
            .filter_map(|(id, stored)| Some((id, self.whole_manifest(id, stored).ok()?)))
            .collect()
    }

    /// Manifests as they lie, forgotten or not, as far as they can be read together.
    pub(in crate::store) fn stored_manifests(&self, ids: &[ManifestId]) -> Vec<(ManifestId, StoredManifest)> {
        if ids.len() < MANY {
            return Vec::new();
        }
        let mut frames = Vec::new();
        self.visit_frames(&self.frames_of(ids), Payloads::Stored, |_, frame| frames.push(frame));
        let decoded = with_each(frames, FrameDecoder::default, |decoder, frame| decoded(decoder, &frame));
        decoded.into_iter().flatten().collect()
    }

    /// Where the frames of manifests lie, in the order of packs; of what lies in several the best.
    fn frames_of(&self, ids: &[ManifestId]) -> Vec<(u32, u64)> {
        let mut index = self.index();
        // What can't be listed is missing to whoever asks for one by itself.
        let is_read = index.read(self.disk(), self.directory()).is_ok();
        let places = ids.iter().filter(|_| is_read).filter_map(|id| index.best(&id.0));
        let mut frames: Vec<(u32, u64)> = places.map(|place| (place.pack, place.at)).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// Shows the sound ones of the frames that lie there, with their packs. The places are in order.
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
            // What can't be read is not shown.
            let _ = visit_at(&*file, &places, payloads, |frame| visit(pack, frame));
        }
    }
}

/// The manifest in a frame whose payload is as stored, held against its id.
fn decoded(decoder: &mut FrameDecoder, frame: &ScannedFrame) -> Option<(ManifestId, StoredManifest)> {
    let plain = decoder.borrowed(&frame.header, &frame.payload).ok()?;
    let id = frame.header.id;
    let is_it = frame.header.kind == FrameKind::MANIFEST && hash(FrameKind::MANIFEST, plain) == id;
    let stored = decode_record(plain).ok().filter(|_| is_it)?;
    Some((ManifestId(id), stored))
}

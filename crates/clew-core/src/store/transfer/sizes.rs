//! Stored sizes of data: the cost of sending it.

use rustc_hash::FxHashMap;

use crate::store::packs::index::{PackLocation, Placement};
use crate::store::scan::Payloads;
use crate::store::{LoadedHistory, LogEnds, Store, StoreError};

/// The stored and plain lengths of frames that were read, by pack and offset.
#[derive(Debug, Default)]
pub struct FrameLengths(FxHashMap<(u32, u64), (u64, u64)>);

impl Store {
    /// Returns the stored size of each item in bytes; `None` for missing ones. An item that was compressed together with others gets a
    /// share of the size by its plain length, because nothing more precise is known. Reads the headers of frames, each once for `known`,
    /// and no data.
    ///
    /// # Errors
    /// The packs cannot be read.
    pub fn sizes<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i [u8; 32]>,
        known: &mut FrameLengths,
    ) -> Result<Vec<Option<u64>>, StoreError> {
        let ids: Vec<_> = ids.into_iter().collect();
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        if ids.iter().any(|id| !index.has(id)) {
            index.refresh(self.disk(), self.directory())?;
        }
        let place = |id: &&[u8; 32]| index.best(id).or_else(|| index.first(id));
        let places: Vec<Option<PackLocation>> = ids.iter().map(place).collect();
        drop(index);
        let is_unknown =
            |place: &&PackLocation| place.form != Placement::Raw && !known.0.contains_key(&(place.pack, place.at));
        let mut unknown: Vec<(u32, u64)> = places
            .iter()
            .flatten()
            .filter(is_unknown)
            .map(|place| (place.pack, place.at))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        self.visit_frames(&unknown, Payloads::Skip, |pack, frame| {
            let lengths = (frame.header.stored_length, frame.header.plain_length);
            known.0.insert((pack, frame.offset), lengths);
        });
        Ok(places.iter().map(|place| known.size_at(place.as_ref()?)).collect())
    }

    /// Returns the size in bytes of the parts of a history that every transfer includes and that the recipient lacks: records, sources,
    /// outputs, manifests. `loaded` is the content of its logs, `there` the recipient's ends of the logs.
    ///
    /// # Errors
    /// The packs cannot be read.
    pub fn records_size(
        &self,
        loaded: &LoadedHistory,
        has: &dyn Fn(&[u8; 32]) -> bool,
        there: &LogEnds,
    ) -> Result<u64, StoreError> {
        let logs = loaded.ends();
        let new = logs.map(|(log, end)| end.saturating_sub(there.get(&log).copied().unwrap_or(0)));
        let mut needed = self.needed_by(loaded, &|_| false);
        needed.retain(|id| !has(id));
        let sizes = self.sizes(&needed, &mut FrameLengths::default())?;
        Ok(new.chain(sizes.into_iter().flatten()).fold(0, u64::saturating_add))
    }
}

impl FrameLengths {
    fn size_at(&self, place: &PackLocation) -> Option<u64> {
        if place.form == Placement::Raw {
            return Some(u64::from(place.length));
        }
        let (stored, plain) = *self.0.get(&(place.pack, place.at))?;
        let part = u128::from(place.length) * u128::from(stored) / u128::from(plain.max(1));
        u64::try_from(part).ok().map(|part| part.max(1))
    }
}

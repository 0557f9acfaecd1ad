//! Selecting the parts of a history to send, in portions: an interrupted transfer can continue, and several portions can be sent at once.

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use crate::format::Timestamp;
use crate::id::{HistoryId, ManifestId};
use crate::store::layout;
use crate::store::packs::repack::RepackedPack;
use crate::store::packs::survey::Survey;
use crate::store::transfer::copy::{CopyCallback, TransferSummary, copy_all};
use crate::store::transfer::records::RecordTransfer;
use crate::store::{BundleMaker, LoadedHistory, LogEnds, OmissionTimes, Store, StoreError};

/// A history to send, as it was when this was created; later runs are not included.
pub struct OutgoingHistory {
    store: Store,
    history: HistoryId,
    loaded: LoadedHistory,
    survey: Survey,
    needed: FxHashSet<[u8; 32]>,
    /// Values with data that is left out.
    left: FxHashSet<ManifestId>,
}

impl OutgoingHistory {
    /// Reads the history, and which data its values need.
    ///
    /// # Errors
    /// The history does not exist.
    pub fn of(store: &Store, history: HistoryId) -> Result<Self, StoreError> {
        Self::with(store, history, &|_| true)
    }

    /// Like [`Self::of`], but includes only data of the values that `goes` selects. All records and manifests are included, so the
    /// recipient knows what to rerun and which values to expect.
    ///
    /// # Errors
    /// The history does not exist.
    pub fn with(store: &Store, history: HistoryId, goes: &dyn Fn(&ManifestId) -> bool) -> Result<Self, StoreError> {
        Ok(Self::of_loaded(store, (history, store.load(history)?), goes))
    }

    /// Like [`Self::with`], for a history that is already loaded: later records are not included.
    pub fn of_loaded(
        store: &Store,
        (history, loaded): (HistoryId, LoadedHistory),
        goes: &dyn Fn(&ManifestId) -> bool,
    ) -> Self {
        let left = RefCell::new(FxHashSet::default());
        let needed = store.needed_by(&loaded, &|value| {
            let goes = goes(value);
            if !goes {
                left.borrow_mut().insert(*value);
            }
            goes
        });
        Self {
            needed,
            left: left.into_inner(),
            // After the logs: the data to which they refer is in packs by then.
            survey: Survey::to_read(store),
            store: store.clone(),
            history,
            loaded,
        }
    }

    /// Returns the history's id.
    pub fn history(&self) -> HistoryId {
        self.history
    }

    /// Returns the ends of its logs.
    pub fn ends(&self) -> LogEnds {
        self.loaded.ends().collect()
    }

    /// Returns whether the history has operations after these ends. A mere flush, which logs note, does not count.
    pub fn has_news(&self, there: &LogEnds) -> bool {
        let mut last = self.loaded.last_operations();
        last.any(|(log, at)| there.get(&log).is_none_or(|end| *end <= at))
    }

    /// Returns the needed data that the recipient lacks, in portions of about `most` bytes before compression. Data keeps its order in the
    /// packs.
    pub fn portions(&self, has: &dyn Fn(&[u8; 32]) -> bool, most: u64) -> Vec<TransferPortion> {
        let (mut portions, mut portion, mut met) = (Vec::new(), TransferPortion::default(), FxHashSet::default());
        for thing in self.survey.packs.iter().flat_map(|pack| &pack.things) {
            if !self.needed.contains(&thing.id) || has(&thing.id) || !met.insert(thing.id) {
                continue;
            }
            portion.things.insert(thing.id);
            portion.bytes += u64::from(thing.place.length);
            if portion.bytes >= most {
                portions.push(std::mem::take(&mut portion));
            }
        }
        if !portion.things.is_empty() {
            portions.push(portion);
        }
        portions
    }

    /// Writes a portion to a bundle.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn write(
        &self,
        portion: &TransferPortion,
        to: &BundleMaker,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        let mut carried = TransferSummary::default();
        let to = to.store();
        let from = [(&self.store, &self.survey)];
        copy_all(&from, to, Some(&portion.things), &mut carried, watch)?;
        Ok(carried)
    }

    /// Returns its size in bytes before compression, including data that the recipient already has.
    pub fn bytes(&self) -> u64 {
        self.portions(&|_| false, u64::MAX)
            .iter()
            .map(TransferPortion::bytes)
            .sum()
    }

    /// Copies the data that `to` lacks to that store.
    pub(in crate::store) fn copy_to(
        &self,
        to: &Store,
        carried: &mut TransferSummary,
        watch: CopyCallback<'_>,
    ) -> Result<Option<RepackedPack>, StoreError> {
        copy_all(&[(&self.store, &self.survey)], to, Some(&self.needed), carried, watch)
    }

    /// Returns the records of the history, for the transfer to another store.
    pub(in crate::store) fn records_for<'s>(
        &'s self,
        to: &'s Store,
        now: Timestamp,
    ) -> (&'s LoadedHistory, RecordTransfer<'s>) {
        let records = RecordTransfer {
            from: &self.store,
            to,
            history: self.history,
            left: Some(self.left_out(now)),
        };
        (&self.loaded, records)
    }

    /// Returns the values that are left out of the transfer, and those that are missing here because an earlier sender left them out.
    fn left_out(&self, now: Timestamp) -> OmissionTimes {
        let mut left: OmissionTimes = self.left.iter().map(|value| (*value, now)).collect();
        left.extend(self.store.left_out(self.history));
        left
    }

    /// Writes the records of the history to a bundle: the part of each log after `there`, the descriptions, and the note of left-out
    /// values.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn write_records(
        &self,
        to: &BundleMaker,
        there: &LogEnds,
        now: Timestamp,
    ) -> Result<TransferSummary, StoreError> {
        let mut carried = TransferSummary::default();
        let (loaded, records) = self.records_for(to.store(), now);
        records.carry_behind(loaded, there, &mut carried)?;
        to.store().tell_left_out(self.history, &self.left_out(now))?;
        for ((session, part), start) in there.iter().filter(|(_, start)| **start > 0) {
            let path = layout::log_path(to.store().directory(), self.history, *session, *part);
            to.begin_behind(&path, *start);
        }
        Ok(carried)
    }
}

/// A portion of the data to send.
#[derive(Debug, Clone, Default)]
pub struct TransferPortion {
    things: FxHashSet<[u8; 32]>,
    bytes: u64,
}

impl TransferPortion {
    /// Returns the ids of its data.
    pub fn things(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.things.iter()
    }

    /// Returns its size in bytes before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

//! What of a history is to be sent, in portions: so that a sending that was cut goes on, and several go at once.

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

/// A history to be sent, as it was when this was created; later runs are not in it.
pub struct OutgoingHistory {
    store: Store,
    history: HistoryId,
    loaded: LoadedHistory,
    survey: Survey,
    needed: FxHashSet<[u8; 32]>,
    /// Values of which something does not go.
    left: FxHashSet<ManifestId>,
}

impl OutgoingHistory {
    /// Reads the history, and what its values lie in.
    ///
    /// # Errors
    /// The history is not there.
    pub fn of(store: &Store, history: HistoryId) -> Result<Self, StoreError> {
        Self::with(store, history, &|_| true)
    }

    /// The same, of which what these values do not lie in is left out. What happened goes whole, and what describes each value:
    /// whoever gets it knows what to make again, and what has to come of that.
    ///
    /// # Errors
    /// The history is not there.
    pub fn with(store: &Store, history: HistoryId, goes: &dyn Fn(&ManifestId) -> bool) -> Result<Self, StoreError> {
        Ok(Self::of_loaded(store, (history, store.load(history)?), goes))
    }

    /// The same of a history that was read: what came since is not in it.
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
            // After the logs: what they reach is in packs by then.
            survey: Survey::to_read(store),
            store: store.clone(),
            history,
            loaded,
        }
    }

    /// The history.
    pub fn history(&self) -> HistoryId {
        self.history
    }

    /// How far its logs go.
    pub fn ends(&self) -> LogEnds {
        self.loaded.ends().collect()
    }

    /// Whether something was done in it that lies behind these ends. A flush alone, which logs note, is nothing new.
    pub fn has_news(&self, there: &LogEnds) -> bool {
        let mut last = self.loaded.last_operations();
        last.any(|(log, at)| there.get(&log).is_none_or(|end| *end <= at))
    }

    /// What is needed and not there, in portions of about `most` bytes, before compression; what lies together goes together.
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

    /// Writes a portion into a bundle.
    ///
    /// # Errors
    /// A disk refused.
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

    /// How many bytes it has, before compression, whoever has them already.
    pub fn bytes(&self) -> u64 {
        self.portions(&|_| false, u64::MAX)
            .iter()
            .map(TransferPortion::bytes)
            .sum()
    }

    /// Copies all of it that is not there to another store.
    pub(in crate::store) fn copy_to(
        &self,
        to: &Store,
        carried: &mut TransferSummary,
        watch: CopyCallback<'_>,
    ) -> Result<Option<RepackedPack>, StoreError> {
        copy_all(&[(&self.store, &self.survey)], to, Some(&self.needed), carried, watch)
    }

    /// What happened, as it is carried to another store.
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

    /// What is left out of what goes: of what is here, and what never came here.
    fn left_out(&self, now: Timestamp) -> OmissionTimes {
        let mut left: OmissionTimes = self.left.iter().map(|value| (*value, now)).collect();
        left.extend(self.store.left_out(self.history));
        left
    }

    /// Writes what happened into a bundle: of each log what comes behind `there`, what the history was called, and what was left out of it.
    ///
    /// # Errors
    /// A disk refused.
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

/// A part of the data that is to be sent.
#[derive(Debug, Clone, Default)]
pub struct TransferPortion {
    things: FxHashSet<[u8; 32]>,
    bytes: u64,
}

impl TransferPortion {
    /// What is in it.
    pub fn things(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.things.iter()
    }

    /// How many bytes it has, before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

//! Importing bundles into a store.

use super::outgoing::OutgoingHistory;
use super::set::BundleSet;
use crate::format::Timestamp;
use crate::id::{HistoryId, PackId};
use crate::store::gc_lock;
use crate::store::packs::survey::Survey;
use crate::store::transfer::copy::{CopyCallback, TransferSummary, copy_all};
use crate::store::transfer::records::RecordTransfer;
use crate::store::{Bundle, LoadedHistory, OmissionTimes, Store, StoreError};

/// How often an import is tried when a gc interferes.
const ATTEMPTS: usize = 3;

impl Store {
    /// Imports the data of a bundle that this store lacks. It runs no code and trusts nothing: it compares every byte with what the maker
    /// signed before it writes anything. Signatures of the records are judged when the records are used.
    ///
    /// # Errors
    /// The bundle differs from what its maker signed, this store was opened read-only, or a disk operation failed. Existing data is
    /// untouched. Data of a failed attempt is not visible, and gc deletes it.
    pub fn receive(
        &self,
        bundle: &Bundle,
        now: Timestamp,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        self.receive_all(std::slice::from_ref(bundle), now, watch)
    }

    /// Imports bundles that belong together: one may refer to data in an earlier one.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn receive_all(
        &self,
        bundles: &[Bundle],
        now: Timestamp,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        self.check_writable()?;
        bundles.iter().try_for_each(Bundle::check)?;
        self.within_gate(&mut || self.receive_inside(bundles, now, watch))
    }

    /// Imports a history directly from another store that this process can read, without a bundle. Its logs keep their signatures, which
    /// are judged when the records are used.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn receive_from(
        &self,
        outgoing: &OutgoingHistory,
        now: Timestamp,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        self.check_writable()?;
        self.within_gate(&mut || {
            let mut carried = TransferSummary::default();
            let copied = outgoing.copy_to(self, &mut carried, watch)?;
            self.index().refresh(self.disk(), self.directory())?;
            let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
            let (loaded, records) = outgoing.records_for(self, now);
            records.carry(loaded, &packs, now, &mut carried)?;
            self.settle_all_left_out()?;
            Ok(carried)
        })
    }

    /// Runs an import while no gc runs.
    fn within_gate(
        &self,
        work: &mut dyn FnMut() -> Result<TransferSummary, StoreError>,
    ) -> Result<TransferSummary, StoreError> {
        for _ in 0..ATTEMPTS {
            let inside = gc_lock::enter(self.disk(), self.directory())?;
            self.index().refresh(self.disk(), self.directory())?;
            let carried = work()?;
            // If locks do not work between machines, a gc may have run anyway (decision 23).
            if gc_lock::generation(self.disk(), self.directory()) == inside.generation {
                return Ok(carried);
            }
        }
        Err(StoreError::Busy { who: "A gc is running" })
    }

    fn receive_inside(
        &self,
        bundles: &[Bundle],
        now: Timestamp,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        let mut carried = TransferSummary::default();
        let surveys: Vec<Survey> = bundles.iter().map(|bundle| Survey::to_read(bundle.store())).collect();
        let all: Vec<_> = bundles.iter().map(Bundle::store).zip(&surveys).collect();
        // One pack for all bundles: otherwise a clone after many pushes would have hundreds of packs.
        let copied = copy_all(&all, self, None, &mut carried, watch)?;
        let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
        self.index().refresh(self.disk(), self.directory())?;
        if let Some(gathered) = BundleSet::of(bundles, self)? {
            for (history, loaded) in &gathered.histories {
                self.receive_records(&gathered.store, (*history, loaded), &packs, now, &mut carried)?;
            }
        } else {
            for bundle in bundles {
                let from = &bundle.over(self)?;
                for (history, _) in from.histories()? {
                    self.receive_records(from, (history, &from.load(history)?), &packs, now, &mut carried)?;
                }
            }
        }
        self.settle_all_left_out()?;
        Ok(carried)
    }

    fn receive_records(
        &self,
        from: &Self,
        (history, loaded): (HistoryId, &LoadedHistory),
        packs: &[PackId],
        now: Timestamp,
        carried: &mut TransferSummary,
    ) -> Result<(), StoreError> {
        let records = RecordTransfer {
            from,
            to: self,
            history,
            left: Some(from.left_out(history)),
        };
        records.carry(loaded, packs, now, carried)
    }

    /// Updates the notes of left-out values of all histories: a bundle without records may have brought their data.
    fn settle_all_left_out(&self) -> Result<(), StoreError> {
        for (history, _) in self.histories()? {
            self.settle_left_out(history, OmissionTimes::default())?;
        }
        Ok(())
    }
}

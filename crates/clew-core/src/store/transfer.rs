//! Transferring data from one store to another: a history, or values without the records of their origin.
//!
//! Data in packs is copied to a new pack ([`copy`]), and logs are copied unchanged ([`records`]).

use super::packs::survey::Survey;
pub(super) mod copy;
mod dependencies;
pub(super) mod records;
mod sizes;

pub use copy::{CopyCallback, TransferSummary};
pub use sizes::FrameLengths;

use super::{Store, StoreError};
use crate::id::{HistoryId, ManifestId, PackId};
use copy::copy_all;
use records::RecordTransfer;

impl Store {
    /// Copies a whole history to the store of a bundle that is being written.
    ///
    /// # Errors
    /// The history does not exist, or a disk operation failed.
    pub fn carry_history(
        &self,
        history: HistoryId,
        to: &Self,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        let loaded = self.load(history)?;
        let needed = self.needed_by(&loaded, &|_| true);
        let mut carried = TransferSummary::default();
        let from = (self, &Survey::to_read(self));
        let copied = copy_all(&[from], to, Some(&needed), &mut carried, watch)?;
        let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
        let records = RecordTransfer {
            from: self,
            to,
            history,
            left: None,
        };
        records.carry(&loaded, &packs, 0, &mut carried)?;
        to.tell_left_out(history, &self.left_out(history))?;
        Ok(carried)
    }

    /// Copies values to the store of a bundle that is being written, without the records of their origin.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn carry_values(
        &self,
        values: impl IntoIterator<Item = ManifestId>,
        to: &Self,
        watch: CopyCallback<'_>,
    ) -> Result<TransferSummary, StoreError> {
        let values: Vec<ManifestId> = values.into_iter().collect();
        let mut needed = values.iter().map(|value| value.0).collect();
        self.add_values(&values, &|_| true, &mut needed);
        let mut carried = TransferSummary::default();
        let from = (self, &Survey::to_read(self));
        copy_all(&[from], to, Some(&needed), &mut carried, watch)?;
        Ok(carried)
    }
}

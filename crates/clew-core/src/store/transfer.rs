//! What goes from one store to another: a history, or values without what says where they come from.
//!
//! What lies in packs is copied to a new pack ([`copy`]), and logs are copied as they lie ([`records`]).

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
    /// Carries a whole history into the store of a bundle that is being made.
    ///
    /// # Errors
    /// The history is not there, or a disk refused.
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

    /// Carries values into the store of a bundle that is being made, without what says where they come from.
    ///
    /// # Errors
    /// A disk refused.
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

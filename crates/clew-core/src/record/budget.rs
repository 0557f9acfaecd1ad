//! Checks whether a value fits into the budget of the store.

use super::Observer;
use crate::cause::Cause;
use crate::graph::{CoVariable, Heap, block_cuts};
use crate::kernel::Kernel;
use crate::store::StoreError;

/// Values that add fewer bytes are always stored: a history without its small values would be useless, and the store need not be
/// read to find out their size.
const ALWAYS: u64 = 1 << 20;
const MEGABYTE: u64 = 1_000_000;

impl Observer<'_> {
    /// Returns why a value is not stored: it would exceed the budget.
    pub(super) fn beyond_budget<K: Kernel>(
        &mut self,
        kernel: &mut K,
        covariable: &CoVariable,
    ) -> Result<Option<String>, StoreError> {
        let most = covariable.stream.len() as u64 + self.bytes_not_known(covariable);
        if most < ALWAYS {
            return Ok(None);
        }
        let Some(room) = self.writer.room(self.budget) else {
            return Ok(None);
        };
        // Data that other runs or notebooks stored is looked up only if it matters.
        if most <= room {
            return Ok(None);
        }
        let new = self.bytes_not_stored(kernel, covariable)?;
        let why = Cause::OverBudget {
            new: new.div_ceil(MEGABYTE),
            room: room / MEGABYTE,
        };
        Ok((new >= ALWAYS && new > room).then(|| why.into()))
    }

    /// Returns the bytes of memory that the version before does not contain.
    fn bytes_not_known(&self, covariable: &CoVariable) -> u64 {
        let extents = covariable.extents.iter().zip(&covariable.block_hashes);
        let new = extents.map(|(extent, hashes)| {
            let known = self.known_blocks(covariable, hashes);
            let cuts = block_cuts(extent.length, extent.column).zip(known);
            let new = cuts.filter(|(_, known)| known.is_none());
            new.map(|((_, length), _)| length).sum::<u64>()
        });
        new.sum()
    }

    fn bytes_not_stored<K: Kernel>(&mut self, kernel: &mut K, covariable: &CoVariable) -> Result<u64, StoreError> {
        let before = self.before(covariable).first().map(|known| known.pieces.clone());
        let mut new = self
            .writer
            .bytes_new_of_stream(&covariable.stream, &before.unwrap_or_default())?;
        for (extent, hashes) in covariable.extents.iter().zip(&covariable.block_hashes) {
            let known = self.known_blocks(covariable, hashes);
            // Freed memory is reported when it is stored.
            let bytes = kernel.heap().bytes(extent.address, extent.length).unwrap_or_default();
            new += self.writer.bytes_new_of_extent(bytes, extent.column, &known)?;
        }
        Ok(new)
    }
}

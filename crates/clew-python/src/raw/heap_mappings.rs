//! The live mappings of a heap, through which a look finds known hashes of their blocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use clew_core::graph::Extent;

use super::region::Region;

/// Mapped regions by address. Freed regions are detected, since their addresses may be in use again.
#[derive(Default)]
pub(super) struct MappedRegions(BTreeMap<u64, Weak<Region>>);

impl MappedRegions {
    /// Adds a region, if it is a mapping.
    pub fn add(&mut self, region: &Arc<Region>) {
        if is_mapping(region) {
            let address = region.start().as_ptr() as u64;
            self.0.insert(address, Arc::downgrade(region));
        }
    }

    /// Forgets freed regions.
    pub fn let_go(&mut self) {
        self.0.retain(|_, region| region.strong_count() > 0);
    }

    /// Returns the known hashes of an extent's blocks, in order, for blocks that were not written to since they were
    /// mapped.
    #[cfg(target_os = "linux")]
    pub fn untouched(&self, extent: &Extent) -> Vec<Option<u128>> {
        let Some(region) = self.0.range(..=extent.address).next_back() else {
            return Vec::new();
        };
        let (start, Some(region)) = (*region.0, region.1.upgrade()) else {
            return Vec::new();
        };
        let offset = extent.address - start;
        let is_within = offset + extent.length <= region.length() as u64;
        let Some(mapping) = region.mapping().filter(|_| is_within) else {
            return Vec::new();
        };
        let cuts: Vec<(u64, u64)> = clew_core::graph::block_cuts(extent.length, extent.column)
            .map(|(at, length)| (offset + at, length))
            .collect();
        mapping.untouched(&cuts)
    }

    /// Returns whether a part of an extent was lost with the file that it mapped.
    #[cfg(target_os = "linux")]
    pub fn is_lost(extent: &Extent) -> bool {
        super::page_faults::is_lost(&(extent.address..extent.address + extent.length))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn is_lost(_extent: &Extent) -> bool {
        false
    }

    #[cfg(not(target_os = "linux"))]
    pub fn untouched(&self, _extent: &Extent) -> Vec<Option<u128>> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
fn is_mapping(region: &Region) -> bool {
    region.mapping().is_some()
}

#[cfg(not(target_os = "linux"))]
fn is_mapping(_region: &Region) -> bool {
    false
}

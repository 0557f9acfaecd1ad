//! Memory at simulated addresses: freed ranges are reused, and regions can be adjacent.

use std::collections::BTreeMap;

use super::object::Window;

/// The first address.
const BASE: u64 = 0x1_0000;
/// Regions start at multiples of this. If the length of a region is a multiple of it, the next region is adjacent.
const ALIGNMENT: u64 = 16;

/// Regions by their first address, each with the number of objects that refer to it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    regions: BTreeMap<u64, Region>,
}

#[derive(Debug, Clone)]
struct Region {
    bytes: Vec<u8>,
    holders: u32,
}

impl Memory {
    /// Allocates a region with one reference, at the lowest free address.
    pub fn allocate(&mut self, bytes: Vec<u8>) -> u64 {
        let need = (bytes.len() as u64).max(1);
        let mut address = BASE;
        for (start, region) in &self.regions {
            if address + need <= *start {
                break;
            }
            address = (start + region.bytes.len().max(1) as u64).next_multiple_of(ALIGNMENT);
        }
        self.regions.insert(address, Region { bytes, holders: 1 });
        address
    }

    /// Allocates a copy of the bytes in a window.
    pub fn copy(&mut self, window: &Window) -> u64 {
        let bytes = self.bytes(window.address(), window.length).unwrap_or_default();
        self.allocate(bytes.to_vec())
    }

    /// Adds a reference.
    pub fn hold(&mut self, region: u64) {
        self.region_mut(region).holders += 1;
    }

    /// Removes a reference; the last one frees the region.
    pub fn release(&mut self, region: u64) {
        let holders = &mut self.region_mut(region).holders;
        *holders -= 1;
        if *holders == 0 {
            self.regions.remove(&region);
        }
    }

    /// Returns the length of a region.
    pub fn length(&self, region: u64) -> u64 {
        self.regions[&region].bytes.len() as u64
    }

    /// Returns the bytes of a range within one region.
    pub fn bytes(&self, address: u64, length: u64) -> Option<&[u8]> {
        let (start, region) = self.regions.range(..=address).next_back()?;
        let offset = usize::try_from(address - start).ok()?;
        region
            .bytes
            .get(offset..offset.checked_add(usize::try_from(length).ok()?)?)
    }

    /// Writes one byte.
    ///
    /// # Panics
    /// No region contains the address.
    pub fn write(&mut self, address: u64, byte: u8) {
        let (start, region) = self.regions.range_mut(..=address).next_back().expect("memory is there");
        region.bytes[(address - start) as usize] = byte;
    }

    /// Returns the number of regions.
    pub fn len(&self) -> usize {
        self.regions.len()
    }

    /// Whether there are no regions.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    fn region_mut(&mut self, region: u64) -> &mut Region {
        self.regions.get_mut(&region).expect("a held region is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_is_given_out_again_and_neighbours_touch() {
        let mut memory = Memory::default();
        let (one, two) = (memory.allocate(vec![1; 16]), memory.allocate(vec![2; 16]));
        assert_eq!(two, one + 16);
        memory.release(one);
        assert_eq!(memory.allocate(vec![3; 8]), one);
        assert_eq!(memory.bytes(one, 16), None, "a range over two regions is no memory");
        assert_eq!(memory.bytes(two + 4, 2), Some([2, 2].as_slice()));
    }
}

//! Memory of a co-variable: merging of ranges that overlap, and cutting into blocks.

use serde::{Deserialize, Serialize};

/// The maximum size of a block in bytes: 64 KiB.
pub const BLOCK_LENGTH: u64 = 64 * 1024;

/// A range of memory that an object refers to, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferView {
    /// Where it starts.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Bytes of one column. Blocks restart at its multiples; 0 means a single column.
    pub column: u64,
    /// Whether its owner copies before it writes (pandas). Two such views may overlap and still be independent.
    pub copies_on_write: bool,
}

/// One piece of memory of a co-variable: a single view, or the union of views that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts in live memory.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Bytes of one column. Blocks restart at its multiples; 0 means a single column.
    pub column: u64,
}

/// The position of a node's buffer: `length` bytes at `offset` of an extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The index of the extent in the co-variable, from 0.
    pub extent: u32,
    /// The offset in the extent, in bytes.
    pub offset: u64,
    /// The length in bytes.
    pub length: u64,
}

/// Returns the blocks of `length` bytes in columns of `column` bytes, as (offset, length). A block has at most 64 KiB and
/// restarts at each column, so that an edit, or a dropped or added column, changes few blocks. Columns shorter than a block share
/// one as long as they fit completely, so that a frame of many short columns is not cut into tiny blocks.
pub fn block_cuts(length: u64, column: u64) -> impl Iterator<Item = (u64, u64)> {
    let column = if column == 0 || column > length { length } else { column };
    let column = column.saturating_mul((BLOCK_LENGTH / column.max(1)).max(1));
    let mut offset = 0;
    std::iter::from_fn(move || {
        if offset >= length {
            return None;
        }
        let column_end = (offset / column + 1).saturating_mul(column).min(length);
        let start = offset;
        offset = (start + BLOCK_LENGTH).min(column_end);
        Some((start, offset - start))
    })
}

/// Merges views that overlap, and returns the position of each view.
///
/// Views that copy on write are merged with the raw views that they overlap, never with each other.
pub(super) fn merge(views: &[BufferView]) -> (Vec<Extent>, Vec<Mention>) {
    let raw = union(views.iter().filter(|view| !view.copies_on_write));
    let shares = |view: &BufferView| !view.copies_on_write || overlapping(&raw, view).is_some();
    let merged = union(views.iter().filter(|view| shares(view)));
    let mut place: Vec<Option<u32>> = vec![None; merged.len()];
    let mut extents: Vec<Extent> = Vec::new();
    let mentions = views
        .iter()
        .map(|view| {
            let found = if shares(view) { overlapping(&merged, view) } else { None };
            let (start, end) = found.map_or((view.address, view.address + view.length), |at| merged[at]);
            let index = found.and_then(|at| place[at]).unwrap_or_else(|| {
                extents.push(Extent {
                    address: start,
                    length: end - start,
                    column: 0,
                });
                (extents.len() - 1) as u32
            });
            if let Some(at) = found {
                place[at] = Some(index);
            }
            let extent = &mut extents[index as usize];
            if view.length == extent.length {
                extent.column = extent.column.max(view.column);
            }
            Mention {
                extent: index,
                offset: view.address - extent.address,
                length: view.length,
            }
        })
        .collect();
    (extents, mentions)
}

/// Returns the memory of those `others` that overlap one of `views` and do not copy on write, as sorted, disjoint ranges.
pub(super) fn raw_over<'a>(views: &[BufferView], others: impl Iterator<Item = &'a BufferView>) -> Vec<(u64, u64)> {
    let ranges = union(views.iter());
    union(others.filter(|view| !view.copies_on_write && overlapping(&ranges, view).is_some()))
}

/// Returns the union of `views` as sorted, disjoint ranges. Ranges that only touch stay separate.
fn union<'a>(views: impl Iterator<Item = &'a BufferView>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = views
        .filter(|view| view.length > 0)
        .map(|view| (view.address, view.address + view.length))
        .collect();
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if start < *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Returns the index in `merged` (sorted, disjoint) of a range that the view overlaps.
pub(super) fn overlapping(merged: &[(u64, u64)], view: &BufferView) -> Option<usize> {
    if view.length == 0 {
        return None;
    }
    let at = merged.partition_point(|(_, end)| *end <= view.address);
    merged
        .get(at)
        .filter(|(start, _)| *start < view.address + view.length)
        .map(|_| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(address: u64, length: u64, copies_on_write: bool) -> BufferView {
        BufferView {
            address,
            length,
            column: 0,
            copies_on_write,
        }
    }

    #[test]
    fn blocks_restart_at_each_column() {
        let cuts: Vec<_> = block_cuts(2 * 70_000, 70_000).collect();
        assert_eq!(cuts, [(0, 65_536), (65_536, 4_464), (70_000, 65_536), (135_536, 4_464)]);
        assert_eq!(block_cuts(0, 0).count(), 0);
    }

    #[test]
    fn short_columns_share_a_block_and_none_is_cut_in_two() {
        let cuts: Vec<_> = block_cuts(10 * 24_000, 24_000).collect();
        assert_eq!(cuts[..2], [(0, 48_000), (48_000, 48_000)]);
        assert_eq!(block_cuts(1 << 20, 1).count(), 16);
    }

    #[test]
    fn raw_views_merge_and_copying_ones_stay_apart() {
        let (extents, mentions) = merge(&[
            view(100, 50, false),
            view(120, 60, false),
            view(500, 8, true),
            view(500, 8, true),
        ]);
        assert_eq!(extents.len(), 3);
        assert_eq!((extents[0].address, extents[0].length), (100, 80));
        assert_eq!(
            mentions[1],
            Mention {
                extent: 0,
                offset: 20,
                length: 60
            }
        );
        assert_ne!(mentions[2].extent, mentions[3].extent);
    }

    #[test]
    fn a_frame_over_an_array_shares_its_extent() {
        let (extents, mentions) = merge(&[view(100, 80, true), view(100, 80, false)]);
        assert_eq!(extents.len(), 1);
        assert_eq!(mentions[0].extent, mentions[1].extent);
    }
}

//! Memory of a co-variable: which ranges lie over each other, and how each is cut into blocks.

use serde::{Deserialize, Serialize};

/// The most bytes in a block: 64 KiB.
pub const BLOCK_LENGTH: u64 = 64 * 1024;

/// A range of memory that an object shows, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferView {
    /// Where it starts.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Bytes of one column, at whose multiples blocks restart; 0 for one column.
    pub column: u64,
    /// Whether its owner copies before it writes (pandas): two such views may overlap and still be independent.
    pub copies_on_write: bool,
}

/// One piece of memory of a co-variable: a single view, or the union of views that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts in live memory.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Bytes of one column, at whose multiples blocks restart; 0 for one column.
    pub column: u64,
}

/// Where a node's buffer lies: `length` bytes at `offset` of an extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Which extent of the co-variable, counted from 0.
    pub extent: u32,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How long, in bytes.
    pub length: u64,
}

/// The blocks of `length` bytes in columns of `column` bytes, as (offset, length): at most 64 KiB each, restarting at
/// each column, so that an edit, a dropped or an added column touches few of them. Columns shorter than a block share
/// one as long as they fit whole, so that a frame of many short columns is not cut to crumbs.
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

/// Merges views that lie over each other and says where each view went.
///
/// Views that copy on write are merged with raw ones they overlap, never with each other.
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

/// The memory of those of `others` that lie over one of `views` and do not copy before they write, as sorted, disjoint ranges.
pub(super) fn raw_over<'a>(views: &[BufferView], others: impl Iterator<Item = &'a BufferView>) -> Vec<(u64, u64)> {
    let ranges = union(views.iter());
    union(others.filter(|view| !view.copies_on_write && overlapping(&ranges, view).is_some()))
}

/// The union of `views` as sorted, disjoint ranges; ranges that only touch stay apart.
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

/// Which of `merged` (sorted, disjoint) the view overlaps.
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

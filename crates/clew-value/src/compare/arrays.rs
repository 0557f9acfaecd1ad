//! Arrays: which elements differ, the first of them, and the largest difference.

use std::ops::Range;

use super::{ArrayDetail, Comparer, Detail, ElementChange, Found, Pair, UnreadMemory};
use crate::memory::{MemoryDifference, StoredMemory};
use crate::stored_value::{ReadError, both};
use crate::value::array::Array;
use crate::value::cell::ElementValue;
use crate::value::element::Dtype;

/// The number of bytes that are read at once.
const CHUNK: u64 = 4 << 20;

/// The differences among elements that were compared one by one.
#[derive(Debug, Default)]
pub(super) struct DifferenceTally<P> {
    pub differ: u64,
    pub examples: Vec<(P, String, String)>,
    pub max_difference: Option<f64>,
}

impl<P> DifferenceTally<P> {
    /// Counts two elements if they differ.
    pub fn take(
        &mut self,
        before: &ElementValue<'_>,
        after: &ElementValue<'_>,
        most: usize,
        width: usize,
        place: impl FnOnce() -> P,
    ) {
        if before.is_same(after) {
            return;
        }
        self.differ += 1;
        if self.examples.len() < most {
            let mut pair = Pair::new(before.text(width), after.text(width));
            if pair.is_same() {
                pair = Pair::different(before.text(20 * width), after.text(20 * width));
            }
            self.examples.push((place(), pair.before, pair.after));
        }
        if let (Some(one), Some(two)) = (before.number(), after.number()) {
            let difference = (two - one).abs();
            if difference.is_finite() {
                self.max_difference = Some(self.max_difference.map_or(difference, |most| most.max(difference)));
            }
        }
    }
}

impl Comparer<'_> {
    pub(super) fn arrays(&mut self, one: &Array<'_>, two: &Array<'_>) -> Found {
        let mut detail = ArrayDetail {
            dtype: Pair::new(one.dtype.name.clone(), two.dtype.name.clone()),
            shape: Pair::new(one.shape.clone(), two.shape.clone()),
            elements: None,
            differ: None,
            examples: Vec::new(),
            max_difference: None,
            unread: None,
        };
        if let Some(shape) = common(&one.shape, &two.shape) {
            detail.elements = Some(shape.iter().fold(1, |all: u64, length| all.saturating_mul(*length)));
            self.elements(one, two, &shape, &mut detail)?;
        }
        let is_same = detail.dtype.is_same() && detail.shape.is_same() && detail.differ == Some(0);
        let is_of_one_type = one.type_name == two.type_name;
        Ok((!is_same || !is_of_one_type).then_some(Detail::Array(detail)))
    }

    fn elements(
        &self,
        one: &Array<'_>,
        two: &Array<'_>,
        shape: &[u64],
        detail: &mut ArrayDetail,
    ) -> Result<(), ReadError> {
        let count = shape.iter().fold(1_u64, |all, length| all.saturating_mul(*length));
        if let (Some((before, is_fortran)), Some((after, other))) = (one.dense(), two.dense())
            && one.dtype == two.dtype
            && is_fortran == other
            && (!is_fortran || one.shape == two.shape)
        {
            let bytes = count.saturating_mul(one.dtype.size as u64);
            if let (Some(before), Some(after)) = (before.slice(0, bytes), after.slice(0, bytes)) {
                return self.dense(&before, &after, one, is_fortran, detail);
            }
        }
        // A stream may contain any shape: with strides of zero, few bytes would make an endless array.
        let size = count.saturating_mul(one.dtype.size.max(1) as u64);
        let loaded = if size > self.limits.memory_bytes {
            Err(size)
        } else {
            let read = both(one.load(), two.load())?;
            read.ok_or_else(|| one.cost().saturating_add(two.cost()))
        };
        let (before, after) = match loaded {
            Ok(loaded) => loaded,
            Err(bytes) => {
                detail.unread = Some(UnreadMemory {
                    blocks: 0,
                    of: 0,
                    bytes,
                });
                return Ok(());
            }
        };
        let like = Array {
            shape: shape.to_vec(),
            ..one.clone()
        };
        let mut tally = DifferenceTally::default();
        for nth in 0..count {
            let place = like.place(nth, false);
            let (before, after) = (before.at(&place), after.at(&place));
            tally.take(&before, &after, self.limits.examples, self.limits.width, || {
                place.clone()
            });
        }
        detail.take(tally);
        Ok(())
    }

    /// Compares contiguous elements: only blocks that differ are read.
    fn dense(
        &self,
        before: &StoredMemory<'_>,
        after: &StoredMemory<'_>,
        array: &Array<'_>,
        is_fortran: bool,
        detail: &mut ArrayDetail,
    ) -> Result<(), ReadError> {
        let found = before.differing(after)?;
        let (tally, unread) = self.ranges(before, after, &array.dtype, &found)?;
        let examples = tally.examples.into_iter();
        detail.take(DifferenceTally {
            differ: tally.differ,
            examples: examples
                .map(|(nth, one, two)| (array.place(nth, is_fortran), one, two))
                .collect(),
            max_difference: tally.max_difference,
        });
        if unread.is_some() {
            detail.differ = None;
            detail.unread = unread;
        }
        Ok(())
    }

    /// Returns the differing elements in the given ranges, counted from the first element. If the ranges are too
    /// large to read, the elements of the first range only, and the amount of unread memory.
    pub(super) fn ranges(
        &self,
        before: &StoredMemory<'_>,
        after: &StoredMemory<'_>,
        dtype: &Dtype,
        found: &MemoryDifference,
    ) -> Result<(DifferenceTally<u64>, Option<UnreadMemory>), ReadError> {
        let bytes: u64 = found.ranges.iter().map(|range| range.end - range.start).sum();
        let mut tally = DifferenceTally::default();
        let is_affordable =
            |memory: &StoredMemory<'_>| bytes.saturating_add(CHUNK) <= memory.left() || bytes <= memory.left();
        if is_affordable(before) && is_affordable(after) {
            let mut next = 0;
            for range in &found.ranges {
                next = self.range(before, after, dtype, range, next, &mut tally)?;
            }
            return Ok((tally, None));
        }
        if let Some(first) = found.ranges.first() {
            let start = first.start..first.end.min(first.start + (1 << 16));
            match self.range(before, after, dtype, &start, 0, &mut tally) {
                Ok(_) | Err(ReadError::TooLarge(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let unread = UnreadMemory {
            blocks: found.blocks,
            of: found.of,
            bytes: bytes.saturating_mul(2),
        };
        Ok((tally, Some(unread)))
    }

    /// Compares the elements that a range overlaps, from `next` on; returns the next element.
    fn range(
        &self,
        before: &StoredMemory<'_>,
        after: &StoredMemory<'_>,
        dtype: &Dtype,
        range: &Range<u64>,
        next: u64,
        tally: &mut DifferenceTally<u64>,
    ) -> Result<u64, ReadError> {
        let size = dtype.size as u64;
        if size == 0 {
            return Ok(next);
        }
        let end = range
            .end
            .div_ceil(size)
            .min(before.len() / size)
            .min(after.len() / size);
        let mut nth = (range.start / size).max(next);
        while nth < end {
            let count = (CHUNK / size).max(1).min(end - nth);
            let part = |memory: &StoredMemory<'_>| match memory.slice(nth * size, count * size) {
                Some(part) => part.read(),
                None => Err(ReadError::Unknown("memory is too short")),
            };
            let (one, two) = (part(before)?, part(after)?);
            let elements = one.chunks_exact(dtype.size).zip(two.chunks_exact(dtype.size));
            for (at, (one, two)) in elements.enumerate().filter(|(_, (one, two))| one != two) {
                let (limits, place) = (self.limits, nth + at as u64);
                tally.take(
                    &dtype.cell(one),
                    &dtype.cell(two),
                    limits.examples,
                    limits.width,
                    || place,
                );
            }
            nth += count;
        }
        Ok(nth.max(next))
    }
}

impl ArrayDetail {
    fn take(&mut self, tally: DifferenceTally<Vec<u64>>) {
        self.differ = Some(tally.differ);
        self.max_difference = tally.max_difference;
        let element = |(at, before, after)| ElementChange { at, before, after };
        self.examples = tally.examples.into_iter().map(element).collect();
    }
}

/// Returns the common shape of both, up to the shorter first dimension.
fn common(one: &[u64], two: &[u64]) -> Option<Vec<u64>> {
    match (one, two) {
        ([first, rest @ ..], [other, others @ ..]) if rest == others => {
            Some(std::iter::once(*first.min(other)).chain(rest.iter().copied()).collect())
        }
        ([], []) => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_have_in_common_what_an_append_leaves() {
        assert_eq!(common(&[10, 3], &[12, 3]), Some(vec![10, 3]));
        assert_eq!(common(&[10, 3], &[10, 4]), None);
        assert_eq!(common(&[], &[]), Some(vec![]));
        assert_eq!(common(&[1], &[]), None);
    }
}

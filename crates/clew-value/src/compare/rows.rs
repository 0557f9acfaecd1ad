//! Matches the rows of two tables: by label if labels are unique, otherwise by position.

use std::ops::Range;

use clew_core::id::Fingerprint;
use rustc_hash::FxHashMap;

use super::{Comparer, Pair, Rows};
use crate::stored_value::{ReadError, both};
use crate::value::table::{Index, Labels};

/// Rows as ranges: there may be too many to list them one by one.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Set(Vec<Range<u64>>);

impl Set {
    fn of(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self(ranges.into_iter().filter(|range| !range.is_empty()).collect())
    }

    fn one(range: Range<u64>) -> Self {
        Self::of(std::iter::once(range))
    }

    fn push(&mut self, row: u64) {
        match self.0.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => self.0.push(row..row + 1),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of rows.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    fn rows(&self) -> impl Iterator<Item = u64> {
        self.0.iter().cloned().flatten()
    }
}

/// The rows that two tables have in common.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RowMatching {
    /// First row before, first row after, number of rows.
    pub spans: Vec<(u64, u64, u64)>,
    /// Rows that only the older table has.
    pub removed: Set,
    /// Rows that only the newer table has.
    pub added: Set,
    pub by_label: bool,
    pub is_reordered: bool,
    /// The indexes, if they differ in their types or names, or in labels by which rows were not matched.
    pub index_changed: Option<Pair<String>>,
    /// Whether there were too many labels to compare, so that rows were matched by position.
    pub are_labels_unread: bool,
}

impl RowMatching {
    /// Matches rows by position: the rows beyond the shorter table are removed or added.
    fn by_position(before: u64, after: u64) -> Self {
        let both = before.min(after);
        Self {
            spans: vec![(0, 0, both)],
            removed: Set::one(both..before),
            added: Set::one(both..after),
            ..Self::default()
        }
    }

    /// Matches rows by position because their labels do not match them.
    fn unmatched(before: u64, after: u64, index_changed: Option<Pair<String>>) -> Self {
        let labels = || Pair::new("labels".to_owned(), "other labels".to_owned());
        Self {
            index_changed: Some(index_changed.unwrap_or_else(labels)),
            ..Self::by_position(before, after)
        }
    }

    /// Returns the number of rows in both tables.
    pub fn len(&self) -> u64 {
        self.spans.iter().map(|(_, _, length)| length).sum()
    }

    /// Returns whether both tables have the same rows in the same positions.
    pub fn is_whole(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && matches!(self.spans.as_slice(), [(0, 0, _)] | [])
    }

    /// Returns the number of matched rows, if all of them are at the beginning of both tables.
    pub fn prefix(&self) -> Option<u64> {
        match self.spans.as_slice() {
            [(0, 0, length)] => Some(*length),
            _ => None,
        }
    }
}

impl Comparer<'_> {
    /// Matches the rows of two tables.
    pub(super) fn rows(&self, one: &Index<'_>, two: &Index<'_>) -> Result<RowMatching, ReadError> {
        let index_changed = changed(one, two);
        if one.is_same(two) {
            return Ok(RowMatching {
                index_changed,
                ..RowMatching::by_position(one.length, two.length)
            });
        }
        if let Some(found) = ranges(one, two) {
            return Ok(RowMatching { index_changed, ..found });
        }
        let unread = || RowMatching {
            index_changed: index_changed.clone(),
            are_labels_unread: true,
            ..RowMatching::by_position(one.length, two.length)
        };
        let (length, cost) = (one.length.max(two.length), one.cost().max(two.cost()));
        if length > self.limits.labels || cost > self.limits.memory_bytes {
            return Ok(unread());
        }
        let Some((before, after)) = both(one.load(), two.load())? else {
            return Ok(unread());
        };
        Ok(match keys((&before, one.length), (&after, two.length)) {
            Some(keys) => matched(&keys, index_changed),
            None => RowMatching::unmatched(one.length, two.length, index_changed),
        })
    }
}

fn changed(one: &Index<'_>, two: &Index<'_>) -> Option<Pair<String>> {
    let describe = |index: &Index<'_>| {
        let level = |(nth, column): (usize, &crate::value::column::Column<'_>)| match index.names.get(nth) {
            Some(Some(name)) => format!("{} ({})", name.text, column.dtype),
            _ => column.dtype.clone(),
        };
        index
            .levels
            .iter()
            .enumerate()
            .map(level)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let pair = Pair::new(describe(one), describe(two));
    (!pair.is_same() || one.names != two.names).then(|| Pair::different(pair.before, pair.after))
}

/// Matches ranges with the same step by their overlap.
fn ranges(one: &Index<'_>, two: &Index<'_>) -> Option<RowMatching> {
    let ((start, step), (other, same)) = (one.range()?, two.range()?);
    let distance = other.checked_sub(start)?;
    if step != same || step == 0 || distance % step != 0 {
        return None;
    }
    let shift = i64::try_from(distance / step).ok()?;
    let (before, after) = (shift.max(0) as u64, shift.min(0).unsigned_abs());
    if before >= one.length || after >= two.length {
        return None;
    }
    let both = (one.length - before).min(two.length - after);
    Some(RowMatching {
        spans: vec![(before, after, both)],
        removed: Set::of([0..before, before + both..one.length]),
        added: Set::of([0..after, after + both..two.length]),
        by_label: shift != 0,
        ..RowMatching::default()
    })
}

/// Labels as numbers below `count`; equal labels have equal numbers on both sides.
struct Keys {
    before: Vec<u64>,
    after: Vec<u64>,
    count: usize,
}

/// Returns the keys of all labels; `None` if a label is unreadable.
fn keys((one, before): (&Labels<'_>, u64), (two, after): (&Labels<'_>, u64)) -> Option<Keys> {
    let whole = one.whole(before).zip(two.whole(after));
    if let Some(keys) = whole.and_then(|(one, two)| close_together(&one, &two)) {
        return Some(keys);
    }
    let mut known: FxHashMap<u128, u64> = FxHashMap::default();
    let mut key = Vec::new();
    let mut number = |labels: &Labels<'_>, row| {
        labels.key(row, &mut key)?;
        let next = known.len() as u64;
        let key = u128::from_be_bytes(Fingerprint::of(&key).0);
        Some(*known.entry(key).or_insert(next))
    };
    let before = (0..before).map(|row| number(one, row)).collect::<Option<_>>()?;
    let after = (0..after).map(|row| number(two, row)).collect::<Option<_>>()?;
    Some(Keys {
        before,
        after,
        count: known.len(),
    })
}

/// Uses integers with few gaps between them as their own keys: sorted, filtered or joined frames have such labels.
fn close_together(one: &[i64], two: &[i64]) -> Option<Keys> {
    let least = *one.iter().chain(two).min()?;
    let most = *one.iter().chain(two).max()?;
    let count = usize::try_from(i128::from(most) - i128::from(least) + 1).ok()?;
    let key = |label: &i64| label.abs_diff(least);
    (count <= 4 * (one.len() + two.len())).then(|| Keys {
        before: one.iter().map(key).collect(),
        after: two.iter().map(key).collect(),
        count,
    })
}

/// Returns the row of each key, and whether every key is unique.
fn places(keys: &[u64], count: usize) -> (Vec<Option<u32>>, bool) {
    let mut places = vec![None; count];
    let mut is_unique = true;
    for (row, key) in (0..).zip(keys) {
        is_unique &= places[*key as usize].replace(row).is_none();
    }
    (places, is_unique)
}

fn matched(keys: &Keys, index_changed: Option<Pair<String>>) -> RowMatching {
    let Keys { before, after, count } = keys;
    if before == after {
        return RowMatching {
            index_changed,
            ..RowMatching::by_position(before.len() as u64, after.len() as u64)
        };
    }
    let (found_before, is_unique) = places(before, *count);
    let (found_after, is_unique_after) = places(after, *count);
    let is_shared = found_before
        .iter()
        .zip(&found_after)
        .any(|(one, two)| one.is_some() && two.is_some());
    if !is_unique || !is_unique_after || !is_shared && before.len() == after.len() {
        return RowMatching::unmatched(before.len() as u64, after.len() as u64, index_changed);
    }
    let mut found = RowMatching {
        by_label: true,
        index_changed,
        ..RowMatching::default()
    };
    let gone = (0..)
        .zip(before)
        .filter(|(_, key)| found_after[**key as usize].is_none());
    gone.for_each(|(row, _)| found.removed.push(row));
    let mut last = 0;
    for (row, key) in (0..).zip(after) {
        let Some(old) = found_before[*key as usize].map(u64::from) else {
            found.added.push(row);
            continue;
        };
        match found.spans.last_mut() {
            Some((start, next, length)) if *start + *length == old && *next + *length == row => *length += 1,
            _ => found.spans.push((old, row, 1)),
        }
        found.is_reordered |= old < last;
        last = old;
    }
    found
}

/// Returns some of the rows with their labels in an index.
pub(super) fn labelled(rows: &Set, index: &Index<'_>, most: usize) -> Rows {
    let last = rows
        .0
        .last()
        .filter(|_| rows.len() > most as u64)
        .map(|range| range.end - 1);
    let shown: Vec<u64> = rows.rows().take(most).chain(last).collect();
    let mut labels = labels_of(&shown, index);
    let last = last.and_then(|_| labels.pop());
    Rows {
        count: rows.len(),
        examples: labels,
        last,
    }
}

/// Returns the labels of rows; their positions if labels cannot be read.
pub(super) fn labels_of(rows: &[u64], index: &Index<'_>) -> Vec<String> {
    let alone: Option<Vec<String>> = rows.iter().map(|row| index.label(*row)).collect();
    alone.unwrap_or_else(|| {
        let labels = index.load().ok();
        let label = |row: &u64| {
            labels
                .as_ref()
                .map_or_else(|| row.to_string(), |labels| labels.text(*row))
        };
        rows.iter().map(label).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_matched_by_unique_labels_and_else_by_position() {
        let matched = |before: &[u64], after: &[u64]| matched(&numbered(before, after), None);
        let found = matched(&[1, 2, 3, 4], &[1, 3, 4, 9]);
        assert_eq!(found.spans, [(0, 0, 1), (2, 1, 2)]);
        assert_eq!((found.removed, found.added), (Set::one(1..2), Set::one(3..4)));
        assert!(found.by_label);
        let found = matched(&[1, 1, 2], &[1, 1]);
        assert_eq!((found.spans, found.removed), (vec![(0, 0, 2)], Set::one(2..3)));
        assert!(!found.by_label);
        assert!(matched(&[1, 2, 3], &[3, 2, 1]).is_reordered);
    }

    fn numbered(before: &[u64], after: &[u64]) -> Keys {
        Keys {
            before: before.to_vec(),
            after: after.to_vec(),
            count: 40,
        }
    }

    #[test]
    fn whole_numbers_that_lie_far_apart_are_no_keys_of_their_own() {
        let keys = close_together(&[i64::MIN, 3], &[3]);
        assert!(keys.is_none());
        let keys = close_together(&[-1, 3], &[3]).unwrap();
        assert_eq!((keys.before, keys.after, keys.count), (vec![0, 4], vec![4], 5));
    }

    proptest! {
        #[test]
        fn every_row_is_matched_gone_or_new_exactly_once(
            before in proptest::collection::hash_set(0_u64..40, 0..30),
            after in proptest::collection::hash_set(0_u64..40, 0..30),
        ) {
            let (before, after): (Vec<u64>, Vec<u64>) = (before.into_iter().collect(), after.into_iter().collect());
            let found = matched(&numbered(&before, &after), None);
            let mut left: Vec<u64> = found.removed.rows().collect();
            let mut right: Vec<u64> = found.added.rows().collect();
            for (one, two, length) in &found.spans {
                left.extend(*one..one + length);
                right.extend(*two..two + length);
                if found.by_label {
                    let same = |at: u64| before[(one + at) as usize] == after[(two + at) as usize];
                    prop_assert!((0..*length).all(same));
                }
            }
            left.sort_unstable();
            right.sort_unstable();
            prop_assert_eq!(left, (0..before.len() as u64).collect::<Vec<_>>());
            prop_assert_eq!(right, (0..after.len() as u64).collect::<Vec<_>>());
        }
    }
}

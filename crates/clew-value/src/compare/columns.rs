//! Columns: which values differ in rows of both tables, and statistics of all values.

use rustc_hash::{FxHashMap, FxHashSet};

use super::arrays::DifferenceTally;
use super::rows::{RowMatching, labels_of};
use super::{ColumnDetail, ColumnSummary, Comparer, Example, Pair, UnreadMemory};
use crate::digest;
use crate::memory::{Bytes, StoredMemory};
use crate::stored_value::{ReadError, both};
use crate::value::cell::ElementValue;
use crate::value::column::{Column, ColumnValues};
use crate::value::table::Index;

/// The most values of a column whose distinct values are counted.
const COUNTED: u64 = 1_000_000;
/// The most texts of a column of codes, bounded like the memory that may be read.
const CODED: u64 = 5_000_000;

impl Comparer<'_> {
    /// Returns the differences between two columns; `None` if values and type are the same.
    pub(super) fn columns(
        &self,
        name: &str,
        one: &Column<'_>,
        two: &Column<'_>,
        matching: &RowMatching,
        index: &Index<'_>,
    ) -> Result<Option<ColumnDetail>, ReadError> {
        let is_told_same = one.dtype == two.dtype
            && (matching.is_whole() && one.is_same(two)
                || matching.prefix().is_some_and(|rows| starts_same(one, two, rows)));
        if is_told_same {
            return Ok(None);
        }
        let mut detail = ColumnDetail {
            name: name.to_owned(),
            dtype: Pair::new(one.dtype.clone(), two.dtype.clone()),
            values: matching.len(),
            differ: None,
            examples: Vec::new(),
            max_difference: None,
            summary: None,
            unread: None,
        };
        if let (ColumnValues::Unknown(before), ColumnValues::Unknown(after)) = (&one.values, &two.values) {
            let is_same = digest::is_same(*before, *after);
            return Ok((!is_same).then_some(detail));
        }
        // A stream may contain any length without data: comparing such columns would never end.
        let loaded = if one.cost().max(two.cost()) > self.limits.memory_bytes {
            None
        } else {
            both(one.load(), two.load())?
        };
        let tally = if let Some((before, after)) = loaded {
            let tally = self.cells(&before, &after, matching);
            if tally.differ > 0 || !detail.dtype.is_same() {
                detail.summary = Some(Pair::new(summary(&before), summary(&after)));
            }
            tally
        } else {
            let (tally, unread) = self.large(one, two, matching)?;
            detail.unread = unread;
            tally
        };
        if tally.differ == 0 && detail.unread.is_none() && detail.dtype.is_same() {
            return Ok(None);
        }
        detail.differ = detail.unread.is_none().then_some(tally.differ);
        detail.max_difference = tally.max_difference;
        detail.examples = examples(tally.examples, index);
        Ok(Some(detail))
    }

    /// Compares columns that are loaded.
    fn cells(&self, one: &Column<'_>, two: &Column<'_>, matching: &RowMatching) -> DifferenceTally<u64> {
        let mut tally = DifferenceTally::default();
        let codes = Codes::of(one, two);
        for (before, after, length) in &matching.spans {
            if is_same_bytes(one, two, *before, *after, *length) {
                continue;
            }
            for at in 0..*length {
                let row = after + at;
                let is_same = match &codes {
                    Some(codes) => codes.is_same(before + at, row),
                    None => one.text(before + at).zip(two.text(row)).map(|(one, two)| one == two),
                };
                match is_same {
                    Some(true) => continue,
                    // This one is not shown.
                    Some(false) if tally.examples.len() >= self.limits.examples => {
                        tally.differ += 1;
                        continue;
                    }
                    _ => {}
                }
                let cells = (one.cell(before + at), two.cell(row));
                tally.take(&cells.0, &cells.1, self.limits.examples, self.limits.width, || row);
            }
        }
        tally
    }

    /// Compares columns that are too large to load: by their differing blocks if the elements are contiguous.
    fn large(
        &self,
        one: &Column<'_>,
        two: &Column<'_>,
        matching: &RowMatching,
    ) -> Result<(DifferenceTally<u64>, Option<UnreadMemory>), ReadError> {
        let bytes = one.cost().saturating_add(two.cost());
        let unread = UnreadMemory {
            blocks: 0,
            of: 0,
            bytes,
        };
        if let (Some(rows), ColumnValues::Coded(..), ColumnValues::Coded(..)) =
            (matching.prefix(), &one.values, &two.values)
        {
            return Ok((self.coded(one, two, rows)?, Some(unread)));
        }
        let (Some(rows), Some((before, dtype)), Some((after, other))) = (matching.prefix(), dense(one), dense(two))
        else {
            return Ok((DifferenceTally::default(), Some(unread)));
        };
        let size = rows.saturating_mul(dtype.size as u64);
        let (Some(before), Some(after)) = (before.slice(0, size), after.slice(0, size)) else {
            return Ok((DifferenceTally::default(), Some(unread)));
        };
        if dtype != other {
            return Ok((DifferenceTally::default(), Some(unread)));
        }
        let found = before.differing(&after)?;
        self.ranges(&before, &after, dtype, &found)
    }

    /// Returns examples of two columns of codes that are too large to load, from the first differing block on.
    fn coded(&self, one: &Column<'_>, two: &Column<'_>, rows: u64) -> Result<DifferenceTally<u64>, ReadError> {
        let mut tally = DifferenceTally::default();
        let (ColumnValues::Coded(codes, _), ColumnValues::Coded(others, _)) = (&one.values, &two.values) else {
            return Ok(tally);
        };
        let (Some((before, dtype)), Some((after, _))) = (dense(codes), dense(others)) else {
            return Ok(tally);
        };
        let found = before.differing(&after)?;
        let first = found
            .ranges
            .first()
            .map_or(0, |range| range.start / dtype.size.max(1) as u64);
        for row in first..rows.min(first.saturating_add(LOOKED_AT)) {
            let Some(read) = both(one.one(row), two.one(row))? else {
                break;
            };
            if let (Some(before), Some(after)) = read {
                let cells = (before.cell(0), after.cell(0));
                tally.take(&cells.0, &cells.1, self.limits.examples, self.limits.width, || row);
            }
        }
        Ok(tally)
    }
}

/// Two columns of codes, with the codes of both translated to those of the newer column: rows are equal if these
/// codes are.
struct Codes {
    before: Vec<u32>,
    after: Vec<u32>,
}

/// In place of a code: the value is missing.
const NO_VALUE: u32 = u32::MAX;
/// In place of a code: the newer column does not have the text.
const GONE: u32 = u32::MAX - 1;

impl Codes {
    /// Returns `None` if the columns are not stored as codes, or have too many texts.
    fn of(one: &Column<'_>, two: &Column<'_>) -> Option<Self> {
        let (ColumnValues::Coded(before, texts), ColumnValues::Coded(after, labels)) = (&one.values, &two.values)
        else {
            return None;
        };
        // A stream may contain any length without data: building the codes would never end.
        let is_there = |codes: &Column<'_>, rows| matches!(&codes.values, ColumnValues::Fixed { memory, .. } if rows <= memory.len());
        let (most, count) = (texts.length, labels.length);
        if most > CODED || count > CODED || !is_there(before, one.length) || !is_there(after, two.length) {
            return None;
        }
        let known: Option<FxHashMap<&[u8], u32>> =
            (0..count).map(|code| Some((labels.text(code)?, code as u32))).collect();
        // A text with two codes could be stored as either of them.
        let known = known.filter(|known| known.len() as u64 == count)?;
        let now = |code| texts.text(code).map(|text| known.get(text).copied().unwrap_or(GONE));
        let now: Vec<u32> = (0..most).map(now).collect::<Option<_>>()?;
        let before = |row| before.code(row, most).map_or(NO_VALUE, |code| now[code as usize]);
        let after = |row| after.code(row, count).map_or(NO_VALUE, |code| code as u32);
        Some(Self {
            before: (0..one.length).map(before).collect(),
            after: (0..two.length).map(after).collect(),
        })
    }

    /// Returns `None` if a value is missing.
    fn is_same(&self, before: u64, after: u64) -> Option<bool> {
        let (before, after) = (*self.before.get(before as usize)?, *self.after.get(after as usize)?);
        (before != NO_VALUE && after != NO_VALUE).then_some(before == after)
    }
}

/// The number of rows that are searched one by one for examples.
const LOOKED_AT: u64 = 64;

/// Returns the memory of a column with contiguous elements.
fn dense<'c, 'a>(column: &'c Column<'a>) -> Option<(StoredMemory<'a>, &'c crate::value::element::Dtype)> {
    match &column.values {
        ColumnValues::Fixed {
            memory: Bytes::Memory(memory),
            dtype,
            offset,
            stride,
        } if *stride == dtype.size as i64 => Some((memory.slice(*offset, memory.len().checked_sub(*offset)?)?, dtype)),
        _ => None,
    }
}

/// Returns whether the first rows of both columns are in the same blocks.
fn starts_same(one: &Column<'_>, two: &Column<'_>, rows: u64) -> bool {
    let (Some((before, dtype)), Some((after, other))) = (dense(one), dense(two)) else {
        return false;
    };
    let size = rows.saturating_mul(dtype.size as u64);
    let parts = (before.slice(0, size), after.slice(0, size));
    dtype == other && matches!(parts, (Some(before), Some(after)) if before.is_same(&after))
}

/// Returns whether the bytes of a span are equal; false if the bytes of the columns cannot be compared.
fn is_same_bytes(one: &Column<'_>, two: &Column<'_>, before: u64, after: u64, length: u64) -> bool {
    let (
        ColumnValues::Fixed {
            memory: bytes,
            dtype,
            offset,
            stride,
        },
        ColumnValues::Fixed {
            memory: others,
            dtype: other,
            offset: from,
            stride: step,
        },
    ) = (&one.values, &two.values)
    else {
        return false;
    };
    let size = dtype.size as u64;
    if dtype != other || *stride != size as i64 || step != stride {
        return false;
    }
    let part = |offset: u64, row: u64| {
        let start = usize::try_from(row.checked_mul(size)?.checked_add(offset)?).ok()?;
        Some(start..start.checked_add(usize::try_from(length.checked_mul(size)?).ok()?)?)
    };
    let parts = (
        part(*offset, before).and_then(|range| bytes.loaded().get(range)),
        part(*from, after).and_then(|range| others.loaded().get(range)),
    );
    matches!(parts, (Some(one), Some(two)) if one == two)
}

fn examples(found: Vec<(u64, String, String)>, index: &Index<'_>) -> Vec<Example> {
    let rows: Vec<u64> = found.iter().map(|(row, ..)| *row).collect();
    let example = |((_, before, after), row)| Example { row, before, after };
    found.into_iter().zip(labels_of(&rows, index)).map(example).collect()
}

/// Returns statistics of all values of a column.
fn summary(column: &Column<'_>) -> ColumnSummary {
    let length = column.length;
    // A value that many rows share is processed once.
    let found = match column.counted(CODED) {
        Some((labels, times)) => {
            let there = (0..).zip(times).filter(|(_, times)| *times > 0);
            summed(there.map(|(label, times)| (labels.cell(label), times)), true)
        }
        None => summed((0..length).map(|row| (column.cell(row), 1)), length <= COUNTED),
    };
    ColumnSummary {
        count: length,
        missing: length - found.count,
        ..found
    }
}

/// Returns statistics of values, each given with its number of occurrences; missing values are not counted.
fn summed<'c>(values: impl Iterator<Item = (ElementValue<'c>, u64)>, counts_distinct: bool) -> ColumnSummary {
    let mut summary = ColumnSummary::default();
    let (mut sum, mut numbers, mut others) = (0.0, 0_u64, false);
    let mut ends: Option<(ElementValue<'_>, ElementValue<'_>)> = None;
    let mut distinct = FxHashSet::default();
    let mut key = Vec::new();
    for (cell, times) in values.filter(|(cell, _)| !cell.is_missing()) {
        summary.count += times;
        if let Some(number) = cell.number() {
            sum += number * times as f64;
            numbers += times;
        } else if !matches!(cell, ElementValue::Time(..)) {
            others = true;
        }
        if !others {
            match &mut ends {
                None => ends = Some((cell.clone(), cell)),
                Some((least, _)) if is_less(&cell, least) => *least = cell,
                Some((_, most)) if is_less(most, &cell) => *most = cell,
                Some(_) => {}
            }
        } else if counts_distinct {
            key.clear();
            if cell.key(&mut key).is_some() {
                distinct.insert(clew_core::id::Fingerprint::of(&key).0);
            }
        }
    }
    summary.distinct = (others && counts_distinct).then_some(distinct.len() as u64);
    if !others {
        summary.min = ends.as_ref().map(|(least, _)| least.text(40));
        summary.max = ends.as_ref().map(|(_, most)| most.text(40));
        summary.mean = (numbers > 0)
            .then(|| sum / numbers as f64)
            .filter(|mean| mean.is_finite());
    }
    summary
}

fn is_less(one: &ElementValue<'_>, two: &ElementValue<'_>) -> bool {
    match (one, two) {
        (ElementValue::Time(one, _), ElementValue::Time(two, _)) => one < two,
        (ElementValue::Int(one), ElementValue::Int(two)) => one < two,
        (one, two) => one.number() < two.number(),
    }
}

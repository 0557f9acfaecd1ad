//! Tables: columns of the same length, and labels for rows.

use clew_core::id::Fingerprint;

use crate::stored_value::{NodeView, ReadError};
use crate::value::cell::ElementValue;
use crate::value::column::{Column, ColumnValues};

/// The kind of table that a library uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Columns by name.
    Frame,
    /// One column.
    Series,
}

/// Columns of the same length.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// The name of its type: `pandas.DataFrame`.
    pub type_name: String,
    /// Whether it is a single column.
    pub form: TableKind,
    /// Labels of the rows.
    pub index: Index<'a>,
    /// Labels and values.
    pub columns: Vec<(Label, Column<'a>)>,
    /// Parts besides its values, by name.
    pub extras: Vec<(String, NodeView<'a>)>,
}

/// The most characters of a label that are shown.
pub(crate) const LABEL: usize = 40;

/// The label of a column, or the name of an index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Label {
    /// Its readable form, which other labels may have, too.
    pub text: String,
    /// A hash of the label.
    pub key: u128,
}

impl Label {
    pub(crate) fn new(text: String, key: &[u8]) -> Self {
        let key = u128::from_be_bytes(Fingerprint::of(key).0);
        Self { text, key }
    }
}

/// Labels of rows.
#[derive(Debug, Clone)]
pub struct Index<'a> {
    /// Names of its levels.
    pub names: Vec<Option<Label>>,
    /// One column of labels for each level.
    pub levels: Vec<Column<'a>>,
    /// The number of rows.
    pub length: u64,
}

impl<'a> Index<'a> {
    /// Labels rows by their positions.
    pub fn places(length: u64) -> Self {
        Self {
            names: vec![None],
            levels: vec![Column::new("int64", length, ColumnValues::Range(0, 1))],
            length,
        }
    }

    /// Returns start and step, if labels are evenly spaced numbers.
    pub fn range(&self) -> Option<(i128, i128)> {
        match self.levels.as_slice() {
            [
                Column {
                    values: ColumnValues::Range(start, step),
                    ..
                },
            ] => Some((*start, *step)),
            _ => None,
        }
    }

    /// Returns whether both are the same, judged by their blocks.
    pub fn is_same(&self, other: &Index<'_>) -> bool {
        self.length == other.length
            && self.levels.len() == other.levels.len()
            && self.levels.iter().zip(&other.levels).all(|(one, two)| one.is_same(two))
    }

    /// Returns the number of bytes that [`Self::load`] reads.
    pub fn cost(&self) -> u64 {
        self.levels
            .iter()
            .fold(0, |sum, level| sum.saturating_add(level.cost()))
    }

    /// Returns the label of one row in readable form, reading only this row; `None` if the layout or the limit of
    /// bytes to read does not allow that.
    pub(crate) fn label(&self, row: u64) -> Option<String> {
        let level = |level: &Column<'_>| level.one(row).ok().flatten().map(|found| found.cell(0).label(LABEL));
        match self.levels.as_slice() {
            [one] => level(one),
            _ => None,
        }
    }

    /// Reads the labels.
    ///
    /// # Errors
    /// Memory is missing or corrupted, or exceeds the limit of bytes to read.
    pub fn load(&self) -> Result<Labels<'a>, ReadError> {
        Ok(Labels(self.levels.iter().map(Column::load).collect::<Result<_, _>>()?))
    }
}

/// Labels that were loaded.
#[derive(Debug)]
pub struct Labels<'a>(Vec<Column<'a>>);

impl Labels<'_> {
    /// Returns a label in readable form.
    pub fn text(&self, row: u64) -> String {
        match self.0.as_slice() {
            [level] => level.cell(row).label(LABEL),
            levels => {
                let parts: Vec<String> = levels.iter().map(|level| level.cell(row).text(30)).collect();
                format!("({})", parts.join(", "))
            }
        }
    }

    /// Returns the first `length` labels, if all of them are integers of 64 bits.
    pub(crate) fn whole(&self, length: u64) -> Option<Vec<i64>> {
        let [level] = self.0.as_slice() else { return None };
        if !matches!(level.values, ColumnValues::Fixed { .. } | ColumnValues::Range(..)) {
            return None;
        }
        let number = |row| match level.cell(row) {
            ElementValue::Int(number) => i64::try_from(number).ok(),
            _ => None,
        };
        (0..length).map(number).collect()
    }

    /// Writes the bytes that identify a label; `None` if it is unreadable.
    pub(crate) fn key(&self, row: u64, key: &mut Vec<u8>) -> Option<()> {
        key.clear();
        self.0.iter().try_for_each(|level| level.cell(row).key(key))
    }

    /// Returns a label; `None` if it is unreadable.
    pub(crate) fn label(&self, row: u64) -> Option<Label> {
        let mut key = Vec::new();
        self.key(row, &mut key)?;
        Some(Label::new(self.text(row), &key))
    }
}

impl Table<'_> {
    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        self.index.length
    }

    /// Returns a headline such as `DataFrame 3 × 2`.
    pub fn headline(&self) -> String {
        let name = crate::value::object::last_part(&self.type_name);
        match self.form {
            TableKind::Frame => format!("{name} {} × {}", self.rows(), self.columns.len()),
            TableKind::Series => format!("{name} {}", self.rows()),
        }
    }
}

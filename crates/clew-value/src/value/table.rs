//! Tables: columns of one length beside each other, and labels for rows.

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

/// Columns of one length.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// What it is called: `pandas.DataFrame`.
    pub type_name: String,
    /// Whether it is one column only.
    pub form: TableKind,
    /// Labels of the rows.
    pub index: Index<'a>,
    /// Names and values.
    pub columns: Vec<(String, Column<'a>)>,
    /// What hangs on it beside its values, by name.
    pub extras: Vec<(String, NodeView<'a>)>,
}

/// Labels of rows.
#[derive(Debug, Clone)]
pub struct Index<'a> {
    /// Names of its levels.
    pub names: Vec<Option<String>>,
    /// One column of labels for each level.
    pub levels: Vec<Column<'a>>,
    /// How many rows.
    pub length: u64,
}

impl<'a> Index<'a> {
    /// Rows by their places.
    pub fn places(length: u64) -> Self {
        Self {
            names: vec![None],
            levels: vec![Column::new("int64", length, ColumnValues::Range(0, 1))],
            length,
        }
    }

    /// Start and step, where labels are numbers at equal distances.
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

    /// Whether both are the same, as far as blocks tell.
    pub fn is_same(&self, other: &Index<'_>) -> bool {
        self.length == other.length
            && self.levels.len() == other.levels.len()
            && self.levels.iter().zip(&other.levels).all(|(one, two)| one.is_same(two))
    }

    /// Bytes that are read to know all labels.
    pub fn cost(&self) -> u64 {
        self.levels
            .iter()
            .fold(0, |sum, level| sum.saturating_add(level.cost()))
    }

    /// The label of one row as people read it, read alone; `None` where the layout does not allow that, or no more may be read.
    pub(crate) fn label(&self, row: u64) -> Option<String> {
        let level = |level: &Column<'_>| level.one(row).ok().flatten().map(|found| found.cell(0).label(40));
        match self.levels.as_slice() {
            [one] => level(one),
            _ => None,
        }
    }

    /// Reads the labels.
    ///
    /// # Errors
    /// Memory is missing, damaged, or more than may be read.
    pub fn load(&self) -> Result<Labels<'a>, ReadError> {
        Ok(Labels(self.levels.iter().map(Column::load).collect::<Result<_, _>>()?))
    }
}

/// Labels that were read.
#[derive(Debug)]
pub struct Labels<'a>(Vec<Column<'a>>);

impl Labels<'_> {
    /// A label as people read it.
    pub fn text(&self, row: u64) -> String {
        match self.0.as_slice() {
            [level] => level.cell(row).label(40),
            levels => {
                let parts: Vec<String> = levels.iter().map(|level| level.cell(row).text(30)).collect();
                format!("({})", parts.join(", "))
            }
        }
    }

    /// The first `length` labels, where all are whole numbers of 64 bits.
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

    /// What tells a label from others.
    pub(crate) fn key(&self, row: u64, key: &mut Vec<u8>) {
        key.clear();
        for level in &self.0 {
            let start = key.len();
            level.cell(row).key(key);
            let length = key.len() - start;
            key.extend_from_slice(&(length as u64).to_le_bytes());
        }
    }
}

impl Table<'_> {
    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.index.length
    }

    /// `DataFrame 3 × 2`.
    pub fn headline(&self) -> String {
        let name = crate::value::object::last_part(&self.type_name);
        match self.form {
            TableKind::Frame => format!("{name} {} × {}", self.rows(), self.columns.len()),
            TableKind::Series => format!("{name} {}", self.rows()),
        }
    }
}

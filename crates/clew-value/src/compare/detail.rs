//! The differences between two values, as data.

use serde::Serialize;

/// Something as it was and as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pair<T> {
    /// As it was.
    pub before: T,
    /// As it is.
    pub after: T,
}

impl<T: PartialEq> Pair<T> {
    /// Creates a pair.
    pub fn new(before: T, after: T) -> Self {
        Self { before, after }
    }

    /// Returns whether both are the same.
    pub fn is_same(&self) -> bool {
        self.before == self.after
    }
}

impl Pair<String> {
    /// Creates a pair of texts of different things; the texts differ, too.
    pub(super) fn different(before: String, mut after: String) -> Self {
        if before == after {
            after += " (another one)";
        }
        Self { before, after }
    }
}

/// What lies between two values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Detail {
    /// The values are equal; another difference, in words.
    Same {
        /// The difference.
        note: String,
    },
    /// One value instead of another.
    Value(Pair<String>),
    /// Texts, compared by line.
    Text(TextDetail),
    /// Arrays, compared by element.
    Array(ArrayDetail),
    /// Tables and series, compared by row and column.
    Table(Box<TableDetail>),
    /// Containers and objects, compared by member.
    Members(MembersDetail),
    /// The values could not be compared, and why.
    Unread {
        /// Why.
        why: String,
    },
}

/// What lies between two texts, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TextDetail {
    /// Lines that were added.
    pub added: u64,
    /// Lines that were removed.
    pub removed: u64,
    /// The lines; each begins with `+`, `-` or a space.
    pub lines: Vec<String>,
    /// Lines that are not listed.
    pub more: u64,
}

/// What lies between two arrays.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArrayDetail {
    /// The types of the elements.
    pub dtype: Pair<String>,
    /// The lengths of the dimensions.
    pub shape: Pair<Vec<u64>>,
    /// Elements that were compared; null if the shapes do not allow it.
    pub elements: Option<u64>,
    /// Elements that differ; null if they were not read.
    pub differ: Option<u64>,
    /// The first elements that differ.
    pub examples: Vec<ElementChange>,
    /// The largest difference between two numbers.
    pub max_difference: Option<f64>,
    /// What was not read.
    pub unread: Option<UnreadMemory>,
}

/// An element that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ElementChange {
    /// The position.
    pub at: Vec<u64>,
    /// The older value.
    pub before: String,
    /// The newer value.
    pub after: String,
}

/// What was not read, since it was too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnreadMemory {
    /// Blocks of memory that differ.
    pub blocks: u64,
    /// All blocks.
    pub of: u64,
    /// How many bytes there are to read.
    pub bytes: u64,
}

/// What lies between two tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TableDetail {
    /// `frame` or `series`.
    pub form: &'static str,
    /// The types.
    pub type_name: Pair<String>,
    /// How many rows.
    pub rows: Pair<u64>,
    /// How rows were matched: `label` or `position`.
    pub matched_by: &'static str,
    /// Whether there were too many labels to compare. Rows were then matched by position.
    pub labels_unread: bool,
    /// Rows that were added.
    pub rows_added: Rows,
    /// Rows that were removed.
    pub rows_removed: Rows,
    /// Whether rows that stayed are in another order.
    pub rows_reordered: bool,
    /// The index, if its type or name changed.
    pub index_changed: Option<Pair<String>>,
    /// Columns that were added.
    pub columns_added: Vec<ColumnName>,
    /// Columns that were removed.
    pub columns_removed: Vec<ColumnName>,
    /// Columns with another name and the same values.
    pub columns_renamed: Vec<Pair<String>>,
    /// Whether columns that stayed are in another order.
    pub columns_reordered: bool,
    /// Columns that changed.
    pub columns_changed: Vec<ColumnDetail>,
    /// Columns without a change.
    pub columns_kept: u64,
    /// Changes besides the values, such as attributes.
    pub extras: Vec<Change>,
}

/// Rows, by their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rows {
    /// How many rows.
    pub count: u64,
    /// The first labels.
    pub examples: Vec<String>,
    /// The last label, if not all are listed.
    pub last: Option<String>,
}

/// A column by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ColumnName {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: String,
}

/// What lies between two columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ColumnDetail {
    /// The name of the column.
    pub name: String,
    /// Its types.
    pub dtype: Pair<String>,
    /// Values that were compared: those of rows in both tables.
    pub values: u64,
    /// Values that differ; null if they were not read.
    pub differ: Option<u64>,
    /// The first values that differ.
    pub examples: Vec<Example>,
    /// The largest difference between two numbers.
    pub max_difference: Option<f64>,
    /// Statistics of all values.
    pub summary: Option<Pair<ColumnSummary>>,
    /// What was not read.
    pub unread: Option<UnreadMemory>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Example {
    /// The label of its row.
    pub row: String,
    /// The older value.
    pub before: String,
    /// The newer value.
    pub after: String,
}

/// All values of a column, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ColumnSummary {
    /// How many values.
    pub count: u64,
    /// Missing values.
    pub missing: u64,
    /// Different values; null if they were not counted.
    pub distinct: Option<u64>,
    /// The smallest value.
    pub min: Option<String>,
    /// The largest value.
    pub max: Option<String>,
    /// The mean.
    pub mean: Option<f64>,
}

/// What lies between two containers or objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MembersDetail {
    /// The types; null if they are the same.
    pub type_name: Option<Pair<String>>,
    /// How many members; null if the number is the same.
    pub length: Option<Pair<u64>>,
    /// How many places differ.
    pub differ: u64,
    /// The first changes.
    pub changes: Vec<Change>,
    /// What else differs.
    pub note: Option<String>,
}

/// One place that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// The way from the variable: `['lr']`, `.max_depth`, `[3]`.
    pub path: String,
    /// The older value; null if it is new.
    pub before: Option<String>,
    /// The newer value; null if it is gone.
    pub after: Option<String>,
    /// The difference, if one line cannot show it.
    pub detail: Option<Box<Detail>>,
}

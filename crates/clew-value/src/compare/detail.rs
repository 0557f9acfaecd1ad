//! The differences between two values, as data.

use serde::Serialize;

/// The older and the newer state of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pair<T> {
    /// The older state.
    pub before: T,
    /// The newer state.
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

/// The differences between two values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Detail {
    /// The values are equal. `note` describes another difference.
    Same {
        /// The description of the difference.
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
    /// The values could not be compared. `why` gives the reason.
    Unread {
        /// The reason.
        why: String,
    },
}

/// The differences between two texts, line by line.
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

/// The differences between two arrays.
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
    /// Values that were not read; null if all were read.
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

/// Memory that was not read, because there was too much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnreadMemory {
    /// Blocks of memory that differ.
    pub blocks: u64,
    /// All blocks.
    pub of: u64,
    /// The number of bytes that were not read.
    pub bytes: u64,
}

/// The differences between two tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TableDetail {
    /// `frame` or `series`.
    pub form: &'static str,
    /// The types.
    pub type_name: Pair<String>,
    /// The number of rows.
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

/// Some rows, with their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rows {
    /// The number of rows.
    pub count: u64,
    /// The first labels.
    pub examples: Vec<String>,
    /// The last label, if not all labels are listed.
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

/// The differences between two columns.
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
    /// Values that were not read; null if all were read.
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

/// Statistics of all values of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ColumnSummary {
    /// The number of values.
    pub count: u64,
    /// Missing values.
    pub missing: u64,
    /// The number of different values; null if they were not counted.
    pub distinct: Option<u64>,
    /// The smallest value.
    pub min: Option<String>,
    /// The largest value.
    pub max: Option<String>,
    /// The mean.
    pub mean: Option<f64>,
}

/// The differences between two containers or objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MembersDetail {
    /// The types; null if they are the same.
    pub type_name: Option<Pair<String>>,
    /// The numbers of members; null if they are the same.
    pub length: Option<Pair<u64>>,
    /// The number of members, at any depth, that differ.
    pub differ: u64,
    /// The first changes.
    pub changes: Vec<Change>,
    /// Other differences.
    pub note: Option<String>,
}

/// One member that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// The path from the variable to the member: `['lr']`, `.max_depth`, `[3]`.
    pub path: String,
    /// The older value; null if the member was added.
    pub before: Option<String>,
    /// The newer value; null if the member was removed.
    pub after: Option<String>,
    /// The difference in detail, if it does not fit into `before` and `after`.
    pub detail: Option<Box<Detail>>,
}

//! What lies between two values, as data.

use serde::Serialize;

/// Something as it was and as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair<T> {
    /// As it was.
    pub before: T,
    /// As it is.
    pub after: T,
}

impl<T: PartialEq> Pair<T> {
    /// Both.
    pub fn new(before: T, after: T) -> Self {
        Self { before, after }
    }

    /// Whether they are the same.
    pub fn is_same(&self) -> bool {
        self.before == self.after
    }
}

/// What lies between two values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Detail {
    /// Nothing that its words can tell: the values are equal, and something about them is not.
    Same {
        /// What that may be.
        note: String,
    },
    /// One value in place of another.
    Value(Pair<String>),
    /// A text in place of another.
    Text(TextDetail),
    /// Elements of an array.
    Array(ArrayDetail),
    /// Columns and rows of a table or series.
    Table(Box<TableDetail>),
    /// Members of a container, attributes of an object, and what lies in them.
    Members(MembersDetail),
    /// It could not be looked at.
    Unread {
        /// Why.
        why: String,
    },
}

/// What lies between two texts, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextDetail {
    /// Lines that are new.
    pub added: u64,
    /// Lines that are gone.
    pub removed: u64,
    /// The first lines of both, and of what is around them: `+`, `-` or a space, then the line.
    pub lines: Vec<String>,
    /// How many lines are left out.
    pub more: u64,
}

/// What lies between two arrays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArrayDetail {
    /// Types of the elements.
    pub dtype: Pair<String>,
    /// Lengths by dimension.
    pub shape: Pair<Vec<u64>>,
    /// How many elements were compared; `null` if the shapes allow no comparison.
    pub elements: Option<u64>,
    /// How many of them differ; `null` if they were not read.
    pub differ: Option<u64>,
    /// The first of them, by place.
    pub examples: Vec<Element>,
    /// The largest difference between two numbers.
    pub max_difference: Option<f64>,
    /// What was not read.
    pub unread: Option<Unread>,
}

/// An element that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Element {
    /// Its place, by dimension.
    pub at: Vec<u64>,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// What was not read, since it was too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Blocks of memory that differ.
    pub blocks: u64,
    /// Of how many.
    pub of: u64,
    /// Bytes that would have to be read.
    pub bytes: u64,
}

/// What lies between two tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableDetail {
    /// `frame` or `series`.
    pub form: &'static str,
    /// What its class is called.
    pub type_name: Pair<String>,
    /// How many rows.
    pub rows: Pair<u64>,
    /// How rows were matched: `position` (labels are the same, or tell nothing) or `label`.
    pub matched_by: &'static str,
    /// Whether labels differ, or may, and are too many to be compared: rows were matched by position.
    pub labels_unread: bool,
    /// Rows that are new.
    pub rows_added: Rows,
    /// Rows that are gone.
    pub rows_removed: Rows,
    /// Whether rows that stayed are in another order.
    pub rows_reordered: bool,
    /// Whether the labels of rows differ in type or name, though rows were matched by position.
    pub index_changed: Option<Pair<String>>,
    /// Columns that are new.
    pub columns_added: Vec<ColumnName>,
    /// Columns that are gone.
    pub columns_removed: Vec<ColumnName>,
    /// Columns that have another name and the same values.
    pub columns_renamed: Vec<Pair<String>>,
    /// Whether columns that stayed are in another order.
    pub columns_reordered: bool,
    /// Columns whose values or types differ.
    pub columns_changed: Vec<ColumnDetail>,
    /// How many columns stayed as they were.
    pub columns_kept: u64,
    /// What hangs on it beside its values.
    pub extras: Vec<Change>,
}

/// Rows, by their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// How many.
    pub count: u64,
    /// Labels of the first few.
    pub examples: Vec<String>,
    /// Label of the last one, where not all are shown.
    pub last: Option<String>,
}

/// A column by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnName {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: String,
}

/// What lies between two columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnDetail {
    /// Its name.
    pub name: String,
    /// Its types.
    pub dtype: Pair<String>,
    /// How many values were compared: those of rows that are in both.
    pub values: u64,
    /// How many of them differ; `null` if they were not read.
    pub differ: Option<u64>,
    /// The first of them, by label.
    pub examples: Vec<Example>,
    /// The largest difference between two numbers.
    pub max_difference: Option<f64>,
    /// All its values as they were and as they are, in numbers.
    pub summary: Option<Pair<Summary>>,
    /// What was not read.
    pub unread: Option<Unread>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The label of its row.
    pub row: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// All values of a column, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// How many are missing.
    pub missing: u64,
    /// How many different ones there are; `null` where nobody counted.
    pub distinct: Option<u64>,
    /// The least, as text.
    pub min: Option<String>,
    /// The largest, as text.
    pub max: Option<String>,
    /// The mean of the numbers.
    pub mean: Option<f64>,
}

/// What lies between two containers or objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MembersDetail {
    /// What its class is called.
    pub type_name: Option<Pair<String>>,
    /// How many members.
    pub length: Option<Pair<u64>>,
    /// How many places differ, those in what lies inside counted one by one.
    pub differ: u64,
    /// The first of them.
    pub changes: Vec<Change>,
    /// What else differs.
    pub note: Option<String>,
}

/// One place that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// How to get there from the name: `['lr']`, `.max_depth`, `[3]`.
    pub path: String,
    /// As it was; `null` if it is new.
    pub before: Option<String>,
    /// As it is; `null` if it is gone.
    pub after: Option<String>,
    /// What lies between them, where a line does not tell.
    pub detail: Option<Box<Detail>>,
}

//! Formats the difference between two values as lines.

use clew_value::compare::{
    ArrayDetail, Change, ColumnDetail, ColumnName, ColumnSummary, Detail, MembersDetail, Pair, Rows, TableDetail,
    TextDetail, UnreadMemory,
};

use crate::text::{bytes, clean, count, grouped, listing};

/// The most changes of a container or an object that are listed.
const CHANGES: usize = 12;
/// The most columns that are listed.
const COLUMNS: usize = 12;
/// The most characters of a value, before and after together, that are displayed beside its name.
const SHORT: usize = 60;
/// One level of indentation.
const STEP: &str = "    ";

/// Returns the detail of a variable as lines, without what its headline contains.
pub fn lines(name: &str, detail: &Detail) -> Vec<String> {
    let lines = match detail {
        Detail::Value(pair) if is_short(pair) => Vec::new(),
        Detail::Value(pair) => vec![format!("- {}", pair.before), format!("+ {}", pair.after)],
        Detail::Same { note } => vec![note.clone()],
        Detail::Unread { why } => vec![format!("not compared: {why}")],
        Detail::Text(text) => text_lines(text),
        Detail::Array(array) => vec![array_line(array)],
        Detail::Table(table) => table_lines(table),
        Detail::Members(members) => members_lines(name, members),
    };
    lines.iter().map(|line| clean(line).replace('\n', " ")).collect()
}

/// Formats `before → after`.
pub fn arrow<T: ToString + PartialEq>(pair: &Pair<T>) -> String {
    if pair.before == pair.after {
        return pair.after.to_string();
    }
    format!("{} → {}", pair.before.to_string(), pair.after.to_string())
}

/// Whether a value fits beside its name.
pub fn is_short(pair: &Pair<String>) -> bool {
    pair.before.chars().count() + pair.after.chars().count() <= SHORT
}

pub fn text_lines(text: &TextDetail) -> Vec<String> {
    let mut lines = vec![format!(
        "{} added, {} removed",
        count(text.added as usize, "line"),
        grouped(text.removed)
    )];
    lines.extend(text.lines.iter().map(|line| format!("{STEP}{line}")));
    if text.more > 0 {
        lines.push(format!("{STEP}and {} more", count(text.more as usize, "line")));
    }
    lines
}

// --- containers and objects ---------------------------------------------------------------------------------------

fn members_lines(name: &str, members: &MembersDetail) -> Vec<String> {
    let changes = shown_changes(members)
        .iter()
        .flat_map(|change| change_lines(name, change));
    changes.chain(members_rest(members)).collect()
}

/// Returns the changes that are listed.
pub fn shown_changes(members: &MembersDetail) -> &[Change] {
    &members.changes[..members.changes.len().min(CHANGES)]
}

/// Returns the lines below the changes: how many were omitted, and other differences.
pub fn members_rest(members: &MembersDetail) -> Vec<String> {
    let mut lines = Vec::new();
    let shown = shown_changes(members).len() as u64;
    if members.differ > shown && shown > 0 {
        lines.push(format!("and {} more", grouped(members.differ - shown)));
    }
    lines.extend(members.type_name.as_ref().map(arrow));
    lines.extend(members.note.clone());
    lines
}

/// Returns the path of a change: `df['a']`; empty for the value as a whole.
pub fn path_of(name: &str, change: &Change) -> String {
    if change.path.is_empty() {
        String::new()
    } else {
        format!("{name}{}", change.path)
    }
}

pub fn change_lines(name: &str, change: &Change) -> Vec<String> {
    let path = path_of(name, change);
    let head = |text: &str| {
        if path.is_empty() {
            text.to_owned()
        } else {
            format!("{path}: {text}")
        }
    };
    match (&change.detail, &change.before, &change.after) {
        (Some(detail), _, _) => match &**detail {
            Detail::Array(array) => vec![head(&array_line(array))],
            Detail::Unread { why } => vec![head(&format!("not compared: {why}"))],
            other => {
                let inner = lines(&path, other);
                let type_line = match other {
                    Detail::Table(table) => headline(table),
                    _ => "differs".to_owned(),
                };
                std::iter::once(head(&type_line))
                    .chain(inner.into_iter().map(|line| format!("{STEP}{line}")))
                    .collect()
            }
        },
        (None, Some(before), Some(after)) => vec![head(&format!("{before} → {after}"))],
        (None, Some(before), None) if path.is_empty() => vec![format!("- {before}")],
        (None, None, Some(after)) if path.is_empty() => vec![format!("+ {after}")],
        (None, Some(before), None) => vec![format!("- {path}: {before}")],
        (None, None, Some(after)) => vec![format!("+ {path}: {after}")],
        (None, None, None) => Vec::new(),
    }
}

/// Formats `DataFrame, 3 → 4 rows`, for nested tables.
fn headline(table: &TableDetail) -> String {
    let rows = arrow(&Pair::new(grouped(table.rows.before), grouped(table.rows.after)));
    let name = table.type_name.after.rsplit('.').next().unwrap_or_default().to_owned();
    format!("{name}, {rows} rows")
}

// --- arrays ---------------------------------------------------------------------------------------------------------

fn array_line(array: &ArrayDetail) -> String {
    let mut parts = Vec::new();
    if !array.shape.is_same() {
        let shape = |lengths: &[u64]| lengths.iter().map(u64::to_string).collect::<Vec<_>>().join(" × ");
        parts.push(format!(
            "shape {} → {}",
            shape(&array.shape.before),
            shape(&array.shape.after)
        ));
    }
    if !array.dtype.is_same() {
        parts.push(arrow(&array.dtype));
    }
    if let Some(elements) = array.elements {
        parts.extend(match array.differ {
            Some(0) => None,
            Some(differ) => Some(format!(
                "{}{}",
                differing(differ, elements, "element"),
                by(array.max_difference, differ)
            )),
            None => Some("elements differ".to_owned()),
        });
    }
    parts.extend(array.unread.as_ref().map(unread));
    let mut line = parts.join("; ");
    let shown = array.examples.iter().take(3).map(|element| {
        let at: Vec<String> = element.at.iter().map(u64::to_string).collect();
        format!("[{}] {} → {}", at.join(", "), element.before, element.after)
    });
    let shown: Vec<String> = shown.collect();
    if !shown.is_empty() {
        let more = if array.differ.is_none_or(|differ| differ > shown.len() as u64) {
            " …"
        } else {
            ""
        };
        line += &format!(": {}{more}", shown.join(", "));
    }
    line
}

/// Formats `3 of 1,000 values differ`.
fn differing(differ: u64, of: u64, noun: &str) -> String {
    let verb = if differ == 1 { "differs" } else { "differ" };
    match (differ, of) {
        (1, 1) => format!("the {noun} differs"),
        (differ, of) if differ == of => format!("all {} {noun}s differ", grouped(of)),
        (differ, of) => format!("{} of {} {noun}s {verb}", grouped(differ), grouped(of)),
    }
}

fn by(most: Option<f64>, differ: u64) -> String {
    match most {
        Some(most) if most > 0.0 && differ == 1 => format!(", by {}", rounded(most)),
        Some(most) if most > 0.0 => format!(", by {} at most", rounded(most)),
        _ => String::new(),
    }
}

fn unread(unread: &UnreadMemory) -> String {
    let blocks = if unread.of > 0 {
        format!("{} of {} blocks differ, ", grouped(unread.blocks), grouped(unread.of))
    } else {
        String::new()
    };
    format!("{blocks}{} not read: `--deep` reads them", bytes(unread.bytes))
}

// --- tables ---------------------------------------------------------------------------------------------------------

fn table_lines(table: &TableDetail) -> Vec<String> {
    let (changed, left_out) = shown_columns(table);
    let columns = changed.iter().flat_map(|column| column_lines(column, table));
    table_heads(table).into_iter().chain(columns).chain(left_out).collect()
}

/// Returns the columns that are listed, and the line that names the others.
pub fn shown_columns(table: &TableDetail) -> (&[ColumnDetail], Vec<String>) {
    let (shown, rest) = table.columns_changed.split_at(table.columns_changed.len().min(COLUMNS));
    let names: Vec<String> = rest.iter().map(|column| column.name.clone()).collect();
    let left_out = (!names.is_empty()).then(|| format!("and {}", listing(&names, 8)));
    (shown, left_out.into_iter().collect())
}

/// Returns the lines about added, removed, renamed and reordered rows and columns, and about the table's attributes.
pub fn table_heads(table: &TableDetail) -> Vec<String> {
    let mut lines = Vec::new();
    if !table.type_name.is_same() {
        lines.push(arrow(&table.type_name));
    }
    let named = |column: &ColumnName| format!("{} ({})", column.name, column.dtype);
    let listed = |columns: &[ColumnName]| listing(&columns.iter().map(named).collect::<Vec<_>>(), 6);
    for (mark, columns) in [('+', &table.columns_added), ('-', &table.columns_removed)] {
        if !columns.is_empty() {
            lines.push(format!(
                "{mark} {}: {}",
                plural(columns.len(), "column"),
                listed(columns)
            ));
        }
    }
    for pair in table.columns_renamed.iter().take(COLUMNS) {
        lines.push(format!(
            "{} is now called {}",
            quoted(&pair.before),
            quoted(&pair.after)
        ));
    }
    if table.columns_reordered {
        lines.push("columns are in another order".to_owned());
    }
    lines.extend(rows_line('+', &table.rows_added));
    lines.extend(rows_line('-', &table.rows_removed));
    if table.rows_reordered {
        lines.push("rows are in another order".to_owned());
    }
    if let Some(index) = &table.index_changed {
        lines.push(format!("index: {}", arrow(index)));
    }
    if table.labels_unread {
        lines.push("index: labels not compared, rows matched by position: `--deep` compares labels".to_owned());
    }
    for change in table.extras.iter().take(CHANGES) {
        lines.extend(change_lines("", change));
    }
    lines
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 {
        noun.to_owned()
    } else {
        format!("{} {noun}s", grouped(number as u64))
    }
}

fn quoted(name: &str) -> String {
    if name.is_empty() {
        "(no name)".to_owned()
    } else {
        format!("`{name}`")
    }
}

fn rows_line(mark: char, rows: &Rows) -> Option<String> {
    if rows.count == 0 {
        return None;
    }
    if rows.examples.is_empty() {
        return Some(format!("{mark} {}", count(rows.count as usize, "row")));
    }
    let mut labels = rows.examples.join(", ");
    if let Some(last) = &rows.last {
        labels += &format!(" … {last}");
    }
    Some(format!("{mark} {}: {labels}", count(rows.count as usize, "row")))
}

/// Returns the summary of a changed column.
pub fn column_head(column: &ColumnDetail, table: &TableDetail) -> String {
    let mut parts = Vec::new();
    if !column.dtype.is_same() {
        parts.push(arrow(&column.dtype));
    }
    match (column.differ, &column.unread) {
        (Some(0), _) => {}
        (Some(differ), _) => parts.push(format!(
            "{}{}",
            differing(differ, column.values, "value"),
            by(column.max_difference, differ)
        )),
        (None, Some(left)) => parts.push(unread(left)),
        (None, None) => parts.push("values differ".to_owned()),
    }
    parts.extend(column.summary.as_ref().and_then(summary));
    let head = parts.join("; ");
    if table.form == "series" || column.name.is_empty() {
        head
    } else {
        format!("{}: {head}", column.name)
    }
}

/// Returns the summary of a changed column, then examples with aligned labels.
fn column_lines(column: &ColumnDetail, table: &TableDetail) -> Vec<String> {
    let first = column_head(column, table);
    let width = column
        .examples
        .iter()
        .map(|example| example.row.chars().count() + 2)
        .max()
        .unwrap_or(0);
    let examples = column.examples.iter().take(3).map(|example| {
        let label = format!("[{}]", example.row);
        format!("{STEP}{label:width$}  {} → {}", example.before, example.after)
    });
    let mut lines: Vec<String> = std::iter::once(first).chain(examples).collect();
    let shown = lines.len() as u64 - 1;
    if shown > 0 && column.differ.is_some_and(|differ| differ > shown) {
        let left = column.differ.unwrap_or(0) - shown;
        lines.push(format!("{STEP}and {} more", grouped(left)));
    }
    lines
}

/// Returns the changed statistics of a column: `missing 2 → 5, mean 10.5 → 10.7`.
fn summary(pair: &Pair<ColumnSummary>) -> Option<String> {
    let (one, two) = (&pair.before, &pair.after);
    let mut parts = Vec::new();
    if one.missing != two.missing {
        parts.push(format!("missing {} → {}", grouped(one.missing), grouped(two.missing)));
    }
    if one.distinct != two.distinct
        && let (Some(one), Some(two)) = (one.distinct, two.distinct)
    {
        parts.push(format!("distinct {} → {}", grouped(one), grouped(two)));
    }
    for (word, one, two) in [("min", &one.min, &two.min), ("max", &one.max, &two.max)] {
        if let (Some(one), Some(two)) = (one, two)
            && one != two
        {
            parts.push(format!("{word} {one} → {two}"));
        }
    }
    if let (Some(one), Some(two)) = (one.mean, two.mean)
        && rounded(one) != rounded(two)
    {
        parts.push(format!("mean {} → {}", rounded(one), rounded(two)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Formats a number with five significant digits.
fn rounded(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let power = number.abs().log10().floor();
    if !(-5.0..15.0).contains(&power) {
        return format!("{number:.4e}");
    }
    let digits = (4.0 - power).max(0.0) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let cases = [
            (0.5, "0.5"),
            (1234.567, "1234.6"),
            (1_234_567.0, "1234567"),
            (0.000_012_34, "0.00001234"),
        ];
        for (number, text) in cases {
            assert_eq!(rounded(number), text);
        }
        assert_eq!(rounded(1e20), "1.0000e20");
        assert_eq!(differing(1, 1_000_000, "element"), "1 of 1,000,000 elements differs");
        assert_eq!(differing(4, 4, "value"), "all 4 values differ");
    }
}

//! Plain text tables: columns separated by two spaces, without lines.

use unicode_width::UnicodeWidthChar;

use crate::context::Context;
use crate::terminal_text::is_mark;
use crate::text;

/// A table of text. Only the last cell of a row may be omitted.
#[derive(Debug, Clone, Default)]
pub struct TextTable {
    header: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
    flexible: Option<usize>,
}

/// The least width of a truncated column.
const LEAST: usize = 16;
const GAP: usize = 2;

impl TextTable {
    /// Returns the table with a header row.
    #[must_use]
    pub fn with_header(mut self, header: &[&str]) -> Self {
        self.header = Some(header.iter().map(ToString::to_string).collect());
        self
    }

    /// Returns the table with one column that is truncated if a row would not fit.
    #[must_use]
    pub fn flexible(mut self, column: usize) -> Self {
        self.flexible = Some(column);
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Renders the table as lines.
    pub fn render(&self, context: &Context) -> String {
        let faint = |heading: &String| context.style.faint(heading);
        let header = self.header.iter().map(|header| header.iter().map(faint).collect());
        let rows: Vec<Vec<String>> = header.chain(self.fitted(context.width)).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| widest(&rows, column)).collect();
        rows.iter().map(|row| line(row, &widths)).collect()
    }

    /// Returns the rows with the flexible column truncated to the remaining width.
    fn fitted(&self, width: usize) -> Vec<Vec<String>> {
        let mut rows = self.rows.clone();
        let Some(flexible) = self.flexible else { return rows };
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let beside = (0..columns).filter(|column| *column != flexible);
        let others: usize = beside
            .map(|column| widest(self.header.iter().chain(&self.rows), column) + GAP)
            .sum();
        let room = width.saturating_sub(others).max(LEAST);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(flexible)) {
            *cell = text::shorten(cell, room);
        }
        rows
    }
}

fn widest<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>, column: usize) -> usize {
    let cells = rows.into_iter().filter_map(|row| row.get(column));
    cells.map(|cell| visible_width(cell)).max().unwrap_or(0)
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line += cell;
        line.extend(std::iter::repeat_n(' ', width - visible_width(cell) + GAP));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// Returns the display width of a text, without the marks of [`crate::style::Style`].
fn visible_width(text: &str) -> usize {
    let seen = text.chars().filter(|letter| !is_mark(*letter));
    seen.map(|letter| letter.width().unwrap_or(0)).sum()
}

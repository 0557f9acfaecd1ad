//! Formats outputs of a cell for `show`.

use super::{CellOutput, OmittedOutput, OutputKind, Picture};
use crate::text;

/// The most lines of one output; more are cut out of the middle.
const MOST_LINES: usize = 24;
/// Lines that are kept at the end of a truncated output.
const LAST_LINES: usize = 8;
/// Longer lines are truncated.
const LONGEST_LINE: usize = 400;

/// Formats outputs with headings; consecutive outputs with the same heading are joined.
pub(crate) fn told(outputs: &[CellOutput]) -> String {
    let mut told = String::new();
    let mut last = "";
    for output in outputs {
        let lines = lines(output);
        if lines.is_empty() {
            continue;
        }
        let heading = heading(output);
        if heading != last {
            told += &format!("\n{heading}:\n");
        }
        last = heading;
        for line in lines {
            told += format!("    {line}").trim_end();
            told.push('\n');
        }
    }
    told
}

/// Returns the heading of an output.
pub(crate) fn heading(output: &CellOutput) -> &'static str {
    match (output.kind, output.stream.as_deref()) {
        (OutputKind::Stream, Some("stderr")) => "Printed to stderr",
        (OutputKind::Stream, _) => "Printed",
        (OutputKind::DisplayData, _) => "Shown",
        (OutputKind::ExecuteResult, _) => "Result",
        (OutputKind::Error, _) => "Failed with",
    }
}

/// Returns the lines of an output: long ones truncated, pictures as kind and size.
pub(crate) fn lines(output: &CellOutput) -> Vec<String> {
    let mut lines: Vec<String> = output.pictures.iter().map(Picture::told).collect();
    // The text beside a picture is only the figure's repr.
    if lines.is_empty() {
        lines = cut(&output.text);
    }
    if lines.is_empty() {
        lines.extend(output.data.iter().map(|(mime, content)| {
            let size = content.as_str().map_or_else(|| content.to_string().len(), str::len);
            format!("[{}, {}]", super::plain(mime), text::bytes(size as u64))
        }));
    }
    let left_out = output.left_out.iter();
    lines.extend(left_out.map(|left_out| format!("[not kept: {}]", left_out.told())));
    lines
}

fn cut(shown: &str) -> Vec<String> {
    let all: Vec<&str> = shown.trim_end().lines().collect();
    let short = |line: &&str| text::shorten(line, LONGEST_LINE);
    if all.len() <= MOST_LINES {
        return all.iter().map(short).collect();
    }
    let first = MOST_LINES - LAST_LINES - 1;
    let between = all.len() - first - LAST_LINES;
    let mut lines: Vec<String> = all[..first].iter().map(short).collect();
    lines.push(format!("… {} more", text::count(between, "line")));
    lines.extend(all[all.len() - LAST_LINES..].iter().map(short));
    lines
}

impl Picture {
    /// Formats `[picture image/png, 640 × 480, 23 kB]`.
    fn told(&self) -> String {
        let size = match (self.width, self.height) {
            (Some(width), Some(height)) => format!("{width} × {height}, "),
            _ => String::new(),
        };
        format!("[picture {}, {size}{}]", self.mime, text::bytes(self.bytes))
    }
}

impl OmittedOutput {
    /// Formats `3 outputs, 9.0 MB`, `text, 1.2 MB`, `image/png, 12 MB`.
    pub fn told(&self) -> String {
        let size = match self.size {
            0 => String::new(),
            size => format!(", {}", text::bytes(size)),
        };
        match (self.what.as_str(), self.count) {
            ("outputs", count) => format!("{}{size}", text::count(count as usize, "output")),
            (what, 0 | 1) => format!("{what}{size}"),
            (what, count) => format!("{count} × {what}{size}"),
        }
    }
}

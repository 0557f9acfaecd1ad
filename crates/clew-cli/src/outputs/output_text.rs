//! Outputs of a cell as `show` prints them.

use super::{CellOutput, OmittedOutput, OutputKind, Picture};
use crate::text;

/// More lines than these of one output are cut out of the middle.
const MOST_LINES: usize = 24;
/// Lines kept at the end of an output that is cut.
const LAST_LINES: usize = 8;
/// Longer lines are cut.
const LONGEST_LINE: usize = 400;

/// Outputs under a heading each; what follows under the same heading joins it.
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

/// What an output is, in words.
pub(crate) fn heading(output: &CellOutput) -> &'static str {
    match (output.kind, output.stream.as_deref()) {
        (OutputKind::Stream, Some("stderr")) => "Printed to stderr",
        (OutputKind::Stream, _) => "Printed",
        (OutputKind::DisplayData, _) => "Shown",
        (OutputKind::ExecuteResult, _) => "Result",
        (OutputKind::Error, _) => "Failed with",
    }
}

/// The lines of an output, a long one cut, each picture as its kind and size.
pub(crate) fn lines(output: &CellOutput) -> Vec<String> {
    let mut lines: Vec<String> = output.pictures.iter().map(Picture::told).collect();
    // The text beside a picture only names the figure.
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
    /// `[picture image/png, 640 × 480, 23 kB]`.
    fn told(&self) -> String {
        let size = match (self.width, self.height) {
            (Some(width), Some(height)) => format!("{width} × {height}, "),
            _ => String::new(),
        };
        format!("[picture {}, {size}{}]", self.mime, text::bytes(self.bytes))
    }
}

impl OmittedOutput {
    /// `3 outputs, 9.0 MB`, `text, 1.2 MB`, `image/png, 12 MB`.
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

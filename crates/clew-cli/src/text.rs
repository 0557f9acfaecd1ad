//! Formats words, numbers and times for display, and makes text safe to print.

use std::path::Path;

use clew_core::format::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Removes control characters (except newline and tab) and bidirectional control characters, which could control a terminal or hide text.
///
/// Sources and summaries may come from an untrusted store, and reading must be safe (promise P10).
pub fn clean(text: &str) -> String {
    text.chars().filter(|letter| is_harmless(*letter)).collect()
}

/// Returns the text of a notebook's field: a string, or a list of lines.
pub(crate) fn joined(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Formats a name, a path or another word for a command, quoted if necessary.
pub fn typed(word: &str) -> String {
    clean(&shlex::try_quote(word).unwrap_or(word.into()))
}

/// Formats a path for display.
pub fn path(path: impl AsRef<Path>) -> String {
    clean(&path.as_ref().display().to_string())
}

/// Formats a path for a command, quoted if necessary.
pub fn typed_path(path: impl AsRef<Path>) -> String {
    typed(&path.as_ref().display().to_string())
}

/// Whether a character is safe to print.
pub fn is_harmless(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Noncharacters are reserved for colour marks.
    let is_mark = matches!(letter, '\u{fdd0}'..='\u{fdef}');
    matches!(letter, '\n' | '\t') || !(letter.is_control() || turns || is_mark)
}

/// Returns the most informative line of a source: the first that is not empty, a comment, a cell magic or an import; if there is none, the
/// first import.
pub fn headline(source: &str) -> String {
    let lines = || source.lines().map(str::trim).filter(|line| !line.is_empty());
    let code = || lines().filter(|line| !line.starts_with('#') && !line.starts_with("%%"));
    let mut is_open = false;
    let telling = code().find(|line| {
        let was_open = is_open;
        let is_import = was_open || is_import(line);
        is_open = is_import && (was_open || line.contains('(')) && !line.contains(')');
        !is_import
    });
    let line = telling
        .or_else(|| code().next())
        .or_else(|| lines().next())
        .unwrap_or("");
    clean(line).replace('\t', " ")
}

/// Whether a line only begins an import.
fn is_import(line: &str) -> bool {
    let is_statement = line.starts_with("import ") || line.starts_with("from ") && line.contains(" import ");
    is_statement && !line.contains(';')
}

/// Truncates `text` to `width` characters, with an ellipsis if it is longer.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// Formats `1 run`, `2 runs`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number as u64))
}

/// Formats `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats `900 B`, `1.5 kB`, `64 MB`: powers of 1,000, at most two decimals.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Formats a duration in nanoseconds: `0.08 s`, `2 min 5 s`.
pub fn duration(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    match seconds {
        _ if seconds < 0.001 => "under 1 ms".to_owned(),
        _ if seconds < 0.01 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 10.0 => format!("{seconds:.2} s"),
        _ if seconds < 60.0 => format!("{seconds:.0} s"),
        _ => two_units(nanoseconds / 1_000_000_000),
    }
}

fn two_units(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {} min", minutes % 60),
    }
}

/// Formats `just now`, `5 min ago`, `3 h ago`, `12 d ago`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.saturating_sub(then) / 1_000_000_000;
    match seconds {
        ..0 => "in the future".to_owned(),
        0..10 => "just now".to_owned(),
        10..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Formats `2026-11-20 14:03:11` in the given zone.
pub fn moment(time: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time)).map_or_else(
        |_| "unknown".to_owned(),
        |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// Formats RFC 3339 in UTC, for JSON.
pub fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time)).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Formats `a`, `a and b`, `a, b and c`; above the limit `a, b, c and 4 more`.
pub fn listing(words: &[String], most: usize) -> String {
    let shown = &words[..words.len().min(most)];
    let hidden = words.len() - shown.len();
    let (head, tail) = match (shown, hidden) {
        ([], 0) => return String::new(),
        ([only], 0) => return only.clone(),
        ([head @ .., last], 0) => (head, last.clone()),
        (head, more) => (head, format!("{more} more")),
    };
    format!("{} and {tail}", head.join(", "))
}

/// Formats lines about what was not sent or written because it cannot be read, beginning with `left_out`.
pub fn unread(left_out: &str, corruption: &[String]) -> String {
    let line = |damage: &String| format!("  {left_out}, because it cannot be read: {}\n", clean(damage));
    corruption.iter().map(line).collect()
}

/// Formats that an answer about a branch is incomplete because of a missing run.
pub fn not_known(missing: &str) -> String {
    format!("The record of run {missing} is missing: its changes, and earlier runs, are not known.\n")
}

/// Formats `run 3`, `runs 3, 5 and 8`.
pub fn runs(labels: &[String]) -> String {
    let noun = if labels.len() == 1 { "run" } else { "runs" };
    format!("{noun} {}", listing(labels, 6))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_turned_writing_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\u{202e}c\u{9b}d\n\te\r\x07"), "a[31mbcd\n\te");
    }

    #[test]
    fn the_headline_is_the_first_line_that_does_something() {
        assert_eq!(headline("# load\n%%time\n\n  df = load()\nmore()"), "df = load()");
        assert_eq!(headline("import a\nfrom b import c\n\nx = a.f(c)"), "x = a.f(c)");
        assert_eq!(headline("from b import (\n    c,\n)\nx = c()"), "x = c()");
        assert_eq!(headline("%%time\nimport a\nimport b"), "import a");
        assert_eq!(headline("import a; x = 1\ny = 2"), "import a; x = 1");
        assert_eq!(headline("# only this"), "# only this");
        assert_eq!(headline(""), "");
    }

    #[test]
    fn numbers_are_short_and_exact_enough() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(
            [
                bytes(0),
                bytes(999),
                bytes(1000),
                bytes(65_536),
                bytes(999_999),
                bytes(123_456_789)
            ],
            ["0 B", "999 B", "1.0 kB", "65.5 kB", "1.0 MB", "123 MB"]
        );
        assert_eq!(
            [
                duration(10),
                duration(4_000_000),
                duration(80_000_000),
                duration(125_000_000_000)
            ],
            ["under 1 ms", "4 ms", "0.08 s", "2 min 5 s"]
        );
    }

    #[test]
    fn long_lists_say_how_many_are_left_out() {
        let words: Vec<String> = ["a", "b", "c", "d"].map(String::from).to_vec();
        assert_eq!(listing(&words[..1], 3), "a");
        assert_eq!(listing(&words[..2], 3), "a and b");
        assert_eq!(listing(&words[..3], 3), "a, b and c");
        assert_eq!(listing(&words, 3), "a, b, c and 1 more");
    }

    #[test]
    fn cut_text_ends_in_an_ellipsis() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("ab cdef", 4), "ab…");
    }
}

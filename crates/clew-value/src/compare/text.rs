//! Texts: line by line if they have several lines, otherwise around the first difference.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::{Detail, Pair, TextDetail};
use crate::limits::ReadLimits;
use crate::value::short::quoted;

/// The most lines of a text diff.
const LINES: usize = 20;
/// The largest texts that are compared line by line; the time is limited, too.
const MOST: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_millis(500);

/// Returns the differences between two texts; `None` if they are equal.
pub(super) fn texts(before: &str, after: &str, limits: &ReadLimits) -> Option<Detail> {
    if before == after {
        return None;
    }
    let has_lines = before.contains('\n') || after.contains('\n');
    if has_lines && before.len() + after.len() <= MOST {
        return Some(Detail::Text(lines(before, after, limits)));
    }
    Some(Detail::Value(excerpts(before, after, limits.width)))
}

fn lines(before: &str, after: &str, limits: &ReadLimits) -> TextDetail {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(before, after);
    let mut detail = TextDetail {
        added: 0,
        removed: 0,
        lines: Vec::new(),
        more: 0,
    };
    for group in diff.grouped_ops(1) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Insert => '+',
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
            };
            detail.added += u64::from(mark == '+');
            detail.removed += u64::from(mark == '-');
            if detail.lines.len() < LINES {
                let line = crate::value::short::cut(change.value().trim_end_matches(['\n', '\r']), 2 * limits.width);
                detail.lines.push(format!("{mark}{line}"));
            } else {
                detail.more += 1;
            }
        }
    }
    detail
}

/// Returns both texts from shortly before the first difference on.
fn excerpts(before: &str, after: &str, width: usize) -> Pair<String> {
    if before.chars().count() <= width && after.chars().count() <= width {
        return Pair::new(quoted(before, width), quoted(after, width));
    }
    let common = before
        .chars()
        .zip(after.chars())
        .take_while(|(one, two)| one == two)
        .count();
    let start = common.saturating_sub(width / 3);
    let part = |text: &str| {
        let from = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
        let dots = if start > 0 { "…" } else { "" };
        format!("{dots}{}", quoted(&text[from..], width))
    };
    Pair::new(part(before), part(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_lines_are_compared_line_by_line() {
        let Some(Detail::Text(detail)) = texts("a\nb\nc\n", "a\nB\nc\nd\n", &ReadLimits::default()) else {
            panic!()
        };
        assert_eq!((detail.added, detail.removed, detail.more), (2, 1, 0));
        assert_eq!(detail.lines, [" a", "-b", "+B", " c", "+d"]);
    }

    #[test]
    fn long_texts_are_shown_where_they_begin_to_differ() {
        let long = "x".repeat(500);
        let (before, after) = (format!("{long}old"), format!("{long}new"));
        let Some(Detail::Value(pair)) = texts(&before, &after, &ReadLimits::default()) else {
            panic!()
        };
        assert!(
            pair.before.starts_with("…'xxx") && pair.before.ends_with("old'"),
            "{pair:?}"
        );
        assert!(pair.after.ends_with("new'"));
        assert_eq!(texts("same", "same", &ReadLimits::default()), None);
    }
}

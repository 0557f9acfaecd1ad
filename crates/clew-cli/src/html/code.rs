//! Sources, and line-by-line diffs of sources.

use std::time::Duration;

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use super::CleanText;

/// Context lines around changes.
const CONTEXT: usize = 2;
/// Timeout after which a comparison falls back to a coarser result: a source from an untrusted store could be crafted to take very long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Renders a source.
pub fn code(source: &str) -> Markup {
    html! { pre { code { (CleanText(source.trim_end())) } } }
}

/// Renders the diff of two sources; marked with `+` and `-` in case colours are missing.
pub fn code_diff(before: &str, after: &str) -> Markup {
    let (before, after) = (ended(before), ended(after));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before, &after);
    let groups = diff.grouped_ops(CONTEXT);
    html! {
        pre { code {
            @for (place, group) in groups.iter().enumerate() {
                @if place > 0 { span.clew-faint { "⋯" } "\n" }
                @for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
                    (one(change.tag(), change.value()))
                }
            }
        } }
    }
}

fn one(tag: ChangeTag, line: &str) -> Markup {
    let line = line.trim_end_matches('\n');
    html! {
        @match tag {
            ChangeTag::Insert => { span.clew-add { "+ " (CleanText(line)) } "\n" }
            ChangeTag::Delete => { span.clew-del { "- " (CleanText(line)) } "\n" }
            ChangeTag::Equal => { "  " (CleanText(line)) "\n" }
        }
    }
}

/// Returns the text with a final line break, so that its absence is not a difference.
fn ended(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() {
        String::new()
    } else {
        format!("{text}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_two_lines_around_it_and_leaves_the_rest_out() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n";
        let shown = code_diff(before, &before.replace("a\n", "A\n").replace("k\n", "K")).0;
        assert!(shown.contains(r#"<span class="clew-del">- a</span>"#), "{shown}");
        assert!(
            shown.contains("  b\n  c\n<span class=\"clew-faint\">⋯</span>\n  i\n"),
            "{shown}"
        );
        assert!(!shown.contains("  e\n"), "{shown}");
    }

    #[test]
    fn sources_made_to_be_slow_are_compared_in_bounded_time() {
        let lines = |step: usize| {
            (0..40_000)
                .map(|n| format!("{}\n", n * step % 7919))
                .collect::<String>()
        };
        let began = std::time::Instant::now();
        let shown = code_diff(&lines(7), &lines(11)).0;
        assert!(shown.contains("clew-add") && began.elapsed() < Duration::from_secs(20));
    }
}

//! Tells credentials from ordinary texts, by name and by shape, so that they are never stored.
//!
//! A name alone is not enough: `key = "a"` is data. A telling name needs a text that could be a credential; a telling shape
//! is enough by itself. Which objects are asked about is for Python to say (`clew/secrets.py`); what a text is, is said
//! here only, since what is typed in a terminal meets no Python.

mod assigned;
mod known;
mod names;
mod replace;
mod shapes;
mod source;

pub use known::secret_variables;
pub use names::is_named_like_one;
pub use shapes::shape_of;
pub use source::masked;

use crate::text::listing;

/// How a text was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// For people: everything counts.
    ForPeople,
    /// As code: only what it does not compute. `token = tokenizer.Encode1(x)` shows nothing.
    AsCode,
}

/// What stands where something was taken out.
fn mark(what: &str) -> String {
    format!("[not kept: {what}]")
}

/// Why a text under this name is a credential, as far as the two of them tell.
pub fn judged(name: &str, text: &str) -> Option<&'static str> {
    shape_of(text).or_else(|| is_named_like_one(name, text).then_some("its name says so"))
}

/// A text that was shown, or that somebody wrote, with what looks like a credential or is one of the `known` texts taken
/// out.
///
/// Looked at whole, however long it is: one printed key must not reach the disk.
pub fn redacted(text: &str, known: &[String]) -> String {
    let text = known::without(text, known);
    let text = shapes::without(text, Written::ForPeople);
    assigned::without(text, Written::ForPeople)
}

/// What may be kept of words that somebody typed about a run, or of a name for it, and what was left out.
pub(crate) fn kept(typed: &str, known: &[String]) -> (String, Vec<String>) {
    let kept = redacted(typed, known);
    let taken = source::taken(typed, &kept);
    (kept, taken)
}

/// Kinds of credentials that were taken out of a text, as a sentence begins with them: `an API key was left out`.
pub fn left_out(taken: &[String]) -> String {
    let verb = if taken.len() == 1 { "was" } else { "were" };
    format!("{} {verb} left out", listing(taken, taken.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(kinds: &[&str]) -> String {
        left_out(&kinds.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn one_was_left_out_and_several_were() {
        assert_eq!(sentence(&["an API key"]), "an API key was left out");
        assert_eq!(
            sentence(&["a credential", "an API key"]),
            "a credential and an API key were left out"
        );
        assert_eq!(sentence(&["a", "b", "c"]), "a, b and c were left out");
    }

    #[test]
    fn what_stood_in_a_sentence_is_taken_out_and_the_sentence_stays() {
        let key = format!("ghp_{}", "a1B2".repeat(9));
        assert_eq!(
            redacted(&format!("with the token {key}, which is mine\n"), &[]),
            "with the token [not kept: a GitHub token], which is mine\n"
        );
        assert_eq!(
            redacted("the token of run 14 was better", &[]),
            "the token of run 14 was better"
        );
    }
}

//! What reaches a terminal: text in which nothing steers it but Clew's own colours.
//!
//! Names, sources and reasons may come from a stranger's store, and a page may forget that of one. So whatever is printed is a
//! [`TerminalText`], and none can be made that holds anything else (promise P10). Pages write a colour as a mark: characters that stand for
//! nothing, with a key that is drawn anew in each process, so that no store can hold one. Only here do marks become escape
//! sequences.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Deref;
use std::sync::LazyLock;

use crate::text::is_harmless;

/// What marks are made of: characters that Unicode gives no meaning.
const LETTERS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';
/// What each colour becomes; the last ends it.
const SEQUENCES: [&str; 6] = ["\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"];
/// The letters of a key: 40 bits.
const KEY: usize = 8;

/// The marks of this process, one for each sequence.
static MARKS: LazyLock<[String; 6]> = LazyLock::new(|| {
    let drawn = RandomState::new().hash_one(0);
    let letter = |number: u64| LETTERS.clone().nth(number as usize % 32).unwrap_or('\u{fdd0}');
    let key: String = (0..KEY).map(|at| letter(drawn >> (5 * at))).collect();
    std::array::from_fn(|colour| format!("{key}{}", letter(colour as u64)))
});

/// `text` in a colour: one of the five that [`crate::Style`] knows.
pub(crate) fn painted(colour: usize, text: &str) -> String {
    let [.., end] = &*MARKS;
    format!("{}{text}{end}", MARKS[colour])
}

/// Whether a character is a part of a mark.
pub(crate) fn is_mark(letter: char) -> bool {
    LETTERS.contains(&letter)
}

/// Text that is safe to write to a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminalText(String);

impl TerminalText {
    /// The same after other text.
    #[must_use]
    pub(crate) fn after(&self, text: &str) -> Self {
        Self(Self::of(text).0 + &self.0)
    }

    /// Without what could steer a terminal; with Clew's colours.
    pub fn of(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let mark = MARKS.iter().position(|mark| is_mark(letter) && rest.starts_with(mark));
            if let Some(colour) = mark {
                shown.push_str(SEQUENCES[colour]);
                rest = &rest[MARKS[colour].len()..];
                continue;
            }
            if is_harmless(letter) {
                shown.push(letter);
            }
            rest = &rest[letter.len_utf8()..];
        }
        Self(shown)
    }

    /// Writes it; on a line that was there, in its place.
    ///
    /// # Errors
    /// As the stream has them.
    pub fn write(&self, to: &mut dyn Write, instead: bool) -> io::Result<()> {
        // To the first column, and wipe what the line held.
        let wipe = if instead { "\r\x1b[2K" } else { "" };
        write!(to, "{wipe}{self}").and_then(|()| to.flush())
    }
}

impl Deref for TerminalText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TerminalText {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Style;

    #[test]
    fn p10_nothing_that_is_shown_steers_a_terminal_but_clews_colours() {
        let all: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
        assert!(TerminalText::of(&all).chars().all(is_harmless));
    }

    #[test]
    fn p10_a_mark_without_the_key_of_this_process_is_no_colour() {
        let letters: Vec<String> = LETTERS.map(String::from).collect();
        for colour in &letters {
            for key in &letters {
                let forged = format!("a{}{colour}b{colour}c", key.repeat(KEY));
                assert!(MARKS.iter().any(|mark| forged.contains(mark)) || *TerminalText::of(&forged) == *"abc");
            }
        }
        // A mark that was cut, and one in pieces.
        let red = painted(3, "");
        let cut: String = red.chars().take(KEY).collect();
        assert_eq!(&*TerminalText::of(&format!("{cut}a")), "a");
        assert_eq!(
            &*TerminalText::of(&red.chars().map(|letter| format!("{letter}x")).collect::<String>()),
            "x".repeat(2 * KEY + 2)
        );
    }

    #[test]
    fn colours_are_what_a_style_paints() {
        let style = Style { is_coloured: true };
        let painted = [
            style.strong("a"),
            style.faint("b"),
            style.added("c"),
            style.gone("d"),
            style.careful("e"),
        ];
        let shown = TerminalText::of(&painted.concat()).to_string();
        assert_eq!(
            shown,
            "\x1b[1ma\x1b[0m\x1b[2mb\x1b[0m\x1b[32mc\x1b[0m\x1b[31md\x1b[0m\x1b[33me\x1b[0m"
        );
    }
}

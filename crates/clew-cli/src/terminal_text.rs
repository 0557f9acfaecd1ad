//! Text for a terminal, in which the only escape sequences are Clew's own colours.
//!
//! Names, sources and reasons may come from an untrusted store, and a page may fail to clean one. Therefore all output is a
//! [`TerminalText`], whose constructor removes everything else (promise P10). Pages mark colours with noncharacters and a key that is
//! random in each process, so that no store can contain a mark. Only this module converts marks to escape sequences.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Deref;
use std::sync::LazyLock;

use crate::text::is_harmless;

/// The characters of marks: Unicode noncharacters.
const LETTERS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';
/// The escape sequences of the colours; the last one resets.
const SEQUENCES: [&str; 6] = ["\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"];
/// The length of a key in characters: 40 bits.
const KEY: usize = 8;

/// The marks of this process, one for each escape sequence.
static MARKS: LazyLock<[String; 6]> = LazyLock::new(|| {
    let drawn = RandomState::new().hash_one(0);
    let letter = |number: u64| LETTERS.clone().nth(number as usize % 32).unwrap_or('\u{fdd0}');
    let key: String = (0..KEY).map(|at| letter(drawn >> (5 * at))).collect();
    std::array::from_fn(|colour| format!("{key}{}", letter(colour as u64)))
});

/// Formats `text` in one of the five colours of [`crate::Style`].
pub(crate) fn painted(colour: usize, text: &str) -> String {
    let [.., end] = &*MARKS;
    format!("{}{text}{end}", MARKS[colour])
}

/// Whether a character is part of a mark.
pub(crate) fn is_mark(letter: char) -> bool {
    LETTERS.contains(&letter)
}

/// Text that is safe to write to a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminalText(String);

impl TerminalText {
    /// Returns the text after another one.
    #[must_use]
    pub(crate) fn after(&self, text: &str) -> Self {
        Self(Self::of(text).0 + &self.0)
    }

    /// Removes everything that could control the terminal, except Clew's colours.
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

    /// Writes the text; with `instead`, replaces the current line.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn write(&self, to: &mut dyn Write, instead: bool) -> io::Result<()> {
        // Return to the first column, and clear the line.
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
        // A truncated mark, and one in pieces.
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

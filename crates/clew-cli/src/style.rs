//! Colours in text, which never carry information alone.

use crate::terminal_text::painted;

/// Whether text is coloured. All information is in the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether text is coloured: [`crate::terminal_text::TerminalText`] converts the marks to escape sequences.
    pub is_coloured: bool,
}

impl Style {
    fn paint(self, colour: usize, text: &str) -> String {
        if self.is_coloured && !text.is_empty() {
            painted(colour, text)
        } else {
            text.to_owned()
        }
    }

    /// Formats the most important text.
    pub fn strong(self, text: &str) -> String {
        self.paint(0, text)
    }

    /// Formats less important text.
    pub fn faint(self, text: &str) -> String {
        self.paint(1, text)
    }

    /// Formats new items.
    pub fn added(self, text: &str) -> String {
        self.paint(2, text)
    }

    /// Formats removed items and errors.
    pub fn gone(self, text: &str) -> String {
        self.paint(3, text)
    }

    /// Formats warnings.
    pub fn careful(self, text: &str) -> String {
        self.paint(4, text)
    }
}

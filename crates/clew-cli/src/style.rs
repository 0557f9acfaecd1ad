//! Colour: helps where there is some, is missed by nobody where there is none.

use crate::terminal_text::painted;

/// Whether text is coloured. All meaning is in the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether text is painted: [`crate::terminal_text::TerminalText`] makes escape sequences of that.
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

    /// What to look at first.
    pub fn strong(self, text: &str) -> String {
        self.paint(0, text)
    }

    /// What may be passed over.
    pub fn faint(self, text: &str) -> String {
        self.paint(1, text)
    }

    /// What is new.
    pub fn added(self, text: &str) -> String {
        self.paint(2, text)
    }

    /// What is gone or went wrong.
    pub fn gone(self, text: &str) -> String {
        self.paint(3, text)
    }

    /// What asks for care.
    pub fn careful(self, text: &str) -> String {
        self.paint(4, text)
    }
}

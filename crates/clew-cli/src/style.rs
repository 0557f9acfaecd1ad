//! Colour: helps where there is some, is missed by nobody where there is none.

/// Whether text is coloured. All meaning is in the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences are written.
    pub is_coloured: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// What to look at first.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be passed over.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is new.
    pub fn added(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is gone or went wrong.
    pub fn gone(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What asks for care.
    pub fn careful(self, text: &str) -> String {
        self.paint("33", text)
    }
}

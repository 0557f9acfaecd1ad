//! What a terminal shows of work that takes longer than a second.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::commands::scratch::Waiting;

/// Work shorter than this is not talked about.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line on standard error, where that is a terminal: what is done at the moment. It is wiped when the work is over.
pub struct Terminal {
    begun: Instant,
    what: String,
    is_shown: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            what: String::new(),
            is_shown: false,
        }
    }
}

impl Terminal {
    fn show(&mut self) {
        let mut out = io::stderr();
        let is_due = !self.what.is_empty() && self.begun.elapsed() > PATIENCE;
        if out.is_terminal() && (is_due || self.is_shown) {
            // To the first column, and wipe what the line held.
            write!(out, "\r\x1b[2K{}", self.what).ok();
            out.flush().ok();
            self.is_shown = !self.what.is_empty();
        }
    }
}

impl Waiting for Terminal {
    fn goes_on(&mut self) -> bool {
        if !self.is_shown {
            self.show();
        }
        true
    }

    fn tell(&mut self, what: &str) {
        what.clone_into(&mut self.what);
        self.show();
    }
}

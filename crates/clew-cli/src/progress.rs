//! A progress line in a terminal for work that takes longer than a second, and the handling of Ctrl+C.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::SIGINT;

use crate::terminal_text::TerminalText;

/// Receives progress messages, and decides whether to continue.
pub trait ProgressMonitor {
    /// Returns whether to continue.
    fn goes_on(&mut self) -> bool;

    /// Sets the current activity.
    fn tell(&mut self, what: &str);
}

/// Shorter work shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line on standard error with the current activity, if that is a terminal. Cleared at the end.
pub struct Terminal {
    begun: Instant,
    what: String,
    is_shown: bool,
    /// Whether Ctrl+C was received: the work is then ended and cleaned up.
    is_struck: Arc<AtomicBool>,
}

impl Default for Terminal {
    fn default() -> Self {
        let is_struck = Arc::new(AtomicBool::new(false));
        // If it cannot be caught, Ctrl+C ends this process immediately, as usual.
        signal_hook::flag::register(SIGINT, is_struck.clone()).ok();
        Self {
            is_struck,
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
            TerminalText::of(&self.what).write(&mut out, true).ok();
            self.is_shown = !self.what.is_empty();
        }
    }
}

impl ProgressMonitor for Terminal {
    fn goes_on(&mut self) -> bool {
        if !self.is_shown {
            self.show();
        }
        !self.is_struck.load(Ordering::Relaxed)
    }

    fn tell(&mut self, what: &str) {
        what.clone_into(&mut self.what);
        self.show();
    }
}

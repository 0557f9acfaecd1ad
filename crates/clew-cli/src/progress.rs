//! What a terminal shows of work that takes longer than a second, and the Ctrl+C typed in it.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::SIGINT;

use crate::terminal_text::TerminalText;

/// Receives progress messages, and decides whether to go on.
pub trait ProgressMonitor {
    /// Whether to go on.
    fn goes_on(&mut self) -> bool;

    /// Says what is worked out at the moment.
    fn tell(&mut self, what: &str);
}

/// Work shorter than this is not talked about.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line on standard error, where that is a terminal: what is done at the moment. It is wiped when the work is over.
pub struct Terminal {
    begun: Instant,
    what: String,
    is_shown: bool,
    /// Ctrl+C came: what was begun is ended and tidied up, instead of being left behind.
    is_struck: Arc<AtomicBool>,
}

impl Default for Terminal {
    fn default() -> Self {
        let is_struck = Arc::new(AtomicBool::new(false));
        // Where it can't be caught it ends this process at once, as ever.
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

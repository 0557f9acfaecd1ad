//! The progress display of transfers.

use std::ops::ControlFlow;

use crate::context::Context;
use crate::interface::Interface;
use crate::progress::ProgressMonitor;
use crate::progress::Terminal;
use crate::text;

/// The bytes between two updates.
const STEP: u64 = 8 << 20;

/// A progress line that counts bytes, in a terminal; no output elsewhere.
pub(super) struct ByteCounter {
    terminal: Option<Terminal>,
    what: &'static str,
    done: u64,
    told: u64,
}

impl ByteCounter {
    /// `what` describes the activity: `Exporting`.
    pub fn new(what: &'static str, context: &Context) -> Self {
        Self {
            terminal: matches!(context.interface, Interface::Terminal | Interface::Forwarded).then(Terminal::default),
            what,
            done: 0,
            told: 0,
        }
    }

    /// Adds to the count; returns `Break` after the user cancelled.
    pub fn count(&mut self, bytes: u64) -> ControlFlow<()> {
        self.done += bytes;
        let Some(terminal) = &mut self.terminal else {
            return ControlFlow::Continue(());
        };
        if self.done - self.told >= STEP {
            self.told = self.done;
            terminal.tell(&format!("{} … {}", self.what, text::bytes(self.done)));
        }
        if terminal.goes_on() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl Drop for ByteCounter {
    fn drop(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.tell("");
        }
    }
}

//! What is shown while bytes are carried.

use std::ops::ControlFlow;

use crate::context::Context;
use crate::interface::Interface;
use crate::progress::ProgressMonitor;
use crate::progress::Terminal;
use crate::text;

/// So many bytes are gone over before it is told again.
const STEP: u64 = 8 << 20;

/// A line that counts bytes, in a terminal; nothing elsewhere.
pub(super) struct ByteCounter {
    terminal: Option<Terminal>,
    what: &'static str,
    done: u64,
    told: u64,
}

impl ByteCounter {
    /// `what` is done, as people say it: `Exporting`.
    pub fn new(what: &'static str, context: &Context) -> Self {
        Self {
            terminal: matches!(context.interface, Interface::Terminal | Interface::Forwarded).then(Terminal::default),
            what,
            done: 0,
            told: 0,
        }
    }

    /// Counts; `Break` once the user has asked to stop.
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

//! Giving up a look that nobody waits for, once somebody waits for the interpreter.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A question that is asked many times during a look, and stays answered once the answer was yes.
#[derive(Clone)]
pub struct Halt {
    question: Arc<dyn Fn() -> bool + Send + Sync>,
    was_yes: Arc<AtomicBool>,
}

impl Halt {
    /// Halts a look when `question` says so. It is asked every few tens of microseconds, from several threads.
    pub fn when(question: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            question: Arc::new(question),
            was_yes: Arc::default(),
        }
    }

    /// Asks.
    pub fn is_wanted(&self) -> bool {
        let is_wanted = self.was_wanted() || (self.question)();
        self.was_yes.fetch_or(is_wanted, Ordering::Relaxed);
        is_wanted
    }

    /// Whether the answer was yes before.
    pub fn was_wanted(&self) -> bool {
        self.was_yes.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Halt")
            .field("was_wanted", &self.was_wanted())
            .finish_non_exhaustive()
    }
}

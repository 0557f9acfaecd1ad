//! Cancels a look that runs in the background as soon as the interpreter is needed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A condition that is checked many times during a look, and stays true once it was true.
#[derive(Clone)]
pub struct Halt {
    question: Arc<dyn Fn() -> bool + Send + Sync>,
    was_yes: Arc<AtomicBool>,
}

impl Halt {
    /// Halts a look as soon as `question` returns true. It is called every few tens of microseconds, from several threads.
    pub fn when(question: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            question: Arc::new(question),
            was_yes: Arc::default(),
        }
    }

    /// Checks the condition.
    pub fn is_wanted(&self) -> bool {
        let is_wanted = self.was_wanted() || (self.question)();
        self.was_yes.fetch_or(is_wanted, Ordering::Relaxed);
        is_wanted
    }

    /// Returns whether the condition was true at an earlier check.
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

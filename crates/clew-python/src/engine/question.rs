//! A question about another state, worked out while nothing of the session is held.

use clew_cli::{Arguments, Context, Output, ProgressMonitor, Question};
use pyo3::prelude::*;

/// The arguments that a user typed, and the context.
pub(super) struct TypedQuestion {
    pub arguments: Arguments,
    pub context: Context,
}

/// Works a question out in scratch processes. Other threads run meanwhile; Ctrl+C ends the processes. The answer, and
/// whether it was that.
pub(super) fn work_out(py: Python<'_>, question: Result<Question, Output>, typed: &TypedQuestion) -> (Output, bool) {
    let question = match question {
        Ok(question) => question,
        Err(output) => return (output, false),
    };
    let mut waiting = Cell { was_interrupted: false };
    let output = py.detach(|| clew_cli::work_out(&question, &mut waiting, &typed.arguments, &typed.context));
    (output, waiting.was_interrupted)
}

/// A cell that waits for the answer.
struct Cell {
    was_interrupted: bool,
}

impl ProgressMonitor for Cell {
    fn goes_on(&mut self) -> bool {
        self.was_interrupted |= has_struck();
        !self.was_interrupted
    }

    fn tell(&mut self, _: &str) {}
}

/// Whether Ctrl+C came. Only the main thread is told.
fn has_struck() -> bool {
    Python::attach(|py| {
        let signals = py.check_signals();
        signals.is_err()
    })
}

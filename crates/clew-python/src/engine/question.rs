//! A question about another state, answered while the session is not locked.

use clew_cli::{Arguments, Context, Output, ProgressMonitor, Question};
use pyo3::prelude::*;

/// The parsed arguments of the user, and the context.
pub(super) struct TypedQuestion {
    pub arguments: Arguments,
    pub context: Context,
}

/// Answers a question in sandbox processes. Other threads run meanwhile; Ctrl+C ends the processes. Returns the
/// answer, and whether it was interrupted.
pub(super) fn work_out(py: Python<'_>, question: Result<Question, Output>, typed: &TypedQuestion) -> (Output, bool) {
    let question = match question {
        Ok(question) => question,
        Err(output) => return (output, false),
    };
    let mut waiting = Cell { was_interrupted: false };
    let output = py.detach(|| clew_cli::work_out(&question, &mut waiting, &typed.arguments, &typed.context));
    (output, waiting.was_interrupted)
}

/// The cell that waits for the answer.
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

/// Returns whether Ctrl+C was pressed. Only the main thread receives it.
fn has_struck() -> bool {
    Python::attach(|py| {
        let signals = py.check_signals();
        signals.is_err()
    })
}

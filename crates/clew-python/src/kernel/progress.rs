//! The progress line of a long restore, for front ends that show it.

use std::time::{Duration, Instant};

use clew_core::kernel::RestoreProgress;
use pyo3::prelude::*;

/// Shorter restores show no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time between two updates.
const PAUSE: Duration = Duration::from_millis(250);

/// The progress line of a restore.
#[derive(Default)]
pub(super) struct ProgressLine {
    /// When it is shown next.
    due: Option<Instant>,
    progress: Option<RestoreProgress>,
    is_shown: bool,
}

impl ProgressLine {
    pub fn hear(&mut self, progress: RestoreProgress) {
        self.progress = Some(progress);
        self.due.get_or_insert_with(|| Instant::now() + PATIENCE);
    }

    pub fn show_if_due(&mut self, py: Python<'_>, shell: Option<&Py<PyAny>>) {
        let Some(progress) = self.progress else { return };
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = Some(Instant::now() + PAUSE);
            self.is_shown = true;
            show(py, shell, &text(progress));
        }
    }

    pub fn wipe(&mut self, py: Python<'_>, shell: Option<&Py<PyAny>>) {
        if std::mem::take(&mut self.is_shown) {
            show(py, shell, "");
        }
    }
}

fn text(progress: RestoreProgress) -> String {
    match progress {
        RestoreProgress::Reads { bytes } => format!("Clew reads and checks {}", clew_cli::bytes(bytes)),
        RestoreProgress::Builds { done, of } => format!("Clew builds objects: {done} of {of}"),
    }
}

/// Shows a text. Errors are ignored: a restore does not depend on its progress line.
fn show(py: Python<'_>, shell: Option<&Py<PyAny>>, text: &str) {
    let module = py.import("clew.shell.progress");
    module
        .and_then(|module| module.call_method1("show", (shell, text)))
        .ok();
}

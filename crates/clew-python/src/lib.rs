//! The extension module `clew._engine`: the only crate that depends on Python.
//!
//! [`raw`] reads objects in place and passes them to the engine's walk; [`build`] builds objects from a stream.

#![deny(unsafe_code)]

pub mod build;
mod call_listener;
mod cause;
mod clock;
mod engine;
mod exceptions;
mod facts;
mod flusher;
mod function_calls;
mod kernel;
mod notebook_cells;
mod notices;
mod panics;
mod platform;
mod prover;
pub mod raw;
mod sandbox;
mod sandbox_rerun;
mod secrets;
mod stacks;
mod strangers;
mod tasks;
mod testing;
#[cfg(test)]
mod texts;
mod visit;
mod words;

pub use clew_value::kinds;
use clew_value::payload;

/// The engine of Clew for Python.
#[pyo3::pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::call_listener::CallListener;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::function_calls::FunctionStartHook;
    #[pymodule_export]
    use crate::notebook_cells::CellReuse;
    #[pymodule_export]
    use crate::notices::{lacks_frames, notice};
    #[pymodule_export]
    use crate::panics::{panic_at, panic_steps, panic_wanted, panicked_at};
    #[pymodule_export]
    use crate::raw::ExportedMemory;
    #[pymodule_export]
    use crate::raw::Whereabouts;
    #[pymodule_export]
    use crate::raw::audit::{hang_audit_hook, watch_events};
    #[pymodule_export]
    use crate::raw::interrupt_guard::InterruptGuard;
    #[pymodule_export]
    use crate::raw::reach::codes_within;
    #[pymodule_export]
    use crate::raw::references::words_of;
    #[pymodule_export]
    use crate::raw::text_columns::{are_items, items_of, pack_texts, put_items, unpack_texts};
    #[pymodule_export]
    use crate::sandbox::{enter_sandbox, map_paths};
    #[pymodule_export]
    use crate::secrets::{
        asks_for_credential, credentials_in, given_names, holds_known, is_distinct, judged_secret, left_out, masked,
        redacted, secret_variables, secret_within, secrets_within,
    };
    #[pymodule_export]
    use crate::stacks::{locals_elsewhere, runs_elsewhere};
    #[pymodule_export]
    use crate::tasks::{
        doubt_tasks, doubts_any, has_task, keep_task, open_tasks, task_keys, task_result, task_settings,
    };
    #[pymodule_export]
    use crate::testing::TestHeap;
    #[pymodule_export]
    use crate::visit::{Visit, fingerprint};
    #[pymodule_export]
    use crate::words::{digest_of, intent, mark_of, read_line};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::panics::note();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

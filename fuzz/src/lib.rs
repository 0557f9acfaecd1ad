//! A list of all readers of stored or untrusted bytes, with the properties that each must have for any input.
//!
//! `make fuzz` searches for inputs that break a reader (`src/bin/fuzz.rs`, with libFuzzer). Inputs that it keeps are in `corpus/READER/`,
//! and `make test` reads them again (`tests/corpus.rs`). Both use [`Reader::read`], which measures the reader's memory.

#![forbid(unsafe_code)]

mod mended;
mod readers;
mod sections;

pub use mended::mended;
pub use readers::{PLANTED, READERS, Reader, reader};
pub use sections::{Section, files_of, sections};

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

/// Counts allocated memory, except for memory of C libraries.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so only one reader runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `work`, and returns the peak of its allocated bytes.
pub fn memory_of(work: impl FnOnce()) -> usize {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

//! Every reader of stored or foreign bytes, in one list, and what must hold for each whatever the bytes are.
//!
//! `make fuzz` searches for bytes that a reader does not bear (`src/bin/fuzz.rs`, with libFuzzer); what the search kept
//! lies in `corpus/READER/` and is read again by every `make test` (`tests/corpus.rs`). Both go through [`Reader::read`],
//! which counts the memory that a reader takes.

#![forbid(unsafe_code)]

mod mended;
mod readers;
mod sections;

pub use mended::mended;
pub use readers::{PLANTED, READERS, Reader, reader};
pub use sections::{Section, files_of, sections};

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

/// Counts what is allocated, the C libraries' own memory apart.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so only one reader reads at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Does `work` and says how many bytes it had allocated at once, at most, beyond what there was.
pub fn memory_of(work: impl FnOnce()) -> usize {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

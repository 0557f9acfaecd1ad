//! How many processors there are to share work among.

use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;

/// The processors that this process may use, asked for once: the answer is read from the files of cgroups, which takes longer
/// (some 30 microseconds) than most of what is asked for.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

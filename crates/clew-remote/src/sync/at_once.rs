//! Parallel work on many items.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::SyncError;

/// Bundles that are made and sent, or fetched, in parallel.
pub(super) const AT_ONCE: usize = 4;
/// Small requests in parallel: these are dominated by latency.
pub(super) const SMALL_AT_ONCE: usize = 16;

/// Runs `work` on each of `all`, `number` in parallel; returns the results in any order. Stops at the first failure.
pub(super) fn at_once<T: Send, U: Send>(
    number: usize,
    all: Vec<T>,
    work: impl Fn(T) -> Result<U, SyncError> + Sync,
) -> Result<Vec<U>, SyncError> {
    let number = number.min(all.len());
    let open = Mutex::new(all.into_iter());
    let done: Mutex<Result<Vec<U>, SyncError>> = Mutex::new(Ok(Vec::new()));
    let take_part = || {
        while locked(&done).is_ok() {
            let Some(next) = locked(&open).next() else { break };
            let came = work(next);
            let mut done = locked(&done);
            match (came, &mut *done) {
                (Ok(came), Ok(all)) => all.push(came),
                (Err(error), Ok(_)) => *done = Err(error),
                (_, Err(_)) => {}
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..number {
            // If no more threads can be started, this thread does all the work.
            let _ = thread::Builder::new().spawn_scoped(scope, take_part);
        }
        take_part();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data stays consistent if a thread panics: every change is a single push or assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

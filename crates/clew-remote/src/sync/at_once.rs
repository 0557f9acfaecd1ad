//! Work on many things, several at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::SyncError;

/// So many things are worked on at once: made and sent, or fetched.
pub(super) const AT_ONCE: usize = 4;
/// So many small ones, which take no longer than the wait for an answer.
pub(super) const SMALL_AT_ONCE: usize = 16;

/// Does `work` on each of `all`, so many at once; what came of them, in no order. Gives up at the first that fails.
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
            // Where there can be no more threads, this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, take_part);
        }
        take_part();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever held it panicked with it whole: every change under it is one push or one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

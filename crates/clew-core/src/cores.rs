//! The number of processors, and parallel work on many small items.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// Returns the number of processors that this process may use. The result is cached: reading it from the cgroup files takes some
/// 30 microseconds, longer than most of the work that is divided.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// The number of items in one share of work.
const SHARE: usize = 512;
/// The maximum number of threads, so that a look leaves the other processors to the user's work.
const MOST_THREADS: usize = 4;

/// Applies `work` to each of many small items, on several threads if there are enough items. Returns the results in the order of
/// the items. `begin` creates the state that a thread keeps from one item to the next.
pub(crate) fn with_each<T: Send, K, R: Send>(
    things: Vec<T>,
    begin: impl Fn() -> K + Sync,
    work: impl Fn(&mut K, T) -> R + Sync,
) -> Vec<R> {
    let shares = Shares::of(things);
    // A single share needs no helpers. Reading the number of processors would cost more.
    let helpers = match shares.count() {
        1 => 0,
        count => cores().min(MOST_THREADS).min(count) - 1,
    };
    let take_part = || shares.take_part(&mut begin(), &work);
    thread::scope(|scope| {
        for _ in 0..helpers {
            // If no thread can be started, this thread does all the work.
            let _ = thread::Builder::new().spawn_scoped(scope, take_part);
        }
        take_part();
    });
    shares.done()
}

/// Items that are divided among threads, and their results, by the number of the share.
struct Shares<T, R> {
    open: Mutex<Vec<(usize, Vec<T>)>>,
    done: Mutex<BTreeMap<usize, Vec<R>>>,
}

impl<T, R> Shares<T, R> {
    fn of(things: Vec<T>) -> Self {
        let mut shares = Vec::new();
        let mut things = things.into_iter();
        loop {
            let share: Vec<T> = things.by_ref().take(SHARE).collect();
            if share.is_empty() {
                break;
            }
            shares.push((shares.len(), share));
        }
        Self {
            open: Mutex::new(shares),
            done: Mutex::default(),
        }
    }

    fn count(&self) -> usize {
        locked(&self.open).len().max(1)
    }

    fn take_part<K>(&self, kept: &mut K, work: impl Fn(&mut K, T) -> R) {
        loop {
            let next = locked(&self.open).pop();
            let Some((number, things)) = next else { break };
            let done = things.into_iter().map(|thing| work(kept, thing)).collect();
            locked(&self.done).insert(number, done);
        }
    }

    fn done(self) -> Vec<R> {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_values().flatten().collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_many_things_is_in_their_order() {
        for count in [0, 1, SHARE, 5 * SHARE + 3] {
            let twice = with_each((0..count).collect(), || (), |(), thing| 2 * thing);
            assert_eq!(twice, (0..count).map(|thing| 2 * thing).collect::<Vec<_>>());
        }
    }
}

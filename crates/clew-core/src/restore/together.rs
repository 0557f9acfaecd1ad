//! Jobs of the store done on all cores, while the kernel waits and hears of Ctrl+C.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::kernel::Kernel;
use crate::store::Job;

/// Work of less than so many bytes is done at once: threads would cost more.
const WORTH_THREADS: u64 = 4 << 20;
/// The most threads: reading from memory does not become faster with more.
const MOST_THREADS: usize = 16;
/// How often it is asked whether the user wants to stop.
const PAUSE: Duration = Duration::from_millis(20);

/// What became of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// They are done, and nothing else ran.
    AtOnce,
    /// They are done, and others may have run in the kernel meanwhile.
    Waited,
    /// The user asked to stop. Some are not done.
    Stopped,
}

/// Does all jobs.
pub(super) fn do_all<K: Kernel>(kernel: &mut K, jobs: Vec<Job<'_>>) -> Ended {
    let bytes: u64 = jobs.iter().map(Job::bytes).sum();
    if bytes < WORTH_THREADS {
        let mut scratch = Vec::new();
        jobs.into_iter().for_each(|job| job.run(&mut scratch));
        return Ended::AtOnce;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let queue = Queue::new(jobs, cores.min(MOST_THREADS));
    std::thread::scope(|scope| {
        for _ in 0..queue.threads {
            scope.spawn(|| queue.work());
        }
        while !queue.is_done() {
            kernel.wait(&|| queue.wait());
            if kernel.interrupted() {
                queue.stop();
            }
        }
    });
    if queue.was_stopped() {
        Ended::Stopped
    } else {
        Ended::Waited
    }
}

/// Jobs that threads take one after another.
struct Queue<'j> {
    threads: usize,
    state: Mutex<QueueState<'j>>,
    ended: Condvar,
}

struct QueueState<'j> {
    jobs: std::vec::IntoIter<Job<'j>>,
    working: usize,
    was_stopped: bool,
}

impl<'j> Queue<'j> {
    fn new(jobs: Vec<Job<'j>>, threads: usize) -> Self {
        let state = QueueState {
            jobs: jobs.into_iter(),
            working: threads,
            was_stopped: false,
        };
        Self {
            threads,
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState<'j>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut scratch = Vec::new();
        loop {
            let next = self.state().jobs.next();
            let Some(job) = next else { break };
            job.run(&mut scratch);
        }
        self.state().working -= 1;
        self.ended.notify_all();
    }

    /// Waits until all is done, but not for long.
    fn wait(&self) {
        let state = self.state();
        let waited = self.ended.wait_timeout_while(state, PAUSE, |state| state.working > 0);
        drop(waited);
    }

    fn is_done(&self) -> bool {
        self.state().working == 0
    }

    fn stop(&self) {
        let mut state = self.state();
        (state.jobs, state.was_stopped) = (Vec::new().into_iter(), true);
    }

    fn was_stopped(&self) -> bool {
        self.state().was_stopped
    }
}

//! Runs jobs of the store on all cores, while the kernel waits and can be interrupted.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cores::cores;
use crate::kernel::Kernel;
use crate::store::Job;

/// Jobs with fewer bytes run on the calling thread: other threads would cost more.
const WORTH_THREADS: u64 = 4 << 20;
/// The maximum number of threads: reading from memory does not become faster with more.
const MOST_THREADS: usize = 16;
/// The interval between checks for an interrupt.
const PAUSE: Duration = Duration::from_millis(20);

/// How a set of parallel jobs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobOutcome {
    /// They are done, and no other code ran.
    AtOnce,
    /// They are done, and other threads may have run in the kernel meanwhile.
    Waited,
    /// The user interrupted them. Some are not done.
    Stopped,
}

/// Runs all jobs.
pub(super) fn do_all<K: Kernel>(kernel: &mut K, jobs: Vec<Job<'_>>) -> JobOutcome {
    let bytes: u64 = jobs.iter().map(Job::bytes).sum();
    if bytes < WORTH_THREADS {
        let mut scratch = Vec::new();
        jobs.into_iter().for_each(|job| job.run(&mut scratch));
        return JobOutcome::AtOnce;
    }
    let queue = Queue::new(jobs);
    thread::scope(|scope| {
        for _ in 0..cores().min(MOST_THREADS) {
            queue.begin();
            if thread::Builder::new().spawn_scoped(scope, || queue.work()).is_err() {
                queue.end();
                break;
            }
        }
        if queue.is_done() {
            // If no thread can be started, this thread does all the work.
            do_alone(kernel, &queue);
        }
        loop {
            // At least once, so that it does not depend on their speed whether other threads may run meanwhile.
            kernel.wait(&|| queue.wait());
            if kernel.interrupted() {
                queue.stop();
            }
            if queue.is_done() {
                break;
            }
        }
    });
    if queue.was_stopped() {
        JobOutcome::Stopped
    } else {
        JobOutcome::Waited
    }
}

/// Runs the remaining jobs, and checks for an interrupt after each.
fn do_alone<K: Kernel>(kernel: &mut K, queue: &Queue<'_>) {
    let mut scratch = Vec::new();
    while let Some(job) = queue.next() {
        job.run(&mut scratch);
        if kernel.interrupted() {
            queue.stop();
        }
    }
}

/// Jobs that threads take one after another.
struct Queue<'j> {
    state: Mutex<QueueState<'j>>,
    ended: Condvar,
}

struct QueueState<'j> {
    jobs: std::vec::IntoIter<Job<'j>>,
    working: usize,
    was_stopped: bool,
}

impl<'j> Queue<'j> {
    fn new(jobs: Vec<Job<'j>>) -> Self {
        let state = QueueState {
            jobs: jobs.into_iter(),
            working: 0,
            was_stopped: false,
        };
        Self {
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState<'j>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut scratch = Vec::new();
        while let Some(job) = self.next() {
            job.run(&mut scratch);
        }
        self.end();
    }

    fn next(&self) -> Option<Job<'j>> {
        self.state().jobs.next()
    }

    /// Records that a thread starts working.
    fn begin(&self) {
        self.state().working += 1;
    }

    /// Records that a thread stopped working.
    fn end(&self) {
        self.state().working -= 1;
        self.ended.notify_all();
    }

    /// Waits until all jobs are done, at most for a short time.
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

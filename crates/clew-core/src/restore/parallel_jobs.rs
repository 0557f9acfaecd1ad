//! Jobs of the store done on all cores, while the kernel waits and hears of Ctrl+C.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cores::cores;
use crate::kernel::Kernel;
use crate::store::Job;

/// Work of less than so many bytes is done at once: threads would cost more.
const WORTH_THREADS: u64 = 4 << 20;
/// The most threads: reading from memory does not become faster with more.
const MOST_THREADS: usize = 16;
/// How often it is asked whether the user wants to stop.
const PAUSE: Duration = Duration::from_millis(20);

/// How a set of parallel jobs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobOutcome {
    /// They are done, and nothing else ran.
    AtOnce,
    /// They are done, and others may have run in the kernel meanwhile.
    Waited,
    /// The user asked to stop. Some are not done.
    Stopped,
}

/// Does all jobs.
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
            // There can be no threads: this one does it all.
            do_alone(kernel, &queue);
        }
        loop {
            // Once at least, so that it does not hang on how fast they are whether others may run meanwhile.
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

/// Does what is left of the jobs, asking after each whether the user wants to stop.
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

    /// A thread is about to work.
    fn begin(&self) {
        self.state().working += 1;
    }

    /// A thread works no more.
    fn end(&self) {
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

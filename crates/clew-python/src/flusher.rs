//! Background work: flushes saved data to the disk soon after it was saved, and regularly updates the in-flight
//! marker of the running cell.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Orders {
    /// When a flush is due: a while after a commit; later commits are flushed with it.
    due: Option<Instant>,
    is_over: bool,
    /// The in-flight marker of the running cell.
    note: Option<Beat>,
}

/// When an in-flight marker is updated next. The duration of a long cell is known to within half of it, or half a
/// minute.
struct Beat {
    note: PathBuf,
    at: Instant,
    pause: Duration,
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Beat {
    fn begin(note: PathBuf) -> Self {
        Self {
            note,
            at: Instant::now() + FIRST_PAUSE,
            pause: FIRST_PAUSE,
        }
    }

    fn next(&mut self) {
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        self.at = Instant::now() + self.pause;
    }
}

/// A thread that flushes some time after it is woken.
pub(crate) struct Flusher {
    orders: Arc<(Mutex<Orders>, Condvar)>,
}

impl Flusher {
    /// Starts a thread that calls `flush` until it returns `false`.
    pub fn start(mut flush: impl FnMut() -> bool + Send + 'static) -> Self {
        let orders = Arc::new((Mutex::new(Orders::default()), Condvar::new()));
        let given = Arc::clone(&orders);
        // A panic only ends the current flush.
        let mut flush_or_panic = move || catch_unwind(AssertUnwindSafe(&mut flush)).unwrap_or(true);
        // Without the thread, everything is still flushed at the end of the session.
        let _ = std::thread::Builder::new()
            .name("clew-flush".to_owned())
            .spawn(move || while wait(&given) && flush_or_panic() {});
        Self { orders }
    }

    /// Schedules a flush after `delay`.
    pub fn wake(&self, delay: Duration) {
        self.order(|orders| orders.due = orders.due.or(Some(Instant::now() + delay)));
    }

    /// Sets the in-flight marker of the running cell; `None` if no cell runs.
    pub fn follow(&self, note: Option<PathBuf>) {
        let note = note.map(Beat::begin);
        if note.is_some() {
            return self.order(|orders| orders.note = note);
        }
        // The thread need not wake up for that.
        self.orders.0.lock().unwrap_or_else(PoisonError::into_inner).note = None;
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.order(|orders| orders.is_over = true);
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        let (orders, changed) = &*self.orders;
        change(&mut orders.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until a flush is due; returns `false` when the thread is to end.
fn wait(given: &(Mutex<Orders>, Condvar)) -> bool {
    let (orders, changed) = given;
    let mut orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
    while !orders.is_over {
        let now = Instant::now();
        if orders.due.is_some_and(|due| due <= now) {
            orders.due = None;
            return true;
        }
        if let Some(beat) = orders.note.as_mut().filter(|beat| beat.at <= now) {
            clew_cli::goes_on(&beat.note);
            beat.next();
        }
        let next = orders
            .due
            .into_iter()
            .chain(orders.note.as_ref().map(|beat| beat.at))
            .min();
        orders = match next {
            Some(next) => {
                let waited = changed.wait_timeout(orders, next.saturating_duration_since(now));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => changed.wait(orders).unwrap_or_else(PoisonError::into_inner),
        };
    }
    false
}

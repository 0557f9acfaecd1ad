//! What is done beside the user's work: soon after something was saved it is made to survive power loss; and the note of a
//! cell that runs says from time to time that it still does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Orders {
    /// When a flush is due: a while after a commit, and what is committed meanwhile goes with it.
    due: Option<Instant>,
    is_over: bool,
    /// The note of the cell that runs.
    note: Option<Beat>,
}

/// When the note of a cell is to say next that it still runs. A long one is known to within half of how long it ran, or half
/// a minute.
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

/// A thread that flushes a while after it is woken.
pub(crate) struct Flusher {
    orders: Arc<(Mutex<Orders>, Condvar)>,
}

impl Flusher {
    /// Starts a thread that calls `flush`. It ends when that says `false`.
    pub fn start(mut flush: impl FnMut() -> bool + Send + 'static) -> Self {
        let orders = Arc::new((Mutex::new(Orders::default()), Condvar::new()));
        let given = Arc::clone(&orders);
        // A panic ends one flush and no other.
        let mut flush_or_panic = move || catch_unwind(AssertUnwindSafe(&mut flush)).unwrap_or(true);
        // Without the thread everything is still flushed at the end of the session.
        let _ = std::thread::Builder::new()
            .name("clew-flush".to_owned())
            .spawn(move || while wait(&given) && flush_or_panic() {});
        Self { orders }
    }

    /// Something was committed, and is to be flushed after so long.
    pub fn wake(&self, delay: Duration) {
        self.order(|orders| orders.due = orders.due.or(Some(Instant::now() + delay)));
    }

    /// A cell runs, and its note is this one; or none does.
    pub fn follow(&self, note: Option<PathBuf>) {
        let note = note.map(Beat::begin);
        if note.is_some() {
            return self.order(|orders| orders.note = note);
        }
        // Nobody has to wake up for that.
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

/// Waits until something is due; `false` when it is over.
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

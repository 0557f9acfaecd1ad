//! What is done beside the user's work: soon after something was saved it is made to survive power loss; and the note of a
//! cell that runs says from time to time that it still does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::engine::{Inner, recovered};
use crate::raw::Reserve;
use crate::testing::panics::pass;

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

/// A thread that flushes a while after it is woken. It holds the engine only to begin and to end a flush, and never
/// the interpreter's lock.
pub(crate) struct Flusher {
    orders: Arc<(Mutex<Orders>, Condvar)>,
}

impl Flusher {
    /// Starts the thread. It ends when the engine does.
    pub fn over(engine: &Arc<Mutex<Inner>>) -> Self {
        let orders = Arc::new((Mutex::new(Orders::default()), Condvar::new()));
        let (engine, given) = (Arc::downgrade(engine), Arc::clone(&orders));
        // Without the thread everything is still flushed at the end of the session.
        let _ = std::thread::Builder::new()
            .name("clew-flush".to_owned())
            .spawn(move || while wait(&given) && flush_or_panic(&engine) {});
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

/// A panic ends this flush and no other.
fn flush_or_panic(engine: &Weak<Mutex<Inner>>) -> bool {
    catch_unwind(AssertUnwindSafe(|| flush(engine))).unwrap_or(true)
}

/// Flushes once; `false` when the engine is gone.
fn flush(engine: &Weak<Mutex<Inner>>) -> bool {
    let Some(engine) = engine.upgrade() else { return false };
    // Without memory to work with it is left for the next time.
    let Some(_reserve) = Reserve::begin_beside() else {
        return true;
    };
    let begun = {
        let mut inner = locked(&engine);
        pass("flush");
        let session = inner.session().filter(|session| !session.is_synced());
        session.and_then(|session| session.begin_sync().ok())
    };
    if let Some(job) = begun {
        let outcome = job.run();
        if let Some(session) = locked(&engine).session() {
            // A failed flush stops the writer; the next run says so.
            let _ = session.end_sync(&job, outcome);
        }
    }
    note(&engine);
    true
}

/// Notes where the logs end now; whoever wants the engine waits for nothing of it.
fn note(engine: &Mutex<Inner>) {
    let note = locked(engine).unnoted();
    let written = note.map_or(Ok(()), |note| note.write());
    if let Err(error) = written {
        locked(engine).not_noted(&error);
    }
}

fn locked(engine: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    engine.lock().unwrap_or_else(|poisoned| recovered(engine, poisoned))
}

//! Makes what is saved survive power loss, soon after it was and beside the user's work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::engine::{Inner, recovered};
use crate::raw::Reserve;
use crate::testing::panics::pass;

#[derive(Default)]
struct Orders {
    is_due: bool,
    is_over: bool,
    /// How long after a commit the flush begins: what is committed meanwhile goes with it.
    delay: Duration,
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
        self.order(|orders| (orders.is_due, orders.delay) = (true, delay));
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

/// Waits until something is due and a while longer; `false` when it is over.
fn wait(given: &(Mutex<Orders>, Condvar)) -> bool {
    let (orders, changed) = given;
    let mut orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
    while !orders.is_due && !orders.is_over {
        orders = changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
    }
    let delay = orders.delay;
    let (mut orders, _) = changed
        .wait_timeout_while(orders, delay, |orders| !orders.is_over)
        .unwrap_or_else(PoisonError::into_inner);
    orders.is_due = false;
    !orders.is_over
}

/// A panic ends this flush and no other.
fn flush_or_panic(engine: &Weak<Mutex<Inner>>) -> bool {
    catch_unwind(AssertUnwindSafe(|| flush(engine))).unwrap_or(true)
}

/// Flushes once; `false` when the engine is gone.
fn flush(engine: &Weak<Mutex<Inner>>) -> bool {
    let Some(engine) = engine.upgrade() else { return false };
    // Without memory to work with it is left for the next time.
    let Some(_reserve) = Reserve::begin() else { return true };
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

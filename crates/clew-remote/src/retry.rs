//! Trying again: the one place where anything is, so that no wait is multiplied by another.

mod lanes;

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Head, ListedObject, Part, Token, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::nonce::nonce;
use lanes::Lanes;

/// How often to try again, and how long to wait between.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How often something is tried, the first time too.
    pub tries: u32,
    /// The longest wait after the first failure; after each one more it is twice as long.
    pub first: Duration,
    /// No wait is longer, but where the place asks for more.
    pub most: Duration,
}

/// About a minute, if everything fails at once.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 8,
            first: Duration::from_millis(400),
            most: Duration::from_secs(20),
        }
    }
}

/// What a place may ask for and get.
const MOST_ASKED: Duration = Duration::from_mins(1);
/// How often a wait looks whether it is given up.
const LOOK: Duration = Duration::from_millis(100);

impl RetryPolicy {
    /// How long to wait after the `failures`-th failure. Anything up to the longest wait: those who failed together must not come
    /// back together.
    fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let share = nonce() as f64 / u64::MAX as f64;
        let drawn = doubled.min(self.most).mul_f64(share);
        drawn + asked.unwrap_or_default().min(MOST_ASKED)
    }
}

/// A call that failed and is tried again.
#[derive(Debug)]
pub struct Retry<'r> {
    /// Why it failed.
    pub error: &'r RemoteError,
    /// Which try comes next, from 2.
    pub next: u32,
    /// How many tries there are.
    pub of: u32,
    /// How long it waits first.
    pub wait: Duration,
}

/// A place that is asked again where that may help, with longer and longer waits, and with fewer transfers at once over a line that
/// is cut.
#[derive(Clone)]
pub struct Patient {
    inner: Arc<dyn Backend>,
    pace: RetryPolicy,
    sleep: Arc<dyn Fn(Duration) + Send + Sync>,
    tell: Arc<dyn Fn(&Retry<'_>) + Send + Sync>,
    lanes: Arc<Lanes>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patient").field(&self.inner).finish()
    }
}

impl Patient {
    /// Asks `inner` at this pace.
    pub fn new(inner: Arc<dyn Backend>, pace: RetryPolicy) -> Self {
        Self {
            inner,
            pace,
            sleep: Arc::new(std::thread::sleep),
            tell: Arc::new(|_| ()),
            lanes: Arc::default(),
        }
    }

    /// Tells of each call that is tried again, before it waits. From any thread that calls.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.tell = Arc::new(tell);
        self
    }

    /// Waits by other means than sleeping.
    #[must_use]
    pub fn waiting_by(mut self, sleep: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.sleep = Arc::new(sleep);
        self
    }

    fn again<T>(&self, mut call: impl FnMut() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        self.watched(&mut unwatched, |_| call()).0
    }

    /// The outcome of several tries, and whether an earlier one failed in a way that leaves open whether it was done.
    fn watched<T>(
        &self,
        watch: TransferCallback<'_>,
        mut call: impl FnMut(TransferCallback<'_>) -> Result<T, RemoteError>,
    ) -> (Result<T, RemoteError>, bool) {
        for failures in 1.. {
            let result = call(watch);
            let Err(error @ RemoteError::Unreachable { wait, .. }) = &result else {
                return (result, failures > 1);
            };
            if failures >= self.pace.tries {
                return (result, true);
            }
            let wait = self.pace.wait(failures, *wait);
            (self.tell)(&Retry {
                error,
                next: failures + 1,
                of: self.pace.tries,
                wait,
            });
            if self.pause(wait, watch).is_break() {
                break;
            }
        }
        (Err(RemoteError::GivenUp), true)
    }

    /// The same for a call that moves bytes.
    fn carried<T>(
        &self,
        watch: TransferCallback<'_>,
        mut call: impl FnMut(TransferCallback<'_>) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let in_lane = |watch: TransferCallback<'_>| {
            let lane = self.lanes.enter(watch)?;
            let result = call(watch);
            self.lanes.note(&result);
            drop(lane);
            result
        };
        self.watched(watch, in_lane).0
    }

    fn pause(&self, mut left: Duration, watch: TransferCallback<'_>) -> ControlFlow<()> {
        while !left.is_zero() {
            watch(0)?;
            let step = left.min(LOOK);
            (self.sleep)(step);
            left -= step;
        }
        watch(0)
    }

    /// The version of a head, if it says `bytes`: then it was us who wrote it, since no two versions hold the same.
    fn ours(&self, name: &Name, bytes: &[u8]) -> Result<Option<Token>, RemoteError> {
        let head = self.head(name)?;
        Ok(head.filter(|head| head.bytes == bytes).map(|head| head.token))
    }
}

impl Backend for Patient {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        self.carried(watch, |watch| self.inner.read(name, range.clone(), watch))
    }

    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        self.again(|| self.inner.length(name))
    }

    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        self.carried(watch, |watch| self.inner.write(name, bytes, watch))
    }

    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        self.again(|| self.inner.begin(name, length))
    }

    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        self.carried(watch, |watch| self.inner.part(upload, number, bytes, watch))
    }

    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        let (result, is_doubtful) = self.watched(&mut unwatched, |_| self.inner.finish(upload, parts));
        match result {
            // The place forgot the upload when it was finished, and the answer was lost.
            Err(RemoteError::NotFound { .. }) if is_doubtful && self.length(&upload.name)?.is_some() => Ok(()),
            result => result,
        }
    }

    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        self.again(|| self.inner.abandon(upload))
    }

    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        self.again(|| self.inner.list(folder))
    }

    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        self.again(|| self.inner.remove(name))
    }

    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        self.again(|| self.inner.head(name))
    }

    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        let (result, is_doubtful) = self.watched(&mut unwatched, |_| self.inner.swap(name, expected, bytes));
        match result {
            Err(RemoteError::Conflict { .. }) if is_doubtful => self.ours(name, bytes)?.map_or(result, Ok),
            result => result,
        }
    }
}

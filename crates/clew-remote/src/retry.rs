//! Retries. Only this module retries, so that waits never multiply.

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

/// The number of attempts, and the waits between them.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// The number of attempts, including the first.
    pub tries: u32,
    /// The longest wait after the first failure; doubled after each further failure.
    pub first: Duration,
    /// The upper limit of each wait, unless the remote asks for more.
    pub most: Duration,
}

/// About a minute if every attempt fails immediately.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 8,
            first: Duration::from_millis(400),
            most: Duration::from_secs(20),
        }
    }
}

/// The longest wait that a remote can request.
const MOST_ASKED: Duration = Duration::from_mins(1);
/// How often a wait checks for cancellation.
const LOOK: Duration = Duration::from_millis(100);

impl RetryPolicy {
    /// Returns the wait after the `failures`-th failure. Random up to the limit, so that clients that failed together do not retry
    /// together.
    fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let share = nonce() as f64 / u64::MAX as f64;
        let drawn = doubled.min(self.most).mul_f64(share);
        drawn + asked.unwrap_or_default().min(MOST_ASKED)
    }
}

/// A failed call that will be retried.
#[derive(Debug)]
pub struct Retry<'r> {
    /// Why it failed.
    pub error: &'r RemoteError,
    /// The number of the next attempt, from 2.
    pub next: u32,
    /// The total number of attempts.
    pub of: u32,
    /// The wait before the attempt.
    pub wait: Duration,
}

/// A backend with retries: waits grow exponentially, and fewer transfers run at once over a connection that breaks.
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
    /// Wraps `inner` with this policy.
    pub fn new(inner: Arc<dyn Backend>, pace: RetryPolicy) -> Self {
        Self {
            inner,
            pace,
            sleep: Arc::new(std::thread::sleep),
            tell: Arc::new(|_| ()),
            lanes: Arc::default(),
        }
    }

    /// Calls `tell` before the wait of each retry, on the thread that made the call.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.tell = Arc::new(tell);
        self
    }

    /// Waits by calling `sleep` instead of sleeping.
    #[must_use]
    pub fn waiting_by(mut self, sleep: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.sleep = Arc::new(sleep);
        self
    }

    fn again<T>(&self, mut call: impl FnMut() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        self.watched(&mut unwatched, |_| call()).0
    }

    /// Returns the outcome of all attempts, and whether an earlier failed attempt may have been executed.
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

    /// Like [`Self::watched`] for a call that transfers data.
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

    /// Returns the version of a head if its content is `bytes`: then this process wrote it, since no two versions have the same bytes.
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
            // The remote forgot the upload when it was completed, and the response was lost.
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

//! A remote that fails as planned: before, after or during a call, or by being slow.

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clew_remote::{
    Backend, Head, ListedObject, Name, Part, RemoteError, Token, TransferCallback, Upload, WriteOutcome,
};

/// The effect of a fault on one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The call succeeds.
    None,
    /// The call fails and does nothing.
    Before(RemoteError),
    /// The call is executed, but reports an error.
    After(RemoteError),
    /// The call is interrupted after this many bytes. Calls that transfer no bytes succeed.
    CutAfter(u64),
    /// The call succeeds after a delay.
    Slow(Duration),
    /// A swap is executed whatever its condition is. Other calls succeed.
    Blind,
    /// A swap checks its condition first, and is executed some time later.
    Late(Duration),
    /// A swap reports success, but is not executed.
    Pretended,
}

/// A call of a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// [`Backend::read`]
    Read,
    /// [`Backend::length`]
    Length,
    /// [`Backend::write`]
    Write,
    /// [`Backend::begin`]
    Begin,
    /// [`Backend::part`]
    Part,
    /// [`Backend::finish`]
    Finish,
    /// [`Backend::abandon`]
    Abandon,
    /// [`Backend::list`]
    List,
    /// [`Backend::remove`]
    Remove,
    /// [`Backend::head`]
    Head,
    /// [`Backend::swap`] of an existing head
    Swap,
    /// [`Backend::swap`] of a missing head
    Create,
}

type Plan = dyn Fn(u64, Asked) -> Fault + Send + Sync;

/// A remote with planned faults.
#[derive(Clone)]
pub struct Failing {
    inner: Arc<dyn Backend>,
    plan: Arc<Plan>,
    calls: Arc<AtomicU64>,
    moved: Arc<AtomicU64>,
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failing").field(&self.inner).finish()
    }
}

impl Failing {
    /// Wraps `inner`. The plan decides about each call; its argument is the number of earlier calls.
    pub fn new(inner: Arc<dyn Backend>, plan: impl Fn(u64, Asked) -> Fault + Send + Sync + 'static) -> Self {
        Self {
            inner,
            plan: Arc::new(plan),
            calls: Arc::default(),
            moved: Arc::default(),
        }
    }

    /// Returns the number of calls.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes of objects that were transferred in either direction, including failed calls.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::SeqCst)
    }

    fn call<T>(&self, asked: Asked, done: impl FnOnce() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        self.watched(asked, &mut clew_remote::unwatched, |_| done())
    }

    fn watched<T>(
        &self,
        asked: Asked,
        watch: TransferCallback<'_>,
        done: impl FnOnce(TransferCallback<'_>) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let fault = (self.plan)(self.calls.fetch_add(1, Ordering::SeqCst), asked);
        match fault {
            Fault::Before(error) => return Err(error),
            Fault::Slow(time) => std::thread::sleep(time),
            Fault::CutAfter(most) => return self.cut(most, watch, done),
            _ => (),
        }
        let result = done(&mut |moved| {
            self.moved.fetch_add(moved, Ordering::SeqCst);
            watch(moved)
        })?;
        match fault {
            Fault::After(error) => Err(error),
            _ => Ok(result),
        }
    }

    /// Swaps without checking the condition, like a server that does not support conditions.
    fn overwrite(&self, name: &Name, bytes: &[u8]) -> Result<Token, RemoteError> {
        loop {
            let current = self.inner.head(name)?.map(|head| head.token);
            match self.inner.swap(name, current.as_ref(), bytes) {
                Err(RemoteError::Conflict { .. }) => (),
                swapped => return swapped,
            }
        }
    }

    /// Interrupts a transfer through its callback, as a broken connection would.
    fn cut<T>(
        &self,
        most: u64,
        watch: TransferCallback<'_>,
        done: impl FnOnce(TransferCallback<'_>) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let mut sum = 0;
        let mut is_cut = false;
        let result = done(&mut |moved| {
            sum += moved;
            self.moved.fetch_add(moved, Ordering::SeqCst);
            is_cut = sum > most;
            if is_cut { ControlFlow::Break(()) } else { watch(moved) }
        });
        if is_cut {
            Err(unreachable("cut in the middle"))
        } else {
            result
        }
    }
}

/// Returns the error of a remote that is temporarily unreachable.
pub fn unreachable(said: &str) -> RemoteError {
    RemoteError::Unreachable {
        place: "the failing remote".to_owned(),
        said: said.to_owned(),
        wait: None,
    }
}

impl Backend for Failing {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        self.watched(Asked::Read, watch, |watch| self.inner.read(name, range, watch))
    }

    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        self.call(Asked::Length, || self.inner.length(name))
    }

    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        self.watched(Asked::Write, watch, |watch| self.inner.write(name, bytes, watch))
    }

    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        self.call(Asked::Begin, || self.inner.begin(name, length))
    }

    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        self.watched(Asked::Part, watch, |watch| {
            self.inner.part(upload, number, bytes, watch)
        })
    }

    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        self.call(Asked::Finish, || self.inner.finish(upload, parts))
    }

    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        self.call(Asked::Abandon, || self.inner.abandon(upload))
    }

    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        self.call(Asked::List, || self.inner.list(folder))
    }

    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        self.call(Asked::Remove, || self.inner.remove(name))
    }

    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        self.call(Asked::Head, || self.inner.head(name))
    }

    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        let asked = if expected.is_some() { Asked::Swap } else { Asked::Create };
        let call = self.calls();
        self.call(asked, || match (self.plan)(call, asked) {
            Fault::Blind => self.overwrite(name, bytes),
            Fault::Late(time) => {
                let current = self.inner.head(name)?.map(|head| head.token);
                if current.as_ref() != expected {
                    return self.inner.swap(name, expected, bytes);
                }
                std::thread::sleep(time);
                self.overwrite(name, bytes)
            }
            Fault::Pretended => Ok(Token("never".to_owned())),
            _ => self.inner.swap(name, expected, bytes),
        })
    }
}

//! Checks whether a remote implements compare-and-swap correctly, so that several machines can share heads in it.
//!
//! Some servers ignore the conditions of a write, or check them and write a moment later. Normal use does not reveal this, and data pushed
//! by another machine is lost silently. Each remote is therefore tested when it is added, with a temporary head.

use std::sync::Barrier;
use std::thread;

use crate::backend::{Backend, Head, Token};
use crate::error::RemoteError;
use crate::name::Name;
use crate::nonce::{in_digits, nonce};

/// Concurrent writers of one round.
const WRITERS: usize = 8;
/// Rounds. A server with a race between check and write was detected in 16 of 20 such rounds.
const ROUNDS: usize = 20;

/// Why several machines cannot share heads in a remote. It can still be read, and written by a single machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFailure {
    /// The server reports that it does not support conditional writes.
    #[error("It does not support conditional writes: {said}")]
    Unable {
        /// The server's message.
        said: String,
    },
    /// A conditional creation overwrote an existing head.
    #[error("It overwrites existing data in a write that should fail if data exists")]
    Overwrites,
    /// A swap succeeded with an outdated version.
    #[error("It overwrites data that was changed in the meantime")]
    TakesStale,
    /// Several concurrent swaps were reported as successful.
    #[error("Of {WRITERS} concurrent writers, it reported success to {winners}")]
    ManyWinners {
        /// Their number.
        winners: usize,
    },
    /// The stored content is not what the successful writer wrote.
    #[error("It reported a successful write, but contains other data")]
    Forgets,
}

/// Tests a remote for correct compare-and-swap; `Ok(Err(_))` describes the failure. Leaves nothing behind unless it is interrupted.
///
/// # Errors
/// The test could not be carried out.
pub fn probe(backend: &dyn Backend) -> Result<Result<(), ProbeFailure>, RemoteError> {
    let name = format!("probes/{}", in_digits(nonce())).parse()?;
    let found = match asked(&Probe { backend, name: &name }) {
        Err(RemoteError::Unable { said, .. }) => Ok(Err(ProbeFailure::Unable { said })),
        found => found,
    };
    let removed = backend.remove(&name);
    let found = found?;
    removed?;
    Ok(found)
}

struct Probe<'p> {
    backend: &'p dyn Backend,
    name: &'p Name,
}

fn asked(probe: &Probe<'_>) -> Result<Result<(), ProbeFailure>, RemoteError> {
    let Some(first) = probe.swap(None)? else {
        return Ok(Err(ProbeFailure::Forgets));
    };
    if probe.swap(None)?.is_some() {
        return Ok(Err(ProbeFailure::Overwrites));
    }
    let Some(mut current) = probe.swap(Some(&first))? else {
        return Ok(Err(ProbeFailure::Forgets));
    };
    if probe.swap(Some(&first))?.is_some() {
        return Ok(Err(ProbeFailure::TakesStale));
    }
    for _ in 0..ROUNDS {
        match probe.race(&current)? {
            Ok(next) => current = next,
            Err(lie) => return Ok(Err(lie)),
        }
    }
    Ok(Ok(()))
}

impl Probe<'_> {
    /// Swaps in unique content; `None` if the swap lost.
    fn swap(&self, expected: Option<&Token>) -> Result<Option<Token>, RemoteError> {
        self.written(expected, &bytes())
    }

    fn written(&self, expected: Option<&Token>, bytes: &[u8]) -> Result<Option<Token>, RemoteError> {
        match self.backend.swap(self.name, expected, bytes) {
            Ok(token) => Ok(Some(token)),
            Err(RemoteError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets all writers swap the same version concurrently.
    fn race(&self, current: &Token) -> Result<Result<Token, ProbeFailure>, RemoteError> {
        let written: Vec<Vec<u8>> = (0..WRITERS).map(|_| bytes()).collect();
        let start = Barrier::new(WRITERS);
        let run = |bytes: &Vec<u8>| {
            start.wait();
            Ok(self.written(Some(current), bytes)?.map(|token| Head {
                bytes: bytes.clone(),
                token,
            }))
        };
        let ended: Result<Vec<Option<Head>>, RemoteError> = thread::scope(|scope| {
            let threads: Vec<_> = written.iter().map(|bytes| scope.spawn(|| run(bytes))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a writer ends"))
                .collect()
        });
        let winners: Vec<Head> = ended?.into_iter().flatten().collect();
        let found = self.backend.head(self.name)?;
        Ok(verdict(&winners, found, current))
    }
}

/// Evaluates a round.
fn verdict(winners: &[Head], found: Option<Head>, before: &Token) -> Result<Token, ProbeFailure> {
    let Some(found) = found else {
        return Err(ProbeFailure::Forgets);
    };
    match winners {
        // A server may reject all concurrent writes if it then changed nothing.
        [] if found.token == *before => Ok(found.token),
        [winner] if winner.bytes == found.bytes => Ok(found.token),
        [] | [_] => Err(ProbeFailure::Forgets),
        many => Err(ProbeFailure::ManyWinners { winners: many.len() }),
    }
}

/// Returns unique content.
fn bytes() -> Vec<u8> {
    format!("clew probes whether heads can be shared here: {:016x}\n", nonce()).into_bytes()
}

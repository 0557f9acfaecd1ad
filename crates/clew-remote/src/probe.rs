//! Finds out whether heads can be shared in a place: whether it keeps its word about who wins.
//!
//! Some servers ignore the conditions of a write, or check them and write a moment later. Nothing in a normal exchange tells, and what
//! another machine pushed is lost without a word. So a place is asked when it is added, with a head of its own.

use std::sync::Barrier;
use std::thread;

use crate::backend::{Backend, Head, Token};
use crate::error::RemoteError;
use crate::name::Name;
use crate::nonce::{in_digits, nonce};

/// How many want the same swap at once.
const WRITERS: usize = 8;
/// How often. A server that checks first and writes then was found out in 16 of 20 such rounds.
const ROUNDS: usize = 20;

/// Why several machines cannot share heads in a remote. It can still be read, and written by one machine alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFailure {
    /// It has no conditional writes, and says so.
    #[error("It does not support conditional writes: {said}")]
    Unable {
        /// What it said.
        said: String,
    },
    /// A head that was to be made only if it is not there was made though it was.
    #[error("It overwrites existing data in a write that should fail if data exists")]
    Overwrites,
    /// A head was changed with the version before the last.
    #[error("It overwrites data that was changed in the meantime")]
    TakesStale,
    /// Several were told that they had won.
    #[error("Of {WRITERS} concurrent writers, it reported success to {winners}")]
    ManyWinners {
        /// How many.
        winners: usize,
    },
    /// What is there now is not what the winner wrote.
    #[error("It reported a successful write, but contains other data")]
    Forgets,
}

/// Asks a place for true compare-and-swap; `Ok(Err(_))` says how it fails to give that. Leaves nothing behind, unless it is cut.
///
/// # Errors
/// The place could not be asked.
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
    /// Swaps in what nobody wrote before; `None` if it lost.
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

    /// Has all writers swap the same version at once.
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

/// What a race says of a place.
fn verdict(winners: &[Head], found: Option<Head>, before: &Token) -> Result<Token, ProbeFailure> {
    let Some(found) = found else {
        return Err(ProbeFailure::Forgets);
    };
    match winners {
        // A server may turn all away that come at once, if it then changed nothing.
        [] if found.token == *before => Ok(found.token),
        [winner] if winner.bytes == found.bytes => Ok(found.token),
        [] | [_] => Err(ProbeFailure::Forgets),
        many => Err(ProbeFailure::ManyWinners { winners: many.len() }),
    }
}

/// What nobody wrote before.
fn bytes() -> Vec<u8> {
    format!("clew probes whether heads can be shared here: {:016x}\n", nonce()).into_bytes()
}

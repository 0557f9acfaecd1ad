//! The connection to a remote: its selection, its backend, its cache, and the progress display.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, SigningKey, Store, Trust};
use clew_remote::sync::{RemoteCache, SyncError, SyncProgress, SyncTarget};
use clew_remote::{Backend, Patient, Retry, RetryPolicy};

use crate::commands::remote::{asked, tell};
use crate::context::Context;
use crate::history_view::store_problem;
use crate::problem::{Exit, Problem};
use crate::remotes::{self, Heads, Remote, Remotes};
use crate::text;

/// Shorter transfers show no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// The interval between progress updates.
const BEAT: Duration = Duration::from_millis(200);

/// Waits for an unreliable network; Ctrl+C cancels.
const PACE: RetryPolicy = RetryPolicy {
    tries: 6,
    first: Duration::from_millis(500),
    most: Duration::from_secs(20),
};

/// Returns the named remote, else the only one.
pub(super) fn meant(name: Option<&str>, store: &Path, context: &Context) -> Result<Remote, Problem> {
    let all = Remotes::read(&context.config)?;
    if let Some(name) = name {
        return all.find(name, store, context).cloned();
    }
    match all.of_store(store).as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let add = context.command("remote add NAME URL");
            Err(Problem::usage("The store has no remotes").with_hint(format!("{add} adds one")))
        }
        several => {
            let names: Vec<String> = several.iter().map(|remote| remote.name.clone()).collect();
            let problem = format!("The store has {} remotes", several.len());
            Err(Problem::usage(problem).with_hint(format!("name one: {}", text::listing(&names, 8))))
        }
    }
}

/// Returns the remote, after testing it for shared heads if that was not done before.
pub(super) fn known(remote: Remote, context: &Context) -> Result<Remote, Problem> {
    if remote.heads != Heads::Unknown {
        return Ok(remote);
    }
    let remote = asked(remote, false, context)?;
    let mut all = Remotes::read(&context.config)?;
    all.put(remote.clone());
    all.write(&context.config)?;
    Ok(remote)
}

/// Opens a remote by URL.
pub(super) fn opened(url: &str, context: &Context) -> Result<Patient, Problem> {
    let place = remotes::open(url, false, remotes::may_ask(context));
    Ok(Patient::new(place.map_err(|error| remotes::problem(&error))?, PACE).telling(tell_retry))
}

/// Opens a listed remote. If it no longer exists, the cause is not a mistyped URL.
pub(super) fn opened_remote(remote: &Remote, context: &Context) -> Result<Patient, Problem> {
    opened(&remote.url, context).map_err(|problem| {
        if problem.exit != Exit::Usage || remote.name == remote.url {
            return problem;
        }
        let (name, url) = (text::typed(&remote.name), text::typed(&remote.url));
        problem.with_hint(format!(
            "mount it or put it back, and repeat the command; or create an empty one with {} and then {}",
            context.command(&format!("remote remove {name}")),
            context.command(&format!("remote add {name} {url}")),
        ))
    })
}

fn tell_retry(retry: &Retry<'_>) {
    tell(&format!(
        "{} … retrying in {:.0} s ({} of {})",
        retry.error,
        retry.wait.as_secs_f64().max(1.0),
        retry.next,
        retry.of
    ));
}

/// Returns the sync target for a store and a remote.
pub(super) fn way<'b>(backend: &'b dyn Backend, url: &str, store: &Path, context: &Context) -> SyncTarget<'b> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(store.as_os_str().as_encoded_bytes());
    hasher.update(b"\0");
    hasher.update(url.as_bytes());
    let name = hasher.finalize().to_hex();
    let folder = context.cache.join("remotes").join(&name[..32]);
    SyncTarget::new(backend, RemoteCache::new(&folder))
}

/// Opens a store for writing, with the user's key, which is created if necessary.
pub(super) fn writable(directory: &Path, context: &Context) -> Result<(Store, SigningKey), Problem> {
    let disk = Arc::new(RealDisk);
    let store = Store::open_with(disk.clone(), directory, Access::ReadWrite, &context.keys())?;
    let key = SigningKey::load_or_create(&*disk, &context.config)?;
    let (trust, _) = Trust::load_or_own(&*disk, &context.config, key.public());
    Ok((store.with_trust(trust), key))
}

/// Converts errors of transfers.
impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        let refused = || Self::of(Exit::Refused, error.to_string());
        let (problem, is_kept) = match &error {
            SyncError::Remote(error) => (remotes::problem(error), true),
            SyncError::Store(error) => (store_problem(error), false),
            SyncError::Busy { .. } => (refused().with_hint("wait until it has finished"), false),
            SyncError::Crowded { .. } => (refused().with_hint("repeat the command"), true),
            SyncError::Unreadable { .. } => (Self::of(Exit::Damaged, error.to_string()), false),
        };
        if is_kept {
            problem
                .with_unchanged("Nothing here was changed, and data that was sent or fetched is not transferred again")
        } else {
            problem
        }
    }
}

/// A progress line of a transfer: the bytes moved so far, and the speed.
pub(super) struct TransferProgress {
    what: String,
    begun: Instant,
    told: Mutex<Option<Instant>>,
}

impl TransferProgress {
    /// `what` describes the transfer: `Pushing to lab`.
    pub fn new(what: String) -> Self {
        Self {
            what,
            begun: Instant::now(),
            told: Mutex::default(),
        }
    }

    /// Updates the progress.
    pub fn tell(&self, progress: SyncProgress) -> ControlFlow<()> {
        let Ok(mut told) = self.told.lock() else {
            return ControlFlow::Continue(());
        };
        let passed = self.begun.elapsed();
        if passed > PATIENCE && told.is_none_or(|told| told.elapsed() > BEAT) {
            *told = Some(Instant::now());
            let rate = progress.moved as f64 / passed.as_secs_f64();
            tell(&format!(
                "{} … {} of {}, {}/s",
                self.what,
                text::bytes(progress.moved),
                text::bytes(progress.of),
                text::bytes(rate as u64)
            ));
        }
        ControlFlow::Continue(())
    }
}

impl Drop for TransferProgress {
    fn drop(&mut self) {
        tell("");
    }
}

/// Refuses to send data of an encrypted store without `--plain`.
pub(super) fn check_plain(store: &Store, is_plain: bool, context: &Context) -> Result<(), Problem> {
    if store.key().is_none() || is_plain {
        return Ok(());
    }
    let again = context.again("--plain");
    let problem = Problem::of(Exit::Refused, "The store is encrypted, but pushed data is not");
    Err(problem.with_hint(format!(
        "{again} sends it unencrypted: everyone who can read the remote can read it"
    )))
}

#[cfg(test)]
mod tests {
    use clew_remote::{Name, RemoteError};
    use clew_testing::every;

    use super::*;

    #[test]
    fn everything_that_stands_in_the_way_of_a_push() {
        let (bucket, folder) = (|| "s3://lab/clew".to_owned(), || "/mnt/lab".to_owned());
        let name = || "bundles/3f2a9c10".parse::<Name>().expect("a name");
        let said = str::to_owned;
        let refused = |place| RemoteError::Refused {
            place,
            said: said("no"),
        };
        let remote = every!(RemoteError {
            RemoteError::NotFound { .. } => [RemoteError::NotFound { place: bucket(), name: name() }],
            RemoteError::Conflict { .. } => [RemoteError::Conflict { place: bucket(), name: name() }],
            RemoteError::Refused { .. } => [
                RemoteError::Refused { place: bucket(), said: said("400 ExpiredToken: The provided token has expired.") },
                refused("gs://lab/clew".to_owned()),
                refused("az://lab/clew".to_owned()),
                refused("ssh://lab/clew".to_owned()),
                refused(folder()),
            ],
            RemoteError::Clock { .. } => [RemoteError::Clock {
                place: bucket(),
                said: said("403 RequestTimeTooSkewed; its clock is 61 minutes behind this machine's"),
            }],
            RemoteError::Full { .. } => [RemoteError::Full { place: folder(), said: said("No space left on device (os error 28)") }],
            RemoteError::Unreachable { .. } => [RemoteError::Unreachable {
                place: bucket(),
                said: said("503 SlowDown: Please reduce your request rate"),
                wait: None,
            }],
            RemoteError::Damaged { .. } => [RemoteError::Damaged {
                place: bucket(),
                name: name(),
                why: said("its contents do not match its name"),
            }],
            RemoteError::Unable { .. } => [RemoteError::Unable { place: bucket(), what: "do this", said: said("501 NotImplemented") }],
            RemoteError::NoPlace { .. } => [RemoteError::NoPlace { place: bucket(), said: said("404 NoSuchBucket") }],
            RemoteError::Here { .. } => [RemoteError::Here { said: said("Permission denied (os error 13)") }],
            RemoteError::NoRoom { .. } => [RemoteError::NoRoom { said: said("No space left on device (os error 28)") }],
            RemoteError::GivenUp => [RemoteError::GivenUp],
            RemoteError::Name(_) => [RemoteError::Name("../x".parse::<Name>().expect_err("no name"))],
        });
        let own = [
            SyncError::Unreadable {
                place: bucket(),
                history: said("3f2a9c10"),
                why: said("it is not a valid record"),
            },
            SyncError::Busy { place: bucket() },
            SyncError::Crowded { place: bucket() },
        ];
        let all = remote.into_iter().map(SyncError::Remote).chain(own);
        let texts: Vec<String> = all.map(|error| Problem::from(error).text()).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }
}

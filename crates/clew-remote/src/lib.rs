//! Remotes for packs and logs: a shared folder, a folder on another machine through ssh, or an object store in a cloud.
//!
//! A [`Backend`] stores bytes under names, and reports errors as a [`RemoteError`] that tells callers what they can do about it. It holds
//! *objects*, which never change once written, and *heads*: small, and changed only by compare-and-swap ([`Backend::swap`]). All calls
//! block; use threads for parallelism. [`transfer`] sends and fetches large objects in parts and resumes after an interruption, [`Patient`]
//! retries failed calls, [`probe`](mod@probe) checks whether several machines can share heads in a remote.
#![forbid(unsafe_code)]

mod backend;
pub use backend::{Backend, Head, ListedObject, Part, Token, TransferCallback, Upload, WriteOutcome, unwatched};

mod directory;
pub use directory::Directory;

mod error;
pub use error::RemoteError;

mod name;
pub use name::{InvalidRemoteName, Name};

#[cfg(feature = "object")]
mod object;
#[cfg(feature = "object")]
pub use object::ObjectStorage;

mod nonce;

pub mod probe;

pub mod readers;

mod retry;
pub use retry::{Patient, Retry, RetryPolicy};

mod ssh;
pub mod sync;
pub use ssh::{Ssh, SshCommand, serve};

pub mod transfer;

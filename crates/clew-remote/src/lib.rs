//! Where packs and logs can live besides the store: a folder that others reach too, or an object store of a cloud.
//!
//! In come bytes under names, out come the same bytes, or a [`RemoteError`] that says what a caller can do about it. A [`Backend`] holds
//! *objects*, which never change once they are there, and *heads*: small and changed only from what one has read
//! ([`Backend::swap`]). All of it blocks; threads make it parallel. [`transfer`] takes large objects over in parts and goes
//! on after a cut, [`Patient`] tries again, [`probe`](mod@probe) finds out whether heads can be shared in a place.
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

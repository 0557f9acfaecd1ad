//! What every place has to keep, and what is each one's own.

use clew_core::store::disk::MemoryFile;
use clew_remote::transfer::{self, UploadProgress};
use clew_remote::{Backend, Name, RemoteError, TransferCallback, WriteOutcome};

mod conformance;
mod directory;
mod patience;
mod probe;
#[cfg(unix)]
mod ssh;
mod swaps;
mod texts;

/// Histories that go to a place and come from it, whatever fails on the way.
mod sync {
    mod cuts;
    mod growing;
    pub mod machine;
    mod many;
    mod merged;
    mod planned;
    mod round;
}

#[cfg(feature = "object")]
mod clouds {
    mod answers;
    mod azure;
    mod cloud;
    mod failing;
    mod google;
    mod http;
    mod moto;
    mod network;
    mod s3;
}

/// Sends an object that lies in memory.
fn send(
    place: &dyn Backend,
    name: &Name,
    bytes: &[u8],
    sending: &mut UploadProgress,
    watch: TransferCallback<'_>,
) -> Result<WriteOutcome, RemoteError> {
    transfer::send(place, name, &MemoryFile(bytes.into()), sending, watch)
}

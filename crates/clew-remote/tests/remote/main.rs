//! What every place has to keep, and what is each one's own.

mod conformance;
mod directory;
mod patience;
mod probe;
#[cfg(unix)]
mod ssh;
mod swaps;
mod texts;

#[cfg(feature = "object")]
mod clouds {
    mod answers;
    mod azure;
    mod google;
    mod http;
    mod moto;
    mod network;
    mod s3;
}

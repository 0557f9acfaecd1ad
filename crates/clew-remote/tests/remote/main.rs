//! What every place has to keep, and what is each one's own.

mod conformance;
mod directory;
mod patience;
mod probe;
mod swaps;
mod texts;

#[cfg(feature = "object")]
mod clouds {
    mod answers;
    mod google;
    mod http;
    mod moto;
    mod network;
    mod s3;
}

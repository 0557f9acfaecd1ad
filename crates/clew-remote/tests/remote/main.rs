//! What every place has to keep, and what is each one's own.

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

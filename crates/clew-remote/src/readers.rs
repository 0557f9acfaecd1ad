//! What comes over ssh, as bytes alone, without the processes that it comes from: for the tests that any bytes are borne (`fuzz/`).

pub use crate::ssh::conversation;

//! Parsing of the ssh protocol without processes, for fuzzing (`fuzz/`).

pub use crate::ssh::conversation;

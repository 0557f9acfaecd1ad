//! `clew push`, `pull`, `watch`, `clone` and `move`: transfers of histories to and from remotes.

pub mod clone;
pub mod pull;
pub mod push;
pub mod transfer;
pub mod watch;
mod way;

//! `clew push`, `pull`, `watch`, `clone` and `move`: histories that go to other places, and come from them.

pub mod clone;
pub mod pull;
pub mod push;
pub mod transfer;
pub mod watch;
mod way;

//! `clew push`, `clew pull` and `clew clone`: histories that go to other places, and come from them.

mod clone;
mod pull;
mod push;
mod transfer;
mod watch;
mod way;

pub use clone::{Clone, clone};
pub use pull::{Pull, pull};
pub use push::{Push, push};
pub use transfer::carry;
pub use watch::{Watch, watch};

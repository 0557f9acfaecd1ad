//! `clew push`, `clew pull` and `clew clone`: histories that go to other places, and come from them.

mod clone;
pub(crate) mod pull;
pub(crate) mod push;
mod transfer;
pub(crate) mod watch;
mod way;

pub use clone::{Clone, clone};
pub use pull::{Pull, pull};
pub use push::{Push, push};
pub use transfer::carry;
pub use watch::{Watch, watch};

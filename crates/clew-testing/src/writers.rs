//! A test with many processes on one store: recorders, garbage collectors and readers, which are stopped and killed and whose clocks jump.
//!
//! The program `writers` contains all roles. Without arguments it is the supervisor: it starts the other processes, notes which runs they
//! report as saved, and at the end compares these with the store.

mod roles;
mod value;
mod watch;

pub use roles::play;
pub use watch::{Counts, Plan, Planted, watch};

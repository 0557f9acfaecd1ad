//! Many writers: processes that record into one store, while others take away, look, stop, die, and go by clocks that jump.
//!
//! The program `writers` is all of them: called without words it is the one that starts the others, writes down what they
//! say was saved, and holds that in the end against what is there.

mod roles;
mod value;
mod watch;

pub use roles::play;
pub use watch::{Counts, Plan, Planted, watch};

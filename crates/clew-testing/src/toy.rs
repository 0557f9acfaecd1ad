//! `ToyKernel`: a tiny heap and a cell language, so that the engine is tested whole without an interpreter.
//!
//! The heap behaves as `CPython`'s does where the engine could notice: addresses of dead objects and of freed memory are
//! used again at once, reference counts are real and cycles need a sweep, sets iterate in an order that depends on
//! addresses and on a seed, and memory can be seen through several objects.

mod build;
mod cell;
mod describe;
mod heap;
mod kernel;
mod memory;
mod object;
mod watched;

pub use build::Built;
pub use cell::{CellError, SETTING, World, run_cell};
pub use heap::ToyHeap;
pub use kernel::{Fault, FaultKind, Others, Runs, SECRET, ToyKernel};
pub use memory::Memory;
pub use object::{Function, Ref, Value, Window};
pub use watched::Watched;

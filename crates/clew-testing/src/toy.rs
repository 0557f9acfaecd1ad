//! `ToyKernel`: a small heap and a cell language, to test the whole engine without an interpreter.
//!
//! The heap behaves like `CPython`'s where the engine could notice a difference. Addresses of dead objects and of freed memory are reused
//! at once. Reference counts are real, and cycles need a garbage collection. The iteration order of sets depends on addresses and on a
//! seed. Several objects can share memory.

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

//! The engine of Clew. It sees objects only as graphs, disks only through a trait, and has no Python at all.
//!
//! Data comes in through [`record`] (after a run: look, fingerprint, encode, store, commit) and goes back through [`restore`]
//! (look, diff, plan, stage, verify, install). Both are generic over [`kernel::Kernel`], so tests run the whole engine on a toy
//! kernel without an interpreter. `session` is the facade that the front ends call.

#![forbid(unsafe_code)]

pub mod cause;
pub mod clock;
mod cores;
pub mod format;
pub mod graph;
pub mod history;
pub mod id;
pub mod kernel;
pub mod limits;
pub mod plan;
pub mod record;
pub mod restore;
pub mod session;
pub mod store;

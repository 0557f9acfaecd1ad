//! The engine of Clew: it knows objects only as graphs, disks only as a trait, and no Python at all.
//!
//! Data comes in through [`record`] (a run ended: look, fingerprint, encode, store, commit) and goes back through
//! [`restore`] (look, diff, plan, stage, verify, install). Both are generic over [`kernel::Kernel`], so the engine is
//! tested whole on a toy kernel without an interpreter. `session` is the thin facade the front ends hang on.

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

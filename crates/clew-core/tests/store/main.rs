//! The store on a simulated disk, and on the real one: what was acknowledged comes back, whatever happens to the bytes.

mod begun;
mod bundles;
mod clocks;
mod crash;
mod damage;
mod delete;
mod documented;
mod extents;
mod faults;
mod gathered;
mod gc;
mod gc_damage;
mod gc_keep;
mod golden;
mod hostile;
mod index;
mod keys;
mod last_seen;
mod limits;
mod long;
mod lying;
mod machines;
mod meanwhile;
mod pieces;
mod processes;
mod rebuild;
mod round_trip;
mod story;

use std::sync::Arc;

use clew_core::store::disk::Disk;
use clew_core::store::{Keyring, STORE_FORMAT};
use clew_testing::disk::SimDisk;

/// The format of the stores here.
const FORMAT: u16 = STORE_FORMAT;

/// How far behind its place in a file a byte lies on the disk.
const SHIFT: usize = 0;

/// Places of a file at which a flip is worth a try.
fn places(length: usize) -> impl Iterator<Item = usize> {
    0..length
}

/// The stores here are not encrypted. `tests/encrypted` runs most of these tests on stores that are.
fn keys() -> Keyring {
    Keyring::default()
}

/// The disk as the store sees it.
fn through(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

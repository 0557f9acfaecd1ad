//! The store on a simulated disk, and on the real one: what was acknowledged comes back, whatever happens to the bytes.

mod crash;
mod damage;
mod extents;
mod faults;
mod gc;
mod golden;
mod hostile;
mod index;
mod keys;
mod long;
mod pieces;
mod processes;
mod round_trip;
mod story;

//! The store on a simulated disk, and on the real one: what was acknowledged comes back, whatever happens to the bytes.

mod clocks;
mod crash;
mod damage;
mod documented;
mod extents;
mod faults;
mod gc;
mod gc_damage;
mod gc_keep;
mod golden;
mod hostile;
mod index;
mod keys;
mod limits;
mod long;
mod lying;
mod meanwhile;
mod pieces;
mod processes;
mod rebuild;
mod round_trip;
mod story;

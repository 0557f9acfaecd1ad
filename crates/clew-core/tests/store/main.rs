//! The store on a simulated disk, and on the real one: what was acknowledged comes back, whatever happens to the bytes.

mod round_trip;
mod story;

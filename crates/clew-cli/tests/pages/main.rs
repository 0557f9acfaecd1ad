//! What the commands say: snapshots of every page, as text and as JSON.

mod flow;
mod look;
mod report;
mod sample;

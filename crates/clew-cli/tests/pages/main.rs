//! What the commands say: snapshots of every page, as text and as JSON.

mod html;
mod look;
mod outputs;
mod report;
mod sample;
mod values;

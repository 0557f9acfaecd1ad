//! One file a command. The doc comment of its arguments is its help.

pub mod diff;
pub mod doctor;
pub mod graph;
pub mod list;
pub mod log;
pub mod movers;
pub mod show;
pub mod status;
pub mod vars;
pub mod verify;

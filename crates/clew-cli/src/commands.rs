//! One file a command. The doc comment of its arguments is its help.

pub mod annotate;
pub mod care;
pub mod carry;
pub mod diff;
pub mod doctor;
pub mod environment;
pub mod extract;
pub mod graph;
pub mod history_page;
pub mod later;
pub mod list;
pub mod log;
pub mod log_file;
pub mod movers;
pub mod names;
pub mod op;
pub mod remote;
pub mod scratch;
pub mod serve;
pub mod shells;
pub mod show;
pub mod stale;
pub mod status;
pub mod trust;
pub mod vars;
pub mod verify;

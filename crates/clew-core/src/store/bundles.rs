//! Bundles: files that each contain a store, signed by their makers.
//!
//! [`bundle`] writes and reads one, [`outgoing`] selects the parts of a history to send, and [`import`] copies bundles to a store. Many
//! bundles of one history are read together ([`set`]) or merged into one ([`merge`]).

pub(super) mod bundle;
mod import;
mod merge;
mod outgoing;
mod set;

pub use bundle::{Bundle, BundleMaker, InputBytes};
pub use outgoing::{OutgoingHistory, TransferPortion};

//! Bundles: stores in one file each, signed by who made them.
//!
//! [`bundle`] makes and reads one, [`outgoing`] is what of a history goes into bundles, and [`import`] takes bundles into a store. Many of
//! one history are read together ([`set`]) or become one ([`merge`]).

pub(super) mod bundle;
mod import;
mod merge;
mod outgoing;
mod set;

pub use bundle::{Bundle, BundleMaker, InputBytes};
pub use outgoing::{OutgoingHistory, TransferPortion};

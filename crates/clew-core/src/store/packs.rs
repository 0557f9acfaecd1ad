//! Packs: append-only files of blocks, segments, texts and manifests, each written by one session.
//!
//! [`index`] locates data, [`pack_writer`] and [`pack_reader`] write and read one file, and the other modules handle the kinds of data:
//! memory ([`extents`], [`ingest`]), streams ([`pieces`]), texts ([`blob`]) and [`manifests`].

pub(super) mod batch_read;
pub(super) mod blob;
pub(super) mod block_run;
mod budget;
pub(super) mod contents;
pub(super) mod extents;
pub(super) mod index;
pub(super) mod ingest;
mod manifests;
pub(super) mod pack_reader;
pub(super) mod pack_writer;
pub(super) mod pieces;
pub(super) mod read;
pub(super) mod removals;
pub(super) mod repack;
pub(super) mod survey;
mod verified_bytes;

pub use budget::{Budget, Usage};
pub use extents::{Check, Job, LEAST_MAPPED, PendingExtent};
pub use manifests::Manifests;
pub use pieces::StoredSegment;
pub use verified_bytes::VerifiedValue;

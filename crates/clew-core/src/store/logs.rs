//! Logs: append-only files of runs and operations, one for each session, with signatures.
//!
//! [`log_writer`] writes logs, [`load`] reads those of a history, and [`trust`] judges their signatures. The last run number ([`numbers`])
//! and the notes of left-out values ([`omissions`]) are stored next to them. The index over logs ([`log_index`]) and the last seen ends of
//! the user's own logs ([`log_ends`]) are outside the store.

pub(super) mod load;
pub(super) mod log_ends;
pub(super) mod log_index;
pub(super) mod log_writer;
pub(super) mod numbers;
pub(super) mod omissions;
pub(super) mod signatures;
pub(super) mod stored_run;
pub(super) mod trust;

pub use load::{LoadedHistory, LoadedOperation, LoadedSession, LogEnds, sort_operations};
pub use log_ends::{End, Ends, LastSeen, LogRollback};
pub use log_index::LogIndex;
pub use omissions::OmissionTimes;
pub use signatures::{PublicKey, SigningKey};
pub use stored_run::StoredRun;
pub use trust::{KeyTrust, Trust, TrustEntry, Verdict};

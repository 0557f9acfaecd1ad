//! Logs: append-only files of runs and operations, one a session, with the seals over them.
//!
//! [`log_writer`] writes one, [`load`] reads those of a history, and [`trust`] judges who signed what. Beside them lie the last run
//! number ([`numbers`]) and what a sender left out ([`omissions`]). Outside the store lie the index over logs ([`log_index`]) and the note
//! of where the user's own logs ended ([`log_ends`]).

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

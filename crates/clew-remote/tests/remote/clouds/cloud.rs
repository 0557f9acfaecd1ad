//! The clouds that histories go to: a server that speaks as each does, and the words in which each says no.

use std::sync::Arc;

use clew_remote::{ObjectStorage, Patient, RemoteError, RetryPolicy};

use super::azure::Azurite;
use super::google::Google;
use super::moto::Moto;
use super::network::{Deed, Network};

/// What it is called, what a server says, and whether that was understood.
pub type Refusal = (&'static str, Deed, fn(&RemoteError) -> bool);

/// A server, and what speaks to it.
pub trait Cloud: Sync {
    /// What people call it.
    fn name(&self) -> &'static str;
    /// Where its server listens.
    fn port(&self) -> u16;
    /// What listens at a port, taken for it: a folder in its bucket.
    fn storage_at(&self, port: u16, folder: &str, more: &[(&str, &str)]) -> ObjectStorage;
    /// What it says now and then, and not the next time.
    fn troubles(&self) -> Vec<(&'static str, Deed)>;
    /// What it says from some call on, and nobody can wait out.
    fn refusals(&self) -> Vec<Refusal>;

    /// A folder in its bucket.
    fn straight(&self, folder: &str) -> ObjectStorage {
        self.storage_at(self.port(), folder, &[])
    }

    /// The same behind a network, tried again without waiting.
    fn behind(&self, network: &Network, folder: &str) -> Patient {
        let storage = self.storage_at(network.port, folder, &[SILENCE, ALONE]);
        Patient::new(Arc::new(storage), RetryPolicy::default()).waiting_by(|_| ())
    }
}

/// A server that says nothing for so long is gone; beyond what a busy machine takes to answer, below what a test waits for.
const SILENCE: (&str, &str) = ("read_timeout", "1 s");

/// Each call comes over a connection of its own: what becomes of one is decided by the connection.
const ALONE: (&str, &str) = ("pool_max_idle_per_host", "0");

/// Does the same with each cloud, all at once.
pub fn on_each(test: impl Fn(&dyn Cloud) + Sync) {
    let clouds: [Box<dyn Cloud + Send>; 3] = [
        Box::new(Moto::start()),
        Box::new(Azurite::start()),
        Box::new(Google::start()),
    ];
    std::thread::scope(|scope| {
        for cloud in &clouds {
            scope.spawn(|| test(&**cloud));
        }
    });
}

/// An error as all of them write it.
pub fn xml(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>In words</Message></Error>")
}

pub fn is_full(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Full { .. })
}

pub fn is_refused(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Refused { .. })
}

pub fn is_of_clocks(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Clock { .. })
}

/// Says when an answer was given, by a clock that is far behind every other.
pub const LONG_AGO: &str = "Date: Sun, 01 Jan 2023 05:36:50 GMT\r\n";

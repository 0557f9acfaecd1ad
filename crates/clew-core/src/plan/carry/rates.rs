//! Measured speeds, from which the times of a plan are computed. Callers must provide measured or configured values, never guesses.

use std::collections::BTreeMap;

use crate::format::Encoding;
use crate::plan::cut::Cost;

/// The measured speed of the connection to a remote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkSpeed {
    /// Bytes per second that are sent from here.
    pub up: f64,
    /// Bytes per second that the target then reads; infinite if sent data arrives there at once.
    pub down: f64,
    /// The time until the first response. Pieces are sent in packs, so a plan that sends anything pays it once.
    pub round_trip: Cost,
}

impl LinkSpeed {
    /// Creates a link over which data arrives at the target as it is sent.
    pub fn direct(bytes_a_second: f64) -> Self {
        Self {
            up: bytes_a_second,
            down: f64::INFINITY,
            round_trip: Cost::ZERO,
        }
    }

    /// Returns the transfer time of this number of bytes.
    pub(super) fn time(&self, bytes: u64) -> Cost {
        let bytes = bytes as f64;
        Cost::of_seconds(bytes / self.up + bytes / self.down)
    }
}

/// The measured speed of reading, checking and decoding stored values here: plain bytes per second, by codec.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadingSpeed {
    /// The speed for values that use this codec.
    pub by_codec: BTreeMap<String, f64>,
    /// The speed for all values, used for codecs without a measurement.
    pub all: f64,
}

impl LoadingSpeed {
    /// Returns the time to load a value, by its slowest codec.
    pub(super) fn time(&self, encoding: &Encoding) -> Cost {
        let known = encoding.codecs.keys().filter_map(|codec| self.by_codec.get(codec));
        let slowest = known.copied().fold(f64::INFINITY, f64::min);
        let rate = if slowest.is_finite() { slowest } else { self.all };
        Cost::of_seconds(encoding.bytes as f64 / rate)
    }
}

/// All speeds from which the times of a plan are computed.
///
/// The plan assumes, and states, that:
/// - The target is as fast as this machine: cells run and values load there in the same time as here.
/// - Nothing happens in parallel.
/// - Data is sent as stored, so nothing is encoded for the transfer.
/// - A value that is recreated there is passed on without being stored.
/// - The time for starting a kernel and for the user's commands there is not included.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The connection to the target.
    pub link: LinkSpeed,
    /// The loading of values.
    pub loading: LoadingSpeed,
    /// The time to start the process in which cells are rerun, once for all of them.
    pub start: Cost,
    /// The bytes that every plan sends and the target lacks: runs, sources, outputs and manifests.
    pub records: u64,
}

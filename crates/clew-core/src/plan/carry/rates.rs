//! How fast things are: what a plan's seconds come from. Nothing here is guessed; whoever makes one has measured it, or was told.

use std::collections::BTreeMap;

use crate::format::Encoding;
use crate::plan::cut::Cost;

/// The measured speed of the connection to a remote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkSpeed {
    /// Bytes a second that go out from here.
    pub up: f64,
    /// Bytes a second that the place then reads: infinite where what goes out arrives there at once.
    pub down: f64,
    /// Time until the first answer comes. Pieces travel in packs, so a plan that sends anything pays it once.
    pub round_trip: Cost,
}

impl LinkSpeed {
    /// A link over which bytes arrive at the place as they go out.
    pub fn direct(bytes_a_second: f64) -> Self {
        Self {
            up: bytes_a_second,
            down: f64::INFINITY,
            round_trip: Cost::ZERO,
        }
    }

    /// Time that bytes are on their way.
    pub(super) fn time(&self, bytes: u64) -> Cost {
        let bytes = bytes as f64;
        Cost::of_seconds(bytes / self.up + bytes / self.down)
    }
}

/// The measured speed of reading, checking and decoding stored values here: plain bytes a second, by codec.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadingSpeed {
    /// As measured with values that use this codec.
    pub by_codec: BTreeMap<String, f64>,
    /// As measured with all of them: for codecs of which no value was measured.
    pub all: f64,
}

impl LoadingSpeed {
    /// Time to load a value: that of its slowest codec.
    pub(super) fn time(&self, encoding: &Encoding) -> Cost {
        let known = encoding.codecs.keys().filter_map(|codec| self.by_codec.get(codec));
        let slowest = known.copied().fold(f64::INFINITY, f64::min);
        let rate = if slowest.is_finite() { slowest } else { self.all };
        Cost::of_seconds(encoding.bytes as f64 / rate)
    }
}

/// All that a plan's seconds come from.
///
/// Assumed, and said: the place is as fast as this machine, so a run takes there what it took here and a value loads there as it does here; one thing
/// is done after the other; what is stored is sent as it lies, so nothing is encoded for it; a value that was made there is handed on without
/// being stored. What the user starts there, a kernel and commands, is not reckoned.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The way there.
    pub link: LinkSpeed,
    /// What loading takes.
    pub loading: LoadingSpeed,
    /// What it takes to start the process in which runs are replayed, once for all of them.
    pub start: Cost,
    /// Bytes that go along in any plan, and that the place lacks: what happened, sources, outputs, what describes each value.
    pub records: u64,
}

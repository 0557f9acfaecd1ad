//! Measures the transfer speed to and from a remote with temporary objects.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use clew_core::format::Timestamp;

use super::SyncError;
use crate::backend::{Backend, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::nonce::{in_digits, nonce};

/// The size of the first probe in bytes.
const FIRST: usize = 64 << 10;
/// The size of the largest probe in bytes.
const LARGEST: usize = 8 << 20;
/// Each probe is this many times as large as the one before.
const GROWTH: usize = 4;
/// A probe that took this long is accurate enough.
const ENOUGH: Duration = Duration::from_millis(200);
/// How often the latency is measured. The shortest counts.
const ANSWERS: usize = 3;
/// The transfer speed to and from a remote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Upload speed in bytes per second.
    pub up: f64,
    /// Download speed in bytes per second.
    pub down: f64,
    /// Latency of a request in seconds.
    pub round_trip: f64,
    /// When it was measured.
    pub measured: Timestamp,
}

impl Speed {
    /// Formats it as a line of four numbers.
    pub(super) fn line(&self) -> String {
        format!("{} {} {} {}\n", self.measured, self.up, self.down, self.round_trip)
    }

    /// Parses such a line.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let measured = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok().filter(|number: &f64| number.is_finite());
        let speed = Self {
            up: number()?,
            down: number()?,
            round_trip: number()?,
            measured,
        };
        (speed.up > 0.0 && speed.down > 0.0 && speed.round_trip >= 0.0).then_some(speed)
    }
}

/// Measures the speed now. Leaves nothing behind unless it is interrupted: then a probe of at most 8 MiB remains.
pub(super) fn measured(backend: &dyn Backend, now: Timestamp) -> Result<Speed, SyncError> {
    let round_trip = answers(backend)?;
    let (up, down) = grown(|bytes| {
        let name: Name = format!("probes/{}", in_digits(nonce())).parse()?;
        let took = there_and_back(backend, &name, bytes);
        let removed = backend.remove(&name);
        let took = took?;
        removed?;
        Ok::<_, SyncError>(took)
    })?;
    Ok(Speed {
        up: rate(up, round_trip),
        down: rate(down, round_trip),
        round_trip: round_trip.as_secs_f64(),
        measured: now,
    })
}

fn answers(backend: &dyn Backend) -> Result<Duration, SyncError> {
    let name: Name = format!("probes/{}", in_digits(nonce())).parse()?;
    let mut quickest = Duration::MAX;
    for _ in 0..ANSWERS {
        let begun = Instant::now();
        backend.length(&name)?;
        quickest = quickest.min(begun.elapsed());
    }
    Ok(quickest)
}

fn there_and_back(backend: &dyn Backend, name: &Name, bytes: &[u8]) -> Result<(Duration, Duration), RemoteError> {
    let begun = Instant::now();
    backend.write(name, bytes, &mut unwatched)?;
    let up = begun.elapsed();
    let begun = Instant::now();
    let back = backend.read(name, 0..bytes.len() as u64, &mut unwatched)?;
    let down = begun.elapsed();
    if back != bytes {
        return Err(RemoteError::damaged(
            backend.place(),
            name,
            "it differs from the data just written",
        ));
    }
    Ok((up, down))
}

/// The size of a probe, and the time that it took.
type ProbeTime = (usize, Duration);

/// Sends larger and larger probes until one took long enough; returns the last one's times for upload and download.
fn grown<E>(mut probe: impl FnMut(&[u8]) -> Result<(Duration, Duration), E>) -> Result<(ProbeTime, ProbeTime), E> {
    let mut bytes = FIRST;
    loop {
        // Random bytes, so that no compression on the way affects the result.
        let mut content = vec![0; bytes];
        getrandom::fill(&mut content).expect("the system has random bytes");
        let (up, down) = probe(&content)?;
        if up >= ENOUGH || bytes >= LARGEST {
            return Ok(((bytes, up), (bytes, down)));
        }
        bytes = (bytes * GROWTH).min(LARGEST);
    }
}

/// Returns bytes per second without latency: packs are large, and pay it once.
fn rate((bytes, took): ProbeTime, round_trip: Duration) -> f64 {
    // The latency varies: at least a quarter of the time counts as transfer.
    let moving = took.saturating_sub(round_trip).max(took / 4);
    bytes as f64 / moving.as_secs_f64().max(1e-9)
}

/// Measures how fast a local folder durably stores bytes, in bytes per second.
///
/// # Errors
/// No file can be written there.
pub fn folder_speed(folder: &Path) -> std::io::Result<f64> {
    let path = folder.join(format!(".probe.{}", in_digits(nonce())));
    let (up, _) = grown(|bytes| {
        let took = written(&path, bytes);
        fs::remove_file(&path).ok();
        took
    })?;
    Ok(rate(up, Duration::ZERO))
}

fn written(path: &Path, bytes: &[u8]) -> std::io::Result<(Duration, Duration)> {
    let begun = Instant::now();
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let up = begun.elapsed();
    let begun = Instant::now();
    File::open(path)?.read_to_end(&mut Vec::with_capacity(bytes.len()))?;
    Ok((up, begun.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_measured_and_nothing_else_is_believed() {
        let speed = Speed {
            up: 1.5e7,
            down: 9e6,
            round_trip: 0.02,
            measured: 77,
        };
        assert_eq!(Speed::of_line(&speed.line()), Some(speed));
        for line in [
            "",
            "77",
            "77 1 2",
            "77 0 1 1",
            "77 1 NaN 0",
            "77 inf 1 0",
            "x 1 1 1",
            "77 1 1 -1",
        ] {
            assert_eq!(Speed::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn probes_grow_until_one_takes_long_enough_or_is_the_largest() {
        let sizes = |took: fn(usize) -> Duration| {
            let mut sizes = Vec::new();
            let last = grown(|bytes| {
                sizes.push(bytes.len());
                Ok::<_, ()>((took(bytes.len()), Duration::ZERO))
            });
            assert_eq!(last.unwrap().0.0, *sizes.last().unwrap());
            sizes
        };
        let fast = sizes(|_| Duration::ZERO);
        assert_eq!((fast[0], *fast.last().unwrap(), fast.len()), (FIRST, LARGEST, 5));
        assert_eq!(sizes(|_| ENOUGH), [FIRST]);
        assert_eq!(sizes(|bytes| Duration::from_micros(bytes as u64)).len(), 2);
    }

    #[test]
    fn the_wait_for_an_answer_is_no_part_of_the_rate() {
        let second = Duration::from_secs(1);
        assert!((rate((1_000_000, 2 * second), second) - 1e6).abs() < 1.0);
        // A latency longer than a probe is not used in full.
        assert!((rate((1_000_000, second), 2 * second) - 4e6).abs() < 1.0);
    }

    #[test]
    fn a_folder_is_measured_and_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(folder_speed(folder.path()).unwrap() > 0.0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(folder_speed(&folder.path().join("none")).is_err());
    }
}

//! Outline: the beginning of a run's record, for lists that need not decode all of it.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::record::{fields, newer_version};
use super::{Ending, RecordDecodeError, Run, RunKind, Timestamp};
use crate::id::RunId;

/// The fields that identify a run and give its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Its number in the history.
    pub number: u64,
    /// Distinguishes runs that share a number.
    pub suffix: String,
    /// The run it came after.
    pub parent: Option<RunId>,
    /// The origin of the run.
    pub kind: RunKind,
    /// When it started.
    pub started: Timestamp,
    /// How long it ran, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub ending: Ending,
}

impl Outline {
    /// Decodes the outline from a [`Run`]'s bytes. These fields come first in every record, so this costs a fraction of decoding the run;
    /// the fields after them are not read.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordDecodeError> {
        if let Some(version) = newer_version(bytes) {
            return Err(RecordDecodeError::Newer(version));
        }
        read(bytes).map_err(|error| RecordDecodeError::malformed(&error))
    }

    /// Returns the number that was assigned to this run, under a lock and after all smaller ones. A run that a restore made (`14a`) shares
    /// the number of another.
    pub fn given_number(&self) -> Option<u64> {
        self.suffix.is_empty().then_some(self.number)
    }

    /// Returns the number as shown to people: `14`, `14a`.
    pub fn label(&self) -> String {
        format!("{}{}", self.number, self.suffix)
    }

    /// Returns when it ended.
    pub fn ended(&self) -> Timestamp {
        self.started
            .saturating_add(i64::try_from(self.duration).unwrap_or(i64::MAX))
    }
}

impl From<&Run> for Outline {
    fn from(run: &Run) -> Self {
        Self {
            number: run.number,
            suffix: run.suffix.clone(),
            parent: run.parent,
            kind: run.kind,
            started: run.started,
            duration: run.duration,
            ending: run.ending.clone(),
        }
    }
}

/// Number of fields of an outline.
const FIELDS: usize = 7;

fn read(bytes: &[u8]) -> Result<Outline, rmp_serde::decode::Error> {
    let malformed = || rmp_serde::decode::Error::Syntax("it lacks what every run has".to_owned());
    let (count, rest) = fields(bytes).ok_or_else(malformed)?;
    let mut values = rmp_serde::Deserializer::from_read_ref(rest);
    let (mut number, mut suffix, mut parent, mut kind) = (None, None, None, None);
    let (mut started, mut duration, mut ending) = (None, None, None);
    let mut found = 0;
    for _ in 0..count {
        found += 1;
        match <&str>::deserialize(&mut values)? {
            "number" => number = Some(u64::deserialize(&mut values)?),
            "suffix" => suffix = Some(String::deserialize(&mut values)?),
            "parent" => parent = Some(Option::<RunId>::deserialize(&mut values)?),
            "kind" => kind = Some(RunKind::deserialize(&mut values)?),
            "started" => started = Some(Timestamp::deserialize(&mut values)?),
            "duration" => duration = Some(u64::deserialize(&mut values)?),
            "ending" => ending = Some(Ending::deserialize(&mut values)?),
            _ => {
                found -= 1;
                IgnoredAny::deserialize(&mut values)?;
            }
        }
        if found == FIELDS {
            break;
        }
    }
    Ok(Outline {
        number: number.ok_or_else(malformed)?,
        suffix: suffix.ok_or_else(malformed)?,
        parent: parent.ok_or_else(malformed)?,
        kind: kind.ok_or_else(malformed)?,
        started: started.ok_or_else(malformed)?,
        duration: duration.ok_or_else(malformed)?,
        ending: ending.ok_or_else(malformed)?,
    })
}

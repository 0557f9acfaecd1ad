//! The choice as plain data: values, the runs that created them, and the pieces that values share.

use serde::{Deserialize, Serialize};

use super::Cost;

/// The reason why a value cannot be sent. The texts follow a comma or a colon, so they begin in lower case and have no full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum SendObstacle {
    /// It has no encoding: it could not be stored, or was not.
    #[error("it is not stored: {why}")]
    NotStored {
        /// The reason, for people.
        why: String,
    },
    /// It is not recorded: excluded, or a credential.
    #[error("it is excluded from recording")]
    Withheld,
    /// The user forgot it.
    #[error("it was forgotten")]
    Forgotten,
    /// Its stored value is missing.
    #[error("its stored value is not here")]
    Missing,
    /// It was recorded with an untrusted key.
    #[error("its history is signed by a key you have not trusted")]
    Untrusted,
}

/// The reason why a run may not be rerun. The texts refer to a value that the run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ReplayProhibition {
    /// No cell made the change: it existed at the start, or came from an external change or a restore.
    #[error("no cell created it")]
    NoCell,
    /// Its source is not recorded, or incomplete.
    #[error("its source is incomplete")]
    NoSource,
    /// It did not finish, so it is unknown how far a rerun would come.
    #[error("its cell did not finish")]
    Unfinished,
    /// It was recorded by another person.
    #[error("another person ran its cell")]
    Foreign,
    /// It may have written a file.
    #[error("its cell may have written {path}")]
    WroteFile {
        /// The first of them.
        path: String,
    },
    /// It used the network.
    #[error("its cell used the network")]
    UsedNetwork,
    /// It started programs.
    #[error("its cell started other programs")]
    StartedPrograms,
    /// It changed attributes of a library, which are not part of any value.
    #[error("its cell changed {what}, which is not a value")]
    Patched {
        /// The first of them.
        what: String,
    },
    /// It drew from a random generator that no run had seeded, and whose state was not recorded.
    #[error("its cell drew random numbers, and the state of {generator} was not recorded")]
    Unseeded {
        /// The random generator.
        generator: String,
    },
    /// An earlier rerun of it in a restore gave another value.
    #[error("an earlier rerun gave another value")]
    Differs,
    /// It read an object that could not be recorded, and that therefore cannot be passed from one run to another.
    #[error("its cell read {name}, which has no value that could be sent")]
    ReadLive {
        /// The root that it read.
        name: String,
    },
    /// It read a file that the target does not have.
    #[error("its cell read {path}, which does not exist")]
    MissingFile {
        /// The first of them.
        path: String,
    },
    /// It is unknown what it read, or other threads ran in parallel.
    #[error("it is not known what its cell read")]
    ReadsUnknown,
}

impl SendObstacle {
    /// Returns whether the value cannot be recreated either: the user forgot or excluded it.
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Forgotten | Self::Withheld)
    }
}

/// Bytes that several values may share. They are sent once, and not at all if the target has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPiece {
    /// The time to send and to read it.
    pub cost: Cost,
    /// Its transferred size in bytes.
    pub bytes: u64,
    /// Whether the target already has it, so that it costs nothing.
    pub is_there: bool,
}

/// The cost of sending a value of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueTransfer {
    /// The time to send and to load its own data.
    pub cost: Cost,
    /// The number of its own bytes.
    pub bytes: u64,
    /// Its other pieces, by position.
    pub pieces: Vec<usize>,
}

/// A version of a co-variable that a plan may send or recreate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceValue {
    /// The run that recorded it, by position; `None` if no run did.
    pub maker: Option<usize>,
    /// The cost of sending it, or why that is impossible.
    pub sending: Result<ValueTransfer, SendObstacle>,
    /// Whether it must exist in the end. Other values may be sent, too, for runs that read them.
    pub is_wanted: bool,
}

/// A run that may be rerun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its expected time, or why it may not be rerun.
    pub cost: Result<Cost, ReplayProhibition>,
    /// The values that must exist before it, by position: all that it may have read.
    pub reads: Vec<usize>,
}

/// All options of a transfer.
///
/// It is filled in chronological order: a run reads values that were added before it, and a value is left by a run that was added
/// before it. So runs can be rerun in the order of their positions, and there are no cycles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pieces: Vec<SharedPiece>,
    values: Vec<ChoiceValue>,
    runs: Vec<Replay>,
}

impl Choice {
    /// Adds a piece, and returns its position.
    pub fn add_piece(&mut self, piece: SharedPiece) -> usize {
        self.pieces.push(piece);
        self.pieces.len() - 1
    }

    /// Adds a run that came after all others, and returns its position.
    ///
    /// # Panics
    /// Panics if it reads a value that was not added.
    pub fn add_run(&mut self, run: Replay) -> usize {
        assert!(
            run.reads.iter().all(|value| *value < self.values.len()),
            "a run reads values that were there before it"
        );
        self.runs.push(run);
        self.runs.len() - 1
    }

    /// Adds a value, and returns its position. If two runs left the same value, it is added twice, with the same pieces: choosing
    /// between the two runs would be another kind of problem.
    ///
    /// # Panics
    /// Panics if its maker or one of its pieces was not added.
    pub fn add_value(&mut self, mut value: ChoiceValue) -> usize {
        assert!(
            value.maker.is_none_or(|run| run < self.runs.len()),
            "a value is left by a run that was added"
        );
        if let Ok(sending) = &mut value.sending {
            sending.pieces.sort_unstable();
            sending.pieces.dedup();
            let last = sending.pieces.last();
            assert!(
                last.is_none_or(|piece| *piece < self.pieces.len()),
                "a value has pieces that were added"
            );
        }
        self.values.push(value);
        self.values.len() - 1
    }

    /// Marks a value as one that must exist in the end.
    ///
    /// # Panics
    /// Panics if there is no such value.
    pub fn want(&mut self, value: usize) {
        self.values[value].is_wanted = true;
    }

    /// Returns the pieces, by position.
    pub fn pieces(&self) -> &[SharedPiece] {
        &self.pieces
    }

    /// Returns the values, by position.
    pub fn values(&self) -> &[ChoiceValue] {
        &self.values
    }

    /// Returns the runs, by position, first one first.
    pub fn runs(&self) -> &[Replay] {
        &self.runs
    }
}

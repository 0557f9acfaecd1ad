//! What there is to choose between, as plain data: values, the runs that made them, the pieces that values share.

use serde::{Deserialize, Serialize};

use super::Cost;

/// Why a value can't be sent. Sentences follow a comma or a colon: they begin small and have no full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum SendObstacle {
    /// It has no encoding: it could not be stored, or was not.
    #[error("it is not stored: {why}")]
    NotStored {
        /// Why, for people.
        why: String,
    },
    /// It is kept out of the record: excluded, or a credential.
    #[error("it is excluded from recording")]
    Withheld,
    /// The user forgot it.
    #[error("it was forgotten")]
    Forgotten,
    /// What is stored of it is not at hand.
    #[error("its stored value is not here")]
    Missing,
    /// Whoever recorded it is not trusted.
    #[error("its history is signed by a key you have not trusted")]
    Untrusted,
}

/// Why a run may not be replayed: of the run that left a value, said of what it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ReplayProhibition {
    /// No cell made the change: it was there at the start, came from outside, or by a move.
    #[error("no cell created it")]
    NoCell,
    /// Its source is not on record, or only in part.
    #[error("its source is incomplete")]
    NoSource,
    /// It did not end well, so that nobody knows how far it would come.
    #[error("its cell did not finish")]
    Unfinished,
    /// It was recorded by somebody else.
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
    /// It changed attributes of a library, which no value holds.
    #[error("its cell changed {what}, which is not a value")]
    Patched {
        /// The first of them.
        what: String,
    },
    /// It drew from a generator that no run seeded, and nobody recorded where that stood.
    #[error("its cell drew random numbers, and the state of {generator} was not recorded")]
    Unseeded {
        /// The generator.
        generator: String,
    },
    /// Something else came of it in a move before.
    #[error("an earlier rerun gave another value")]
    Differs,
    /// It read what could not be recorded: nothing hands that on from one run to another.
    #[error("its cell read {name}, which has no value that could be sent")]
    ReadLive {
        /// What it read.
        name: String,
    },
    /// It read a file that the target does not have.
    #[error("its cell read {path}, which does not exist")]
    MissingFile {
        /// The first of them.
        path: String,
    },
    /// What it read is not known, or others ran beside it.
    #[error("it is not known what its cell read")]
    ReadsUnknown,
}

impl SendObstacle {
    /// Whether it is not to be had by another way either: what the user forgot, or keeps out.
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Forgotten | Self::Withheld)
    }
}

/// Bytes that several values may share. They are sent once, and not at all if the target has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPiece {
    /// Time to send and to read it.
    pub cost: Cost,
    /// Its size on the way.
    pub bytes: u64,
    /// Whether the target has it already: then it costs nothing.
    pub is_there: bool,
}

/// The cost of sending a value of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueTransfer {
    /// Time to send and to load what is only its own.
    pub cost: Cost,
    /// Bytes that are only its own.
    pub bytes: u64,
    /// The pieces that it consists of beside these, by position.
    pub pieces: Vec<usize>,
}

/// A version of a co-variable that a plan may send or recreate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceValue {
    /// The run that left it, by position; `None` where no run did.
    pub maker: Option<usize>,
    /// What it takes to send it, or why that is impossible.
    pub sending: Result<ValueTransfer, SendObstacle>,
    /// Whether it is to be there in the end. Others may be sent too, for runs that read them.
    pub is_wanted: bool,
}

/// A run that may be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// How long it takes, or why it may not be done.
    pub cost: Result<Cost, ReplayProhibition>,
    /// Values that have to be there before it, by position: all that it may have read.
    pub reads: Vec<usize>,
}

/// Everything that a move chooses between.
///
/// It is filled in the order in which things happened: a run reads values that are there already, a value is left by a run that is. So
/// positions are an order in which runs can be replayed, and nothing depends on itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pieces: Vec<SharedPiece>,
    values: Vec<ChoiceValue>,
    runs: Vec<Replay>,
}

impl Choice {
    /// Adds a piece, and says at which position.
    pub fn add_piece(&mut self, piece: SharedPiece) -> usize {
        self.pieces.push(piece);
        self.pieces.len() - 1
    }

    /// Adds a run that came after all others, and says at which position.
    ///
    /// # Panics
    /// It reads a value that was not added.
    pub fn add_run(&mut self, run: Replay) -> usize {
        assert!(
            run.reads.iter().all(|value| *value < self.values.len()),
            "a run reads values that were there before it"
        );
        self.runs.push(run);
        self.runs.len() - 1
    }

    /// Adds a value, and says at which position. One that two runs left alike is added twice, with the same pieces: which of two runs
    /// makes it would be a choice of another kind.
    ///
    /// # Panics
    /// Its maker or one of its pieces was not added.
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

    /// Says that a value is to be there in the end.
    ///
    /// # Panics
    /// There is no such value.
    pub fn want(&mut self, value: usize) {
        self.values[value].is_wanted = true;
    }

    /// The pieces, by position.
    pub fn pieces(&self) -> &[SharedPiece] {
        &self.pieces
    }

    /// The values, by position.
    pub fn values(&self) -> &[ChoiceValue] {
        &self.values
    }

    /// The runs, by position: the first one first.
    pub fn runs(&self) -> &[Replay] {
        &self.runs
    }
}

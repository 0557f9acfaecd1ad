//! How a command is performed. Each module of `commands` implements [`Command`] for its arguments.

use std::collections::BTreeSet;
use std::path::Path;

use clew_core::id::Root;
use clew_core::session::{NameRequest, Request, RestoreOptions};

pub(crate) use crate::command_info::{CommandCall, CommandEffect, CommandGroup, CommandInfo, CommandScope};
use crate::history_view::HistoryView;
use crate::page::{Output, OutputFormatter};
use crate::path_maps::PathMaps;

/// A command with its arguments. It implements [`read`](Self::read) if it needs an open history, [`perform`](Self::perform) if it opens
/// what it needs, and [`request`](Self::request) if a kernel performs it.
pub(crate) trait Command {
    /// Answers from an open history.
    fn read(&self, _history: &HistoryView<'_>, _answer: &OutputFormatter<'_>) -> Option<Output> {
        None
    }

    /// Answers without an open history.
    fn perform(&self, _target: &CommandTarget<'_>, _answer: &OutputFormatter<'_>) -> Option<Output> {
        None
    }

    /// What the kernel that records is asked to do.
    fn request(&self) -> Option<SessionRequest> {
        None
    }

    /// Whether a sandbox process answers it.
    fn is_question(&self) -> bool {
        false
    }

    /// A name in it that is stored and displayed.
    fn given_name(&self) -> Option<&str> {
        None
    }

    /// Whether it uses a remote. In a notebook the program `clew` does it, since the kernel loads no network code.
    fn is_carried(&self) -> bool {
        false
    }

    /// Whether it sends a state. As before a restore, what came before is recorded first.
    fn carries_state(&self) -> bool {
        false
    }
}

/// Where a command works that opens what it needs: what was named, else the defaults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandTarget<'a> {
    pub store: &'a Path,
    pub history: Option<&'a str>,
}

/// A request to a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRequest {
    /// To move, with files of another machine where they lie on this one, and all but these names.
    Move(Request, RestoreOptions, PathMaps, BTreeSet<Root>),
    /// To leave names out from now on; without any, to list them.
    Exclude(Vec<String>),
    /// To record them again.
    Include(Vec<String>),
    /// To say which history it is in.
    History,
    /// To go on in the history that is called so.
    Join(String),
    /// To begin a history of that name.
    Begin(String),
    /// To give or take a name or words for a run.
    Name(NameRequest),
    /// To stop recording for a while.
    Pause,
    /// To record again.
    ResumeRecording,
}

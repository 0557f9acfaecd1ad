//! The messages of a kernel's engine; messages of commands belong to `clew_cli`.

/// A message of the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineMessage {
    /// Recording was paused.
    #[error(
        "Recording is paused: your cells run as before, but Clew does not record them. `%clew resume-recording` starts recording again"
    )]
    Paused,
    /// It was paused before.
    #[error("Recording is already paused")]
    PausedAlready,
    /// Recording was to be resumed, but was not paused.
    #[error("Recording was not paused")]
    NotPaused,
    /// Recording was resumed.
    #[error("Recording again. {}", meanwhile(run.as_deref()))]
    Again {
        /// The run with the changes during the pause.
        run: Option<String>,
    },
    /// No name or pattern is excluded.
    #[error("Nothing is excluded")]
    NothingExcluded,
    /// What is excluded, on request.
    #[error("Clew does not record: {}", names.join(", "))]
    KeptOut {
        /// Names and patterns, and names of credentials.
        names: Vec<String>,
    },
    /// What was excluded now.
    #[error(
        "Until this kernel ends, Clew does not record {}. `%clew exclude -d {}` records them again",
        names.join(", "), names.join(" ")
    )]
    Excluded {
        /// Names and patterns.
        names: Vec<String>,
    },
    /// What is recorded again.
    #[error("From now on, Clew records {} again", names.join(", "))]
    Included {
        /// Names and patterns.
        names: Vec<String>,
    },
    /// The history of the notebook.
    #[error("This notebook's history is {name}")]
    Belongs {
        /// The history's name.
        name: String,
    },
    /// The history in which the notebook continues.
    #[error("This notebook's history is now {name}{}", offer(*can_resume))]
    BelongsNow {
        /// The history's name.
        name: String,
        /// Whether it has a state to resume.
        can_resume: bool,
    },
    /// The notebook has earlier states.
    #[error("Clew has earlier states of this notebook{}: `%clew resume` restores the last one{}", recorded_as(before.as_deref()), always(*is_known))]
    Offer {
        /// The notebook's former path, if it was recorded under another one.
        before: Option<String>,
        /// Whether its states were resumed before.
        is_known: bool,
    },
    /// Runs are recorded from here on.
    #[error("Clew records your runs from here on{}. `%clew undo` undoes the last one, `%clew log` lists them{}", in_history(name.as_deref()), naming(name.as_deref()))]
    Recording {
        /// The history's name, if a new kernel finds it again.
        name: Option<String>,
    },
    /// The notebook looks like others that were recorded.
    #[error("{}", alike(candidates, *is_copy))]
    Alike {
        /// Whether it is a copy of the only candidate.
        is_copy: bool,
        /// The candidates, each with the command to continue in its history.
        candidates: Vec<String>,
    },
    /// The last state was not restored automatically because of another kernel.
    #[error(
        "Another kernel records this notebook, so Clew did not restore its last state automatically: `%clew resume` restores it."
    )]
    RecordedBeside,
    /// A line of a settings file is ignored.
    #[error("{problem}; ignored")]
    PassedOver {
        /// The line, and the reason.
        problem: String,
    },
    /// Files of the session were lost, and it started again.
    #[error(
        "The saved runs of this session are lost ({why}). The current variables were recorded again, as run {run} in {store}"
    )]
    StartedOver {
        /// The reason.
        why: String,
        /// The run with the current variables.
        run: String,
        /// The store that contains it.
        store: String,
    },
    /// The project's folder, with the store in it, was moved during this session.
    #[error(
        "This project's folder was moved, so recording continues in {store}. The current variables were recorded there as run {run}"
    )]
    Followed {
        /// The store's new place.
        store: String,
        /// The run with the current variables.
        run: String,
    },
    /// The store is read-only.
    #[error(
        "{why}. You can restore every state and undo your runs, but nothing new is saved. To save it, start the kernel with CLEW_HOME set to a copy of the store"
    )]
    NotKept {
        /// The error of the disk.
        why: String,
    },
    /// The stored value of a variable cannot be restored.
    #[error(
        "`{name}` is stored, but a test in another process could not restore it: {why}. It still exists in this kernel; `%clew show @` shows the cell that created it"
    )]
    Unproved {
        /// The variable.
        name: String,
        /// The reason.
        why: String,
    },
    /// The list of trusted keys cannot be used.
    #[error("{why}. Until then only your own runs count as trusted")]
    NobodyTrusted {
        /// The reason.
        why: String,
    },
    /// Runs of the history that were seen before are missing.
    #[error(
        "{name} is not as you last saw it: {setbacks}. The remaining runs are intact. `%clew doctor` explains what to do"
    )]
    SetBack {
        /// The history's name.
        name: String,
        /// What is missing.
        setbacks: String,
    },
    /// Histories of the store are missing.
    #[error(
        "Histories that you recorded in {store} are missing ({sessions}). `%clew doctor` lists them and explains what to do"
    )]
    HistoriesGone {
        /// The store.
        store: String,
        /// The number of their sessions.
        sessions: String,
    },
    /// A store was created again in the place of an earlier one.
    #[error(
        "The store in {store} was recreated: it does not contain what you recorded there before ({sessions}). If you did not remove or move the old store, find out who did"
    )]
    MadeAnew {
        /// The store.
        store: String,
        /// The number of sessions in it.
        sessions: String,
    },
    /// Records of the history are missing or corrupted.
    #[error(
        "This notebook's history is corrupted: `%clew verify` lists what cannot be read. Everything else is intact"
    )]
    Damaged,
    /// The ends of the logs cannot be recorded, or the recorded ones cannot be used.
    #[error(
        "{why}. Your runs are recorded, but Clew would not notice if runs were removed from the store. `%clew doctor` explains what to do"
    )]
    NotNoted {
        /// The reason.
        why: String,
    },
    /// The store was created, with a key.
    #[error(
        "A new encrypted store was created. Its key is {path}: without it, the store cannot be read, so keep a copy of it elsewhere"
    )]
    KeyMade {
        /// The key file.
        path: String,
    },
    /// Code that the engine runs called the engine.
    #[error("Clew is busy with another request; repeat the command when that has finished")]
    Busy,
    /// There is not enough memory for any work.
    #[error("There is not enough memory")]
    NoMemory,
    /// No history is open.
    #[error(
        "Nothing is recorded here: no history is open. `%reload_ext clew` starts recording, or prints why it cannot"
    )]
    NothingOpen,
}

fn in_history(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(", in the history {name}"))
}

fn naming(name: Option<&str>) -> &'static str {
    if name.is_some() {
        ""
    } else {
        ". Clew does not know the notebook's file: `%clew history --new NAME` names this history, and `%clew history NAME` continues in it in a new kernel"
    }
}

fn alike(candidates: &[String], is_copy: bool) -> String {
    match candidates {
        [only] if is_copy => {
            format!(
                "This notebook looks like a copy of another one, so it has a new history. To continue in that of {only}"
            )
        }
        [only] => {
            format!("This notebook has a new history, but may have been recorded before. To continue in that of {only}")
        }
        several => format!(
            "This notebook has a new history, but may have been recorded before. To continue in another history:\n  {}",
            several.join("\n  ")
        ),
    }
}

fn meanwhile(run: Option<&str>) -> String {
    run.map_or_else(
        || "Nothing changed during the pause".to_owned(),
        |run| format!("The changes during the pause are run {run}"),
    )
}

fn recorded_as(before: Option<&str>) -> String {
    before.map_or_else(String::new, |before| {
        format!(", recorded as {}", clew_cli::clean(before))
    })
}

fn always(is_known: bool) -> &'static str {
    if is_known {
        "."
    } else {
        ". With `%clew config resume.on_start always`, every new kernel does so automatically; with `never`, this message is not shown."
    }
}

fn offer(can_resume: bool) -> &'static str {
    if can_resume {
        ". `%clew resume` restores its last state"
    } else {
        ""
    }
}

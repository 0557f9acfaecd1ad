//! What the engine of a kernel says itself; what commands say is the business of `clew_cli`.

/// A sentence of the engine's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Said {
    /// Recording was paused.
    #[error("Recording is paused: your cells run as before and are not recorded. `%clew resume-recording` goes on")]
    Paused,
    /// It was paused before.
    #[error("Recording is paused already")]
    PausedAlready,
    /// Recording was to go on, and had not stopped.
    #[error("Recording goes on: it was not paused")]
    NotPaused,
    /// Recording goes on.
    #[error("Recording again. {}", meanwhile(run.as_deref()))]
    Again {
        /// The run that holds what changed meanwhile.
        run: Option<String>,
    },
    /// No name or pattern is excluded.
    #[error("Nothing is excluded")]
    NothingExcluded,
    /// What is kept out of the record, for whoever asks.
    #[error("Clew does not record: {}", names.join(", "))]
    KeptOut {
        /// Names and patterns, and names of credentials.
        names: Vec<String>,
    },
    /// What is excluded now.
    #[error(
        "Until this kernel ends, Clew does not record {}. `%clew exclude -d {}` ends that",
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
    /// Which history the notebook is in.
    #[error("This notebook's history is {name}")]
    Belongs {
        /// What the history is called.
        name: String,
    },
    /// Into which history it was put.
    #[error("This notebook's history is now {name}{}", offer(*can_resume))]
    BelongsNow {
        /// What the history is called.
        name: String,
        /// Whether it has a state to go on from.
        can_resume: bool,
    },
    /// The notebook has earlier states.
    #[error("Clew has earlier states of this notebook{}: `%clew resume` brings the last one back{}", recorded_as(before.as_deref()), always(*is_known))]
    Offer {
        /// The notebook's file when they were recorded, where it had another path.
        before: Option<String>,
        /// Whether somebody took them up before.
        is_known: bool,
    },
    /// Runs are recorded from here on.
    #[error("Clew records your runs from here on{}. `%clew undo` takes the last one back, `%clew log` lists them", in_history(name.as_deref()))]
    Recording {
        /// What the history is called, if a new kernel finds it again.
        name: Option<String>,
    },
    /// The notebook looks like others that were recorded.
    #[error("{}", alike(candidates, *is_copy))]
    Alike {
        /// Whether it is a copy of the one notebook there is.
        is_copy: bool,
        /// These, each with what has the notebook go on in its history.
        candidates: Vec<String>,
    },
    /// The last state would have been brought back, were it not for another kernel.
    #[error(
        "Another kernel records this notebook, so its last state was not brought back by itself: `%clew resume` does it."
    )]
    RecordedBeside,
    /// A line of a settings file counts for nothing.
    #[error("{problem}; passed over")]
    PassedOver {
        /// Which, and why.
        problem: String,
    },
    /// Files of the session were lost under it, and it began anew.
    #[error(
        "What was saved of this session is lost ({why}). All that is live now was recorded again, as run {run} in {store}"
    )]
    StartedOver {
        /// What became of them.
        why: String,
        /// The run that holds what is live.
        run: String,
        /// The store that it is in.
        store: String,
    },
    /// The project's folder, with the store in it, was moved under this session.
    #[error(
        "This project's folder was moved, and recording goes on in {store}. All that is live now was recorded there as run {run}"
    )]
    Followed {
        /// Where the store lies now.
        store: String,
        /// The run that holds what is live.
        run: String,
    },
    /// The store can only be read.
    #[error(
        "{why}. You can go to every state and undo what you do here, and nothing of it is kept. To keep it, start the kernel with CLEW_HOME set to a copy of the store"
    )]
    NotKept {
        /// What the disk said.
        why: String,
    },
    /// What was stored of a name can't be had again.
    #[error(
        "`{name}` is stored, but a process that tried could not build it again: {why}. It is live here; `%clew show @` tells which cell made it"
    )]
    Unproved {
        /// The name.
        name: String,
        /// Why.
        why: String,
    },
    /// The list of trusted keys can't be used.
    #[error("{why}. Until then only your own runs count as trusted")]
    NobodyTrusted {
        /// Why.
        why: String,
    },
    /// Not all of the history is there that was seen before.
    #[error(
        "{name} is not as you last saw it: {setbacks}. What is here is whole, and nothing was changed. `%clew doctor` tells what to do"
    )]
    SetBack {
        /// What the history is called.
        name: String,
        /// What is not there any more.
        setbacks: String,
    },
    /// Histories of the store are gone.
    #[error(
        "Histories that you recorded in {store} are gone, {sessions} in all. Nothing was changed. `%clew doctor` tells which, and what to do"
    )]
    HistoriesGone {
        /// The store.
        store: String,
        /// How many sessions were in them.
        sessions: String,
    },
    /// The store was made anew where there was one.
    #[error(
        "The store in {store} was made anew: what you recorded there before is not in it ({sessions}). If you neither removed nor moved it, somebody did"
    )]
    MadeAnew {
        /// The store.
        store: String,
        /// How many sessions were in it.
        sessions: String,
    },
    /// Records of the history are missing or damaged.
    #[error(
        "This notebook's history is damaged: `%clew verify` lists what can't be read any more. What can is as it was"
    )]
    Damaged,
    /// Where the logs end can't be noted, or what was noted can't be used.
    #[error(
        "{why}. Your runs are recorded all the same; but nobody would notice if runs were taken out of the store. `%clew doctor` tells what to do"
    )]
    NotNoted {
        /// Why.
        why: String,
    },
    /// The store was made, with a key.
    #[error(
        "A new encrypted store was made. Its key is {path}: without it nobody can read the store, so keep a copy of it elsewhere"
    )]
    KeyMade {
        /// The key file.
        path: String,
    },
    /// The engine was asked from within itself.
    #[error("Clew is in the middle of another request; ask again after it")]
    Busy,
    /// There is not even the memory that any piece of work needs.
    #[error("There is not enough memory")]
    NoMemory,
    /// No history is open.
    #[error("Nothing is recorded here, no history is open: `%reload_ext clew` starts it, or says why it can't")]
    NothingOpen,
}

fn in_history(name: Option<&str>) -> String {
    name.map_or_else(
        || "; no notebook is known by which a new kernel could find them, so `%clew history --new NAME` gives them a name".to_owned(),
        |name| format!(", in the history {name}"),
    )
}

fn alike(candidates: &[String], is_copy: bool) -> String {
    match candidates {
        [only] if is_copy => {
            format!(
                "This looks like a copy of another notebook and has a history of its own. To go on in that of {only}"
            )
        }
        [only] => format!(
            "This notebook has a history of its own, and may be one that was recorded before. To go on in that of {only}"
        ),
        several => format!(
            "This notebook has a history of its own, and may be one that was recorded before. To go on in another history:\n  {}",
            several.join("\n  ")
        ),
    }
}

fn meanwhile(run: Option<&str>) -> String {
    run.map_or_else(
        || "Nothing changed meanwhile".to_owned(),
        |run| format!("What changed meanwhile is run {run}"),
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
        "; with `%clew config resume.on_start always` every new kernel does so by itself, with `never` it does not say this."
    }
}

fn offer(can_resume: bool) -> &'static str {
    if can_resume {
        ". `%clew resume` takes up its last state"
    } else {
        ""
    }
}

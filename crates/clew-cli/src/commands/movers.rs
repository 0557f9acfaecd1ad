//! `clew undo`, `switch`, `restore` and related commands: their arguments; the caller's live session executes them.

use clew_core::id::Root;
use clew_core::session::{Request, RestoreOptions};

use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::path_maps::{PathMap, PathMaps};
use crate::problem::{Exit, Problem};
use crate::session_request::SessionRequest;
use crate::text;

/// The options of every command that restores a state.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonOptions {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Rerun cells in this kernel if values cannot be restored otherwise
    #[arg(long)]
    pub rerun: bool,
    /// Stop with an error instead of waiting while a cell runs
    #[arg(long)]
    pub no_wait: bool,
    /// Leave this variable as it is; may be repeated
    #[arg(long, value_name = "NAME")]
    pub keep: Vec<String>,
}

/// Options of `undo` and `redo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Steps {
    /// Number of steps
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: CommonOptions,
}

pub(crate) const UNDO: CommandInfo = CommandInfo {
    name: "undo",
    examples: &[
        ("undo", "undo the last run"),
        ("undo 3 --dry-run", "show what undoing three steps would change"),
    ],
    calls: &[CommandCall::new("undo --dry-run", "undo(dry_run=True)", "Report")],
    method: Some(&["dry_run", "rerun"]),
    changes: CommandEffect::Session,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

pub(crate) const REDO: CommandInfo = CommandInfo {
    name: "redo",
    examples: &[("redo", "redo what was undone last")],
    calls: &[CommandCall::new("redo --dry-run", "redo(dry_run=True)", "Report")],
    method: Some(&["dry_run", "rerun"]),
    changes: CommandEffect::Session,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// Restore the state after any run; files stay as they are.
#[derive(Debug, Clone, clap::Args)]
pub struct Switch {
    /// The run: `@-3`, `14`, the beginning of an id, a branch or tag, `op:7`, `"10m ago"`
    #[arg(value_name = "REV")]
    pub revision: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: CommonOptions,
}

pub(crate) const SWITCH: CommandInfo = CommandInfo {
    name: "switch",
    examples: &[
        ("switch 14", "restore the state after run 14"),
        ("switch \"10m ago\"", "restore the state of ten minutes ago"),
    ],
    calls: &[CommandCall::new(
        "switch 2 --dry-run",
        "switch(2, dry_run=True)",
        "Report",
    )],
    method: Some(&["dry_run", "rerun"]),
    changes: CommandEffect::Session,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// Restore only some variables, as they were after a run.
#[derive(Debug, Clone, clap::Args)]
pub struct Restore {
    /// The run
    #[arg(value_name = "REV")]
    pub revision: String,
    /// The variables
    #[arg(value_name = "NAME", last = true, required = true)]
    pub names: Vec<String>,
    /// Also restore everything that shares objects with these variables
    #[arg(long)]
    pub with_shared: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: CommonOptions,
}

pub(crate) const RESTORE: CommandInfo = CommandInfo {
    name: "restore",
    examples: &[("restore 14 -- df", "restore only df, as it was after run 14")],
    calls: &[CommandCall::new(
        "restore 2 --dry-run -- x",
        "restore(2, 'x', dry_run=True)",
        "Report",
    )],
    method: Some(&["dry_run", "rerun", "with_shared"]),
    changes: CommandEffect::Session,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// Restore the last state, or that after a run, in a new kernel.
#[derive(Debug, Clone, clap::Args)]
pub struct Resume {
    /// The run; by default the last one
    #[arg(value_name = "REV")]
    pub revision: Option<String>,
    /// Start empty: restore the state in which this kernel began to record
    #[arg(long, conflicts_with = "revision")]
    pub fresh: bool,
    /// Use the file or folder NEW for what cells read at OLD on another machine; cells rerun in a sandbox process find it at OLD
    #[arg(long = "map", value_name = "OLD=NEW", conflicts_with = "fresh")]
    pub maps: Vec<PathMap>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: CommonOptions,
}

pub(crate) const RESUME: CommandInfo = CommandInfo {
    name: "resume",
    examples: &[
        ("resume", "restore the last state in a new kernel"),
        ("resume 14", "restore the state after run 14"),
        (
            "resume --map /home/ada/data=/mnt/data",
            "look for input files in /mnt/data",
        ),
    ],
    calls: &[CommandCall::new(
        "resume 2 --dry-run",
        "resume(2, dry_run=True)",
        "Report",
    )],
    method: Some(&["dry_run", "rerun", "fresh"]),
    changes: CommandEffect::Session,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// Never record some variables, until the kernel ends.
///
/// Clew stores no value, no hash and no summary of them. Without a variable, the command lists what is excluded. The setting `record.exclude` excludes variables in all later kernels.
#[derive(Debug, Clone, clap::Args)]
pub struct Exclude {
    /// Variables, or patterns with `*`
    #[arg(value_name = "NAME|PATTERN")]
    pub patterns: Vec<String>,
    /// Record them again from now on
    #[arg(short, long, requires = "patterns")]
    pub delete: bool,
}

pub(crate) const EXCLUDE: CommandInfo = CommandInfo {
    name: "exclude",
    examples: &[
        ("exclude token \"*_key\"", "never record these variables"),
        ("exclude -d token", "record token again"),
        ("exclude", "list what is excluded"),
    ],
    calls: &[CommandCall::new("exclude", "exclude()", "Result")],
    method: Some(&["delete"]),
    changes: CommandEffect::History,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// The error for a variable that is not excluded under this name: `by` is the pattern that excludes it, if there is one.
pub(crate) fn not_excluded(name: &str, by: Option<&str>, context: &Context) -> Problem {
    let excluded = context.settings.excluded();
    let problem = |why: String| Problem::of(Exit::Refused, why);
    match by {
        Some(pattern) if excluded.iter().any(|one| one == pattern) => problem(format!(
            "`{name}` is excluded by the setting `record.exclude` ({pattern})"
        ))
        .with_hint(format!(
            "{} shows where it is set",
            context.command("config record.exclude")
        )),
        Some(pattern) => problem(format!("`{name}` is excluded by the pattern `{pattern}`")).with_hint(format!(
            "{} records all of these again",
            context.command(&format!("exclude -d {}", text::typed(pattern)))
        )),
        None => problem(format!("`{name}` is not excluded"))
            .with_hint(format!("{} lists what is", context.command("exclude"))),
    }
}

/// Stop recording until `resume-recording`.
///
/// Your cells run as before, and you can still restore recorded states.
#[derive(Debug, Clone, clap::Args)]
pub struct Pause {}

pub(crate) const PAUSE: CommandInfo = CommandInfo {
    name: "pause",
    examples: &[("pause", "stop recording")],
    calls: &[CommandCall::new("pause", "pause()", "Result")],
    method: Some(&[]),
    changes: CommandEffect::History,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

/// Start recording again after `pause`.
///
/// All changes made meanwhile become one run, marked `outside`.
#[derive(Debug, Clone, clap::Args)]
pub struct ResumeRecording {}

pub(crate) const RESUME_RECORDING: CommandInfo = CommandInfo {
    name: "resume-recording",
    examples: &[("resume-recording", "record again")],
    calls: &[CommandCall::new("resume-recording", "resume_recording()", "Result")],
    method: Some(&[]),
    changes: CommandEffect::History,
    scope: |_| CommandScope::Kernel,
    ..CommandInfo::DEFAULT
};

impl Restore {
    pub(super) fn request(&self) -> SessionRequest {
        self.options.request(Request::Restore {
            revision: self.revision.clone(),
            names: self.names.iter().map(Root::name).collect(),
            with_shared: self.with_shared,
        })
    }
}

impl Resume {
    pub(super) fn request(&self) -> SessionRequest {
        let request = if self.fresh {
            Request::Fresh
        } else {
            Request::Resume(self.revision.clone())
        };
        self.options.request_with(request, self.maps.as_slice().into())
    }
}

impl CommonOptions {
    /// Returns the request with these options.
    pub(super) fn request(&self, request: Request) -> SessionRequest {
        self.request_with(request, PathMaps::default())
    }

    fn request_with(&self, request: Request, maps: PathMaps) -> SessionRequest {
        let options = RestoreOptions {
            dry_run: self.dry_run,
            replay: self.rerun,
        };
        SessionRequest::Move(request, options, maps, self.keep.iter().map(Root::name).collect())
    }
}

//! The movers: typed here, performed by the live session that the caller holds.

use std::collections::BTreeSet;

use clew_core::id::Root;
use clew_core::session::{NameRequest, Request, RestoreOptions};

use crate::context::Context;
use crate::path_maps::{PathMap, PathMaps};
use crate::problem::{Exit, Problem};
use crate::text;

/// How every mover can be asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
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

/// Undo the last run, switch or restore, or the last N of them.
#[derive(Debug, Clone, clap::Args)]
pub struct Undo {
    /// Number of steps
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: Options,
}

/// Redo the last step that was undone, or the last N.
#[derive(Debug, Clone, clap::Args)]
pub struct Redo {
    /// Number of steps
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: Options,
}

/// Restore the state after any run; files stay as they are.
#[derive(Debug, Clone, clap::Args)]
pub struct Switch {
    /// The run: `@-3`, `14`, the beginning of an id, a branch or tag, `op:7`, `"10m ago"`
    #[arg(value_name = "REV")]
    pub revision: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: Options,
}

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
    pub options: Options,
}

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
    pub options: Options,
}

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

/// That a name is not excluded by that name: `by` is the pattern that excludes it, if one does.
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

/// Start recording again after `pause`.
///
/// All changes made meanwhile become one run, marked `outside`.
#[derive(Debug, Clone, clap::Args)]
pub struct ResumeRecording {}

/// What a live session is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
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

impl Options {
    pub(super) fn core(&self) -> RestoreOptions {
        RestoreOptions {
            dry_run: self.dry_run,
            replay: self.rerun,
        }
    }

    fn kept(&self) -> BTreeSet<Root> {
        self.keep.iter().map(Root::name).collect()
    }
}

impl Asked {
    pub(super) fn moving(request: Request, options: &Options) -> Self {
        Self::Move(request, options.core(), PathMaps::default(), options.kept())
    }
}

impl From<&Undo> for Asked {
    fn from(undo: &Undo) -> Self {
        Self::moving(Request::Undo(undo.steps), &undo.options)
    }
}

impl From<&Redo> for Asked {
    fn from(redo: &Redo) -> Self {
        Self::moving(Request::Redo(redo.steps), &redo.options)
    }
}

impl From<&Switch> for Asked {
    fn from(switch: &Switch) -> Self {
        Self::moving(Request::Switch(switch.revision.clone()), &switch.options)
    }
}

impl From<&Restore> for Asked {
    fn from(restore: &Restore) -> Self {
        let request = Request::Restore {
            revision: restore.revision.clone(),
            names: restore.names.iter().map(Root::name).collect(),
            with_shared: restore.with_shared,
        };
        Self::moving(request, &restore.options)
    }
}

impl From<&Resume> for Asked {
    fn from(resume: &Resume) -> Self {
        let request = if resume.fresh {
            Request::Fresh
        } else {
            Request::Resume(resume.revision.clone())
        };
        Self::Move(
            request,
            resume.options.core(),
            resume.maps.as_slice().into(),
            resume.options.kept(),
        )
    }
}

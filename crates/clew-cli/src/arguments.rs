//! What can be typed: one definition for `clew WORD` and `%clew WORD`.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

use crate::commands::{
    annotate, care, carry, diff, doctor, environment, extract, history, later, list, log, movers, names, op, remote,
    run, scratch, serve, shells, show, stale, status, sync, trust, vars, verify,
};

/// Undo, branches and resume for notebook sessions.
///
/// Record the effect of every cell run, and restore any earlier state.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "clew",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Arguments {
    /// The command
    #[command(subcommand)]
    pub command: Subcommand,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub shared: Shared,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

/// What every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Shared {
    /// Print JSON, errors included
    #[arg(long, global = true)]
    pub json: bool,
    /// Use the store in this folder, instead of the one that `clew config store` prints
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Use this history (name, notebook or beginning of an id); by default the live or last used one of the notebooks in this folder
    #[arg(long = "history", global = true, value_name = "NAME|ID|PATH")]
    pub wanted: Option<String>,
    /// Use the kernel with this process id, if several record in one history
    #[arg(long, global = true, value_name = "PID", value_parser = process_id)]
    pub kernel: Option<String>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    pub help: Option<bool>,
}

/// A process id as it was typed. It stays text: to `run` the option of this name is a kernel's.
fn process_id(typed: &str) -> Result<String, std::num::ParseIntError> {
    typed.parse::<u32>().map(|_| typed.to_owned())
}

impl Shared {
    /// The process of the kernel that is meant.
    pub fn process(&self) -> Option<u32> {
        self.kernel.as_deref().and_then(|typed| typed.parse().ok())
    }
}

impl Arguments {
    /// Whether it asks where the session is.
    pub fn is_status(&self) -> bool {
        matches!(self.command, Subcommand::Status(_))
    }
}

/// The words.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Subcommand {
    #[allow(missing_docs)]
    Status(status::Arguments),
    #[allow(missing_docs)]
    Log(log::Arguments),
    #[allow(missing_docs)]
    Show(show::Arguments),
    #[allow(missing_docs)]
    Diff(diff::Arguments),
    #[allow(missing_docs)]
    Vars(vars::Arguments),
    #[allow(missing_docs)]
    Annotate(annotate::Arguments),
    #[allow(missing_docs)]
    Extract(extract::Arguments),
    #[allow(missing_docs)]
    Stale(stale::Arguments),
    #[allow(missing_docs)]
    Op(op::Arguments),
    #[allow(missing_docs)]
    Undo(movers::Undo),
    #[allow(missing_docs)]
    Redo(movers::Redo),
    #[allow(missing_docs)]
    Switch(movers::Switch),
    #[allow(missing_docs)]
    Restore(movers::Restore),
    #[allow(missing_docs)]
    Resume(movers::Resume),
    #[allow(missing_docs)]
    Branch(names::Branch),
    #[allow(missing_docs)]
    Tag(names::Tag),
    #[allow(missing_docs)]
    Describe(names::Describe),
    #[allow(missing_docs)]
    History(history::HistoryOf),
    #[allow(missing_docs)]
    Eval(scratch::Eval),
    #[allow(missing_docs)]
    Bisect(scratch::Bisect),
    #[allow(missing_docs)]
    Enable(environment::Enable),
    #[allow(missing_docs)]
    Disable(environment::Disable),
    #[allow(missing_docs)]
    Init(environment::Init),
    #[allow(missing_docs)]
    Config(environment::Config),
    #[allow(missing_docs)]
    Pause(movers::Pause),
    #[allow(missing_docs)]
    ResumeRecording(movers::ResumeRecording),
    #[allow(missing_docs)]
    Exclude(movers::Exclude),
    #[allow(missing_docs)]
    List(list::Arguments),
    #[allow(missing_docs)]
    Doctor(doctor::Arguments),
    #[allow(missing_docs)]
    Verify(verify::Arguments),
    #[allow(missing_docs)]
    Gc(care::Gc),
    #[allow(missing_docs)]
    Forget(care::Forget),
    #[allow(missing_docs)]
    Completions(shells::Completions),
    #[allow(missing_docs)]
    Man(shells::Man),
    #[allow(missing_docs)]
    Run(Box<run::Arguments>),
    #[allow(missing_docs)]
    Remote(remote::Arguments),
    #[allow(missing_docs)]
    Push(sync::Push),
    #[allow(missing_docs)]
    Pull(sync::Pull),
    #[allow(missing_docs)]
    Clone(sync::Clone),
    #[allow(missing_docs)]
    Move(carry::plan::Arguments),
    #[allow(missing_docs)]
    Watch(sync::Watch),
    #[allow(missing_docs)]
    Export(carry::Export),
    #[allow(missing_docs)]
    Import(carry::Import),
    #[allow(missing_docs)]
    Package(carry::Package),
    #[allow(missing_docs)]
    Serve(serve::Arguments),
    #[allow(missing_docs)]
    Trust(trust::Arguments),
    #[allow(missing_docs)]
    Panel(later::Later),
}

impl Subcommand {
    /// Whether it asks something that a scratch process works out.
    pub fn is_question(&self) -> bool {
        match self {
            Self::Eval(_) | Self::Bisect(_) => true,
            Self::Extract(extract) => extract.check,
            _ => false,
        }
    }

    /// The word itself.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Log(_) => "log",
            Self::Show(_) => "show",
            Self::Diff(_) => "diff",
            Self::Vars(_) => "vars",
            Self::Annotate(_) => "annotate",
            Self::Extract(_) => "extract",
            Self::Stale(_) => "stale",
            Self::Op(_) => "op",
            Self::Undo(_) => "undo",
            Self::Redo(_) => "redo",
            Self::Switch(_) => "switch",
            Self::Restore(_) => "restore",
            Self::Resume(_) => "resume",
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
            Self::Describe(_) => "describe",
            Self::History(_) => "history",
            Self::Eval(_) => "eval",
            Self::Bisect(_) => "bisect",
            Self::Enable(_) => "enable",
            Self::Disable(_) => "disable",
            Self::Init(_) => "init",
            Self::Config(_) => "config",
            Self::Pause(_) => "pause",
            Self::ResumeRecording(_) => "resume-recording",
            Self::Exclude(_) => "exclude",
            Self::List(_) => "list",
            Self::Doctor(_) => "doctor",
            Self::Verify(_) => "verify",
            Self::Gc(_) => "gc",
            Self::Forget(_) => "forget",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Run(_) => "run",
            Self::Remote(_) => "remote",
            Self::Push(_) => "push",
            Self::Pull(_) => "pull",
            Self::Clone(_) => "clone",
            Self::Move(_) => "move",
            Self::Watch(_) => "watch",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Package(_) => "package",
            Self::Serve(_) => "serve",
            Self::Trust(_) => "trust",
            Self::Panel(_) => "panel",
        }
    }

    /// What is asked of a live session; `None` for words that only look.
    pub fn asked(&self) -> Option<movers::Asked> {
        match self {
            Self::Undo(undo) => Some(undo.into()),
            Self::Redo(redo) => Some(redo.into()),
            Self::Switch(switch) => Some(switch.into()),
            Self::Restore(restore) => Some(restore.into()),
            Self::Resume(resume) => Some(resume.into()),
            Self::Exclude(exclude) if exclude.delete => Some(movers::Asked::Include(exclude.patterns.clone())),
            Self::Exclude(exclude) => Some(movers::Asked::Exclude(exclude.patterns.clone())),
            Self::History(history) => history.asked(),
            Self::Branch(branch) => branch.asked().map(movers::Asked::Name),
            Self::Tag(tag) => tag.asked().map(movers::Asked::Name),
            Self::Describe(describe) => Some(movers::Asked::Name(describe.asked())),
            Self::Op(op) => op.asked(),
            Self::Pause(_) => Some(movers::Asked::Pause),
            Self::ResumeRecording(_) => Some(movers::Asked::ResumeRecording),
            _ => None,
        }
    }

    /// Whether it has words of the user's that are written down and shown.
    pub fn is_written_down(&self) -> bool {
        matches!(self, Self::Describe(_)) || self.given_name().is_some()
    }

    /// A name in it that is written down and shown.
    pub(crate) fn given_name(&self) -> Option<&str> {
        match self {
            Self::Branch(branch) => branch.given(),
            Self::Tag(tag) => tag.given(),
            Self::History(history) => history.given(),
            _ => None,
        }
    }

    /// Whether it tells of cells that run, too.
    pub fn tells_what_runs(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Log(_) | Self::Show(_))
    }

    /// Whether its answer names the notebook that it is about, where none was named. Of the others the answer is a script, or names it.
    pub(crate) fn names_notebook(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Log(_)
                | Self::Show(_)
                | Self::Diff(_)
                | Self::Vars(_)
                | Self::Annotate(_)
                | Self::Stale(_)
                | Self::Op(_)
                | Self::Branch(_)
                | Self::Tag(_)
        )
    }

    /// Whether it is answered without opening a history.
    pub(crate) fn needs_no_history(&self) -> bool {
        matches!(
            self,
            Self::History(_)
                | Self::Enable(_)
                | Self::Disable(_)
                | Self::Init(_)
                | Self::Config(_)
                | Self::List(_)
                | Self::Doctor(_)
                | Self::Gc(_)
                | Self::Import(_)
                | Self::Package(_)
                | Self::Trust(_)
                | Self::Remote(_)
                | Self::Run(_)
                | Self::Push(_)
                | Self::Pull(_)
                | Self::Clone(_)
                | Self::Watch(_)
                | Self::Serve(_)
                | Self::Completions(_)
                | Self::Man(_)
        ) || self.is_carried()
            || self.is_later()
    }

    /// Whether it goes to other places: in a notebook the native command does it, since nothing that speaks to a network is loaded there.
    pub(crate) fn is_carried(&self) -> bool {
        match self {
            Self::Remote(_) | Self::Push(_) | Self::Pull(_) | Self::Clone(_) => true,
            Self::Move(carry) => carry.is_carried(),
            _ => false,
        }
    }

    /// Whether it carries a state to another place. Like a mover it first records what came before it.
    pub(crate) fn carries_state(&self) -> bool {
        match self {
            Self::Push(push) => push.plan,
            Self::Move(carry) => carry.is_carried(),
            _ => false,
        }
    }

    /// Whether it is to come.
    pub(crate) fn is_later(&self) -> bool {
        crate::help::LATER.iter().any(|(word, _)| *word == self.text())
    }
}

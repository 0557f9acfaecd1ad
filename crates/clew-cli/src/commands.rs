//! The commands: one file each, and the list of all.
//!
//! The file of a command declares its arguments, whose doc comments are its help; a [`CommandInfo`]; and how it is performed, as a
//! [`Command`].

pub mod annotate;
pub mod care;
pub mod carry;
pub mod diff;
pub mod doctor;
pub mod environment;
pub mod extract;
pub mod history;
pub mod history_page;
pub mod list;
pub mod log;
pub mod log_file;
pub mod movers;
pub mod names;
pub mod op;
pub mod remote;
pub mod reserved;
pub mod run;
mod run_package;
pub mod scratch;
pub mod serve;
pub mod shells;
pub mod show;
pub mod stale;
pub mod status;
pub mod sync;
pub mod trust;
pub mod vars;
pub mod verify;

use crate::command::{Command, SessionRequest};
use crate::command_info::CommandInfo;

/// Makes the enum that clap parses, and the list, of lines `Variant(arguments) = what it declares of itself`. The variant is the
/// command's name, as clap derives it: `ResumeRecording` is `resume-recording`.
macro_rules! commands {
    ($($variant:ident($arguments:ty) = $info:expr,)*) => {
        /// The commands.
        #[derive(Debug, Clone, clap::Subcommand)]
        #[allow(clippy::large_enum_variant)] // one is made for each line that is typed
        pub enum Subcommand {
            $(
                #[allow(missing_docs)]
                $variant($arguments),
            )*
        }

        /// What the commands declare of themselves.
        pub(crate) const COMMANDS: &[&CommandInfo] = &[$(&$info),*];

        impl Subcommand {
            /// What it declares of itself.
            pub(crate) fn info(&self) -> &'static CommandInfo {
                match self {
                    $(Self::$variant(_) => &$info,)*
                }
            }

            /// How it is performed.
            pub(crate) fn command(&self) -> &dyn Command {
                match self {
                    $(Self::$variant(arguments) => arguments,)*
                }
            }
        }
    };
}

// In the order in which help lists them within their groups.
commands! {
    Status(status::Arguments) = status::INFO,
    Log(log::Arguments) = log::INFO,
    Show(show::Arguments) = show::INFO,
    Diff(diff::Arguments) = diff::INFO,
    Vars(vars::Arguments) = vars::INFO,
    Annotate(annotate::Arguments) = annotate::INFO,
    Extract(extract::Arguments) = extract::INFO,
    Stale(stale::Arguments) = stale::INFO,
    Op(op::Arguments) = op::INFO,
    Eval(scratch::Eval) = scratch::EVAL,
    Bisect(scratch::Bisect) = scratch::BISECT,
    List(list::Arguments) = list::INFO,
    Verify(verify::Arguments) = verify::INFO,
    Undo(movers::Undo) = movers::UNDO,
    Redo(movers::Redo) = movers::REDO,
    Switch(movers::Switch) = movers::SWITCH,
    Restore(movers::Restore) = movers::RESTORE,
    Resume(movers::Resume) = movers::RESUME,
    Branch(names::Branch) = names::BRANCH,
    Tag(names::Tag) = names::TAG,
    Describe(names::Describe) = names::DESCRIBE,
    History(history::HistoryOf) = history::INFO,
    Run(run::Arguments) = run::INFO,
    Export(carry::export::Export) = carry::export::INFO,
    Import(carry::import::Import) = carry::import::INFO,
    Package(carry::package::Package) = carry::package::INFO,
    Remote(remote::Arguments) = remote::INFO,
    Push(sync::push::Push) = sync::push::INFO,
    Pull(sync::pull::Pull) = sync::pull::INFO,
    Watch(sync::watch::Watch) = sync::watch::INFO,
    Clone(sync::clone::Clone) = sync::clone::INFO,
    Serve(serve::Arguments) = serve::INFO,
    Move(carry::plan::Arguments) = sync::transfer::INFO,
    Enable(environment::Enable) = environment::enable::ENABLE,
    Disable(environment::Disable) = environment::enable::DISABLE,
    Pause(movers::Pause) = movers::PAUSE,
    ResumeRecording(movers::ResumeRecording) = movers::RESUME_RECORDING,
    Exclude(movers::Exclude) = movers::EXCLUDE,
    Init(environment::Init) = environment::init::INFO,
    Config(environment::Config) = environment::config::INFO,
    Doctor(doctor::Arguments) = doctor::INFO,
    Gc(care::Gc) = care::gc::INFO,
    Forget(care::Forget) = care::forget::INFO,
    Trust(trust::Arguments) = trust::INFO,
    Panel(reserved::Panel) = reserved::PANEL,
    Completions(shells::Completions) = shells::COMPLETIONS,
    Man(shells::Man) = shells::MAN,
}

impl Subcommand {
    /// The word itself.
    pub fn text(&self) -> &'static str {
        self.info().name
    }

    /// What is asked of a live session; `None` for commands that need none.
    pub fn asked(&self) -> Option<SessionRequest> {
        self.command().request()
    }

    /// Whether a sandbox process answers it.
    pub fn is_question(&self) -> bool {
        self.command().is_question()
    }

    /// Whether it has words of the user's that are written down and shown.
    pub fn is_written_down(&self) -> bool {
        matches!(self, Self::Describe(_)) || self.command().given_name().is_some()
    }

    /// Credentials that were left out of its text.
    pub(crate) fn left_out(&self) -> &[String] {
        match self {
            Self::Describe(describe) => &describe.left_out,
            _ => &[],
        }
    }

    /// Whether it shows cells that run, too.
    pub fn tells_what_runs(&self) -> bool {
        self.info().shows_running_cells
    }
}

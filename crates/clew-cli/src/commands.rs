//! The commands: one file each, and a list of all.
//!
//! A command's file declares its arguments, whose doc comments are its help; a [`CommandInfo`]; and a function that executes it. The
//! methods of [`Subcommand`] call these functions.

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

use std::path::Path;

use clew_core::session::{NameRequest, Request};

use self::history::HistoryCommand;
use crate::command_info::CommandInfo;
use crate::history_view::HistoryView;
use crate::page::{Output, OutputFormatter};
use crate::problem::Exit;
use crate::session_request::SessionRequest;

/// Defines the enum that clap parses, and the list of commands, from groups with lines `Variant(arguments) = info`. clap derives the
/// command's name from the variant: `ResumeRecording` is `resume-recording`. The variant's doc comment, or that of its arguments, is its
/// help. A line that ends in `=> function` is a command that only reads an open history: the function returns its page, whose fields go to
/// docs/json.md.
macro_rules! commands {
    ($($group:literal: {
        $($(#[doc = $help:literal])* $variant:ident($arguments:ty) = $info:expr $(=> $reader:path)?,)*
    })*) => {
        /// The commands.
        #[derive(Debug, Clone, clap::Subcommand)]
        #[allow(clippy::large_enum_variant)] // one exists per command line
        pub enum Subcommand {
            $($(
                $(#[doc = $help])*
                #[allow(missing_docs)]
                $variant($arguments),
            )*)*
        }

        /// The groups of the help and of docs/guide/commands.md, with the [`CommandInfo`] of each command.
        pub(crate) const COMMANDS: &[(&str, &[&CommandInfo])] = &[$(($group, &[$(&$info),*])),*];

        impl Subcommand {
            /// Returns the command's [`CommandInfo`].
            pub(crate) fn info(&self) -> &'static CommandInfo {
                match self {
                    $($(Self::$variant(_) => &$info,)*)*
                }
            }

            /// Answers from an open history; `None` for commands that do not need one.
            pub(crate) fn read(&self, history: &HistoryView<'_>, answer: &OutputFormatter<'_>) -> Option<Output> {
                match self {
                    $($($(Self::$variant(arguments) => Some(answer.give($reader(arguments, history, answer.context))),)?)*)*
                    _ => self.read_otherwise(history, answer),
                }
            }
        }

        /// Returns the fields of the page of a command whose line has a function, for docs/json.md.
        #[cfg(test)]
        pub(crate) fn fields_of_reader(fields: &mut impl crate::command_info::PageFields, name: &str) -> Option<String> {
            $($($(
                if $info.name == name {
                    return Some(fields_of_page(fields, $reader));
                }
            )?)*)*
            None
        }
    };
}

#[cfg(test)]
fn fields_of_page<A, P: schemars::JsonSchema>(
    fields: &mut impl crate::command_info::PageFields,
    _: fn(&A, &HistoryView<'_>, &crate::context::Context) -> Result<P, crate::problem::Problem>,
) -> String {
    fields.fields::<P>()
}

// In the order of the help.
commands! {
    "Inspect": {
        Status(status::Arguments) = status::INFO,
        Log(log::Arguments) = log::INFO,
        Show(show::Arguments) = show::INFO => show::show,
        Diff(diff::Arguments) = diff::INFO => diff::diff,
        Vars(vars::Arguments) = vars::INFO => vars::vars,
        Annotate(annotate::Arguments) = annotate::INFO => annotate::annotate,
        Extract(extract::Arguments) = extract::INFO => extract::extract,
        Stale(stale::Arguments) = stale::INFO => stale::stale,
        Op(op::Arguments) = op::INFO,
        Eval(scratch::Eval) = scratch::EVAL,
        Bisect(scratch::Bisect) = scratch::BISECT,
        List(list::Arguments) = list::INFO,
        Verify(verify::Arguments) = verify::INFO,
    }
    "Restore": {
        /// Undo the last run, switch or restore, or the last N of them.
        Undo(movers::Steps) = movers::UNDO,
        /// Redo the last step that was undone, or the last N.
        Redo(movers::Steps) = movers::REDO,
        Switch(movers::Switch) = movers::SWITCH,
        Restore(movers::Restore) = movers::RESTORE,
        Resume(movers::Resume) = movers::RESUME,
    }
    "Label": {
        Branch(names::Branch) = names::BRANCH,
        Tag(names::Tag) = names::TAG,
        Describe(names::Describe) = names::DESCRIBE,
        History(history::HistoryOf) = history::INFO,
    }
    "Run": {
        Run(run::Arguments) = run::INFO,
    }
    "Share": {
        Export(carry::export::Export) = carry::export::INFO => carry::export::export,
        Import(carry::import::Import) = carry::import::INFO,
        Package(carry::package::Package) = carry::package::INFO,
        Remote(remote::Arguments) = remote::INFO,
        Push(sync::push::Push) = sync::push::INFO,
        Pull(sync::pull::Pull) = sync::pull::INFO,
        Watch(sync::watch::Watch) = sync::watch::INFO,
        Clone(sync::clone::Clone) = sync::clone::INFO,
        Serve(serve::Arguments) = serve::INFO,
        Move(carry::plan::Arguments) = sync::transfer::INFO,
    }
    "Manage": {
        /// Record every kernel and IPython of an environment from its start.
        ///
        /// The command also installs the kernel `Python (Clew)`.
        Enable(environment::Environment) = environment::enable::ENABLE,
        /// Undo `enable`; stores and their histories stay.
        Disable(environment::Environment) = environment::enable::DISABLE,
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
}

impl Subcommand {
    /// Returns the command's name.
    pub fn text(&self) -> &'static str {
        self.info().name
    }

    /// Does the same for the commands whose lines have no function.
    fn read_otherwise(&self, history: &HistoryView<'_>, answer: &OutputFormatter<'_>) -> Option<Output> {
        let context = answer.context;
        Some(match self {
            Self::Status(_) => answer.show(&status::status(history, context)),
            Self::Log(log) => match &log.html {
                Some(file) => answer.give(log_file::write(log, file, history, context)),
                None => answer.give(log::log(log, history, context)),
            },
            Self::Op(op) => answer.show(&op::log(op.limit()?, history)),
            Self::Verify(verify) => answer.show(&verify::verify(verify, history)),
            Self::Branch(_) => answer.show(&names::NameList::branches(history)),
            Self::Tag(_) => answer.show(&names::NameList::tags(history)),
            Self::Move(plan) => answer.give(carry::plan::plan(plan, history, context)),
            _ => return None,
        })
    }

    /// Answers without an open history: in the given `store` and `history`, else in the default ones. `None` for commands that need an open
    /// history or a kernel.
    pub(crate) fn perform(&self, store: &Path, history: Option<&str>, answer: &OutputFormatter<'_>) -> Option<Output> {
        let context = answer.context;
        Some(match self {
            Self::List(_) => answer.give(list::list(store, context)),
            Self::History(named) => match named.word.as_ref()? {
                HistoryCommand::Rename { history, new } => answer.give(history::rename(history, new, store, context)),
                HistoryCommand::Delete { history, yes } => answer.give(history::delete(history, *yes, store, context)),
            },
            Self::Run(_) => answer.fail(&run::not_here()),
            Self::Import(import) if import.preview => answer.give(carry::import::preview(import, store, context)),
            Self::Import(import) => answer.give(carry::import::import(import, store, context)),
            Self::Package(package) => answer.give(carry::package::package(package, store, history, context)),
            Self::Remote(remote) => answer.give(remote::remote(remote, store, context)),
            Self::Push(push) if push.plan => answer.give(sync::push::push_planned(push, store, history, context)),
            Self::Push(push) => answer.give(sync::push::push(push, store, history, context)),
            Self::Pull(pull) => answer.give(sync::pull::pull(pull, store, history, context)),
            Self::Watch(watch) => answer.give(sync::watch::watch(watch, store, history, context)),
            Self::Clone(clone) => answer.give(sync::clone::clone(clone, context)),
            Self::Serve(serve) => match serve::serve(serve, context) {
                Ok(()) => Output::said(Exit::Done, ""),
                Err(problem) => answer.fail(&problem),
            },
            Self::Move(plan) if plan.is_carried() => answer.give(sync::transfer::carry(plan, store, history, context)),
            Self::Enable(site) => answer.give(environment::enable::enable(site, context)),
            Self::Disable(site) => answer.give(environment::enable::disable(site, context)),
            Self::Init(init) => answer.give(environment::init::init(init, context)),
            Self::Config(config) => answer.give(environment::config::config(config, context)),
            Self::Doctor(doctor) => match &doctor.bundle {
                Some(bundle) => answer.give(doctor::compared(bundle, doctor, store, context)),
                None => answer.show(&doctor::doctor(doctor, store, context)),
            },
            Self::Gc(gc) => answer.give(care::gc::gc(gc, store, context)),
            Self::Forget(forget) => answer.give(care::forget::forget(forget, None, store, history, context)),
            Self::Trust(trust) => answer.give(trust::trust(trust, store, context)),
            Self::Panel(_) => answer.fail(&reserved::not_available(answer)),
            Self::Completions(completions) => answer.show(&shells::completions(completions)),
            Self::Man(man) => answer.give(shells::man(man, context)),
            _ => return None,
        })
    }

    /// Returns the request to a live session; `None` for commands that do not need one.
    pub fn asked(&self) -> Option<SessionRequest> {
        Some(match self {
            Self::Undo(undo) => undo.options.request(Request::Undo(undo.steps)),
            Self::Redo(redo) => redo.options.request(Request::Redo(redo.steps)),
            Self::Switch(switch) => switch.options.request(Request::Switch(switch.revision.clone())),
            Self::Restore(restore) => restore.request(),
            Self::Resume(resume) => resume.request(),
            Self::Op(op) => op.request()?,
            Self::Branch(branch) => SessionRequest::Name(branch.request()?),
            Self::Tag(tag) => SessionRequest::Name(tag.request()?),
            Self::Describe(describe) => SessionRequest::Name(NameRequest::Describe {
                at: describe.revision.clone(),
                text: describe.message.clone(),
            }),
            Self::History(history) => history.request()?,
            Self::Exclude(exclude) if exclude.delete => SessionRequest::Include(exclude.patterns.clone()),
            Self::Exclude(exclude) => SessionRequest::Exclude(exclude.patterns.clone()),
            Self::Pause(_) => SessionRequest::Pause,
            Self::ResumeRecording(_) => SessionRequest::ResumeRecording,
            _ => return None,
        })
    }

    /// Whether a sandbox process executes it.
    pub fn is_question(&self) -> bool {
        match self {
            Self::Eval(_) | Self::Bisect(_) => true,
            Self::Extract(extract) => extract.check,
            _ => false,
        }
    }

    /// Returns a name among its arguments that is stored and displayed.
    pub(crate) fn given_name(&self) -> Option<&str> {
        match self {
            Self::Branch(branch) => branch.given_name(),
            Self::Tag(tag) => tag.given_name(),
            Self::History(history) => history.given_name(),
            _ => None,
        }
    }

    /// Whether it uses a remote. In a notebook the program `clew` executes it, since the kernel runs no network code.
    pub(crate) fn is_carried(&self) -> bool {
        match self {
            Self::Remote(_) | Self::Push(_) | Self::Pull(_) | Self::Clone(_) => true,
            Self::Move(plan) => plan.is_carried(),
            _ => false,
        }
    }

    /// Whether it sends a state. Pending changes are then recorded first, as before a restore.
    pub(crate) fn carries_state(&self) -> bool {
        match self {
            Self::Push(push) => push.plan,
            Self::Move(plan) => plan.is_carried(),
            _ => false,
        }
    }

    /// Whether its arguments contain text that is stored and displayed.
    pub fn is_written_down(&self) -> bool {
        matches!(self, Self::Describe(_)) || self.given_name().is_some()
    }

    /// Returns the kinds of credentials that were removed from its text.
    pub(crate) fn left_out(&self) -> &[String] {
        match self {
            Self::Describe(describe) => &describe.left_out,
            _ => &[],
        }
    }

    /// Whether its output also includes running cells.
    pub fn tells_what_runs(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Log(_) | Self::Show(_))
    }
}

//! The commands: parsing, execution, and formatting as text or JSON.
//!
//! There are two callers. The native program calls [`run`], which reads a store from disk without changing it. The Python extension calls
//! [`parse`], executes commands that change the session, and passes their outcome to [`report`] or [`refuse`]; commands that only read it
//! answers with [`look`] from the history in memory.

#![forbid(unsafe_code)]
#![allow(clippy::format_push_string, clippy::format_collect)] // pages are short; `write!` would only add noise

mod arguments;
pub mod cell_reuse;
mod cells_of_file;
mod changes;
mod command_info;
mod commands;
mod complete;
mod context;
mod evidence_page;
mod file_marks;
mod grammar;
mod help;
mod history_view;
mod html;
mod in_flight;
mod input_files;
mod interface;
mod interpreter;
#[cfg(test)]
mod json_reference;
mod kernel_connection;
mod lanes;
mod magic_line;
mod message_page;
mod mistake;
mod notebook_identity;
mod outputs;
mod package;
mod page;
mod path_maps;
mod platform;
mod presence;
mod problem;
mod process;
pub mod program;
mod progress;
mod python_call;
#[cfg(test)]
mod reference;
pub mod remotes;
mod report;
mod requirements;
mod rollback_check;
mod run_page;
pub mod sandbox_process;
pub mod secrets;
mod session_request;
mod settings;
mod shared_options;
mod site;
mod style;
mod table;
mod terminal_text;
mod text;
#[cfg(test)]
mod texts;
mod typed_command;
pub mod untrusted_input;
mod whole_file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clew_core::format::HistoryDescription;
use clew_core::history::{History, NameError};
use clew_core::id::HistoryId;
use clew_core::kernel::KernelError;
use clew_core::plan::Report;
use clew_core::restore::RestoreError;
use clew_core::session::{NameRequest, NamingResult, Session, SessionError};
use clew_core::store::LogIndex;

pub use arguments::{Arguments, REGISTRY};
pub use command_info::Registry;
pub use commands::Subcommand;
pub use commands::scratch::Question;
pub use commands::stale::edited_modules;
pub use complete::{Candidate, complete, complete_line};
pub use context::{Context, Python, config_folder, store_key};
pub use file_marks::mark_of;
pub use history_view::{
    HistoryView, RecordReader, SessionStatus, StoredHistory, history_name, last_time, present_name, where_it_lies,
};
pub use in_flight::{InFlight, begun, death, goes_on, in_flight, take_died};
pub use interface::Interface;
pub use kernel_connection::HandOver;
pub use magic_line::{Intent, LineSyntaxError, intent, split_line};
pub use message_page::MessageData;
pub use notebook_identity::{belongs, belongs_plainly, file_id};
pub use outputs::{CellOutput, Failure, OmittedOutput, OutputKind, Picture, outputs_of};
pub use page::{Output, SCHEMA};
pub use path_maps::{LocalInputs, PathMap, PathMaps, digest_of};
pub use platform::{continue_as, host};
pub use presence::{Presence, PresenceGuard, announce, note_kernel, records_here, restarted};
pub use problem::{Exit, Problem};
pub use progress::ProgressMonitor;
pub use requirements::packages_of;
pub use rollback_check::{last_seen, setbacks_hint, setbacks_text};
pub use session_request::SessionRequest;
pub use settings::{Origin, SettingProblem, Settings, StartupAction};
pub use shared_options::Shared;
pub use style::Style;
pub use terminal_text::TerminalText;
pub use text::{ago, bytes, clean};
pub use typed_command::TypedCommand;

use commands::names::NamePage;
use message_page::MessagePage;
use page::OutputFormatter;
use progress::Terminal;
use report::ReportPage;
pub use report::ResumeReport;

/// The outcome of a command in the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutcome {
    /// The answer.
    Here(Output),
    /// Another program continues.
    By(HandOver),
}

/// Runs a command of the terminal: reads data from disk, records names, and passes on commands that need a kernel. `words` exclude the
/// program's name.
pub fn run(words: &[String], context: &Context) -> CommandOutcome {
    use CommandOutcome::{By, Here};
    let context = &context.with_words(typed_command::by_people(words, context.interface));
    if let Some((complete::shells::WORD, asked)) = words.split_first().map(|(word, asked)| (word.as_str(), asked)) {
        let text = complete::shells::answer(asked, context);
        return Here(Output::said(Exit::Done, &text));
    }
    let arguments = match parse(words, context) {
        Ok(arguments) => arguments,
        Err(output) => return Here(output),
    };
    let answer = answer_to(&arguments, context);
    if let Subcommand::Run(run) = &arguments.command {
        return match commands::run::hand_over(run, &arguments.shared, context) {
            Ok(hand_over) if context.interface == Interface::Terminal => By(hand_over),
            Ok(_) => Here(answer.fail(&commands::run::not_here())),
            Err(problem) => Here(answer.fail(&problem)),
        };
    }
    let directory = named_store(&arguments, context);
    if arguments.command.is_question() {
        return Here(match question_elsewhere(&arguments, context) {
            Ok(question) => work_out(&question, &mut Terminal::default(), &arguments, context),
            Err(output) => output,
        });
    }
    match arguments.command.asked() {
        None if arguments.shared.kernel.is_some() => {
            let word = arguments.command.text();
            let problem = Problem::usage(format!("`{word}` reads the store and uses no kernel"));
            Here(answer.fail(&problem.with_hint("type it without `--kernel`")))
        }
        None => Here(look_elsewhere(&arguments, context)),
        Some(SessionRequest::Name(request)) => {
            let named = kernel_connection::name(&request, &arguments.shared, &directory, context);
            Here(answer.give(named.map(|named| NamePage::of(&request, &named, arguments.command.left_out()))))
        }
        Some(_) => match kernel_connection::to_kernel(words, &arguments.shared, &directory, context) {
            Ok(hand_over) => By(hand_over),
            Err(problem) => Here(answer.fail(&unjoinable(&arguments, &directory, context).unwrap_or(problem))),
        },
    }
}

/// Returns why a notebook cannot continue in the named history, regardless of a recording kernel: it does not exist.
fn unjoinable(arguments: &Arguments, store: &Path, context: &Context) -> Option<Problem> {
    let Some(SessionRequest::Join(wanted)) = arguments.command.asked() else {
        return None;
    };
    let all = history_view::open_store(store, context).ok()?.histories().ok()?;
    joinable(&wanted, &all, context).err()
}

/// Parses the words after `clew` or `%clew`. Invalid commands and requests for help are answered immediately.
#[allow(clippy::result_large_err)] // returned once per command
pub fn parse(words: &[String], context: &Context) -> Result<Arguments, Output> {
    let all = std::iter::once(context.interface.name()).chain(words.iter().map(String::as_str));
    let mut arguments = grammar::with_help(context, |command| {
        command
            .try_get_matches_from_mut(all)
            .and_then(|matches| Arguments::from_arg_matches(&matches))
            .map_err(|error| usage(&error, words, command, context))
            .and_then(|arguments| match mistake::behind_names(words, command, context) {
                Some(problem) => Err(answer_to(&arguments, context).fail(&problem)),
                None => Ok(arguments),
            })
    })?;
    let refused = arguments
        .command
        .is_written_down()
        .then(|| leave_out_secrets(&mut arguments, &secrets::secret_variables(), context));
    match refused.flatten() {
        None => Ok(arguments),
        Some(refused) => Err(refused),
    }
}

/// Removes credentials, including the `known` ones, from a description. A name with one is refused: every `log` would display it.
pub fn leave_out_secrets(arguments: &mut Arguments, known: &[String], context: &Context) -> Option<Output> {
    if let Subcommand::Describe(describe) = &mut arguments.command {
        describe.leave_out(known);
    }
    let problem = unfit_name(&arguments.command, known)?;
    Some(answer_to(arguments, context).fail(&problem))
}

fn unfit_name(word: &Subcommand, known: &[String]) -> Option<Problem> {
    let (_, left_out) = secrets::kept(word.given_name()?, known);
    let looks = text::listing(&left_out, 2);
    (!left_out.is_empty()).then(|| {
        Problem::usage(format!(
            "Names are stored and displayed, and this one looks like {looks}"
        ))
        .with_hint("choose a name that is not a secret")
    })
}

/// Formats clap's errors. Help and version are answers; anything else is a usage error without effects.
fn usage(error: &clap::Error, words: &[String], command: &clap::Command, context: &Context) -> Output {
    if !error.use_stderr() {
        return Output::said(Exit::Done, &error.render().to_string());
    }
    let word = words.iter().find(|word| !word.starts_with('-'));
    let answer = answer_to_words(word.map_or("", String::as_str), words, context);
    let is_read_by_people = !answer.as_json && context.interface != Interface::Python;
    if is_read_by_people && error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Output::said(Exit::Usage, &error.render().to_string());
    }
    answer.fail(&mistake::mistake(error, words, command, context))
}

/// Returns the formatter for words that could not be parsed.
fn answer_to_words<'a>(word: &'a str, words: &[String], context: &'a Context) -> OutputFormatter<'a> {
    OutputFormatter {
        word,
        as_json: words.iter().any(|word| word == "--json"),
        context,
    }
}

fn answer_to<'a>(arguments: &'a Arguments, context: &'a Context) -> OutputFormatter<'a> {
    OutputFormatter {
        word: arguments.command.text(),
        as_json: arguments.shared.json,
        context,
    }
}

/// The error if the program that should continue with a command cannot be started.
pub fn not_started(hand_over: &HandOver, error: &std::io::Error, words: &[String], context: &Context) -> Output {
    let problem = Problem::of(
        Exit::Refused,
        format!("{} cannot be started: {error}", clean(&hand_over.program)),
    );
    match parse(words, context) {
        Ok(arguments) => {
            let hint = match arguments.command {
                Subcommand::Run(_) => interpreter::HINT,
                _ => &format!("type {} in the notebook", TypedCommand::of(words).in_notebook()),
            };
            answer_to(&arguments, context).fail(&problem.with_hint(hint))
        }
        Err(output) => output,
    }
}

/// Refuses words that are not UTF-8, such as some file names: the replacement in `words` would name another file. Completion requests of
/// shells are exempt.
pub fn not_text(typed: &[OsString], words: &[String], context: &Context) -> Option<Output> {
    let asks = words.first().is_some_and(|word| word == complete::shells::WORD);
    let place = typed
        .iter()
        .position(|word| word.to_str().is_none())
        .filter(|_| !asks)?;
    let problem = Problem::usage(format!(
        "`{}` is not UTF-8, so Clew cannot use it as a name",
        clean(&words[place])
    ));
    let answer = answer_to_words("", words, context);
    Some(answer.fail(&problem.with_hint("give the file or folder another name")))
}

/// Whether a command names another store or history than the live one.
pub fn is_elsewhere(arguments: &Arguments) -> bool {
    arguments.shared.store.is_some() || arguments.shared.wanted.is_some()
}

/// Refuses a command on the live session that names another one, whose own kernel would have to execute it.
pub fn elsewhere(arguments: &Arguments, context: &Context) -> Option<Output> {
    let acts = arguments.command.asked().is_some();
    let is_named = is_elsewhere(arguments) || arguments.shared.kernel.is_some();
    // In a terminal, these options selected the kernel.
    (acts && is_named && context.interface != Interface::Terminal).then(|| {
        let word = arguments.command.text();
        let problem = Problem::usage(format!(
            "`{word}` acts on the notebook in which it is typed, but the command names another one"
        ))
        .with_hint(format!(
            "type {} in the notebook that you mean, or {} in a terminal, which finds its kernel",
            context.typed.in_notebook(),
            context.typed.again("", Interface::Terminal)
        ));
        answer_to(arguments, context).fail(&problem)
    })
}

/// Answers a command that needs no kernel from disk: from the named store and history, else the default ones.
pub fn look_elsewhere(arguments: &Arguments, context: &Context) -> Output {
    let answer = answer_to(arguments, context);
    let directory = named_store(arguments, context);
    let history = arguments.shared.wanted.as_deref();
    let performed = arguments.command.perform(&directory, history, &answer);
    performed
        .unwrap_or_else(|| look_into(arguments, &directory, context).unwrap_or_else(|problem| answer.fail(&problem)))
}

fn look_into(arguments: &Arguments, directory: &Path, context: &Context) -> Result<Output, Problem> {
    let wanted = arguments.shared.wanted.as_deref();
    // `verify` reads the logs themselves, not the index, and compares them with the last seen ends.
    let mut opened = match arguments.command {
        Subcommand::Verify(_) => StoredHistory::compared(directory, wanted, context)?,
        _ => StoredHistory::near(history_view::open_indexed(directory, context)?, wanted, context)?,
    };
    let context = &opened.context(context);
    let mut output = look_at(arguments, &opened, context);
    if opened.store.log_index().is_some_and(LogIndex::is_wrong) {
        // An answer from a wrong index is repeated from the logs.
        opened = StoredHistory::open(directory, wanted, context)?;
        output = look_at(arguments, &opened, context);
    }
    let told = opened
        .chosen
        .as_ref()
        .filter(|_| arguments.command.info().names_notebook && !output.is_json);
    if let (Some(told), Exit::Done) = (told.and_then(|chosen| chosen.told(context)), output.exit) {
        output.text = output.text.after(&told);
    }
    if context.interface == Interface::Terminal {
        // The process ends right after this: the system frees the memory immediately, dropping takes milliseconds.
        std::mem::forget(opened);
    }
    Ok(output)
}

fn look_at(arguments: &Arguments, opened: &StoredHistory, context: &Context) -> Output {
    let in_flight = if arguments.command.tells_what_runs() {
        opened.in_flight(context)
    } else {
        Vec::new()
    };
    let place = HistoryView {
        in_flight: &in_flight,
        ..opened.place()
    };
    look(arguments, &place, context)
}

/// Answers a command that needs no kernel from an open history.
pub fn look(arguments: &Arguments, place: &HistoryView<'_>, context: &Context) -> Output {
    let answer = answer_to(arguments, context);
    let Arguments { command, shared, .. } = arguments;
    let perform = || command.perform(&named_store(arguments, context), shared.wanted.as_deref(), &answer);
    let answered = command.read(place, &answer).or_else(perform);
    answered.unwrap_or_else(|| {
        answer.fail(&Problem::usage(format!(
            "`{}` is not available yet",
            arguments.command.text()
        )))
    })
}

/// Creates the question of `eval`, `bisect` or `extract --check` for a sandbox process. `executable` is the interpreter of the asking
/// kernel; without it, the interpreter that recorded the history is used.
#[allow(clippy::result_large_err)] // returned once per command
pub fn question(
    arguments: &Arguments,
    place: &HistoryView<'_>,
    executable: Option<PathBuf>,
    context: &Context,
) -> Result<Question, Output> {
    let question = match &arguments.command {
        Subcommand::Eval(eval) => commands::scratch::eval(eval, place, executable, context),
        Subcommand::Bisect(bisect) => commands::scratch::bisect(bisect, place, executable, context),
        Subcommand::Extract(extract) => commands::scratch::check(extract, place, executable, context),
        _ => Err(Problem::usage(format!(
            "`{}` evaluates nothing",
            arguments.command.text()
        ))),
    };
    question.map_err(|problem| answer_to(arguments, context).fail(&problem))
}

/// Creates a question about the named store and history, else the default ones.
#[allow(clippy::result_large_err)] // returned once per command
pub fn question_elsewhere(arguments: &Arguments, context: &Context) -> Result<Question, Output> {
    let directory = named_store(arguments, context);
    let opened = StoredHistory::open(&directory, arguments.shared.wanted.as_deref(), context)
        .map_err(|problem| answer_to(arguments, context).fail(&problem))?;
    question(arguments, &opened.place(), None, &opened.context(context))
}

/// Answers a question in sandbox processes.
pub fn work_out(
    question: &Question,
    waiting: &mut dyn ProgressMonitor,
    arguments: &Arguments,
    context: &Context,
) -> Output {
    let output = question.work_out(waiting, &answer_to(arguments, context));
    waiting.tell("");
    output
}

/// Returns the named store, else that of the named notebook's project, else the default.
fn named_store(arguments: &Arguments, context: &Context) -> PathBuf {
    let Shared { store, wanted, .. } = &arguments.shared;
    if let Some(store) = store {
        return store.clone();
    }
    let notebook = wanted.as_deref().and_then(|wanted| std::fs::canonicalize(wanted).ok());
    match notebook.as_deref().and_then(std::path::Path::parent) {
        Some(folder) => context.near(folder).store,
        None => context.store.clone(),
    }
}

/// Forgets variables: in the live session's history if given, else in the one that was named or used last.
pub fn forget(arguments: &Arguments, live: Option<&mut Session>, context: &Context) -> Output {
    let answer = answer_to(arguments, context);
    let Subcommand::Forget(forget) = &arguments.command else {
        return answer.fail(&Problem::usage("Only `forget` forgets"));
    };
    let directory = match &live {
        Some(session) => session.store().directory().to_owned(),
        None => named_store(arguments, context),
    };
    let wanted = arguments.shared.wanted.as_deref();
    answer.give(commands::care::forget::forget(
        forget, live, &directory, wanted, context,
    ))
}

/// Formats the outcome of a restore; after a resume also the notes about it.
pub fn report(report: &Report, taken_up: &ResumeReport, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).show(&ReportPage::of(report, taken_up))
}

/// Formats the outcome of a naming command.
pub fn named(request: &NameRequest, named: &NamingResult, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).show(&NamePage::of(request, named, arguments.command.left_out()))
}

/// Returns the error for a path map that does not apply to any recorded path or leads nowhere, if there is one.
pub fn mapped_wrong(maps: &PathMaps, history: &History, arguments: &Arguments, context: &Context) -> Option<Output> {
    let problem = maps.check_for(history).err()?;
    Some(answer_to(arguments, context).fail(&problem))
}

/// Formats why a command on the session did nothing.
pub fn refuse(error: &SessionError, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).fail(&session_problem(error, context))
}

/// Returns the history that the user selected for a notebook, or why there is none.
///
/// # Errors
/// The answer: no history has this name, or several have it.
pub fn joined(
    wanted: &str,
    all: &[(HistoryId, HistoryDescription)],
    arguments: &Arguments,
    context: &Context,
) -> Result<HistoryId, Output> {
    joinable(wanted, all, context).map_err(|problem| answer_to(arguments, context).fail(&problem))
}

/// Like [`joined`], but returns the problem.
fn joinable(wanted: &str, all: &[(HistoryId, HistoryDescription)], context: &Context) -> Result<HistoryId, Problem> {
    let none = || {
        let new = format!("history --new {}", text::typed(wanted));
        let [new, list] = [new.as_str(), "list"].map(|words| context.command(words));
        let next = format!("{list} lists all histories; {new} starts one with that name");
        history_view::no_history(wanted, all, &next)
    };
    history_view::called(all, wanted)?.ok_or_else(none)
}

/// The error for a new history whose name exists.
pub fn is_taken(name: &str, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).fail(&commands::history::taken(name, context))
}

/// The error for a variable that cannot be included again because it is not excluded under this name, with the pattern that excludes it.
pub fn not_excluded(name: &str, by: Option<&str>, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).fail(&commands::movers::not_excluded(name, by, context))
}

/// Formats other results of a front end (`exclude`, `history`): one line, and the same as data.
pub fn say(message: &str, data: MessageData, arguments: &Arguments, context: &Context) -> Output {
    answer_to(arguments, context).show(&MessagePage {
        message: clean(&context.told(message)),
        data,
    })
}

/// The error for a restore while a cell is running.
pub fn busy(arguments: &Arguments, context: &Context) -> Output {
    let problem = Problem::of(Exit::Refused, "A cell is running").with_hint(format!(
        "{} waits for it",
        context.without("--no-wait", arguments.command.text())
    ));
    answer_to(arguments, context).fail(&problem)
}

/// The error for a session that is not recorded, with the reason if known.
pub fn not_recorded(why: Option<&str>, arguments: &Arguments, context: &Context) -> Output {
    let why = why.map(|why| format!(": {}", clean(why))).unwrap_or_default();
    let place = match context.interface {
        Interface::Terminal => " in the notebook",
        Interface::Notebook | Interface::Forwarded | Interface::Python => "",
    };
    let problem = Problem::of(Exit::Refused, format!("This session is not recorded{why}")).with_hint(format!(
        "`%reload_ext clew`{place} starts recording, or prints why it cannot"
    ));
    answer_to(arguments, context).fail(&problem)
}

/// The most variables in a suggested command.
const NAMED: usize = 8;

/// The reassurance after a failed restore.
const VARIABLES_STAY: &str = "Your variables are as they were";

/// Converts an error of a session.
pub fn session_problem(error: &SessionError, context: &Context) -> Problem {
    match error {
        SessionError::Store(error) => history_view::store_problem(error),
        SessionError::Revision(error) => history_view::revision_problem(error, context),
        SessionError::Name(error) => name_problem(error, context),
        SessionError::NothingToUndo { available, .. } => steps_left("undo", *available, None, error, context),
        SessionError::NothingToRedo {
            available, left_behind, ..
        } => steps_left("redo", *available, left_behind.as_deref(), error, context),
        SessionError::NothingToResume => {
            let candidates = context
                .python
                .as_ref()
                .map_or(&[] as &[String], |python| &python.candidates);
            let hint = match candidates {
                [] => format!(
                    "{} lists all histories, {} continues in one of them; then resume it",
                    context.command("list"),
                    context.command("history NAME")
                ),
                some => format!("continue in another history, then resume it: {}", some.join("; ")),
            };
            Problem::usage(error.to_string()).with_hint(hint)
        }
        SessionError::NoSuchName { run, .. } => {
            let vars = context.command(&format!("vars {run}"));
            Problem::usage(error.to_string()).with_hint(format!("{vars} lists its variables"))
        }
        SessionError::Unreachable { run, names, .. } => {
            let problem = Problem::of(Exit::Refused, error.to_string()).with_unchanged(VARIABLES_STAY);
            let verify = context.command("verify");
            if names.is_empty() {
                return problem.with_hint(format!("{verify} lists everything that is missing or corrupted"));
            }
            if names.len() > NAMED {
                let restore = context.command(&format!("restore {run} -- NAME"));
                let vars = context.command(&format!("vars {run}"));
                return problem.with_hint(format!(
                    "{restore} restores a variable that later runs changed, {vars} lists these; {verify} lists what is missing"
                ));
            }
            let quoted: Vec<String> = names.iter().map(|name| text::clean(name)).collect();
            let restore = context.command(&format!("restore {run} -- {}", quoted.join(" ")));
            problem.with_hint(format!(
                "{restore} restores what later runs changed; {verify} lists what is missing"
            ))
        }
        SessionError::NothingToKeep { .. } => {
            Problem::usage(error.to_string()).with_hint(format!("{} lists the variables", context.command("vars")))
        }
        SessionError::KeepShared { name, others } => {
            let all = [name].into_iter().chain(others).map(String::as_str);
            Problem::usage(error.to_string()).with_hint(format!("{} keeps them all", context.option("keep", all)))
        }
        SessionError::Kernel(_) | SessionError::Restore(_) | SessionError::NotStarted => {
            let problem = Problem::of(Exit::Refused, error.to_string()).with_unchanged(VARIABLES_STAY);
            match error {
                SessionError::Kernel(KernelError::Failed(_)) => {
                    problem.with_hint(format!("{} searches for the cause", context.command("doctor")))
                }
                SessionError::Restore(RestoreError::NoMemory) => problem.with_hint(format!(
                    "{} restores only some variables; `del` frees memory of variables that you do not need",
                    context.command("restore RUN -- NAME")
                )),
                SessionError::NotStarted => {
                    problem.with_hint("`%reload_ext clew` in the notebook starts recording, or prints why it cannot")
                }
                _ => problem,
            }
        }
    }
}

fn name_problem(error: &NameError, context: &Context) -> Problem {
    let command = |words: &str| context.command(words);
    let problem = Problem::usage(text::clean(&error.to_string()));
    let plural = |kind: &&str| if *kind == "branch" { "branches" } else { "tags" };
    match error {
        NameError::Invalid { .. } => problem.with_hint("use letters, digits, `-`, `_`, `.` and `/`"),
        NameError::Taken { name, kind } => problem.with_hint(format!(
            "{} goes there, {} deletes the name",
            command(&format!("switch {}", text::typed(name))),
            command(&format!("{kind} -d {}", text::typed(name)))
        )),
        NameError::Unknown { kind, .. } => problem.with_hint(format!("{} lists all {}", command(kind), plural(kind))),
        NameError::NoBranch { to } => problem.with_hint(format!(
            "{} renames the branch OLD, {} creates one here",
            command(&format!("branch -m OLD {}", text::typed(to))),
            command(&format!("branch {}", text::typed(to)))
        )),
        NameError::OtherKind { kind, name } => {
            let take = command(&format!("{kind} -d {}", text::typed(name)));
            problem.with_hint(format!("use {take} instead"))
        }
    }
}

fn steps_left(
    word: &str,
    available: u64,
    left_behind: Option<&str>,
    error: &SessionError,
    context: &Context,
) -> Problem {
    let command = |words: &str| context.command(words);
    Problem::usage(error.to_string()).with_hint(match (available, left_behind) {
        (0, Some(run)) => format!("{} goes there", command(&format!("switch {run}"))),
        (0, None) => format!("{} lists all runs", command("log --all")),
        _ => format!("{} does all of them", command(&format!("{word} {available}"))),
    })
}

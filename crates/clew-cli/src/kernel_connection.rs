//! Sends commands from a terminal to the kernel with the variables.
//!
//! This program finds the kernel; the interpreter that recorded the history sends the command, since it has the library for Jupyter's
//! protocol (`python -m clew.relay`). Naming runs needs no kernel: this program records it in a session of its own.

use std::path::Path;
use std::sync::Arc;

use clew_core::clock::Clock;
use clew_core::format::Timestamp;
use clew_core::id::HistoryId;
use clew_core::session::{NameRequest, NamingResult, Session};
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, SigningKey, Store, Trust};

use crate::context::Context;
use crate::history_view::{StoredHistory, one_of, store_problem};
use crate::presence::{Presence, live_histories, living};
use crate::problem::{Exit, Problem};
use crate::shared_options::Shared;
use crate::text;
use crate::typed_command::TypedCommand;

/// A program that replaces this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The interpreter.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// A line about the chosen notebook, for display.
    pub told: Option<String>,
}

/// Returns the program that sends `words` to the kernel that records the selected history.
pub fn to_kernel(words: &[String], shared: &Shared, store: &Path, context: &Context) -> Result<HandOver, Problem> {
    let (kernel, told) = the_kernel(shared, store, context)?;
    let typed = TypedCommand::of(words).in_notebook();
    let Some(connection) = kernel.connection.clone() else {
        let problem = format!(
            "Process {} is an IPython without a kernel, so commands cannot be sent to it",
            kernel.process.pid
        );
        return Err(Problem::usage(problem).with_hint(format!("type {typed} in its terminal")));
    };
    if !kernel.is_here() {
        let problem = format!("The kernel runs on {}, not here", text::clean(&kernel.process.host));
        return Err(Problem::usage(problem).with_hint(format!("type {typed} in the notebook")));
    }
    if !Path::new(&kernel.executable).exists() {
        let problem = format!(
            "The kernel's interpreter {} does not exist any more",
            text::clean(&kernel.executable)
        );
        return Err(Problem::of(Exit::Refused, problem).with_hint(format!("type {typed} in the notebook")));
    }
    let mut arguments: Vec<String> = ["-m", "clew.relay", "--connection", &connection]
        .map(str::to_owned)
        .to_vec();
    arguments.push(format!("--width={}", context.width));
    arguments.push(format!("--in-notebook={typed}"));
    if context.style.is_coloured {
        arguments.push("--coloured".to_owned());
    }
    arguments.push("--".to_owned());
    arguments.extend_from_slice(words);
    Ok(HandOver {
        program: kernel.executable,
        arguments,
        told,
    })
}

/// Returns the only kernel that can be meant. Never guesses: a restore in the wrong session would be worse than an error.
fn the_kernel(shared: &Shared, store: &Path, context: &Context) -> Result<(Presence, Option<String>), Problem> {
    let wanted = shared.wanted.as_deref();
    let opened = StoredHistory::open(store, wanted, context)?;
    let name = text::clean(&opened.place().name());
    let (mut kernels, was_killed) = living(store, &opened.id.to_string());
    if let Some(chosen) = &opened.chosen {
        let all = live_histories(store);
        let ids = std::iter::once(opened.id).chain(chosen.others());
        let live: Vec<HistoryId> = ids.filter(|id| all.contains(&id.to_string())).collect();
        if live.len() > 1 {
            let names = chosen.names(&live);
            let problem = format!("Several notebooks are live: {}", text::listing(&names, 8));
            return Err(Problem::usage(problem).with_hint(one_of(&format!("--history {}", names[0]), context)));
        }
    }
    if let Some(pid) = shared.process() {
        kernels.retain(|kernel| kernel.process.pid == pid);
    }
    match kernels.as_slice() {
        [only] => {
            let chosen = opened.chosen.as_ref().filter(|_| !shared.json);
            Ok((only.clone(), chosen.and_then(|chosen| chosen.told(context))))
        }
        [] => Err(no_kernel(&name, was_killed, shared.process())),
        several => {
            let one = |kernel: &Presence| {
                format!(
                    "{} (since {})",
                    kernel.process.pid,
                    text::moment(kernel.started, &context.zone)
                )
            };
            let pids: Vec<String> = several.iter().map(one).collect();
            let problem = format!(
                "{} has {}: {}",
                name,
                text::count(several.len(), "kernel"),
                pids.join(", ")
            );
            Err(Problem::usage(problem).with_hint(one_of(&format!("--kernel {}", several[0].process.pid), context)))
        }
    }
}

fn no_kernel(name: &str, was_killed: bool, pid: Option<u32>) -> Problem {
    if let Some(pid) = pid {
        return Problem::usage(format!("Process {pid} records nothing in {name}"))
            .with_hint("leave out `--kernel` to find the kernel that does");
    }
    let problem = if was_killed {
        format!("The kernel of {name} is gone")
    } else {
        format!("No kernel records in {name} now")
    };
    Problem::usage(problem)
        .with_hint("`%load_ext clew` and `%clew resume` in the notebook restore its last state in a new kernel")
}

/// A clock that stands at the time of a command.
struct CommandTime(Timestamp);

impl Clock for CommandTime {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> u64 {
        0
    }
}

/// Names a run or removes a name, in a session of its own. Kernels that record in the history read the change.
pub fn name(request: &NameRequest, shared: &Shared, store: &Path, context: &Context) -> Result<NamingResult, Problem> {
    let opened = StoredHistory::open(store, shared.wanted.as_deref(), context)?;
    let StoredHistory { id, loaded, .. } = opened.only(context)?;
    let mut session = begin(id, loaded, store, context)?;
    let named = session.name(request);
    let named = named.map_err(|error| crate::session_problem(&error, context))?;
    session.sync().map_err(|error| store_problem(&error))?;
    Ok(named)
}

/// Starts a session for a command that only records, in the history that `loaded` was read from.
pub(crate) fn begin(id: HistoryId, loaded: LoadedHistory, store: &Path, context: &Context) -> Result<Session, Problem> {
    let disk = Arc::new(RealDisk);
    let begun = || {
        let key = SigningKey::load_or_create(&*disk, &context.config)?;
        let (trust, _) = Trust::load_or_own(&*disk, &context.config, key.public());
        let store = Store::open_with(disk.clone(), store, Access::ReadWrite, &context.keys())?.with_trust(trust);
        let session = store.new_session();
        let writer = store.writer(id, session, &key)?;
        let clock = Box::new(CommandTime(context.now));
        Ok(Session::new(session, store, writer, loaded, clock))
    };
    begun().map_err(|error| store_problem(&error))
}

//! The clap definition of all commands, cached: building it takes a third of a millisecond, and every line is parsed several times.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use clap::{Command, CommandFactory};

use crate::arguments::Arguments;
use crate::context::Context;
use crate::help;
use crate::interface::Interface;

/// The values that the help depends on.
type HelpStyle = (Interface, usize, u64);

/// Returns the definition without help texts that depend on the context.
pub(crate) fn bare() -> MutexGuard<'static, Command> {
    static BARE: LazyLock<Mutex<Command>> = LazyLock::new(|| Mutex::new(Arguments::command()));
    BARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `work` with the definition and its help for an interface.
pub(crate) fn with_help<R>(context: &Context, work: impl FnOnce(&mut Command) -> R) -> R {
    static TOLD: Mutex<Option<(HelpStyle, Command)>> = Mutex::new(None);
    let looks = (context.interface, context.width, context.settings.number("log.limit"));
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    match told.as_mut().filter(|(known, _)| *known == looks) {
        Some((_, command)) => work(command),
        None => work(&mut told.insert((looks, help::command(context))).1),
    }
}

//! `clew watch`: pushes new runs continuously until it is stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clew_core::id::HistoryId;
use clew_core::store::LogEnds;
use serde::Serialize;

use super::push::{PushPage, push_whole};
use super::way::meant;
use crate::command_info::{CommandEffect, CommandInfo};
use crate::commands::remote::tell;
use crate::context::Context;
use crate::history_view::{StoredHistory, open_indexed};
use crate::interface::Interface;
use crate::page::Page;
use crate::platform::ENDING_SIGNALS;
use crate::problem::{Exit, Problem};
use crate::remotes::Remote;
use crate::text;

/// The interval between checks for new runs.
const BEAT: Duration = Duration::from_millis(500);
/// The pause after a failed push or check; doubled after each further failure, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Push new runs while they are recorded, until Ctrl+C.
///
/// If a push fails, or the store cannot be read, Clew prints the reason and tries again. After Ctrl+C, `SIGTERM` or `SIGHUP`, Clew pushes once more and ends. A second signal ends it at once.
#[derive(Debug, Clone, clap::Args)]
pub struct Watch {
    /// The name of the remote; not needed if there is only one
    #[arg(value_name = "NAME")]
    pub remote: Option<String>,
    /// Push after this many new runs
    #[arg(long, value_name = "RUNS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// Push when the first new run is this many minutes old
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    pub minutes: f64,
    /// Push all histories of the store, also those created later
    #[arg(long)]
    pub all: bool,
    /// Send data of an encrypted store unencrypted
    #[arg(long)]
    pub plain: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "watch",
    examples: &[
        (
            "watch lab --all",
            "push everything that the kernels of a job record to lab",
        ),
        ("watch --every 1", "push after every run"),
    ],
    changes: CommandEffect::Remote,
    terminal_only: &["watch"],
    ..CommandInfo::DEFAULT
};

fn minutes(text: &str) -> Result<f64, &'static str> {
    let minutes = text.parse().ok().filter(|minutes| (0.0..=1e6).contains(minutes));
    minutes.ok_or("it is a number of minutes: `5`, `0.5`")
}

/// The result of `watch`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WatchPage {
    /// The name of the remote.
    remote: String,
    /// Its URL.
    url: String,
    /// The number of pushes that sent data.
    pushes: u64,
    /// The number of runs that were recorded meanwhile.
    runs: u64,
    /// The number of bytes transferred over the network.
    bytes: u64,
    /// The number of failed pushes and failed attempts to read the store.
    failures: u64,
    /// The reason why the last push failed.
    failure: Option<String>,
    /// Items that could not be read on this machine.
    corruption: Vec<String>,
}

/// A request to stop: Ctrl+C, a scheduler, or a closed terminal.
struct Ending(Arc<AtomicBool>);

impl Ending {
    fn listen() -> Result<Self, Problem> {
        let is_told = Arc::new(AtomicBool::new(false));
        for &signal in ENDING_SIGNALS {
            // The second signal ends the process without waiting for the network.
            let twice = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, is_told.clone());
            let once = twice.and_then(|_| signal_hook::flag::register(signal, is_told.clone()));
            once.map_err(|error| Problem::of(Exit::Refused, format!("Signals cannot be received: {error}")))?;
        }
        Ok(Self(is_told))
    }

    fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The ends of the logs of histories.
type Reach = BTreeMap<HistoryId, LogEnds>;

/// The log files with their lengths, from directory listings: changes are detected by these, without opening the store.
type LogLengths = BTreeMap<PathBuf, u64>;

fn glance(directory: &Path, only: Option<HistoryId>) -> LogLengths {
    let mut folder = directory.join("histories");
    if let Some(id) = only {
        folder.push(id.to_string());
    }
    let mut seen = LogLengths::new();
    let mut open = vec![folder];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "log") {
                seen.insert(entry.path(), found.len());
            }
        }
    }
    seen
}

struct WatchLoop<'w> {
    watch: &'w Watch,
    directory: &'w Path,
    /// The selected history; `None`: all.
    only: Option<HistoryId>,
    remote: Remote,
    context: Context,
    page: WatchPage,
    /// The listing at the last check.
    glanced: Option<LogLengths>,
    /// The log ends at the last check.
    seen: Reach,
    /// The number of runs at the last successful push.
    pushed_runs: usize,
    runs: usize,
    /// When unpushed data was first seen, if there is any.
    since: Option<Instant>,
}

/// Pushes until it is stopped.
pub fn watch(watch: &Watch, directory: &Path, wanted: Option<&str>, context: &Context) -> Result<WatchPage, Problem> {
    if !matches!(context.interface, Interface::Terminal) {
        let problem = Problem::usage("It runs until it is stopped, and would block the notebook");
        return Err(problem.with_hint(format!(
            "{} in a terminal, or in the job that starts the kernel",
            context.typed.again("", Interface::Terminal)
        )));
    }
    let only = if watch.all {
        None
    } else {
        Some(StoredHistory::open(directory, wanted, context)?.id)
    };
    let remote = meant(watch.remote.as_deref(), directory, context)?;
    let ending = Ending::listen()?;
    let mut watching = WatchLoop {
        watch,
        directory,
        only,
        context: context.clone(),
        page: WatchPage {
            remote: remote.name.clone(),
            url: text::clean(&remote.url),
            ..WatchPage::default()
        },
        remote,
        glanced: None,
        seen: Reach::new(),
        pushed_runs: 0,
        runs: 0,
        since: None,
    };
    watching.look()?;
    let begun_with = watching.runs;
    // The first push reports permanent failures as errors: an unknown remote, an encrypted store.
    watching.push()?;
    let mut pause = FIRST_PAUSE;
    let mut not_before = Instant::now();
    while !ending.is_told() {
        thread::sleep(BEAT);
        if Instant::now() < not_before {
            continue;
        }
        match watching.look().and_then(|()| watching.push_if_due(&ending)) {
            Ok(()) => pause = FIRST_PAUSE,
            Err(problem) => {
                watching.failed(&problem, pause);
                (not_before, pause) = (Instant::now() + pause, (pause * 2).min(LONGEST_PAUSE));
            }
        }
    }
    // A kernel that receives the same signal records its last runs now; they are included if they arrive before this push.
    if let Err(problem) = watching.look() {
        watching.failed(&problem, Duration::ZERO);
    }
    if let Err(problem) = watching.push() {
        watching.failed(&problem, Duration::ZERO);
    }
    watching.page.runs = watching.runs.saturating_sub(begun_with) as u64;
    Ok(watching.page)
}

impl WatchLoop<'_> {
    /// Checks for new data.
    fn look(&mut self) -> Result<(), Problem> {
        if !self.directory.exists() {
            return Ok(()); // The kernels of this job have not started yet.
        }
        let glanced = glance(self.directory, self.only);
        if self.glanced.as_ref() == Some(&glanced) {
            return Ok(());
        }
        self.take_in()?;
        self.glanced = Some(glanced);
        Ok(())
    }

    /// Reads the new data.
    fn take_in(&mut self) -> Result<(), Problem> {
        let store = open_indexed(self.directory, &self.context)?;
        let ids = if let Some(id) = self.only {
            vec![id]
        } else {
            let all = store.histories()?;
            all.into_iter().map(|(id, _)| id).collect()
        };
        let reach: Reach = ids.into_iter().map(|id| (id, store.log_ends(id))).collect();
        if reach == self.seen {
            return Ok(());
        }
        let mut runs = 0;
        for id in reach.keys() {
            let opened = StoredHistory::of(store.clone(), Some(&id.to_string()), self.context.now)?;
            runs += opened.place().history.len();
        }
        (self.seen, self.runs) = (reach, runs);
        if self.runs > self.pushed_runs {
            self.since.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        let new = self.runs.saturating_sub(self.pushed_runs);
        let minutes = Duration::from_secs_f64(self.watch.minutes * 60.0);
        new >= self.watch.every as usize || self.since.is_some_and(|since| since.elapsed() >= minutes)
    }

    fn push_if_due(&mut self, ending: &Ending) -> Result<(), Problem> {
        if self.is_due() && !ending.is_told() {
            self.push()?;
        }
        Ok(())
    }

    fn push(&mut self) -> Result<(), Problem> {
        if self.seen.is_empty() {
            return Ok(());
        }
        self.context.look_at_clocks();
        let (runs, only) = (self.runs, self.only.map(|id| id.to_string()));
        let how = (self.watch.all, self.watch.plain);
        let from = (self.directory, only.as_deref());
        let pushed = push_whole(how, self.remote.clone(), from, &self.context)?;
        (self.pushed_runs, self.since, self.page.failure) = (runs, None, None);
        self.take(&pushed);
        Ok(())
    }

    fn take(&mut self, pushed: &PushPage) {
        let bytes = pushed.bytes();
        if bytes > 0 {
            self.page.pushes += 1;
            self.page.bytes += bytes;
            say(&format!("Pushed to {}: {} sent", self.page.remote, text::bytes(bytes)));
        }
        self.page.corruption = pushed.damage().map(ToOwned::to_owned).collect();
    }

    fn failed(&mut self, problem: &Problem, pause: Duration) {
        self.page.failures += 1;
        self.page.failure = Some(problem.message.clone());
        if !pause.is_zero() {
            let again = text::duration(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX));
            say(&format!("{}; retrying in {again}", problem.message));
        }
    }
}

/// Prints a permanent line on a terminal; the final answer contains all of it.
fn say(what: &str) {
    tell(&format!("{what}.\n"));
}

fn pushes(number: u64) -> String {
    match number {
        1 => "1 push".to_owned(),
        number => format!("{} pushes", text::grouped(number)),
    }
}

impl Page for WatchPage {
    fn text(&self, _: &Context) -> String {
        let (runs, often) = (text::count(self.runs as usize, "run"), pushes(self.pushes));
        let sent = text::bytes(self.bytes);
        let mut told = format!("Received {runs}; {sent} sent to {} in {often}.\n", self.remote);
        told += &match &self.failure {
            Some(why) => {
                let why = text::clean(why);
                format!("Not everything was sent: {why}. Nothing is lost; the next push sends it.\n")
            }
            None if self.failures > 0 => {
                let failed = text::count(self.failures as usize, "attempt");
                format!("Everything is sent, after {failed} that failed.\n")
            }
            None => "Everything is sent.\n".to_owned(),
        };
        told + &text::unread("not sent", &self.corruption)
    }

    fn exit(&self) -> Exit {
        Exit::Inexact.unless(self.failure.is_none() && self.corruption.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_tells_whether_a_log_grew_or_came_and_nothing_else() {
        let store = tempfile::tempdir().expect("a folder");
        let [one, other] = ["01", "02"].map(|id| id.repeat(16));
        let put = |path: &str, bytes: &[u8]| {
            let path = store.path().join("histories").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
            fs::write(path, bytes).expect("it is written");
        };
        let only = Some(one.parse::<HistoryId>().expect("an id"));
        let both = || (glance(store.path(), only), glance(store.path(), None));
        assert!(
            both().0.is_empty() && both().1.is_empty(),
            "the folder is still to be made"
        );
        put(&format!("{one}/a.log"), b"1");
        let first = both();
        assert_eq!((first.0.len(), first.1.len()), (1, 1));
        put(&format!("{one}/numbers"), b"17");
        put(&format!("{other}/b.log.tmp"), b"x");
        assert_eq!(both(), first);
        put(&format!("{other}/b.log"), b"x");
        assert_eq!(both().0, first.0, "another history");
        assert_ne!(both().1, first.1);
        put(&format!("{one}/a.log"), b"12");
        assert_ne!(both().0, first.0);
    }
}

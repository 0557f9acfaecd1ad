//! `clew remote`: manages a store's remotes.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use clew_remote::{Patient, RetryPolicy, probe};
use serde::Serialize;

use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::remotes::{self, Heads, Remote, Remotes};
use crate::table::TextTable;
use crate::text;

/// List, add or remove remotes, which keep histories outside the store.
///
/// A remote is a folder (on a network or a USB stick), a folder behind ssh, or a folder in S3, Google Cloud or Azure. Clew reads credentials from the usual sources of each cloud, each time it needs them, and stores none.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub word: Option<RemoteCommand>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "remote",
    examples: &[
        (
            "remote add lab s3://bucket/clew",
            "add a bucket, and test it for several machines",
        ),
        ("remote add nas ssh://nas/data/clew", "add a folder behind ssh"),
        ("remote", "list the remotes"),
    ],
    calls: &[CommandCall::plain("remote")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Store,
    ..CommandInfo::DEFAULT
};

/// A subcommand of `remote`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum RemoteCommand {
    /// List the remotes, and whether several machines can push to them
    List,
    /// Add a remote, and test whether several machines can push to it
    Add {
        /// The name of the remote
        #[arg(value_name = "NAME")]
        name: String,
        /// Its URL: `s3://BUCKET/FOLDER`, `gs://…`, `az://…`, `ssh://HOST/FOLDER`, or a folder
        #[arg(value_name = "URL")]
        url: String,
        /// Add it even if the test fails, for this machine alone
        #[arg(long)]
        alone: bool,
        /// Do not test it now; the first push does
        #[arg(long, conflicts_with = "alone")]
        no_probe: bool,
    },
    /// Remove a remote from the list; its data stays
    Remove {
        /// The name of the remote
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// The list of remotes, after a change if there was one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RemotePage {
    /// The subcommand.
    action: Action,
    /// The remote that was added or removed.
    remote: Option<RemoteEntry>,
    /// The remotes of the store.
    remotes: Vec<RemoteEntry>,
    /// Whether this command created its folder.
    #[serde(skip)]
    is_new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Add,
    Remove,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RemoteEntry {
    /// Its name.
    name: String,
    /// Its URL.
    url: String,
    /// Whether several machines can push.
    writers: Heads,
    /// Why several machines cannot push.
    why: Option<String>,
    /// When you added it.
    added: String,
    /// When Clew tested it.
    tested: Option<String>,
    #[serde(skip)]
    ago: Option<String>,
}

impl RemoteEntry {
    fn of(remote: &Remote, context: &Context) -> Self {
        Self {
            name: text::clean(&remote.name),
            url: text::clean(&remote.url),
            writers: remote.heads.clone(),
            why: remote.why.as_deref().map(text::clean),
            added: text::rfc3339(remote.added),
            tested: remote.asked.map(text::rfc3339),
            ago: remote.asked.map(|asked| text::ago(asked, context.now)),
        }
    }
}

/// Lists or changes a store's remotes.
pub fn remote(arguments: &Arguments, store: &Path, context: &Context) -> Result<RemotePage, Problem> {
    let config = &context.config;
    let mut all = Remotes::read(config)?;
    let mut is_new = false;
    let (action, remote) = match arguments.word.as_ref().unwrap_or(&RemoteCommand::List) {
        RemoteCommand::List => (Action::List, None),
        RemoteCommand::Add {
            name,
            url,
            alone,
            no_probe,
        } => {
            let added = add(name, url, store, &all, context)?;
            let was_there = Path::new(&added.url).exists();
            let added = if *no_probe {
                added
            } else {
                asked(added, *alone, context)?
            };
            is_new = !was_there && Path::new(&added.url).exists();
            // The test took a while: another process may have added a remote.
            all = Remotes::read(config)?;
            all.put(added.clone());
            all.write(config)?;
            (Action::Add, Some(added))
        }
        RemoteCommand::Remove { name } => {
            let removed = all.find(name, store, context)?.clone();
            all.take(name, store);
            all.write(config)?;
            (Action::Remove, Some(removed))
        }
    };
    let shown = |remote: &Remote| RemoteEntry::of(remote, context);
    Ok(RemotePage {
        action,
        remote: remote.as_ref().map(shown),
        remotes: all.of_store(store).into_iter().map(shown).collect(),
        is_new,
    })
}

fn add(name: &str, url: &str, store: &Path, all: &Remotes, context: &Context) -> Result<Remote, Problem> {
    remotes::check_name(name)?;
    let near = std::env::current_dir().unwrap_or_default();
    let url = remotes::url_of(url, &near)?;
    if let Some(there) = all.of_store(store).into_iter().find(|remote| remote.name == name) {
        let problem = format!("`{name}` is already {}", text::clean(&there.url));
        let hint = format!(
            "{} deletes the name",
            context.command(&format!("remote remove {}", text::typed(name)))
        );
        return Err(Problem::usage(problem).with_hint(hint));
    }
    check_folder(&url)?;
    Ok(remotes::unasked(name, url, store, context.now))
}

/// Refuses to make a remote of a folder with other content: a mistyped name would fill it with Clew's files.
fn check_folder(url: &str) -> Result<(), Problem> {
    let folder = Path::new(url);
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    if folder.join(".clew-remote").exists() || entries.next().is_none() {
        return Ok(());
    }
    let path = text::clean(url);
    Err(Problem::usage(format!("{path} contains other files"))
        .with_hint(format!("name a new or empty folder, such as {path}/clew")))
}

/// The user waits for the answer, and can repeat the command.
const PACE: RetryPolicy = RetryPolicy {
    tries: 3,
    first: Duration::from_millis(400),
    most: Duration::from_secs(5),
};

/// Tests whether several machines can share heads in a remote.
pub(crate) fn asked(remote: Remote, is_alone: bool, context: &Context) -> Result<Remote, Problem> {
    let place = remotes::open(&remote.url, true, remotes::may_ask(context));
    let place = place.map_err(|error| remotes::problem(&error))?;
    tell(&format!(
        "Testing whether several machines can push to {}",
        text::clean(&remote.url)
    ));
    let found = probe::probe(&Patient::new(place, PACE));
    tell("");
    let why = match found.map_err(|error| remotes::problem(&error))? {
        Ok(()) => None,
        Err(lie) if is_alone => Some(remotes::said(&lie)),
        Err(lie) => {
            let problem = format!(
                "{} does not support safe concurrent writes, so pushes from several machines could overwrite each other: {}",
                text::clean(&remote.url),
                remotes::said(&lie)
            );
            return Err(Problem::of(Exit::Refused, problem).with_hint(format!(
                "{} adds it for pushes from this machine only",
                context.again("--alone")
            )));
        }
    };
    Ok(Remote {
        asked: Some(context.now),
        heads: if why.is_none() { Heads::Shared } else { Heads::Alone },
        why,
        ..remote
    })
}

/// Prints a progress line on standard error if it is displayed; an empty one clears it. Ctrl+C ends the command at once: nothing was
/// written here yet, and in the remote only temporary objects.
pub(crate) fn tell(what: &str) {
    let mut out = io::stderr();
    // A notebook displays standard error.
    let is_read = std::env::var_os("CLEW_PROGRESS").is_some_and(|value| value == "1");
    if out.is_terminal() || is_read {
        crate::terminal_text::TerminalText::of(what).write(&mut out, true).ok();
    }
}

fn heads(remote: &RemoteEntry) -> String {
    let since = remote
        .ago
        .as_deref()
        .map(|ago| format!(", tested {ago}"))
        .unwrap_or_default();
    match remote.writers {
        Heads::Shared => format!("several machines can push{since}"),
        Heads::Alone => format!("only one machine can push{since}"),
        Heads::Unknown => "not tested yet".to_owned(),
    }
}

impl Page for RemotePage {
    fn text(&self, context: &Context) -> String {
        match (self.action, &self.remote) {
            (Action::Add, Some(remote)) => {
                let why = remote.why.as_ref().map(|why| format!("{why}.\n")).unwrap_or_default();
                let new = if self.is_new { " (a new folder)" } else { "" };
                format!("Added {}, {}{new}: {}.\n{why}", remote.name, remote.url, heads(remote))
            }
            (Action::Remove, Some(remote)) => {
                format!("Removed {}. The data in {} stays there.\n", remote.name, remote.url)
            }
            _ if self.remotes.is_empty() => format!(
                "The store has no remotes. {} adds one.\n",
                context.command("remote add NAME URL")
            ),
            _ => {
                let mut table = TextTable::default();
                for remote in &self.remotes {
                    table.push(vec![remote.name.clone(), remote.url.clone(), heads(remote)]);
                }
                table.flexible(1).render(context)
            }
        }
    }
}

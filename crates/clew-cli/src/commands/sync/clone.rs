//! `clew clone`: creates a store from a remote.

use std::path::{Path, PathBuf};

use clew_remote::sync;

use super::pull::{PullPage, take};
use super::way::{TransferProgress, opened, way, writable};
use crate::command_info::{CommandEffect, CommandInfo, CommandScope};
use crate::commands::environment::Init;
use crate::commands::environment::init::init;
use crate::context::Context;
use crate::problem::{Exit, Problem};
use crate::remotes::{self, Remotes};
use crate::settings::FOLDER;
use crate::text;

/// The name of the remote in a clone.
const ORIGIN: &str = "origin";

/// Create a project with a store from a remote.
#[derive(Debug, Clone, clap::Args)]
pub struct Clone {
    /// The URL of the remote, as in `remote add`
    #[arg(value_name = "URL")]
    pub url: String,
    /// The project's folder; by default named after the last part of the URL
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "clone",
    examples: &[(
        "clone ssh://host/data/flights",
        "create a project with the histories of this remote",
    )],
    changes: CommandEffect::Store,
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

/// Clones a remote.
pub fn clone(clone: &Clone, context: &Context) -> Result<PullPage, Problem> {
    let near = context.near.clone().unwrap_or_default();
    let url = remotes::url_of(&clone.url, &near)?;
    let project = near.join(clone.directory.clone().unwrap_or_else(|| called(&url)));
    let store = project.join(FOLDER);
    let shown = text::path(&store);
    if store.exists() {
        let problem = Problem::of(Exit::Refused, format!("{shown} already exists"));
        return Err(problem.with_hint(format!(
            "name another folder; {} adds to an existing store",
            context.command("pull")
        )));
    }
    let backend = opened(&url, context)?;
    let there = sync::heads(&backend)?;
    if there.is_empty() {
        let problem = format!("{} has no history", text::clean(&url));
        let push = context.command("push");
        return Err(Problem::usage(problem).with_hint(format!("{push} sends one there")));
    }
    std::fs::create_dir_all(&project).map_err(|error| {
        let problem = format!("{} cannot be created: {error}", text::path(&project));
        Problem::of(Exit::Refused, problem).with_hint("name a folder that you may write to")
    })?;
    let made = Init {
        directory: project,
        encrypt: false,
    };
    init(&made, context)?;
    let (opened, _) = writable(&store, context)?;
    let remote = remotes::unasked(ORIGIN, url.clone(), &store, context.now);
    let mut all = Remotes::read(&context.config)?;
    all.put(remote.clone());
    all.write(&context.config)?;
    let way = way(&backend, &url, &store, context);
    let telling = TransferProgress::new(format!("Cloning {}", text::clean(&url)));
    let histories = take(&opened, &there, &way, &telling, context)?;
    Ok(PullPage {
        remote: ORIGIN.to_owned(),
        url: text::clean(&url),
        store: store.display().to_string(),
        histories,
        others: 0,
        is_clone: true,
    })
}

/// Returns the last part of a URL, as a folder name.
fn called(url: &str) -> PathBuf {
    let name = url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or("clew");
    Path::new(name).to_owned()
}

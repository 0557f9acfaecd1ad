//! `clew init`: creates a store for a project.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::{HistoryId, KeyId};
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Access, Store, StoreError, StoreKeyFault};
use serde::Serialize;

use super::Init;
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::history_view;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::rollback_check::last_seen;
use crate::settings::{FOLDER, Origin};
use crate::text;
use crate::whole_file::{PRIVATE, StagedFile};

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "init",
    examples: &[("init", "create a store for notebooks in and below this folder")],
    calls: &[CommandCall::plain("init project")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

/// Ignores everything: a store is not source code.
const IGNORED: &str = "# A store of Clew: private, and no source of yours.\n*\n";

/// The advice about a new key.
const KEY_MADE: &str = "Without it, the store cannot be read: keep a copy of it elsewhere";

/// The result of `init`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InitPage {
    /// The store of the project.
    store: PathBuf,
    /// Whether it existed before.
    existed: bool,
    /// The id of the key, if the store is encrypted.
    key: Option<KeyId>,
    /// The key file that was created.
    key_file: Option<PathBuf>,
    /// The setting that overrides this store, such as `CLEW_HOME`.
    overridden_by: Option<String>,
    /// Histories of the project's notebooks that exist only in the store that was used before.
    elsewhere: Vec<EarlierStoreHistory>,
    /// The store that was used before.
    #[serde(skip)]
    before: PathBuf,
}

/// A history in another store.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EarlierStoreHistory {
    /// The name of the history.
    history: String,
    /// The id of the history.
    id: HistoryId,
    /// The number of its runs.
    runs: usize,
}

/// Creates a store for a project.
pub fn init(arguments: &Init, context: &Context) -> Result<InitPage, Problem> {
    let directory = std::path::absolute(&arguments.directory).unwrap_or_else(|_| arguments.directory.clone());
    if !directory.is_dir() {
        let message = format!("{} is not a folder", text::path(&directory));
        return Err(Problem::usage(message).with_hint("create it first, or name another"));
    }
    let store = directory.join(FOLDER);
    let was_there = store.join("format").exists();
    if !was_there {
        make(&store).map_err(|error| {
            Problem::of(Exit::Refused, format!("{} cannot be created: {error}", store.display()))
                .with_hint("choose a folder that you may write to")
        })?;
    }
    let keys = context.keys();
    let encrypts = arguments.encrypt || keys.is_for_new();
    let opened = Store::open_with(Arc::new(RealDisk), &store, Access::ReadWrite, &keys.for_new(encrypts))?;
    if arguments.encrypt && opened.key().is_none() {
        let why = StoreKeyFault::Plain;
        return Err(StoreError::StoreKey { path: store, why }.into());
    }
    let seen = last_seen(&store, context);
    if opened.was_made() && seen.read().is_ok_and(|ends| !ends.is_empty()) {
        // The previous store is gone, and the user asked for a new one.
        seen.replace(&[]).ok();
    }
    let elsewhere = elsewhere(&directory, &opened, context).unwrap_or_default();
    let hidden_by = match context.settings.store_origin() {
        Origin::Environment(variable) => Some(variable.clone()),
        _ => None,
    };
    Ok(InitPage {
        store,
        existed: was_there,
        key: opened.key(),
        key_file: opened.made_key().map(Path::to_owned),
        overridden_by: hidden_by,
        elsewhere,
        before: context.store.clone(),
    })
}

/// Returns histories of notebooks below `directory` that are in the previous store and not in the project's. If the previous store cannot
/// be read, they are omitted: the project's store is created regardless.
fn elsewhere(directory: &Path, project: &Store, context: &Context) -> Result<Vec<EarlierStoreHistory>, Problem> {
    let before = &context.store;
    if before.as_path() == project.directory() {
        return Ok(Vec::new());
    }
    let Some(store) = history_view::open_if_any(before, context)? else {
        return Ok(Vec::new());
    };
    let here = project.histories()?;
    let is_here = |id: &HistoryId| here.iter().any(|(other, _)| other == id);
    let all = history_view::by_recency(&store)?.into_iter();
    let of_project = all.filter_map(|(id, loaded)| {
        let description = loaded.description();
        let is_below = Path::new(description.path.as_deref()?).starts_with(directory);
        (is_below && !is_here(&id)).then(|| EarlierStoreHistory {
            history: history_view::history_name(id, &description),
            id,
            runs: loaded.runs.len(),
        })
    });
    Ok(of_project.collect())
}

fn make(store: &Path) -> std::io::Result<()> {
    RealDisk.create_dir(store)?;
    let ignored = store.join(".gitignore");
    if ignored.exists() {
        return Ok(());
    }
    StagedFile::write(&ignored, IGNORED.as_bytes(), PRIVATE)
}

impl Page for InitPage {
    fn text(&self, context: &Context) -> String {
        let path = text::path(&self.store);
        let encrypted = self.key.map(|key| format!(", encrypted with key {}", key.short()));
        let encrypted = encrypted.unwrap_or_default();
        let mut text = if self.existed {
            format!("{path} is already this project's store{encrypted}. Nothing was changed.\n")
        } else {
            format!(
                "Created {path}{encrypted}. Notebooks in and below this folder record there from their next start.\n"
            )
        };
        if let Some(file) = &self.key_file {
            text += &format!("Its key is {}. {KEY_MADE}.\n", text::path(file));
        }
        if let Some(variable) = &self.overridden_by {
            text += &format!("{variable} is set and overrides it: unset it to use the project's store.\n");
        } else if !self.existed {
            text += &format!(
                "{} prints which store is used; Git ignores this one.\n",
                context.command("status")
            );
        }
        text + &self.told_elsewhere()
    }
}

impl InitPage {
    /// Formats where the notebooks' histories are, and the commands that copy them here.
    fn told_elsewhere(&self) -> String {
        if self.elsewhere.is_empty() {
            return String::new();
        }
        let (before, store) = (text::typed_path(&self.before), text::typed_path(&self.store));
        let is_one = self.elsewhere.len() == 1;
        let whose = if is_one {
            "The history of a notebook"
        } else {
            "Histories of notebooks"
        };
        let mut told = format!(
            "{whose} in this folder {} in the store {before}. To continue {} here, copy {} in a terminal:\n",
            if is_one { "is" } else { "are" },
            if is_one { "it" } else { "them" },
            if is_one { "it" } else { "each" },
        );
        for one in &self.elsewhere {
            let id = one.id.short();
            told += &format!(
                "  {} ({}): `clew --store {before} --history {id} export {id}.clew --all`, then `clew --store {store} import {id}.clew`\n",
                text::clean(&one.history),
                text::count(one.runs, "run"),
            );
        }
        told
    }
}

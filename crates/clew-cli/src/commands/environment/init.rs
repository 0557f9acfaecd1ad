//! `clew init`: a store for a project.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::id::KeyId;
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Access, Store, StoreError, StoreKeyFault};
use serde::Serialize;

use super::Init;
use crate::last_seen::last_seen;
use crate::page::Page;
use crate::place;
use crate::problem::{Exit, Problem};
use crate::settings::{FOLDER, Origin};
use crate::surroundings::Surroundings;
use crate::text;
use crate::whole_file::{PRIVATE, Staged};

/// Everything: a store is nobody's source.
const IGNORED: &str = "# A store of Clew: private, and no source of yours.\n*\n";

/// What to know of a key.
const KEY_MADE: &str = "Without it nobody can read the store, nor can you: keep a copy of it elsewhere";

/// What was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The project's store.
    store: PathBuf,
    /// Whether it was there already.
    was_there: bool,
    /// The id of the key with which it is encrypted, if it is.
    key: Option<KeyId>,
    /// The key file that was made for it.
    key_file: Option<PathBuf>,
    /// What counts more than the project, if anything.
    hidden_by: Option<String>,
}

/// Makes a store for a project.
pub fn init(arguments: &Init, surroundings: &Surroundings) -> Result<Made, Problem> {
    let directory = std::path::absolute(&arguments.directory).unwrap_or_else(|_| arguments.directory.clone());
    if !directory.is_dir() {
        let message = format!("{} is no folder", text::clean(&directory.display().to_string()));
        return Err(Problem::usage(message).with_hint("make it first, or name another"));
    }
    let store = directory.join(FOLDER);
    let was_there = store.join("format").exists();
    if !was_there {
        make(&store).map_err(|error| {
            Problem::of(Exit::Refused, format!("{} can't be made: {error}", store.display()))
                .with_hint("choose a folder that you may write to")
        })?;
    }
    let keys = surroundings.keys();
    let encrypts = arguments.encrypt || keys.is_for_new();
    let opened = Store::open_with(Arc::new(RealDisk), &store, Access::ReadWrite, &keys.for_new(encrypts))
        .map_err(|error| place::store_problem(&error))?;
    if arguments.encrypt && opened.key().is_none() {
        let why = StoreKeyFault::Plain;
        return Err(place::store_problem(&StoreError::StoreKey { path: store, why }));
    }
    let seen = last_seen(&store, surroundings);
    if opened.was_made() && seen.read().is_ok_and(|ends| !ends.is_empty()) {
        // The one that was there before is gone, and the user just said that there be another.
        seen.replace(&[]).ok();
    }
    let hidden_by = match surroundings.settings.store_origin() {
        Origin::Environment(variable) => Some((*variable).to_owned()),
        _ => None,
    };
    Ok(Made {
        store,
        was_there,
        key: opened.key(),
        key_file: opened.made_key().map(Path::to_owned),
        hidden_by,
    })
}

fn make(store: &Path) -> std::io::Result<()> {
    RealDisk.create_dir(store)?;
    let ignored = store.join(".gitignore");
    if ignored.exists() {
        return Ok(());
    }
    Staged::new(&ignored, IGNORED.as_bytes(), PRIVATE)?.commit()
}

impl Page for Made {
    fn text(&self, surroundings: &Surroundings) -> String {
        let path = text::clean(&self.store.display().to_string());
        let encrypted = self.key.map(|key| format!(", encrypted with key {}", key.short()));
        let encrypted = encrypted.unwrap_or_default();
        let mut text = if self.was_there {
            format!("{path} is this project's store already{encrypted}. Nothing was changed.\n")
        } else {
            format!("Made {path}{encrypted}. Notebooks in this folder and below record there from their next start.\n")
        };
        if let Some(file) = &self.key_file {
            text += &format!("Its key is {}. {KEY_MADE}.\n", text::clean(&file.display().to_string()));
        }
        if let Some(variable) = &self.hidden_by {
            text += &format!("{variable} is set and counts more: unset it to use the project's store.\n");
        } else if !self.was_there {
            text += &format!(
                "{} tells which store is used; git ignores this one.\n",
                surroundings.door.command("status")
            );
        }
        text
    }
}

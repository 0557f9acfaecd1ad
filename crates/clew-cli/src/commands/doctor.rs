//! `clew doctor`: whether this machine and this store are fit to record.

use std::path::Path;
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::RealDisk;
use clew_core::store::{Access, LoadedHistory, SigningKey, Store};
use serde::Serialize;

use crate::page::Page;
use crate::place::{by_recency, history_name, open_store};
use crate::problem::Exit;
use crate::surroundings::Surroundings;
use crate::text;

/// Checks the store's folder, your key, and the interpreters that histories were recorded with. Changes nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Makes anew what the store derives from its logs, where it is wrong
    #[arg(long)]
    pub rebuild: bool,
}

#[derive(Debug, Serialize)]
struct Check {
    /// What was looked at.
    what: &'static str,
    /// Whether it is as it should be.
    is_fine: bool,
    /// What was found.
    found: String,
    /// What to do, if it is not.
    hint: Option<String>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            is_fine: true,
            found: found.into(),
            hint: None,
        }
    }

    fn bad(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what,
            is_fine: false,
            found: found.into(),
            hint: Some(hint.into()),
        }
    }
}

/// What was checked.
#[derive(Debug, Serialize)]
pub struct Doctor {
    version: &'static str,
    store: String,
    checks: Vec<Check>,
    #[serde(skip)]
    is_damaged: bool,
}

/// Checks the machine and the store.
pub fn doctor(arguments: &Arguments, directory: &Path, surroundings: &Surroundings) -> Doctor {
    let mut checks = vec![key(&surroundings.config)];
    let mut is_damaged = false;
    if directory.exists() {
        checks.push(rights(directory));
        match open_store(directory, surroundings) {
            Ok(store) => {
                checks.push(Check::fine("format", "the store can be read"));
                let histories = histories(&store, arguments.rebuild, surroundings);
                is_damaged = histories.iter().any(|check| check.what == "history" && !check.is_fine);
                checks.extend(histories);
            }
            Err(problem) => checks.push(Check::bad("format", problem.message, problem.hint.unwrap_or_default())),
        }
    } else {
        checks.push(Check::fine(
            "store",
            "none yet; it is made when the first notebook records",
        ));
    }
    Doctor {
        version: env!("CARGO_PKG_VERSION"),
        store: directory.display().to_string(),
        checks,
        is_damaged,
    }
}

fn key(config: &Path) -> Check {
    match SigningKey::load(&RealDisk, config) {
        Ok(Some(key)) => Check::fine("key", format!("yours is {}", key.public().short())),
        Ok(None) => Check::fine("key", "none yet; it is made when the first notebook records"),
        Err(error) => Check::bad(
            "key",
            error.to_string(),
            "nothing is recorded until the key can be used",
        ),
    }
}

#[cfg(unix)]
fn rights(directory: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(directory).map(|metadata| metadata.permissions().mode()) {
        Ok(mode) if mode & 0o077 != 0 => Check::bad(
            "rights",
            "others may look into the store's folder",
            format!("chmod 700 {}", directory.display()),
        ),
        Ok(mode) if mode & 0o200 == 0 => Check::bad(
            "rights",
            "the store's folder is read-only: histories can be looked at, nothing is recorded",
            format!("chmod u+w {}", directory.display()),
        ),
        Ok(_) => Check::fine("rights", "only you can read the store"),
        Err(error) => Check::bad(
            "rights",
            error.to_string(),
            "check the path given by `--store` or CLEW_HOME",
        ),
    }
}

#[cfg(not(unix))]
fn rights(_: &Path) -> Check {
    Check::fine("rights", "not checked on this platform")
}

/// Whether what the store derives from a history's logs is what they tell; makes it so if asked to.
fn derived(store: &Store, id: HistoryId, loaded: &LoadedHistory, rebuild: bool, surroundings: &Surroundings) -> Check {
    const WHAT: &str = "run numbers";
    let name = history_name(id, &loaded.description());
    if store.is_numbering_right(id, loaded) {
        return Check::fine(WHAT, format!("{name}: as its logs tell"));
    }
    if !rebuild {
        let next = surroundings.door.command("doctor --rebuild");
        return Check::bad(
            WHAT,
            format!("{name}: the file is missing or torn, or older than its logs; these count"),
            format!("{next} makes it anew"),
        );
    }
    let writable = Store::open(Arc::new(RealDisk), store.directory(), Access::ReadWrite);
    match writable.and_then(|store| store.rebuild_numbering(id, loaded)) {
        Ok(_) => Check::fine(WHAT, format!("{name}: made anew from its logs")),
        Err(error) => Check::bad(
            WHAT,
            format!("{name}: {error}"),
            "the logs count; nothing is lost by it",
        ),
    }
}

fn histories(store: &Store, rebuild: bool, surroundings: &Surroundings) -> Vec<Check> {
    let histories = match by_recency(store) {
        Ok(histories) => histories,
        Err(problem) => return vec![Check::bad("history", problem.message, problem.hint.unwrap_or_default())],
    };
    let mut checks = Vec::new();
    for (id, loaded) in histories {
        let description = loaded.description();
        let name = history_name(id, &description);
        if loaded.damage.is_empty() {
            checks.push(Check::fine(
                "history",
                format!("{name}: {}", text::count(loaded.runs.len(), "run")),
            ));
        } else {
            let what = format!("{name} is damaged in {}", text::count(loaded.damage.len(), "place"));
            let next = surroundings.door.command(&format!("verify --history {}", id.short()));
            checks.push(Check::bad(
                "history",
                what,
                format!("{next} tells more; the rest can still be used"),
            ));
        }
        checks.push(derived(store, id, &loaded, rebuild, surroundings));
        let executable = &description.kernel.executable;
        if !executable.is_empty() && !Path::new(executable).exists() {
            let found = format!("{name} was recorded with {executable}, which is gone");
            checks.push(Check::bad(
                "interpreter",
                found,
                "resume it with a kernel of the same Python version",
            ));
        }
    }
    checks
}

impl Page for Doctor {
    fn text(&self, surroundings: &Surroundings) -> String {
        let bad = self.checks.iter().filter(|check| !check.is_fine).count();
        let verdict = match bad {
            0 => "all is well".to_owned(),
            _ => format!("{} to look at", text::count(bad, "thing")),
        };
        let mut text = format!("Clew {} with the store {}: {verdict}.\n", self.version, self.store);
        for check in &self.checks {
            let mark = if check.is_fine {
                surroundings.style.added("ok")
            } else {
                surroundings.style.gone("!!")
            };
            text += &format!("  {mark} {}: {}\n", check.what, text::clean(&check.found));
            if let Some(hint) = check.hint.as_ref().filter(|hint| !hint.is_empty()) {
                text += &format!("     {}\n", text::clean(hint));
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        match (self.is_damaged, self.checks.iter().all(|check| check.is_fine)) {
            (true, _) => Exit::Damaged,
            (false, true) => Exit::Done,
            (false, false) => Exit::Inexact,
        }
    }
}

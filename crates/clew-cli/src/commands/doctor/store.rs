//! The store: its permissions, free space, and corruption.

use std::path::Path;
use std::sync::Arc;

use clew_core::id::HistoryId;
use clew_core::store::disk::{Disk, RealDisk};
use clew_core::store::{Access, LoadedHistory, Store, StoreError};

use super::{Arguments, Check, ends};
use crate::context::Context;
use crate::history_view::{by_recency, history_name, open_indexed, open_store};
use crate::platform;
use crate::problem::Problem;
use crate::rollback_check::last_seen;
use crate::text;

/// Free bytes below which the store's disk counts as nearly full.
const LEAST_ROOM: u64 = 500_000_000;

/// The checks of a store, and facts for the other checks.
pub(super) struct StoreChecks {
    pub checks: Vec<Check>,
    pub is_damaged: bool,
    pub has_histories: bool,
}

pub(super) fn checks(directory: &Path, arguments: &Arguments, context: &Context) -> StoreChecks {
    let rebuild = arguments.rebuild;
    let mut found = StoreChecks {
        checks: Vec::new(),
        is_damaged: false,
        has_histories: false,
    };
    found.checks.extend(room(directory));
    if !directory.exists() {
        found.checks.push(missing(directory, arguments, context));
        return found;
    }
    if !directory.is_dir() {
        let place = text::path(directory);
        let what = format!("{place} is not a folder");
        found
            .checks
            .push(Check::bad("store", what, "name the folder of a store with --store"));
        return found;
    }
    found.checks.push(rights(directory));
    // Read before the logs: ends recorded after they were read need not match them.
    let noted = last_seen(directory, context).read();
    match open_store(directory, context) {
        Ok(store) => {
            found.checks.push(format(&store, rebuild, context));
            found.checks.extend(encryption(&store, context));
            let loaded = by_recency(&store);
            if let Ok(loaded) = &loaded {
                let checks = ends::checks(&store, noted, loaded, arguments.accept_end, context);
                found.checks.extend(checks);
            }
            let histories = histories(&store, loaded, rebuild, context);
            found.has_histories = histories.iter().any(|check| check.what == "history");
            found.is_damaged = histories.iter().any(|check| check.what == "history" && !check.is_fine);
            found.checks.extend(histories);
            found.checks.extend(removal(&store, context));
            let values = values(&store, context);
            found.is_damaged |= !values.is_fine;
            found.checks.push(values);
            found.checks.extend(removals(&store, rebuild, context));
            found.checks.extend(left(&store, context));
        }
        Err(problem) => {
            let hint = problem.hint.unwrap_or_default();
            found.checks.push(Check::bad("format", problem.message, hint));
        }
    }
    found
}

/// Checks whether a missing store existed before.
fn missing(directory: &Path, arguments: &Arguments, context: &Context) -> Check {
    let seen = last_seen(directory, context);
    let noted = seen.read().map(|noted| noted.len()).unwrap_or_default();
    if noted == 0 {
        let none = "none yet; it is created when the first notebook records";
        return Check::fine("store", none);
    }
    if arguments.accept_end {
        return match seen.replace(&[]) {
            Ok(()) => Check::fine("store", "none; you accepted that it is missing"),
            Err(error) => Check::bad("store", error.to_string(), ""),
        };
    }
    let sessions = text::count(noted, "session");
    let hint = format!(
        "if it was moved or its disk is not mounted, put it back; {} accepts that it is missing",
        context.command("doctor --accept-end")
    );
    Check::bad(
        "store",
        format!("it is missing, with what you last saw in it: {sessions}"),
        hint,
    )
}

/// Checks the free space on the disk of the store, or of the folder that will contain it.
fn room(directory: &Path) -> Option<Check> {
    let there = directory.ancestors().find(|folder| folder.exists())?;
    let free = RealDisk.free(there).ok()?;
    let found = format!("{} free", text::bytes(free));
    Some(if free < LEAST_ROOM {
        let hint = "free some space there, or use `clew config store DIR` for later runs";
        Check::bad("room", format!("only {found}: a full disk stops recording"), hint)
    } else {
        Check::fine("room", found)
    })
}

fn rights(directory: &Path) -> Check {
    match std::fs::metadata(directory).map(|metadata| platform::mode(&metadata)) {
        Ok(None) => Check::fine("rights", "not checked on this platform"),
        Ok(Some(mode)) if mode & 0o077 != 0 => Check::bad(
            "rights",
            "other users can read the store's folder",
            format!("`chmod 700 {}`", text::typed_path(directory)),
        ),
        Ok(Some(mode)) if mode & 0o200 == 0 => Check::bad(
            "rights",
            "the store's folder is read-only: histories can be read, but nothing is recorded",
            format!("`chmod u+w {}`", text::typed_path(directory)),
        ),
        Ok(_) if platform::is_read_only(directory) => Check::bad(
            "rights",
            "the store is on a read-only disk: histories can be read, but nothing is recorded",
            "mount it writable, or use `clew config store DIR` for later runs",
        ),
        Ok(_) => Check::fine("rights", "only you can read the store"),
        Err(error) => Check::bad(
            "rights",
            error.to_string(),
            "check the path given by `--store`, or `clew config store`",
        ),
    }
}

/// Checks whether data derived from a history's logs matches them; rebuilds it on request.
fn derived(store: &Store, id: HistoryId, loaded: &LoadedHistory, rebuild: bool, context: &Context) -> Check {
    const WHAT: &str = "run numbers";
    let name = history_name(id, &loaded.description());
    if store.is_numbering_right(id, loaded) {
        return Check::fine(WHAT, format!("{name}: consistent with its logs"));
    }
    if !rebuild {
        let next = context.command("doctor --rebuild");
        let found = format!("{name}: the file is missing, truncated or older than its logs; Clew uses the logs");
        return Check::bad(WHAT, found, format!("{next} recreates it"));
    }
    match writable(store, context).and_then(|store| store.rebuild_numbering(id, loaded)) {
        Ok(_) => Check::fine(WHAT, format!("{name}: recreated from its logs")),
        Err(error) => Check::bad(WHAT, format!("{name}: {error}"), "Clew uses the logs; nothing is lost"),
    }
}

/// Reports an obstacle at the index's path. Nothing depends on the index, so no other command reports this.
fn in_the_way(obstacle: &Path, is_in_place: bool) -> Check {
    let kind = if is_in_place { "file" } else { "folder" };
    let shown = obstacle.display().to_string();
    let aside = text::typed(&format!("{shown}.aside"));
    Check::bad(
        "index",
        format!("{shown} is not a {kind}, so there is no index: long histories load more slowly"),
        format!("`mv {} {aside}` makes space for it", text::typed(&shown)),
    )
}

/// Checks whether the index matches the logs; rebuilds it on request.
fn index(store: &Store, histories: &[(HistoryId, LoadedHistory)], rebuild: bool, context: &Context) -> Option<Check> {
    const WHAT: &str = "index";
    // Without a key of the user there is no index.
    let indexed = open_indexed(store.directory(), context).ok()?;
    let path = indexed.log_index()?.path().to_owned();
    if let Some(obstacle) = indexed.log_index()?.obstacle() {
        return Some(in_the_way(obstacle, obstacle == path));
    }
    let was_there = path.exists();
    if rebuild && let Err(error) = indexed.log_index()?.remove() {
        let found = format!("{}: {error}", path.display());
        return Some(Check::bad(WHAT, found, "remove that file; Clew uses the logs"));
    }
    let is_right =
        |(id, scanned): &(HistoryId, LoadedHistory)| indexed.is_index_right(*id, scanned, store).unwrap_or(false);
    if let Some((id, scanned)) = histories.iter().find(|history| !is_right(history)) {
        let next = context.command("doctor --rebuild");
        let name = history_name(*id, &scanned.description());
        let found = format!("it differs from the logs of {name}, which Clew uses instead");
        return Some(Check::bad(WHAT, found, format!("{next} recreates it")));
    }
    Some(Check::fine(
        WHAT,
        match (was_there, path.exists()) {
            (_, true) if rebuild => "recreated from the logs",
            (true, true) => "consistent with the logs",
            (false, true) => "just created from the logs",
            _ => "none yet; it is created when a history grows long",
        },
    ))
}

fn writable(store: &Store, context: &Context) -> Result<Store, StoreError> {
    Store::open_with(
        Arc::new(RealDisk),
        store.directory(),
        Access::ReadWrite,
        &context.keys(),
    )
}

/// Checks whether the file with the store's format version exists; recreates it on request.
fn format(store: &Store, rebuild: bool, context: &Context) -> Check {
    const WHAT: &str = "format";
    if store.is_format_said() {
        return Check::fine(WHAT, "the store can be read");
    }
    if !rebuild {
        let next = context.command("doctor --rebuild");
        let found = "the file that contains it is missing or corrupted; the store can still be read";
        return Check::bad(WHAT, found, format!("{next} recreates it"));
    }
    match writable(store, context).and_then(|store| store.rebuild_format()) {
        Ok(_) => Check::fine(WHAT, "the file that contains it was recreated"),
        Err(error) => Check::bad(WHAT, error.to_string(), "nothing is lost"),
    }
}

/// Reports the key of an encrypted store, or that a store is unencrypted although new stores would be encrypted.
fn encryption(store: &Store, context: &Context) -> Option<Check> {
    const WHAT: &str = "encryption";
    let Some(key) = store.key() else {
        let is_odd = context.settings.flag("store.encrypt");
        return is_odd.then(|| {
            let found = "the store is not encrypted: it existed before `store.encrypt` was set";
            Check::bad(
                WHAT,
                found,
                "move it away, and the next notebook creates an encrypted one",
            )
        });
    };
    let place = context.keys().place_of(key);
    let place = text::path(place);
    let found = format!(
        "encrypted with key {}, which is {place}: keep a copy of it elsewhere",
        key.short()
    );
    Some(Check::fine(WHAT, found))
}

/// Checks whether unneeded packs are missing because the record of their removal by `gc` is lost; recreates it on request.
fn removals(store: &Store, rebuild: bool, context: &Context) -> Option<Check> {
    const WHAT: &str = "removed packs";
    let unneeded = store.packs_unneeded().unwrap_or_default();
    if unneeded.is_empty() {
        return None;
    }
    let packs = text::count(unneeded.len(), "pack");
    if !rebuild {
        let next = context.command("doctor --rebuild");
        let found = format!("{packs} are missing, but they contained nothing that is needed");
        return Some(Check::bad(WHAT, found, format!("{next} records that they are gone")));
    }
    let rebuilt = writable(store, context).and_then(|store| store.rebuild_removals(context.now));
    Some(match rebuilt {
        Ok(_) => Check::fine(WHAT, format!("recorded that {packs} are gone; nothing needs them")),
        Err(error) => Check::bad(WHAT, error.to_string(), "nothing is lost"),
    })
}

/// Checks for packs of sessions whose logs are missing: their runs are lost, and their values are garbage.
fn left(store: &Store, context: &Context) -> Option<Check> {
    // Without locks, running writers cannot be detected; `gc` reports that.
    let left = store.packs_without_log().unwrap_or_default();
    if left.is_empty() {
        return None;
    }
    let names: Vec<String> = left.iter().map(|pack| format!("{pack}.pack")).collect();
    let found = format!(
        "{} of sessions whose logs are missing: {}. No run refers to their data",
        text::count(left.len(), "pack"),
        text::listing(&names, 3)
    );
    let gc = context.command("gc");
    let hint = format!(
        "restore `histories` from a backup if you have one; otherwise {gc} deletes these packs after its grace period"
    );
    Some(Check::bad("packs without a log", found, hint))
}

/// Checks whether `gc` was killed before it finished, which loses no data.
fn removal(store: &Store, context: &Context) -> Option<Check> {
    store.has_unfinished_removal().then(|| {
        let next = context.command("gc");
        let found = "gc was stopped before it finished; all needed data exists";
        Check::bad("gc", found, format!("{next} finishes it"))
    })
}

/// Checks whether all data that the runs refer to exists. Verifying its content would require reading all of it.
fn values(store: &Store, context: &Context) -> Check {
    const WHAT: &str = "values";
    let next = context.command("verify --read-data");
    match store.verify(false) {
        Ok(verified) if verified.damage.is_empty() => {
            let left = match verified.left_out {
                0 => String::new(),
                number => format!(
                    ", except {} that a planned push left out",
                    text::count(number as usize, "value")
                ),
            };
            let found = format!("all data of the runs exists{left}; {next} also reads it");
            Check::fine(WHAT, found)
        }
        Ok(verified) => {
            let found = format!("{} in the store", text::count(verified.damage.len(), "corrupted place"));
            let hint = format!(
                "{next} lists them and what they affect; Clew recreates lost values if their cells can be rerun"
            );
            Check::bad(WHAT, found, hint)
        }
        Err(error) => Check::bad(WHAT, error.to_string(), format!("{next} lists details")),
    }
}

fn histories(
    store: &Store,
    histories: Result<Vec<(HistoryId, LoadedHistory)>, Problem>,
    rebuild: bool,
    context: &Context,
) -> Vec<Check> {
    let histories = match histories {
        Ok(histories) => histories,
        Err(problem) => {
            return vec![Check::bad("history", problem.message, problem.hint.unwrap_or_default())];
        }
    };
    let mut checks: Vec<Check> = index(store, &histories, rebuild, context).into_iter().collect();
    for (id, loaded) in histories {
        let description = loaded.description();
        let name = history_name(id, &description);
        if loaded.damage.is_empty() {
            checks.push(Check::fine(
                "history",
                format!("{name}: {}", text::count(loaded.runs.len(), "run")),
            ));
        } else {
            let what = format!("{name} is corrupted in {}", text::count(loaded.damage.len(), "place"));
            let next = context.command(&format!("verify --history {}", id.short()));
            checks.push(Check::bad(
                "history",
                what,
                format!("{next} lists details; the rest can still be used"),
            ));
        }
        checks.push(derived(store, id, &loaded, rebuild, context));
        let executable = &description.kernel.executable;
        if !executable.is_empty() && !Path::new(executable).exists() {
            let found = format!("{name} was recorded with {executable}, which does not exist any more");
            checks.push(Check::bad(
                "interpreter",
                found,
                "resume it with a kernel of the same Python version",
            ));
        }
    }
    checks
}

//! Readers of typed commands, and of texts from other people and programs.

use std::path::Path;
use std::sync::Arc;

use clew_cli::{HistoryView, Presence, StoredHistory, remotes, sandbox_process, secrets, untrusted_input};
use clew_core::store::{Access, Store, Trust};
use clew_testing::disk::SimDisk;

use super::is_clear;
use super::store::{STORED, context, key};
use crate::{files_of, mended};

thread_local! {
    /// A history for revisions and names.
    static HISTORY: StoredHistory = history();
}

fn history() -> StoredHistory {
    let root = Path::new("/store");
    let disk = SimDisk::with_files(&files_of(&mended(STORED, &key()), root));
    let store = Store::open(Arc::new(disk), root, Access::ReadOnly).expect("it is a store");
    let store = store.with_trust(Trust::own(key().public()));
    StoredHistory::of(store, None, 0).unwrap_or_else(|problem| panic!("{problem:?}"))
}

pub(super) fn revision(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    HISTORY.with(|opened| found(&text, &opened.place()));
}

fn found(text: &str, place: &HistoryView<'_>) {
    if let Err(error) = place.history.resolve(text, place.at, context().now) {
        is_no_longer_than(&error, text);
    }
    if let Err(error) = place.history.resolve_operation(text) {
        is_no_longer_than(&error, text);
    }
    let names = place.history.names();
    for error in [names.check_free(text), names.check_branch(text), names.check_tag(text)] {
        if let Err(error) = error {
            is_no_longer_than(&error, text);
        }
    }
}

/// An error may repeat the typed text once.
fn is_no_longer_than(error: &impl std::fmt::Display, typed: &str) {
    assert!(error.to_string().len() <= 2 * typed.len() + 600);
}

/// Reads the input as a package, and as a notebook to pack. Packing a packed notebook again must not change it.
pub(super) fn package(bytes: &[u8]) {
    if let Err(problem) = untrusted_input::package(bytes) {
        is_clear(&problem.message);
    }
    if let Ok(packed) = untrusted_input::notebook(bytes) {
        let again = untrusted_input::notebook(&packed).expect("what is packed is a notebook");
        assert!(again == packed, "what is packed changes when it is packed again");
    }
}

pub(super) fn line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match clew_cli::split_line(&text) {
        Ok(words) => {
            clew_cli::intent(&words);
            drop(clew_cli::parse(&words, context()));
        }
        Err(error) => is_clear(&error),
    }
    HISTORY.with(|opened| clew_cli::complete_line(&text, Some(&opened.place()), context()));
}

pub(super) fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for problem in untrusted_input::settings(&text) {
        is_clear(&problem.what);
    }
}

pub(super) fn source(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    secrets::masked(&text, &[]);
    secrets::shape_of(&text);
    secrets::redacted(&text, &[]);
    untrusted_input::outputs(&text);
    untrusted_input::printed(&text);
}

pub(super) fn answer(bytes: &[u8]) {
    if let Err(error) = sandbox_process::answer(&mut &bytes[..]) {
        is_clear(&error);
    }
}

pub(super) fn foreign(bytes: &[u8]) {
    Presence::read(bytes);
    let text = String::from_utf8_lossy(bytes);
    for changed in untrusted_input::ipython_config(&text) {
        match changed {
            Ok(Some(changed)) => assert!(changed.len() <= text.len() + 400),
            Ok(None) => {}
            Err(why) => is_clear(&why),
        }
    }
}

pub(super) fn carried(bytes: &[u8]) {
    clew_remote::readers::conversation(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Err(problem) = remotes::url_of(&text, Path::new("/")) {
        is_clear(&problem.message);
    }
    drop(remotes::Remotes::of(&text));
}

//! Files that runs read: their list, whether they are unchanged, and their names on machines with other paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::UNIX_EPOCH;

use clew_core::format::{FileEvidence, Run, Timestamp};
use clew_core::history::History;
use clew_core::id::RunId;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::file_marks::is_marked;
use crate::text;

/// A file that runs read.
#[derive(Debug, Clone)]
pub(crate) struct InputFile {
    /// The file as the last run saw it.
    pub seen: FileEvidence,
    /// The label of that run.
    pub run: String,
    /// Its name below a folder.
    pub name: String,
    /// Its status since then.
    pub now: InputFileStatus,
}

/// The status of an input file since a run read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum InputFileStatus {
    /// It has not changed since the run.
    Same,
    /// It has changed since the run.
    Changed,
    /// It no longer exists.
    Gone,
    /// Its name, or that of a folder above it, begins with a dot, so that it may contain credentials.
    Hidden,
    /// Its name is not valid on every system.
    InvalidName,
    /// The bundle already lists the maximum number of files.
    TooMany,
}

/// Returns the files that runs read and that no run wrote, by path. `near` is the notebook's folder.
pub(crate) fn of<'h>(runs: impl Iterator<Item = &'h Run>, history: &History, near: Option<&Path>) -> Vec<InputFile> {
    let mut seen: BTreeMap<&str, (&FileEvidence, String)> = BTreeMap::new();
    for run in runs {
        for file in all_of(run).filter(|file| file.size.is_some() && !file.is_of_environment()) {
            seen.insert(&file.path, (file, run.label()));
        }
    }
    if seen.is_empty() {
        return Vec::new();
    }
    let written = history.runs().flat_map(|(_, run)| &run.evidence.files_written);
    let written: BTreeSet<&str> = written.map(|file| file.path.as_str()).collect();
    let mut names = BTreeSet::new();
    let files = seen
        .into_values()
        .filter(|(file, _)| !written.contains(file.path.as_str()));
    let files = files.filter(|(file, _)| !is_folder(&file.path));
    files
        .map(|(file, run)| InputFile {
            seen: file.clone(),
            run,
            name: free_name(Path::new(&file.path), near, &mut names),
            now: now(file),
        })
        .collect()
}

/// Returns the files that a run read, and the user's own modules that it imported.
pub(crate) fn all_of(run: &Run) -> impl Iterator<Item = &FileEvidence> {
    let modules = run.evidence.modules.iter().flat_map(|module| &module.files);
    run.evidence.files_read.iter().chain(modules)
}

/// Returns the runs that led to a state, in order.
pub(crate) fn line(history: &History, at: RunId) -> impl Iterator<Item = &Run> {
    let mut runs: Vec<&Run> = history.line(at).map(|(_, run)| run).collect();
    runs.reverse();
    runs.into_iter()
}

pub(crate) fn is_folder(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_dir())
}

fn now(file: &FileEvidence) -> InputFileStatus {
    if file.path.split('/').any(|part| part.starts_with('.')) {
        return InputFileStatus::Hidden;
    }
    match std::fs::metadata(&file.path) {
        Ok(found) if found.is_file() && is_as_seen(&found, file) => InputFileStatus::Same,
        Ok(_) => InputFileStatus::Changed,
        Err(_) => InputFileStatus::Gone,
    }
}

/// The prefix of the digest of a folder's listing, and the most entries of a folder that has one.
const NAMES: &str = "names:";
const MOST_NAMES: usize = 10_000;

/// Whether a folder's listing is unchanged, if it was recorded.
pub(crate) fn is_listed(folder: &Path, file: &FileEvidence) -> bool {
    let listed = file.digest.as_ref().filter(|digest| digest.starts_with(NAMES));
    listed.is_none_or(|digest| is_listing(folder, digest))
}

/// Whether this is the digest of a folder's listing (`clew.files.listed`).
pub(crate) fn is_listing(folder: &Path, digest: &str) -> bool {
    let listed = digest.strip_prefix(NAMES);
    listed.is_some_and(|listed| listing(folder).is_some_and(|now| now == listed))
}

fn listing(folder: &Path) -> Option<String> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder).ok()? {
        names.push(entry.ok()?.file_name().into_encoded_bytes());
        if names.len() > MOST_NAMES {
            return modified_at(&std::fs::metadata(folder).ok()?).map(|time| time.to_string());
        }
    }
    names.sort();
    Some(text::hexadecimal(&Sha256::digest(names.join(&0))))
}

/// Returns the modification time of a file.
pub fn modified_at(found: &std::fs::Metadata) -> Option<Timestamp> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Timestamp::try_from(since.as_nanos()).ok()
}

/// Whether a file has the recorded length, and the recorded mark if it is one of this user; else the recorded time.
pub(crate) fn is_as_seen(found: &std::fs::Metadata, file: &FileEvidence) -> bool {
    if file.size != Some(found.len()) {
        return false;
    }
    let mark = file.mark.as_deref();
    if let Some(is_same) = mark.and_then(|mark| is_marked(Path::new(&file.path), mark)) {
        return is_same;
    }
    file.modified.is_none() || file.modified == modified_at(found)
}

/// Returns its path below the notebook's folder, else its file name; made unique.
fn free_name(path: &Path, near: Option<&Path>, taken: &mut BTreeSet<String>) -> String {
    let below = near.and_then(|near| path.strip_prefix(near).ok());
    let own = below.or(path.file_name().map(Path::new)).unwrap_or(path);
    let parts: Vec<_> = own.iter().map(|part| part.to_string_lossy()).collect();
    let name = parts.join("/");
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => (stem.to_owned(), format!(".{ending}")),
        _ => (name.clone(), String::new()),
    };
    let others = (2..).map(|number: u64| format!("{stem}-{number}{ending}"));
    let free = std::iter::once(name).chain(others).find(|name| !taken.contains(name));
    let free = free.unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_their_place_below_the_notebook_and_no_two_alike() {
        let mut taken = BTreeSet::new();
        let mut name = |path: &str| free_name(Path::new(path), Some(Path::new("/home/ada/work")), &mut taken);
        assert_eq!(name("/home/ada/work/data/a.csv"), "data/a.csv");
        assert_eq!(name("/srv/a.csv"), "a.csv");
        assert_eq!(name("/mnt/a.csv"), "a-2.csv");
        assert_eq!(name("/mnt/x/README"), "README");
        assert_eq!(name("/mnt/y/README"), "README-2");
    }
}

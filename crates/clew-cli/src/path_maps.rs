//! Maps paths of another machine to local paths: `--map OLD=NEW`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use clew_core::cause::Cause;
use clew_core::format::{BundledInput, FileEvidence};
use clew_core::history::History;
use clew_core::kernel::Inputs;

use crate::problem::Problem;
use crate::text;

/// The most input paths that are named.
const NAMED: usize = 4;
/// The digits of a hash that are displayed.
const DIGITS: usize = 8;

/// A file or a folder of another machine, and its local path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMap {
    /// The path there.
    pub old: PathBuf,
    /// The path here.
    pub new: PathBuf,
}

/// Why a path map is invalid, or has no existing target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathMapError {
    /// It does not consist of two paths.
    #[error("it is two paths, OLD=NEW: `--map /home/ada/data=/mnt/data`")]
    NotTwo,
    /// The path of the other machine is relative.
    #[error("it is OLD=NEW, with OLD the whole path on the other machine: `--map /home/ada/data=/mnt/data`")]
    NotWhole,
    /// The same path is mapped twice.
    #[error("{0} is mapped twice")]
    Twice(String),
    /// No run read the file, or any file below the folder.
    #[error("No cell read {0}, nor anything in it")]
    Unread(String),
    /// The local path does not exist.
    #[error("There is no {0} here")]
    Absent(String),
}

impl From<PathMapError> for Problem {
    fn from(mistaken: PathMapError) -> Self {
        Self::usage(text::clean(&mistaken.to_string()))
    }
}

impl fmt::Display for PathMap {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}={}", self.old.display(), self.new.display())
    }
}

impl FromStr for PathMap {
    type Err = PathMapError;

    fn from_str(text: &str) -> Result<Self, PathMapError> {
        let (old, new) = text.split_once('=').ok_or(PathMapError::NotTwo)?;
        if old.is_empty() || new.is_empty() {
            return Err(PathMapError::NotTwo);
        }
        let old = PathBuf::from(old);
        if !old.is_absolute() {
            return Err(PathMapError::NotWhole);
        }
        let new = std::path::absolute(new).map_err(|_| PathMapError::NotTwo)?;
        Ok(Self { old, new })
    }
}

/// All path maps of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathMaps(Vec<PathMap>);

impl From<&[PathMap]> for PathMaps {
    fn from(maps: &[PathMap]) -> Self {
        Self(maps.to_vec())
    }
}

impl PathMaps {
    /// Returns the pairs of remote and local paths.
    pub fn pairs(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.0.iter().map(|map| (map.old.as_path(), map.new.as_path()))
    }

    /// Maps a path by its longest mapped prefix.
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        let begins = self.0.iter().filter(|map| path.starts_with(&map.old));
        let map = begins.max_by_key(|map| map.old.components().count())?;
        let below = path.strip_prefix(&map.old).ok()?;
        // For the path itself, joining would append a slash.
        Some(if below.as_os_str().is_empty() {
            map.new.clone()
        } else {
            map.new.join(below)
        })
    }

    /// Checks that each maps an input path to an existing path.
    pub(crate) fn check<'p>(&self, read: impl IntoIterator<Item = &'p str>) -> Result<(), Problem> {
        let read: BTreeSet<&str> = read.into_iter().collect();
        let mut seen = BTreeSet::new();
        for map in &self.0 {
            let (old, new) = (map.old.display().to_string(), map.new.display().to_string());
            if !seen.insert(&map.old) {
                return Err(PathMapError::Twice(old).into());
            }
            if !read.iter().any(|path| Path::new(path).starts_with(&map.old)) {
                let paths: Vec<String> = read.iter().map(|path| (*path).to_owned()).collect();
                let told = if paths.is_empty() {
                    "cells of it read no file".to_owned()
                } else {
                    format!("cells read {}", text::listing(&paths, NAMED))
                };
                return Err(Problem::from(PathMapError::Unread(old)).with_hint(text::clean(&told)));
            }
            if fs::metadata(&map.new).is_err() {
                let problem = Problem::from(PathMapError::Absent(new));
                return Err(problem.with_hint("give its new path, or copy the files first"));
            }
        }
        Ok(())
    }

    /// Checks the path maps against all files that runs of a history read.
    ///
    /// # Errors
    /// A path map applies to no input path, or leads to no file.
    pub fn check_for(&self, history: &History) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let read = history.runs().flat_map(|(_, run)| &run.evidence.files_read);
        let read = read.filter(|file| !file.is_of_environment());
        self.check(read.map(|file| file.path.as_str()))
    }
}

/// The input files as a sandbox process on this machine would find them.
#[derive(Debug)]
pub struct LocalInputs {
    maps: PathMaps,
    /// Cached results, so that each file is read once.
    known: Mutex<HashMap<FileSeen, Option<String>>>,
}

type FileSeen = (String, Option<u64>, Option<String>);

impl LocalInputs {
    /// Creates inputs at their original paths, except for those mapped by `maps`.
    pub fn new(maps: PathMaps) -> Self {
        Self {
            maps,
            known: Mutex::default(),
        }
    }

    fn look(&self, file: &FileEvidence) -> Option<String> {
        let path = Path::new(&file.path);
        let mapped = self.maps.place(path);
        let place = mapped.as_deref().unwrap_or(path);
        let (old, new) = (text::clean(&file.path), text::path(place));
        let Ok(found) = fs::metadata(place) else {
            return Some(match &mapped {
                Some(_) => Cause::InputNotThere {
                    path: &old,
                    place: &new,
                }
                .into(),
                None => Cause::InputGone { path: &old }.into(),
            });
        };
        if found.is_dir() {
            return None;
        }
        let is_as_long = file.size == Some(found.len());
        let digest = file.digest.as_ref().filter(|_| is_as_long).map(|_| digest_of(place));
        if is_as_long && digest.as_ref().is_none_or(|digest| *digest == file.digest) {
            return None;
        }
        let seen = described(file.size, file.digest.as_deref());
        let found = described(Some(found.len()), digest.flatten().as_deref());
        Some(
            Cause::InputOther {
                path: &old,
                seen: &seen,
                place: &new,
                found: &found,
            }
            .into(),
        )
    }
}

impl Inputs for LocalInputs {
    fn obstacle(&self, file: &FileEvidence) -> Option<String> {
        // Of hidden files, which contain settings and caches, too little is recorded for a comparison.
        let is_hidden = file.path.split('/').any(|part| part.starts_with('.'));
        if file.size.is_none() || is_hidden || file.is_of_environment() {
            return None;
        }
        let seen = (file.path.clone(), file.size, file.digest.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(seen).or_insert_with(|| self.look(file)).clone()
    }
}

/// Returns the hash of a file's bytes; `None` if it cannot be read.
pub fn digest_of(path: &Path) -> Option<String> {
    let mut bytes = File::open(path).ok()?;
    let found = BundledInput::hash_of(&mut bytes, &mut |_| ControlFlow::Continue(()), &mut |_| Ok(()));
    found.ok().flatten().map(|(hash, _)| hash.to_string())
}

/// Formats `300 B, 3f2a9c10`.
fn described(size: Option<u64>, digest: Option<&str>) -> String {
    let size = text::bytes(size.unwrap_or_default());
    match digest {
        Some(digest) => format!("{size}, {}", digest.get(..DIGITS).unwrap_or(digest)),
        None => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(texts: &[&str]) -> PathMaps {
        PathMaps(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn the_longest_map_of_whole_parts_counts() {
        let maps = maps(&["/home/ada=/mnt", "/home/ada/data=/big", "/home/ada/x.csv=/tmp/y.csv"]);
        let place = |path: &str| maps.place(Path::new(path)).map(|place| place.display().to_string());
        assert_eq!(place("/home/ada/notes/a.txt").as_deref(), Some("/mnt/notes/a.txt"));
        assert_eq!(place("/home/ada/data/a.txt").as_deref(), Some("/big/a.txt"));
        assert_eq!(place("/home/ada/data2/a.txt").as_deref(), Some("/mnt/data2/a.txt"));
        assert_eq!(place("/home/ada/x.csv").as_deref(), Some("/tmp/y.csv"));
        assert_eq!(place("/home/adam/x.csv"), None);
    }

    #[test]
    fn a_map_that_is_none_or_leads_nowhere_is_said_to_be_wrong() {
        for text in ["/home/ada", "=/mnt", "/home/ada=", "data=/mnt"] {
            text.parse::<PathMap>().unwrap_err();
        }
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().display();
        let check = |texts: &[String]| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            maps(&texts).check(["/a/data/x.csv"])
        };
        assert_eq!(check(&[format!("/a/data={there}")]), Ok(()));
        assert!(
            check(&[format!("/a/dat={there}")])
                .unwrap_err()
                .text()
                .contains("cells read /a/data/x.csv")
        );
        assert!(
            check(&[format!("/a/data={there}/none")])
                .unwrap_err()
                .message
                .contains("There is no")
        );
        let twice = [format!("/a={there}"), format!("/a={there}")];
        assert!(check(&twice).unwrap_err().message.contains("twice"));
    }

    #[test]
    fn what_lies_there_is_held_against_length_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("x.csv");
        let inputs = || LocalInputs::new(maps(&[&format!("/a/data={}", folder.path().display())]));
        let mut file = FileEvidence {
            path: "/a/data/x.csv".to_owned(),
            size: Some(4),
            ..FileEvidence::default()
        };
        assert!(inputs().obstacle(&file).unwrap().ends_with("x.csv here"));
        fs::write(&data, "abcd").unwrap();
        file.digest = digest_of(&data);
        assert_eq!(inputs().obstacle(&file), None);
        fs::write(&data, "abce").unwrap();
        let told = inputs().obstacle(&file).unwrap();
        assert!(
            told.contains("/a/data/x.csv (4 B, ") && told.contains(&data.display().to_string()),
            "{told}"
        );
        fs::write(&data, "abcde").unwrap();
        assert!(inputs().obstacle(&file).unwrap().ends_with("another file (5 B)"));
        file.path = "/nowhere/x.csv".to_owned();
        assert!(inputs().obstacle(&file).unwrap().contains("--map OLD=NEW"));
        file.path = "/nowhere/.cache/x".to_owned();
        assert_eq!(inputs().obstacle(&file), None);
    }
}

//! Runs whose cell would run in another directory now: where it would find the files that it then found.

use std::path::{Component, Path, PathBuf};

use crate::format::{Evidence, FileEvidence, ModuleEvidence};

/// The working directory that a run had, and the one that its cell would have now, if they differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectoryChange<'a> {
    /// The directory that the run found.
    pub then: &'a str,
    /// The one that its cell would find.
    pub now: &'a str,
}

impl<'a> DirectoryChange<'a> {
    /// `None` where they are the same, or nobody knows.
    pub fn of(evidence: &'a Evidence, now: Option<&'a str>) -> Option<Self> {
        let then = evidence.directory.as_deref()?;
        let now = now.filter(|now| *now != then)?;
        Some(Self { then, now })
    }

    /// Where the cell would look for a file that the run used. Two places where nobody can tell whether a library made a relative path
    /// whole: then both count.
    pub fn places(self, file: &FileEvidence) -> Vec<FileEvidence> {
        let path = Path::new(&file.path);
        let there = |path: &Path| FileEvidence {
            path: path.to_string_lossy().into_owned(),
            ..file.clone()
        };
        if let Some(given) = &file.given
            && plain(&Path::new(self.then).join(given)) == path
        {
            return vec![there(&plain(&Path::new(self.now).join(given)))];
        }
        match path.strip_prefix(self.then) {
            Ok(below) => vec![file.clone(), there(&Path::new(self.now).join(below))],
            Err(_) => vec![file.clone()],
        }
    }

    /// Where it would find a file of a module of the user's own: those lie in the working directory, or where they lay.
    pub fn place_of_code(self, file: &FileEvidence) -> FileEvidence {
        let places = self.places(file);
        places.into_iter().next_back().unwrap_or_else(|| file.clone())
    }
}

/// What a run may have touched outside the session, as its cell would have in another directory.
pub fn rebased(evidence: &Evidence, now: Option<&str>) -> Evidence {
    let Some(elsewhere) = DirectoryChange::of(evidence, now) else {
        return evidence.clone();
    };
    let places = |files: &[FileEvidence]| files.iter().flat_map(|file| elsewhere.places(file)).collect();
    let modules = evidence.modules.iter().map(|module| ModuleEvidence {
        files: module.files.iter().map(|file| elsewhere.place_of_code(file)).collect(),
        ..module.clone()
    });
    Evidence {
        directory: Some(elsewhere.now.to_owned()),
        files_read: places(&evidence.files_read),
        files_written: places(&evidence.files_written),
        modules: modules.collect(),
        ..evidence.clone()
    }
}

/// A path without `.` and `..`, as Python's `abspath` makes it: links are not followed.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, given: Option<&str>) -> FileEvidence {
        FileEvidence {
            path: path.to_owned(),
            given: given.map(str::to_owned),
            ..FileEvidence::default()
        }
    }

    fn places(path: &str, given: Option<&str>) -> Vec<String> {
        let evidence = Evidence {
            directory: Some("/a/b".to_owned()),
            ..Evidence::default()
        };
        let elsewhere = DirectoryChange::of(&evidence, Some("/c")).unwrap();
        let places = elsewhere.places(&file(path, given));
        places.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn a_relative_path_leads_from_the_other_directory_and_a_whole_one_may_do_both() {
        assert_eq!(places("/a/b/x.csv", Some("x.csv")), ["/c/x.csv"]);
        assert_eq!(places("/a/x.csv", Some("./../x.csv")), ["/x.csv"]);
        assert_eq!(places("/a/b/d/x.csv", None), ["/a/b/d/x.csv", "/c/d/x.csv"]);
        assert_eq!(places("/data/x.csv", None), ["/data/x.csv"]);
        // Given when the run had gone elsewhere already.
        assert_eq!(places("/a/b/d/x.csv", Some("x.csv")), ["/a/b/d/x.csv", "/c/d/x.csv"]);
    }

    #[test]
    fn the_same_directory_is_not_elsewhere() {
        let evidence = Evidence {
            directory: Some("/a".to_owned()),
            ..Evidence::default()
        };
        assert!(DirectoryChange::of(&evidence, Some("/a")).is_none());
        assert!(DirectoryChange::of(&evidence, None).is_none());
        assert!(DirectoryChange::of(&Evidence::default(), Some("/a")).is_none());
    }
}

//! Runs whose cell would now run in another directory: the paths at which it would find the recorded files.

use std::path::{Component, Path, PathBuf};

use crate::format::{Evidence, FileEvidence, ModuleEvidence};

/// The working directory of a run, and the one that its cell would have now, if they differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectoryChange<'a> {
    /// The recorded directory.
    pub then: &'a str,
    /// The current directory.
    pub now: &'a str,
}

impl<'a> DirectoryChange<'a> {
    /// Returns `None` if the directories are the same, or one of them is unknown.
    pub fn of(evidence: &'a Evidence, now: Option<&'a str>) -> Option<Self> {
        let then = evidence.directory.as_deref()?;
        let now = now.filter(|now| *now != then)?;
        Some(Self { then, now })
    }

    /// Returns the paths at which the cell would look for a file that the run used. There are two if a library may have made a
    /// relative path absolute; both count then.
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

    /// Returns the path at which the cell would find a file of the user's own modules: relative to the working directory if it
    /// was there, otherwise unchanged.
    pub fn place_of_code(self, file: &FileEvidence) -> FileEvidence {
        let places = self.places(file);
        places.into_iter().next_back().unwrap_or_else(|| file.clone())
    }
}

/// Returns the evidence outside the session as the cell would have it in another directory.
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

/// Removes `.` and `..` from a path, as Python's `abspath` does; links are not followed.
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
        // A relative path, after the run had changed its directory.
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

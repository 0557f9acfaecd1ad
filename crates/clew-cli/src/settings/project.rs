//! A project's folder: the nearest `.clew` in the current folder or above that belongs to the user.

use std::path::{Path, PathBuf};

use super::SettingProblem;
use crate::platform::{belongs_to_another, mode};

/// The folder that marks a project.
pub(crate) const FOLDER: &str = ".clew";

/// Returns the project's folder nearest to `directory`, and the ignored ones, which another user could have created: a store in a folder
/// that others can write to would disclose recorded data.
pub(crate) fn nearest(directory: &Path) -> (Option<PathBuf>, Vec<SettingProblem>) {
    let mut left_alone = Vec::new();
    for folder in directory.ancestors().map(|above| above.join(FOLDER)) {
        // Without following links, whose owner would be ambiguous.
        let Ok(metadata) = std::fs::symlink_metadata(&folder) else {
            continue;
        };
        if !metadata.is_dir() {
            continue;
        }
        match distrust(&metadata) {
            None => return (Some(folder), left_alone),
            Some(what) => left_alone.push(SettingProblem {
                what: what.replace("DIR", &folder.display().to_string()),
                place: folder.display().to_string(),
                line: None,
            }),
        }
    }
    (None, left_alone)
}

/// Returns why a folder is not accepted as the user's project.
fn distrust(metadata: &std::fs::Metadata) -> Option<&'static str> {
    if belongs_to_another(metadata) {
        return Some(
            "it belongs to another user, so Clew ignores it; `clew init` in a folder of your own creates a store",
        );
    }
    mode(metadata)
        .is_some_and(|mode| mode & 0o022 != 0)
        .then_some("other users can write to it, so Clew ignores it; `chmod 700 DIR` fixes this")
}

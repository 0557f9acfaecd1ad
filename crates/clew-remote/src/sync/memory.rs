//! The local cache about a remote, which saves requests and transfers. It can be deleted safely.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clew_core::id::{BundleId, HistoryId};
use clew_core::store::PublicKey;
use clew_core::store::disk::private_folder;

use super::head::RemoteBundle;
use super::speed::Speed;
use crate::backend::Upload;

/// The list of bundles that were sent but are in no head yet.
pub(super) const BEGUN: &str = "begun";
/// The list of bundles whose contents were all in the store once.
pub(super) const HAD: &str = "had";

/// The name of the list of bundles made with this key.
pub(super) fn own(key: PublicKey) -> String {
    format!("{}.own", key.short())
}

/// The list of multipart uploads in progress.
const UPLOADS: &str = "uploads";

/// Formats an upload as a line. Ids with control characters, which no remote uses, are omitted.
fn upload_line(upload: &Upload) -> String {
    let Upload { name, id, part } = upload;
    if id.contains(char::is_control) {
        return String::new();
    }
    format!("{part} {name} {id}\n")
}

/// The local cache about one remote, for one store: a folder.
#[derive(Debug, Clone)]
pub struct RemoteCache {
    folder: PathBuf,
}

impl RemoteCache {
    /// Uses a folder, which is created when there is something to store.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Returns the folder for files in transfer.
    pub(super) fn staging(&self) -> std::io::Result<PathBuf> {
        let folder = self.folder.join("under-way");
        private_folder(&folder)?;
        Ok(folder)
    }

    /// Removes files of a push that was killed: unsent bundles are recreated.
    pub(super) fn sweep(&self) {
        let Ok(names) = self.staging().and_then(fs::read_dir) else {
            return;
        };
        for entry in names.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Pulls resume their partial files, which are named by bundle.
            let bundle = name.strip_suffix(".clew").map(str::parse::<BundleId>);
            if name != "lock" && !matches!(bundle, Some(Ok(_))) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }

    fn index_path(&self, bundle: BundleId) -> PathBuf {
        self.folder.join(format!("{bundle}.index"))
    }

    pub(super) fn index(&self, bundle: BundleId) -> Option<Vec<u8>> {
        fs::read(self.index_path(bundle)).ok()
    }

    pub(super) fn keep_index(&self, bundle: BundleId, bytes: &[u8]) {
        // If this fails, the next push fetches the index again.
        let path = self.index_path(bundle);
        if !path.exists() && private_folder(&self.folder).is_ok() {
            let temporary = path.with_extension(format!("index.{}", std::process::id()));
            if fs::write(&temporary, bytes).is_ok() {
                fs::rename(&temporary, &path).ok();
            }
        }
    }

    /// Returns the multipart uploads of large bundles that may not have been completed.
    pub(super) fn uploads(&self) -> Vec<Upload> {
        let text = fs::read_to_string(self.folder.join(UPLOADS)).unwrap_or_default();
        let upload = |line: &str| {
            let (part, rest) = line.split_once(' ')?;
            let (name, id) = rest.split_once(' ')?;
            Some(Upload {
                name: name.parse().ok()?,
                id: id.to_owned(),
                part: part.parse().ok()?,
            })
        };
        text.lines().filter_map(upload).collect()
    }

    pub(super) fn note_upload(&self, upload: &Upload) {
        self.append(&self.folder.join(UPLOADS), &upload_line(upload));
    }

    /// Replaces the list of uploads.
    pub(super) fn keep_uploads(&self, uploads: &[Upload]) {
        let path = self.folder.join(UPLOADS);
        fs::remove_file(&path).ok();
        for upload in uploads {
            self.append(&path, &upload_line(upload));
        }
    }

    /// Returns the last measured speed.
    pub(super) fn speed(&self) -> Option<Speed> {
        Speed::of_line(&fs::read_to_string(self.folder.join("speed")).ok()?)
    }

    pub(super) fn keep_speed(&self, speed: &Speed) {
        // If this fails, the speed is measured again.
        if private_folder(&self.folder).is_ok() {
            fs::write(self.folder.join("speed"), speed.line()).ok();
        }
    }

    fn list(&self, history: HistoryId, list: &str) -> PathBuf {
        self.folder.join(format!("{history}.{list}"))
    }

    /// Returns the bundles of one of the lists above.
    pub(super) fn bundles(&self, history: HistoryId, list: &str) -> BTreeSet<RemoteBundle> {
        let text = fs::read_to_string(self.list(history, list)).unwrap_or_default();
        let sent = |line: &str| {
            let (bundle, length) = line.split_once(' ')?;
            Some(RemoteBundle {
                bundle: bundle.parse().ok()?,
                length: length.parse().ok()?,
            })
        };
        text.lines().filter_map(sent).collect()
    }

    /// Adds bundles to a list.
    pub(super) fn note(&self, history: HistoryId, list: &str, bundles: &[RemoteBundle]) {
        let lines = bundles.iter().fold(String::new(), |mut lines, sent| {
            // Writing to a string cannot fail.
            writeln!(lines, "{} {}", sent.bundle, sent.length).ok();
            lines
        });
        self.append(&self.list(history, list), &lines);
    }

    /// Deletes a list.
    pub(super) fn forget(&self, history: HistoryId, list: &str) {
        fs::remove_file(self.list(history, list)).ok();
    }

    fn append(&self, path: &Path, lines: &str) {
        let open = || -> std::io::Result<File> {
            private_folder(&self.folder)?;
            OpenOptions::new().create(true).append(true).open(path)
        };
        if let Ok(mut file) = open() {
            file.write_all(lines.as_bytes()).ok();
        }
    }
}

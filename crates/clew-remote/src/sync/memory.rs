//! What this machine remembers of a place, to ask and send less. Nothing is lost with it.

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

/// The list of bundles that were sent and are in no head yet.
pub(super) const BEGUN: &str = "begun";
/// The list of bundles of which everything was in the store once.
pub(super) const HAD: &str = "had";

/// The list of bundles that are known to be of one's own making, with this key.
pub(super) fn own(key: PublicKey) -> String {
    format!("{}.own", key.short())
}

/// What was begun in parts.
const UPLOADS: &str = "uploads";

/// What no place gives as an id can't be noted on a line.
fn upload_line(upload: &Upload) -> String {
    let Upload { name, id, part } = upload;
    if id.contains(char::is_control) {
        return String::new();
    }
    format!("{part} {name} {id}\n")
}

/// The cache of what this machine knows of one remote, for one store: a folder.
#[derive(Debug, Clone)]
pub struct RemoteCache {
    folder: PathBuf,
}

impl RemoteCache {
    /// Remembers in a folder, which is made when there is something to remember.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// A folder for files on their way.
    pub(super) fn staging(&self) -> std::io::Result<PathBuf> {
        let folder = self.folder.join("under-way");
        private_folder(&folder)?;
        Ok(folder)
    }

    /// Takes away what a push that was killed left of its bundles: what it did not send is made anew.
    pub(super) fn sweep(&self) {
        let Ok(names) = self.staging().and_then(fs::read_dir) else {
            return;
        };
        for entry in names.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Those of pulls go on where they were; their names are as long as the bundles'.
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
        // Without it the next push asks for it again.
        let path = self.index_path(bundle);
        if !path.exists() && private_folder(&self.folder).is_ok() {
            let temporary = path.with_extension(format!("index.{}", std::process::id()));
            if fs::write(&temporary, bytes).is_ok() {
                fs::rename(&temporary, &path).ok();
            }
        }
    }

    /// Large bundles that were begun in parts, and maybe never finished.
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

    /// Remembers these alone.
    pub(super) fn keep_uploads(&self, uploads: &[Upload]) {
        let path = self.folder.join(UPLOADS);
        fs::remove_file(&path).ok();
        for upload in uploads {
            self.append(&path, &upload_line(upload));
        }
    }

    /// How fast the way was when it was measured last.
    pub(super) fn speed(&self) -> Option<Speed> {
        Speed::of_line(&fs::read_to_string(self.folder.join("speed")).ok()?)
    }

    pub(super) fn keep_speed(&self, speed: &Speed) {
        // Without it the next one measures again.
        if private_folder(&self.folder).is_ok() {
            fs::write(self.folder.join("speed"), speed.line()).ok();
        }
    }

    fn list(&self, history: HistoryId, list: &str) -> PathBuf {
        self.folder.join(format!("{history}.{list}"))
    }

    /// The bundles of one of the lists above.
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
            // Text takes every line.
            writeln!(lines, "{} {}", sent.bundle, sent.length).ok();
            lines
        });
        self.append(&self.list(history, list), &lines);
    }

    /// Empties a list.
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

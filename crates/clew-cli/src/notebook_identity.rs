//! Determines the history of a notebook file from the store and the file system. The rules are in [`clew_core::history::belonging`];
//! kernels and `clew run` both use this module.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clew_core::format::{HistoryDescription, Run, RunKind, Timestamp};
use clew_core::history::{
    CellIdentities, History, IdentityEvidence, Notebook, NotebookMatch, NotebookOwner, SourceInclusion, belonging,
    belonging_by_cells, may_be_of,
};
use clew_core::id::HistoryId;
use clew_core::store::{Store, VerifiedValue};

use crate::cells_of_file::{cells_of_file, code_of_file, known_by};
use crate::input_files::modified_at;
use crate::platform::file_number;
use crate::presence::records_here;

/// The most folder entries that are searched for a moved file.
const MOST_ENTRIES: usize = 4_000;

type Histories = [(HistoryId, HistoryDescription)];

/// Returns the identity of a file independent of its name: its inode number, and its creation time, since numbers are reused. `None` if the
/// file system does not provide both (NFS), nor does Windows.
pub fn file_id(path: &Path) -> Option<String> {
    let file = path.metadata().ok()?;
    let made = file.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{:x}-{:x}", file_number(&file)?, made.as_nanos()))
}

/// Determines the history of a notebook, reading only the histories that were recorded at its path.
pub fn belongs_plainly(store: &Store, histories: &Histories, notebook: &Notebook) -> NotebookMatch {
    belonging(histories, notebook, &IdentityContext { store, notebook })
}

/// Determines the history of a notebook. Compares cells if nothing else is decisive.
pub fn belongs(store: &Store, histories: &Histories, notebook: &Notebook) -> NotebookMatch {
    let plain = belongs_plainly(store, histories, notebook);
    let is_open = matches!(plain, NotebookMatch::New | NotebookMatch::Unclear(_)) && notebook.name.is_none();
    let path = notebook.path.as_deref().filter(|_| is_open);
    let own = path.and_then(|path| Some((path, cells_of_file(Path::new(path))?)));
    let Some((path, own)) = own else { return plain };
    let is_still_there = |description: &HistoryDescription, cells: &CellIdentities| {
        let Some(path) = description.path.as_deref().map(Path::new) else {
            return false;
        };
        // An unreadable file may still be the original.
        path.exists() && cells_of_file(path).is_none_or(|there| there.shared(cells).is_some())
            || description
                .file
                .as_deref()
                .is_some_and(|file| find_around(path, file).is_some())
    };
    let by_cells = belonging_by_cells(
        histories,
        (path, &own),
        |id, with| cells_of(store, id, &own, with),
        is_still_there,
        |path| cells_of_file(Path::new(path)),
    );
    match by_cells {
        NotebookMatch::New => plain,
        by_cells => by_cells,
    }
}

/// The store and the notebook on disk.
struct IdentityContext<'a> {
    store: &'a Store,
    notebook: &'a Notebook,
}

impl IdentityEvidence for IdentityContext<'_> {
    fn exists(&self, path: &str) -> bool {
        Path::new(path).exists()
    }

    fn file(&self, path: &str) -> Option<String> {
        file_id(Path::new(path))
    }

    /// Decides by ids in the files if available; else by the current location of the history's file, else by the cells.
    fn whose(&self, history: HistoryId, description: &HistoryDescription) -> NotebookOwner {
        let has_ids = description.notebook.is_some() && self.notebook.id.is_some();
        let path = self.notebook.path.as_deref().map(Path::new);
        let path = path.filter(|_| !has_ids && description.joined.is_none());
        let Some((path, code)) = path.and_then(|path| Some((path, code_of_file(path)?))) else {
            return NotebookOwner::Own;
        };
        let files = description.file.as_deref().zip(self.notebook.file.as_deref());
        if files.is_some_and(|(before, _)| find_around(path, before).is_some()) {
            return NotebookOwner::Renamed;
        }
        let ran = cells_of(self.store, history, &known_by(code.clone()), SourceInclusion::No);
        let is_own = || {
            let cells = cells_that_ran(self.store, history, SourceInclusion::Yes).into_iter();
            let ran: Vec<_> = cells.map(|(id, source)| (id, source.unwrap_or_default())).collect();
            may_be_of(&code, &ran)
        };
        match files {
            _ if ran.is_empty() || is_own() => NotebookOwner::Own,
            Some(_) => NotebookOwner::Unclear,
            _ if is_beside(path, &ran, description.time) => NotebookOwner::Renamed,
            _ if records_here(self.store.directory(), &history.to_string(), "") => NotebookOwner::Unclear,
            _ => NotebookOwner::Own,
        }
    }
}

/// Returns the new path of a notebook's file that was moved since its history was last described: `None` if it was not moved, or is not
/// found nearby.
pub(crate) fn moved_to(description: &HistoryDescription) -> Option<PathBuf> {
    let (path, file) = (Path::new(description.path.as_deref()?), description.file.as_deref()?);
    (file_id(path).as_deref() != Some(file)).then(|| find_around(path, file))?
}

/// Searches a notebook file in the folder of `path` and below it, and in the parent folder and below it.
fn find_around(path: &Path, file: &str) -> Option<PathBuf> {
    let folder = path.parent();
    let above = folder.and_then(Path::parent);
    let mut folders: VecDeque<PathBuf> = folder.into_iter().chain(above).map(Path::to_owned).collect();
    let mut left = MOST_ENTRIES;
    while let Some(entries) = folders.pop_front().map(fs::read_dir) {
        for entry in entries.into_iter().flatten().flatten() {
            left -= 1;
            if left == 0 {
                return None;
            }
            let (path, is_hidden) = (entry.path(), entry.file_name().as_encoded_bytes().starts_with(b"."));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !is_hidden && Some(path.as_path()) != folder {
                    folders.push_back(path);
                }
            } else if is_notebook(&path) && file_id(&path).as_deref() == Some(file) {
                return Some(path);
            }
        }
    }
    None
}

/// Returns the identities of the notebook files in a folder.
pub(crate) fn notebooks_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path()).take(MOST_ENTRIES);
    paths
        .filter(|path| is_notebook(path))
        .filter_map(|path| file_id(&path))
        .collect()
}

/// Whether another notebook in the folder has the cells of a history, and was saved after its start. For file systems without stable file
/// identities.
fn is_beside(path: &Path, ran: &CellIdentities, time: Timestamp) -> bool {
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let files = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    let is_saved_since = |path: &PathBuf| {
        let saved = path.metadata().ok().and_then(|file| modified_at(&file));
        saved.is_some_and(|saved| saved >= time)
    };
    files
        .filter(|other| other != path && is_notebook(other) && is_saved_since(other))
        .any(|other| cells_of_file(&other).is_some_and(|cells| cells.shared(ran).is_some()))
}

/// Whether a path has the extension of notebooks.
pub(crate) fn is_notebook(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ipynb")
}

/// Returns the cells that ran in a history: the id of each, if it has one, and its source, if requested and readable.
fn cells_that_ran(store: &Store, id: HistoryId, with: SourceInclusion) -> Vec<(Option<String>, Option<String>)> {
    let loaded = store.load(id).unwrap_or_default();
    let history = History::of(&loaded);
    let cells = history.runs().filter(|(_, run)| run.kind == RunKind::Cell);
    let source = |run: &Run| store.blob(run.source?).ok().map(VerifiedValue::into_inner);
    let known = |run: &Run| (with == SourceInclusion::Yes).then(|| source(run)).flatten();
    cells.map(|(_, run)| (run.cell.clone(), known(run))).collect()
}

/// Returns the identities of the cells that ran in a history, of the same kind as `like`: with the source of each cell's last run. If the
/// front end gave the cells no ids, or ids that are in no file (VS Code), returns their sources.
fn cells_of(store: &Store, id: HistoryId, like: &CellIdentities, with: SourceInclusion) -> CellIdentities {
    if let CellIdentities::Ids(_) = like {
        let cells = cells_that_ran(store, id, with).into_iter();
        let in_files = cells.filter_map(|(id, source)| Some((id.filter(|id| may_be_in_file(id))?, source)));
        let ids = CellIdentities::Ids(in_files.collect());
        if !ids.is_empty() {
            return ids;
        }
    }
    let cells = cells_that_ran(store, id, SourceInclusion::Yes).into_iter();
    CellIdentities::of_sources(cells.filter_map(|(_, source)| source))
}

/// Whether the format of notebooks permits an id of a cell.
fn may_be_in_file(id: &str) -> bool {
    id.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_id_under_another_name_and_where_it_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one.ipynb"), folder.path().join("below/other.ipynb"));
        fs::write(&one, "{}").unwrap();
        let Some(id) = file_id(&one) else { return };
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::rename(&one, &other).unwrap();
        fs::write(&other, "{\"cells\": []}").unwrap();
        assert_eq!(file_id(&other).as_ref(), Some(&id));
        assert_eq!(find_around(&one, &id).as_ref(), Some(&other), "in a folder below");
        let beside = find_around(&folder.path().join("beside/one.ipynb"), &id);
        assert_eq!(beside.as_ref(), Some(&other), "beside its folder");
        fs::write(&one, "{}").unwrap();
        assert!(file_id(&one).is_some_and(|new| new != id));
        fs::remove_file(&other).unwrap();
        assert_eq!(find_around(&one, &id), None);
    }
}

//! The assignment of a notebook to a history.
//!
//! ```text
//!   an explicit history, or name ──► that one
//!   a kernel that restarts ──► the history that it was in
//!   the file, by its number in the file system ──► its history, even if the file has another path now
//!   the path (unless ids of files disagree, or the cells are another notebook's) ──► its history
//!   else the id that the file carries, else the cells that it shares with the recorded ones of histories:
//!        the file of that history is gone, or is another notebook now ──► it was renamed or moved here
//!        that file still exists ──► this one is a copy, with a history of its own
//!        several histories match ──► a history of its own, and the user is asked
//! ```

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::format::HistoryDescription;
use crate::id::{HistoryId, RunId};

/// The facts that the front end reports about a notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notebook {
    /// The name that the user gave explicitly.
    pub name: Option<String>,
    /// Absolute path of the file.
    pub path: Option<String>,
    /// The id stored in the file.
    pub id: Option<String>,
    /// The file's identity in its file system ([`HistoryDescription::file`]).
    pub file: Option<String>,
    /// The history of a kernel with the same id before it was restarted.
    pub restarted: Option<HistoryId>,
    /// An explicit history, which applies to any notebook.
    pub history: Option<HistoryId>,
    /// The notebook's own history, if it continues in another one that the user named.
    pub own: Option<HistoryId>,
    /// The run of that history whose state the file shows: the last run of the batch run that wrote the file.
    pub run: Option<RunId>,
}

/// Identities of code cells: their ids, each with its source; or their sources if the file's format has no ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellIdentities {
    /// Ids assigned by the front end. They are random, so a shared id is not a coincidence. The source may be unknown.
    Ids(BTreeMap<String, Option<String>>),
    /// Distinctive sources.
    Sources(BTreeSet<String>),
}

/// Returns whether a file with the code cells `here`, at the path of a notebook that ran `ran`, may be that notebook, rewritten
/// by a program. One shared id or one shared distinctive source is sufficient; otherwise half of all sources must be equal.
pub fn may_be_of(here: &[(Option<String>, String)], ran: &[(Option<String>, String)]) -> bool {
    let ids =
        |cells: &[(Option<String>, String)]| cells.iter().filter_map(|(id, _)| id.clone()).collect::<BTreeSet<_>>();
    let sources = |cells: &[(Option<String>, String)]| {
        let trimmed = cells.iter().map(|(_, source)| source.trim().to_owned());
        trimmed.filter(|source| !source.is_empty()).collect::<BTreeSet<_>>()
    };
    let (own, others) = (sources(here), sources(ran));
    let shared: Vec<&String> = own.intersection(&others).collect();
    let tells = |source: &&&String| !CellIdentities::of_sources([(**source).clone()]).is_empty();
    !ids(here).is_disjoint(&ids(ran))
        || shared.iter().any(|source| tells(&source))
        || !shared.is_empty() && shared.len() * 2 >= own.len().max(others.len())
}

/// A source with less code than this, in bytes, is not distinctive.
const SHORTEST: usize = 20;

impl CellIdentities {
    /// Creates identities from sources. Many notebooks begin in the same way, so imports, magics and comments do not count.
    pub fn of_sources(sources: impl IntoIterator<Item = String>) -> Self {
        let counts = |line: &&str| {
            !["import ", "from ", "%", "!", "#"]
                .iter()
                .any(|begin| line.starts_with(begin))
        };
        let is_telling = |source: &String| source.lines().filter(counts).map(str::len).sum::<usize>() >= SHORTEST;
        let sources = sources.into_iter().map(|source| source.trim().to_owned());
        Self::Sources(sources.filter(is_telling).collect())
    }

    /// Returns how many cells both have, if that is at least half of the smaller set. Notebooks with less in common are different
    /// ones.
    pub fn shared(&self, other: &Self) -> Option<usize> {
        let (shared, fewer, least) = match (self, other) {
            (Self::Ids(own), Self::Ids(others)) => {
                let shared = own.keys().filter(|id| others.contains_key(*id)).count();
                (shared, own.len().min(others.len()), 1)
            }
            (Self::Sources(own), Self::Sources(others)) => {
                (own.intersection(others).count(), own.len().min(others.len()), 2)
            }
            (Self::Ids(_), Self::Sources(_)) => return self.sources().shared(other),
            (Self::Sources(_), Self::Ids(_)) => return self.shared(&other.sources()),
        };
        (shared >= least && shared * 2 >= fewer).then_some(shared)
    }

    /// Returns the distinctive sources of the cells.
    fn sources(&self) -> Self {
        match self {
            Self::Ids(ids) => Self::of_sources(ids.values().flatten().cloned()),
            Self::Sources(_) => self.clone(),
        }
    }

    /// Returns whether there are no cells.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Ids(ids) => ids.is_empty(),
            Self::Sources(sources) => sources.is_empty(),
        }
    }

    /// Returns the ids or the sources.
    fn keys(&self) -> BTreeSet<&String> {
        match self {
            Self::Ids(ids) => ids.keys().collect(),
            Self::Sources(sources) => sources.iter().collect(),
        }
    }

    /// Returns whether all cells of `one` are here, and at least one of them is not in `other`.
    fn tells(&self, one: &Self, other: &Self) -> bool {
        let (own, one, other) = (self.keys(), one.keys(), other.keys());
        one.is_subset(&own) && !one.is_subset(&other)
    }

    /// Returns how many of the common cells have different sources.
    fn edited(&self, other: &Self) -> usize {
        match (self, other) {
            (Self::Ids(own), Self::Ids(others)) => own
                .iter()
                .filter(|(id, source)| others.get(*id).is_some_and(|other| other != *source))
                .count(),
            _ => 0,
        }
    }
}

/// The history to which a notebook belongs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotebookMatch {
    /// It belongs to this history, which the user or a program named.
    Meant(HistoryId),
    /// It belongs to this history without doubt.
    Known(HistoryId),
    /// It belongs to this history, whose file was renamed or moved here.
    Renamed(HistoryId),
    /// It belongs to a new history: it is a copy of the notebook of this one.
    Copied(HistoryId),
    /// It belongs to a new history: it may be the notebook of any of these.
    Unclear(Vec<HistoryId>),
    /// It belongs to a new history.
    New,
}

/// Returns whether the ids of a history and of a notebook are equal, or one of them is missing.
fn agree(description: &HistoryDescription, notebook: &Notebook) -> bool {
    match (&description.notebook, &notebook.id) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// Returns the histories that were created for a notebook at its path, newest first, except those with another id. If the front
/// end gives an id and no path, returns the histories for that id.
fn at_path<'h>(
    histories: &'h [(HistoryId, HistoryDescription)],
    notebook: &Notebook,
) -> Vec<&'h (HistoryId, HistoryDescription)> {
    let is_known = notebook.path.is_some() || notebook.id.is_some();
    let same_path = |description: &HistoryDescription| {
        let same_id = description.notebook == notebook.id;
        is_known && description.path == notebook.path && (notebook.path.is_some() || same_id)
    };
    let matching = histories.iter();
    let mut matching: Vec<_> = matching
        .filter(|(_, description)| same_path(description) && agree(description, notebook))
        .collect();
    matching.sort_by_key(|(_, description)| Reverse(description.time));
    matching
}

/// The owner of a history that was recorded at this notebook's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotebookOwner {
    /// This notebook.
    Own,
    /// Another notebook, which has been moved: this one was created at its old path.
    Renamed,
    /// Possibly another notebook.
    Unclear,
}

/// The facts by which a notebook file is matched with a history.
pub trait IdentityEvidence {
    /// Returns whether a file exists at a path.
    fn exists(&self, path: &str) -> bool;
    /// Returns the identity of the file at a path in its file system.
    fn file(&self, path: &str) -> Option<String>;
    /// Returns the owner of a history that was recorded at the notebook's path.
    fn whose(&self, history: HistoryId, description: &HistoryDescription) -> NotebookOwner;
}

/// Decides by known facts, and reads only those histories that were recorded at the notebook's path. A copy whose original still
/// exists is a notebook of its own. A history that was joined into another one is reported by its own id ([`joined`]).
pub fn belonging(
    histories: &[(HistoryId, HistoryDescription)],
    notebook: &Notebook,
    evidence: &impl IdentityEvidence,
) -> NotebookMatch {
    let newest = |matches: &dyn Fn(&HistoryDescription) -> bool| {
        histories
            .iter()
            .filter(|(_, description)| matches(description))
            .max_by_key(|(_, description)| description.time)
    };
    let is_there = |wanted: &HistoryId| histories.iter().any(|(id, _)| id == wanted);
    if let Some(id) = notebook.history.filter(is_there) {
        return NotebookMatch::Meant(id);
    }
    if let Some(name) = &notebook.name {
        let called = newest(&|description| description.name == *name);
        return called.map_or(NotebookMatch::New, |(id, _)| NotebookMatch::Meant(*id));
    }
    if let Some(id) = notebook.restarted.filter(is_there) {
        return NotebookMatch::Known(id);
    }
    let same_file = newest(&|description| {
        description.file.is_some() && description.file == notebook.file && agree(description, notebook)
    });
    if let Some((id, description)) = same_file {
        let old = description.path.as_deref();
        let is_there = old == notebook.path.as_deref() || old.is_some_and(|old| evidence.file(old) == notebook.file);
        return if is_there {
            NotebookMatch::Known(*id)
        } else {
            NotebookMatch::Renamed(*id)
        };
    }
    let mut unclear = Vec::new();
    for (id, description) in at_path(histories, notebook) {
        match evidence.whose(*id, description) {
            NotebookOwner::Own => return NotebookMatch::Known(*id),
            NotebookOwner::Renamed => {}
            NotebookOwner::Unclear => unclear.push(*id),
        }
    }
    let same_id = newest(&|description| description.notebook.is_some() && description.notebook == notebook.id);
    match same_id {
        Some((id, description)) => match (&description.path, &notebook.path) {
            (Some(old), Some(_)) if evidence.exists(old) => NotebookMatch::Copied(*id),
            (Some(_), Some(_)) => NotebookMatch::Renamed(*id),
            _ => NotebookMatch::Known(*id),
        },
        None if unclear.is_empty() => NotebookMatch::New,
        None => NotebookMatch::Unclear(unclear),
    }
}

/// Returns the history in which a notebook with the history `own` is recorded: the one that the user joined it into, otherwise `own`.
pub fn joined(histories: &[(HistoryId, HistoryDescription)], own: HistoryId) -> HistoryId {
    let into = histories.iter().find(|(id, _)| *id == own);
    let into = into.and_then(|(_, description)| description.joined);
    into.filter(|into| histories.iter().any(|(id, _)| id == into))
        .unwrap_or(own)
}

/// Decides by the cells in the histories if no other fact decides. `cells_of` reads them, with their sources on request.
/// `is_still_there` returns whether the file of a history is still at its path with these cells, or has been moved elsewhere.
/// `cells_in` reads the cells of a file.
pub fn belonging_by_cells(
    histories: &[(HistoryId, HistoryDescription)],
    (path, own): (&str, &CellIdentities),
    cells_of: impl Fn(HistoryId, SourceInclusion) -> CellIdentities,
    is_still_there: impl Fn(&HistoryDescription, &CellIdentities) -> bool,
    cells_in: impl Fn(&str) -> Option<CellIdentities>,
) -> NotebookMatch {
    let (mut gone, mut there) = (Vec::new(), Vec::new());
    for (id, description) in histories.iter().filter(|(_, description)| description.joined.is_none()) {
        let cells = cells_of(*id, SourceInclusion::No);
        let Some(shared) = own.shared(&cells) else { continue };
        let file = description.path.as_deref();
        let is_there = is_still_there(description, &cells);
        let list = if is_there { &mut there } else { &mut gone };
        list.push((shared, description.time, *id, file));
    }
    let name = |path: &str| Path::new(path).file_name().map(ToOwned::to_owned);
    // Without a path, it is unknown whether the file is gone: the description cannot be read, or the front end reported no file.
    let has_no_path = |wanted: &HistoryId| {
        let found = histories.iter().find(|(id, _)| id == wanted);
        found.is_some_and(|(_, description)| description.path.is_none())
    };
    let original = there.iter().max().map(|(_, _, id, _)| *id);
    // A cell that was added to a copy is not in the file of its original, even if the original has run other cells.
    let has_added = |copy| {
        let file = there.iter().max().and_then(|(.., file)| cells_in((*file)?));
        file.is_some_and(|original| own.tells(&cells_of(copy, SourceInclusion::No), &original))
    };
    let called_so = gone.iter().filter(|(.., file)| file.and_then(name) == name(path));
    let called_so: Vec<HistoryId> = called_so.map(|(_, _, id, _)| *id).collect();
    let gone: Vec<HistoryId> = gone.into_iter().map(|(_, _, id, _)| id).collect();
    match (gone.as_slice(), called_so.as_slice(), original) {
        ([], _, None) => NotebookMatch::New,
        ([], _, Some(original)) => NotebookMatch::Copied(original),
        ([only], _, None) | ([_, _, ..], [only], None) => {
            // Notebooks created from one template share its ids, but most of their sources differ.
            let cells = cells_of(*only, SourceInclusion::Yes);
            let is_other = own.shared(&cells).is_some_and(|shared| own.edited(&cells) * 2 > shared);
            if is_other || has_no_path(only) {
                NotebookMatch::Unclear(gone)
            } else {
                NotebookMatch::Renamed(*only)
            }
        }
        ([only], _, Some(original)) => {
            // Either that copy of the other notebook was moved, or it was deleted and this is another copy.
            let edited = |id| own.edited(&cells_of(id, SourceInclusion::Yes));
            match edited(*only).cmp(&edited(original)) {
                Ordering::Less if !has_no_path(only) => NotebookMatch::Renamed(*only),
                Ordering::Greater => NotebookMatch::Copied(original),
                _ if has_added(*only) && !has_no_path(only) => NotebookMatch::Renamed(*only),
                _ => NotebookMatch::Unclear(vec![*only, original]),
            }
        }
        (several, _, original) => NotebookMatch::Unclear(several.iter().copied().chain(original).collect()),
    }
}

/// Whether the sources of cells are read, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceInclusion {
    /// They are read.
    Yes,
    /// They are not read.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: u8, path: &str, notebook: Option<&str>) -> (HistoryId, HistoryDescription) {
        let description = HistoryDescription {
            path: Some(path.to_owned()),
            notebook: notebook.map(str::to_owned),
            time: i64::from(number),
            ..HistoryDescription::default()
        };
        (HistoryId([number; 16]), description)
    }

    /// Evidence that gives the same answer for all files and histories.
    #[derive(Clone)]
    struct Told {
        exists: bool,
        file: Option<String>,
        whose: NotebookOwner,
    }

    impl Default for Told {
        fn default() -> Self {
            Self {
                exists: false,
                file: None,
                whose: NotebookOwner::Own,
            }
        }
    }

    impl IdentityEvidence for Told {
        fn exists(&self, _path: &str) -> bool {
            self.exists
        }

        fn file(&self, _path: &str) -> Option<String> {
            self.file.clone()
        }

        fn whose(&self, _history: HistoryId, _description: &HistoryDescription) -> NotebookOwner {
            self.whose
        }
    }

    fn there() -> Told {
        Told {
            exists: true,
            ..Told::default()
        }
    }

    fn notebook(path: &str, id: Option<&str>) -> Notebook {
        Notebook {
            path: Some(path.to_owned()),
            id: id.map(str::to_owned),
            ..Notebook::default()
        }
    }

    #[test]
    fn a_path_is_enough_where_ids_do_not_disagree() {
        let histories = [known(1, "/a.ipynb", Some("x"))];
        let here = |notebook: &Notebook| belonging(&histories, notebook, &there());
        assert_eq!(
            here(&notebook("/a.ipynb", None)),
            NotebookMatch::Known(HistoryId([1; 16]))
        );
        assert_eq!(here(&notebook("/a.ipynb", Some("y"))), NotebookMatch::New);
    }

    #[test]
    fn a_copy_forks_and_a_renamed_file_is_recognised() {
        let histories = [known(1, "/a.ipynb", Some("x"))];
        let moved = notebook("/b.ipynb", Some("x"));
        assert_eq!(
            belonging(&histories, &moved, &there()),
            NotebookMatch::Copied(HistoryId([1; 16]))
        );
        assert_eq!(
            belonging(&histories, &moved, &Told::default()),
            NotebookMatch::Renamed(HistoryId([1; 16]))
        );
    }

    #[test]
    fn a_notebook_without_path_or_id_is_new() {
        assert_eq!(
            belonging(&[known(1, "/a.ipynb", None)], &Notebook::default(), &there()),
            NotebookMatch::New
        );
    }

    /// Creates cells by ids; `a2` is the cell `a` with another source.
    fn ids(ids: &[&str]) -> CellIdentities {
        let cell = |text: &&str| (text[..1].to_owned(), Some((*text).to_owned()));
        CellIdentities::Ids(ids.iter().map(cell).collect())
    }

    /// Decides about a notebook with cells a to d, if histories 1 and 2 ran these cells and the paths in `there` exist.
    fn by_cells(path: &str, one: &[&str], other: &[&str], there: &[&str]) -> NotebookMatch {
        let histories = [known(1, "/home/a.ipynb", None), known(2, "/home/b.ipynb", None)];
        let own = ids(&["a", "b", "c", "d"]);
        let cells = |id: HistoryId, _| if id == HistoryId([1; 16]) { ids(one) } else { ids(other) };
        let is_there = |history: &HistoryDescription, _: &CellIdentities| {
            history.path.as_deref().is_some_and(|path| there.contains(&path))
        };
        belonging_by_cells(&histories, (path, &own), cells, is_there, |_| Some(ids(one)))
    }

    #[test]
    fn a_file_that_is_gone_is_followed_by_its_cells_and_one_that_is_there_has_a_copy() {
        let one = HistoryId([1; 16]);
        assert_eq!(
            by_cells("/new.ipynb", &["a", "b"], &["x"], &[]),
            NotebookMatch::Renamed(one)
        );
        assert_eq!(
            by_cells("/new.ipynb", &["a", "b"], &["x"], &["/home/a.ipynb"]),
            NotebookMatch::Copied(one)
        );
        assert_eq!(by_cells("/new.ipynb", &["x", "y"], &["z"], &[]), NotebookMatch::New);
        let little = by_cells("/new.ipynb", &["a", "x", "y", "z"], &[], &[]);
        assert_eq!(little, NotebookMatch::New, "little in common");
    }

    #[test]
    fn cells_with_ids_are_compared_by_source_with_cells_without() {
        let cells = ["frame = load('flights.csv')", "worst = frame.delay.max()", "x = 1"];
        let with_ids = (0..)
            .zip(cells)
            .map(|(id, cell)| (format!("c-{id}"), Some(cell.to_owned())));
        let (file, ran) = (CellIdentities::Ids(with_ids.collect()), |cells: &[&str]| {
            CellIdentities::of_sources(cells.iter().map(|cell| (*cell).to_owned()))
        });
        assert_eq!(file.shared(&ran(&cells)), Some(2));
        assert_eq!(ran(&cells).shared(&file), Some(2));
        assert_eq!(file.shared(&ran(&cells[1..])), None, "one cell is not enough");
    }

    #[test]
    fn a_history_whose_description_can_not_be_read_is_offered_and_not_taken() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let own = ids(&["a", "b"]);
        let decide = |histories: &[_]| {
            let there =
                |history: &HistoryDescription, _: &CellIdentities| history.path.as_deref() == Some("/home/b.ipynb");
            belonging_by_cells(
                histories,
                ("/new.ipynb", &own),
                |_, _| ids(&["a", "b"]),
                there,
                |_| None,
            )
        };
        let unreadable = (one, HistoryDescription::default());
        assert_eq!(
            decide(std::slice::from_ref(&unreadable)),
            NotebookMatch::Unclear(vec![one])
        );
        let both = [unreadable, known(2, "/home/b.ipynb", None)];
        assert_eq!(decide(&both), NotebookMatch::Unclear(vec![one, two]));
    }

    #[test]
    fn notebooks_of_one_template_are_two() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let filled = by_cells("/new.ipynb", &["a2", "b2", "c"], &[], &[]);
        assert_eq!(filled, NotebookMatch::Unclear(vec![one]));
        let named = by_cells("/elsewhere/b.ipynb", &["a", "b"], &["a2", "b2"], &[]);
        assert_eq!(named, NotebookMatch::Unclear(vec![one, two]));
        assert_eq!(
            by_cells("/new.ipynb", &["a2", "b", "c"], &[], &[]),
            NotebookMatch::Renamed(one)
        );
    }

    #[test]
    fn where_one_is_gone_and_one_is_there_what_was_edited_decides_or_nobody() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let there = ["/home/a.ipynb"];
        let moved = by_cells("/new.ipynb", &["a", "b2", "c"], &["b"], &there);
        assert_eq!(moved, NotebookMatch::Renamed(two), "the file has what the copy ran");
        let copied = by_cells("/new.ipynb", &["a", "b", "c"], &["b2"], &there);
        assert_eq!(copied, NotebookMatch::Copied(one));
        let unclear = by_cells("/new.ipynb", &["a", "b", "c"], &["a", "b", "c"], &there);
        assert_eq!(unclear, NotebookMatch::Unclear(vec![two, one]));
    }

    #[test]
    fn cells_that_were_added_tell_a_moved_copy_from_its_original() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let there = ["/home/a.ipynb"];
        let moved = by_cells("/new.ipynb", &["a", "b", "c"], &["a", "b", "c", "d"], &there);
        assert_eq!(moved, NotebookMatch::Renamed(two));
        let both_gone = by_cells("/new.ipynb", &["a", "b", "c"], &["a", "b", "c", "d"], &[]);
        assert_eq!(
            both_gone,
            NotebookMatch::Unclear(vec![one, two]),
            "who knows what the original had"
        );
        let lacks_one = by_cells("/new.ipynb", &["a", "b", "c"], &["a", "b", "d", "e"], &there);
        assert_eq!(
            lacks_one,
            NotebookMatch::Unclear(vec![two, one]),
            "a cell of the copy is not in the file"
        );
    }

    #[test]
    fn of_several_that_are_gone_the_file_name_decides_or_nobody() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let named = by_cells("/elsewhere/b.ipynb", &["a", "b"], &["a", "b"], &[]);
        assert_eq!(named, NotebookMatch::Renamed(two));
        let unclear = by_cells("/elsewhere/c.ipynb", &["a", "b"], &["a", "b"], &[]);
        assert_eq!(unclear, NotebookMatch::Unclear(vec![one, two]));
    }

    #[test]
    fn sources_tell_where_there_are_no_ids_and_not_those_that_many_have() {
        let of = |sources: &[&str]| CellIdentities::of_sources(sources.iter().map(ToString::to_string));
        let long = ["first = load('flights.parquet')", "second = clean(first)", "x = 1"];
        assert_eq!(of(&long).shared(&of(&long)), Some(2));
        let common = [
            "import numpy as np\nimport pandas as pd",
            "%matplotlib inline\nimport matplotlib.pyplot as plt",
        ];
        assert_eq!(of(&common).shared(&of(&common)), None);
        assert_eq!(of(&long).shared(&ids(&["a"])), None);
    }

    #[test]
    fn an_id_without_a_path_is_enough_and_may_be_put_into_another_history() {
        let on = |id: &str| Notebook {
            id: Some(id.to_owned()),
            ..Notebook::default()
        };
        let mut own = known(1, "", Some("colab-a"));
        own.1.path = None;
        let mut histories = vec![own, known(2, "/b.ipynb", None)];
        let found = |histories: &[_], id| match belonging(histories, &on(id), &there()) {
            NotebookMatch::Known(own) => Some(joined(histories, own)),
            _ => None,
        };
        assert_eq!(found(&histories, "colab-a"), Some(HistoryId([1; 16])));
        assert_eq!(found(&histories, "colab-b"), None);
        histories[0].1.joined = Some(HistoryId([2; 16]));
        assert_eq!(found(&histories, "colab-a"), Some(HistoryId([2; 16])));
    }

    #[test]
    fn a_notebook_that_was_put_into_another_history_stays_there() {
        let mut own = known(1, "/a.ipynb", None);
        own.1.joined = Some(HistoryId([2; 16]));
        let histories = [own, known(2, "/b.ipynb", None)];
        assert_eq!(joined(&histories, HistoryId([1; 16])), HistoryId([2; 16]));
        assert_eq!(joined(&histories, HistoryId([2; 16])), HistoryId([2; 16]));
        let alone = joined(&histories[..1], HistoryId([1; 16]));
        assert_eq!(alone, HistoryId([1; 16]), "the other one is gone");
    }

    #[test]
    fn a_file_is_followed_wherever_it_lies_and_whatever_was_begun_under_its_old_name() {
        let (one, two) = (HistoryId([1; 16]), HistoryId([2; 16]));
        let with_file = |number, path, file: &str| {
            let mut known = known(number, path, None);
            known.1.file = Some(file.to_owned());
            known
        };
        let histories = [with_file(1, "/a.ipynb", "f1"), with_file(2, "/b.ipynb", "f2")];
        let on = |path, file: &str| Notebook {
            file: Some(file.to_owned()),
            ..notebook(path, None)
        };
        let found = |notebook: &Notebook, evidence: &Told| belonging(&histories, notebook, evidence);
        assert_eq!(found(&on("/new.ipynb", "f1"), &there()), NotebookMatch::Renamed(one));
        assert_eq!(
            found(&on("/b.ipynb", "f1"), &there()),
            NotebookMatch::Renamed(one),
            "names were swapped"
        );
        let mut linked = there();
        linked.file = Some("f1".to_owned());
        assert_eq!(found(&on("/link/a.ipynb", "f1"), &linked), NotebookMatch::Known(one));
        for (whose, belongs) in [
            (NotebookOwner::Own, NotebookMatch::Known(two)),
            (NotebookOwner::Renamed, NotebookMatch::New),
            (NotebookOwner::Unclear, NotebookMatch::Unclear(vec![two])),
        ] {
            let evidence = Told { whose, ..there() };
            assert_eq!(found(&on("/b.ipynb", "f3"), &evidence), belongs);
        }
        let restarted = Notebook {
            restarted: Some(two),
            ..on("/a.ipynb", "f1")
        };
        assert_eq!(
            found(&restarted, &there()),
            NotebookMatch::Known(two),
            "that kernel knows better"
        );
    }

    #[test]
    fn cells_at_a_path_are_the_same_notebooks_by_one_id_or_by_sources() {
        let with = |prefix: &str, sources: &[&str]| -> Vec<(Option<String>, String)> {
            let cells = sources.iter().enumerate();
            cells
                .map(|(place, source)| (Some(format!("{prefix}{place}")), (*source).to_owned()))
                .collect()
        };
        let (imports, long) = ("import pandas as pd", "first = load('flights.parquet')");
        let ran = with("x", &[imports, long, "x = 1", "y = 2"]);
        assert!(may_be_of(&with("x", &["z = 3"]), &ran), "one id");
        assert!(may_be_of(&with("y", &["z = 3", long]), &ran), "a source that tells");
        assert!(may_be_of(&with("y", &["x = 1", "y = 2"]), &ran), "half of them");
        assert!(may_be_of(&with("y", &["x = 1"]), &with("x", &["x = 1"])));
        assert!(!may_be_of(&with("y", &[imports]), &ran), "how many begin");
        assert!(!may_be_of(&with("y", &[""]), &ran));
        assert!(!may_be_of(&[], &ran));
    }
}

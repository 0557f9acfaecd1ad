//! Which history a notebook belongs to.

use crate::format::HistoryDescription;
use crate::id::HistoryId;

/// What the front end tells about a notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notebook {
    /// The name that the user gave explicitly.
    pub name: Option<String>,
    /// Absolute path of the file.
    pub path: Option<String>,
    /// The id that the file carries.
    pub id: Option<String>,
    /// The history that is meant, whatever the notebook.
    pub history: Option<HistoryId>,
}

/// What was decided about a notebook, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// To this history, plainly.
    Known(HistoryId),
    /// To this history: its file is gone from where it was and this one carries the same id.
    Renamed(HistoryId),
    /// To a new history: it is a copy of the notebook of this one.
    Copied(HistoryId),
    /// To a new history.
    New,
}

/// Decides, in order: an explicit history, an explicit name, the path (unless ids disagree), the id of a file that moved. A copy, whose
/// original is still where it was, is a notebook of its own. `exists` tells whether a path is there.
pub fn belonging(
    histories: &[(HistoryId, HistoryDescription)],
    notebook: &Notebook,
    exists: impl Fn(&str) -> bool,
) -> Belonging {
    let newest = |matches: &dyn Fn(&HistoryDescription) -> bool| {
        histories
            .iter()
            .filter(|(_, description)| matches(description))
            .max_by_key(|(_, description)| description.time)
    };
    if let Some((id, _)) = histories.iter().find(|(id, _)| Some(*id) == notebook.history) {
        return Belonging::Known(*id);
    }
    if let Some(name) = &notebook.name {
        return newest(&|description| description.name == *name)
            .map_or(Belonging::New, |(id, _)| Belonging::Known(*id));
    }
    let agree = |description: &HistoryDescription| match (&description.notebook, &notebook.id) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let same_path = |description: &HistoryDescription| description.path.is_some() && description.path == notebook.path;
    if let Some((id, _)) = newest(&|description| same_path(description) && agree(description)) {
        return Belonging::Known(*id);
    }
    let same_id = newest(&|description| description.notebook.is_some() && description.notebook == notebook.id);
    match same_id {
        Some((id, description)) => match (&description.path, &notebook.path) {
            (Some(old), Some(_)) if exists(old) => Belonging::Copied(*id),
            (Some(_), Some(_)) => Belonging::Renamed(*id),
            _ => Belonging::Known(*id),
        },
        None => Belonging::New,
    }
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
        let here = |notebook: &Notebook| belonging(&histories, notebook, |_| true);
        assert_eq!(here(&notebook("/a.ipynb", None)), Belonging::Known(HistoryId([1; 16])));
        assert_eq!(here(&notebook("/a.ipynb", Some("y"))), Belonging::New);
    }

    #[test]
    fn a_copy_forks_and_a_renamed_file_is_recognised() {
        let histories = [known(1, "/a.ipynb", Some("x"))];
        let moved = notebook("/b.ipynb", Some("x"));
        assert_eq!(
            belonging(&histories, &moved, |_| true),
            Belonging::Copied(HistoryId([1; 16]))
        );
        assert_eq!(
            belonging(&histories, &moved, |_| false),
            Belonging::Renamed(HistoryId([1; 16]))
        );
    }

    #[test]
    fn a_notebook_without_path_or_id_is_new() {
        assert_eq!(
            belonging(&[known(1, "/a.ipynb", None)], &Notebook::default(), |_| true),
            Belonging::New
        );
    }
}

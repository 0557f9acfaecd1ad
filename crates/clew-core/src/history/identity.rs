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
        let called = newest(&|description| description.name == *name).map(|(id, _)| *id);
        return called
            .or_else(|| by_digits(histories, name))
            .map_or(Belonging::New, Belonging::Known);
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

/// So many digits of an id name a history; fewer may be a name that somebody thought of.
const DIGITS: usize = 8;

/// The only history whose id begins so: one that came from elsewhere may have no name here.
fn by_digits(histories: &[(HistoryId, HistoryDescription)], digits: &str) -> Option<HistoryId> {
    let mut found = histories.iter().filter(|(id, _)| id.to_string().starts_with(digits));
    let (id, _) = found.next().filter(|_| digits.len() >= DIGITS)?;
    found.next().is_none().then_some(*id)
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

    #[test]
    fn a_history_without_a_name_is_called_by_the_first_digits_of_its_id() {
        let histories = [known(1, "/a.ipynb", None), known(17, "/b.ipynb", None)];
        let called = |name: &str| {
            let notebook = Notebook {
                name: Some(name.to_owned()),
                ..Notebook::default()
            };
            belonging(&histories, &notebook, |_| true)
        };
        assert_eq!(called("01010101"), Belonging::Known(HistoryId([1; 16])));
        assert_eq!(called(&"11".repeat(16)), Belonging::Known(HistoryId([17; 16])));
        assert_eq!(called("0101010"), Belonging::New);
        assert_eq!(called("01010102"), Belonging::New);
        let named = HistoryDescription {
            name: "01010101".to_owned(),
            ..HistoryDescription::default()
        };
        let histories = [known(1, "/a.ipynb", None), (HistoryId([9; 16]), named)];
        let notebook = Notebook {
            name: Some("01010101".to_owned()),
            ..Notebook::default()
        };
        assert_eq!(
            belonging(&histories, &notebook, |_| true),
            Belonging::Known(HistoryId([9; 16]))
        );
    }
}

//! Which histories a notebook's cells may have been recorded in: its own, and those of notebooks that it may be a copy of.

use std::path::Path;

use clew_core::format::HistoryDescription;
use clew_core::history::{Belonging, Notebook, belonging};
use clew_core::id::HistoryId;

/// So many histories of others are looked through.
const MOST: usize = 3;

/// Where a notebook comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its absolute path.
    pub path: String,
    /// The id that the file carries.
    pub id: Option<String>,
    /// The history that it was packed with.
    pub history: Option<HistoryId>,
}

impl Origin {
    /// The history that the notebook records in, if there is one yet.
    pub(super) fn own(&self, histories: &[(HistoryId, HistoryDescription)]) -> Option<HistoryId> {
        match self.belonging(histories) {
            Belonging::Known(id) | Belonging::Renamed(id) => Some(id),
            Belonging::Copied(_) | Belonging::Unclear(_) | Belonging::New => None,
        }
    }

    /// Those of notebooks that it may be a copy of, the likeliest first: the one it was packed with, the one of the same id, and those of
    /// notebooks of the same name in other folders, the newest first.
    pub(super) fn others(&self, histories: &[(HistoryId, HistoryDescription)]) -> Vec<HistoryId> {
        let own = self.own(histories);
        let mut found: Vec<HistoryId> = self.history.into_iter().collect();
        if let Belonging::Copied(id) = self.belonging(histories) {
            found.push(id);
        }
        let name = |path: &str| Path::new(path).file_name().map(ToOwned::to_owned);
        let is_called_so = |description: &HistoryDescription| {
            let path = description.path.as_deref();
            path.is_some_and(|path| name(path) == name(&self.path))
        };
        let mut called: Vec<_> = histories.iter().filter(|(_, other)| is_called_so(other)).collect();
        called.sort_by_key(|(_, description)| std::cmp::Reverse(description.time));
        found.extend(called.into_iter().map(|(id, _)| *id));
        let mut seen = std::collections::BTreeSet::new();
        let is_there = |id: &HistoryId| histories.iter().any(|(other, _)| other == id);
        found.retain(|id| Some(*id) != own && is_there(id) && seen.insert(*id));
        found.truncate(MOST);
        found
    }

    fn belonging(&self, histories: &[(HistoryId, HistoryDescription)]) -> Belonging {
        let notebook = Notebook {
            path: Some(self.path.clone()),
            id: self.id.clone(),
            ..Notebook::default()
        };
        belonging(histories, &notebook, |path| Path::new(path).exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(number: u8, path: &str) -> (HistoryId, HistoryDescription) {
        let description = HistoryDescription {
            path: Some(path.to_owned()),
            time: i64::from(number),
            ..HistoryDescription::default()
        };
        (HistoryId([number; 16]), description)
    }

    #[test]
    fn notebooks_of_the_same_name_may_be_what_it_is_a_copy_of_the_newest_first() {
        let histories = [
            history(1, "/a/x.ipynb"),
            history(2, "/b/x.ipynb"),
            history(3, "/b/y.ipynb"),
        ];
        let origin = Origin {
            path: "/c/x.ipynb".to_owned(),
            ..Origin::default()
        };
        let (one, two, three) = (HistoryId([1; 16]), HistoryId([2; 16]), HistoryId([3; 16]));
        assert_eq!(origin.own(&histories), None);
        assert_eq!(origin.others(&histories), [two, one]);
        let packed = Origin {
            path: "/a/x.ipynb".to_owned(),
            history: Some(three),
            ..Origin::default()
        };
        assert_eq!(packed.own(&histories), Some(one));
        assert_eq!(packed.others(&histories), [three, two]);
        let unknown = Origin {
            history: Some(HistoryId([9; 16])),
            ..origin
        };
        assert_eq!(unknown.others(&histories), [two, one], "that history is not here");
    }
}

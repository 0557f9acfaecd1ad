//! Finds the histories that may contain runs of a notebook's cells: its own, and those of notebooks that it may be a copy of.

use std::path::Path;

use clew_core::format::HistoryDescription;
use clew_core::history::{Notebook, NotebookMatch, joined};
use clew_core::id::HistoryId;
use clew_core::store::{Store, StoreError};

use crate::notebook_identity::{belongs, file_id};

/// The most histories of other notebooks that are searched.
const MOST: usize = 3;

/// The origin of a notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotebookOrigin {
    /// Its absolute path.
    pub path: String,
    /// The id in the file.
    pub id: Option<String>,
    /// The history that it was packed with.
    pub history: Option<HistoryId>,
}

impl NotebookOrigin {
    /// Returns the notebook's own history if it exists, and those of notebooks that it may be a copy of, in this order: the one that it was
    /// packaged with, those of the same id or cells, and those of notebooks with the same name in other folders, the newest first.
    pub(super) fn histories(&self, store: &Store) -> Result<(Option<HistoryId>, Vec<HistoryId>), StoreError> {
        let histories = store.histories()?;
        let notebook = Notebook {
            path: Some(self.path.clone()),
            id: self.id.clone(),
            file: file_id(Path::new(&self.path)),
            ..Notebook::default()
        };
        let belonging = belongs(store, &histories, &notebook);
        let own = match belonging {
            NotebookMatch::Meant(id) | NotebookMatch::Known(id) | NotebookMatch::Renamed(id) => {
                Some(joined(&histories, id))
            }
            NotebookMatch::Copied(_) | NotebookMatch::Unclear(_) | NotebookMatch::New => None,
        };
        Ok((own, self.others(&histories, own, &belonging)))
    }

    fn others(
        &self,
        histories: &[(HistoryId, HistoryDescription)],
        own: Option<HistoryId>,
        belonging: &NotebookMatch,
    ) -> Vec<HistoryId> {
        let mut found: Vec<HistoryId> = self.history.into_iter().collect();
        match belonging {
            NotebookMatch::Copied(id) => found.push(*id),
            NotebookMatch::Unclear(ids) => found.extend(ids),
            _ => {}
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
        let origin = NotebookOrigin {
            path: "/c/x.ipynb".to_owned(),
            ..NotebookOrigin::default()
        };
        let (one, two, three) = (HistoryId([1; 16]), HistoryId([2; 16]), HistoryId([3; 16]));
        let others = |origin: &NotebookOrigin, own| origin.others(&histories, own, &NotebookMatch::New);
        assert_eq!(others(&origin, None), [two, one]);
        let copied = origin.others(&histories, None, &NotebookMatch::Copied(three));
        assert_eq!(copied, [three, two, one]);
        let packed = NotebookOrigin {
            path: "/a/x.ipynb".to_owned(),
            history: Some(three),
            ..NotebookOrigin::default()
        };
        assert_eq!(others(&packed, Some(one)), [three, two]);
        let unknown = NotebookOrigin {
            history: Some(HistoryId([9; 16])),
            ..origin
        };
        assert_eq!(others(&unknown, None), [two, one], "that history is not here");
    }
}

//! Identifies the code cells of a notebook file.

use std::fs;
use std::path::Path;

use clew_core::history::CellIdentities;
use serde::Deserialize;
use serde_json::Value;

use crate::text::joined;

/// Larger files are not read; in bytes.
const LARGEST: u64 = 64 << 20;

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default, rename = "cell_type")]
    sort: String,
    id: Option<String>,
    source: Option<Value>,
}

/// Returns the identities of a notebook file's code cells; `None` if it cannot be read or is not a notebook.
pub fn cells_of_file(path: &Path) -> Option<CellIdentities> {
    code_of_file(path).map(known_by)
}

/// Returns the identities of code cells: their ids if all have one, else their sources.
pub(crate) fn known_by(cells: Vec<(Option<String>, String)>) -> CellIdentities {
    if cells.iter().all(|(id, _)| id.is_some()) {
        let by_id = cells.into_iter().filter_map(|(id, source)| Some((id?, Some(source))));
        CellIdentities::Ids(by_id.collect())
    } else {
        CellIdentities::of_sources(cells.into_iter().map(|(_, source)| source))
    }
}

/// Returns the code cells of a notebook file: the id of each, if it has one, and its source. `None` if the file cannot be read or is not a
/// notebook.
pub(crate) fn code_of_file(path: &Path) -> Option<Vec<(Option<String>, String)>> {
    let is_readable = fs::metadata(path).is_ok_and(|found| found.len() <= LARGEST);
    let bytes = is_readable.then(|| fs::read(path).ok()).flatten()?;
    let notebook: Notebook = serde_json::from_slice(&bytes).ok()?;
    let cells = notebook.cells.into_iter().filter(|cell| cell.sort == "code");
    Some(cells.map(|cell| (cell.id, joined(cell.source.as_ref()))).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn of(text: &str) -> Option<CellIdentities> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.ipynb");
        fs::write(&path, text).unwrap();
        cells_of_file(&path)
    }

    #[test]
    fn code_cells_are_known_by_their_ids_else_by_long_sources() {
        let ids =
            r#"{"cells": [{"cell_type": "code", "id": "aa", "source": ["x"]}, {"cell_type": "markdown", "id": "bb"}]}"#;
        let known = BTreeMap::from([("aa".to_owned(), Some("x".to_owned()))]);
        assert_eq!(of(ids), Some(CellIdentities::Ids(known)));
        let long = "frame = load('a_long_file_name.csv')";
        let sources = format!(
            r#"{{"cells": [{{"cell_type": "code", "source": ["{long}\n", ""]}}, {{"cell_type": "code", "source": "x"}}]}}"#
        );
        assert_eq!(
            of(&sources),
            Some(CellIdentities::Sources(BTreeSet::from([long.to_owned()])))
        );
    }

    #[test]
    fn p14_what_is_no_notebook_is_known_by_nothing() {
        for text in ["", "{", "nothing", r#"{"cells": 4}"#, r#"{"cells": [3]}"#] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(cells_of_file(Path::new("/nowhere.ipynb")), None);
    }
}

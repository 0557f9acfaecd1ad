//! The notebook of a package: nbformat 4 as on disk, with additional metadata of Clew.
//!
//! Everything that Clew does not change is preserved literally: outputs stay as text, without parsing their numbers. Credentials are
//! removed as they are when recording.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::EmbeddedMetadata;
use crate::secrets;
use crate::text::joined;

type Fields = BTreeMap<String, Box<RawValue>>;

/// The run of a cell, as recorded in the cell's metadata in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CellMark {
    /// The number of the run.
    pub run: String,
    /// Its id.
    pub id: String,
    /// `completed`, `failed`, `interrupted`, or `edited` since it ran.
    pub outcome: &'static str,
}

/// A notebook to package.
#[derive(Debug)]
pub(crate) struct NotebookFile {
    fields: Fields,
    cells: Vec<NotebookFileCell>,
    /// What was removed from its own metadata, as text.
    pub left_out: Vec<String>,
}

/// A cell of a notebook file.
#[derive(Debug)]
pub(crate) struct NotebookFileCell {
    fields: Fields,
    /// Its id, in notebooks that have them.
    pub id: Option<String>,
    /// Whether it is code.
    pub is_code: bool,
    /// Its source.
    pub source: String,
    /// What was removed from it, as text.
    pub left_out: Vec<String>,
}

impl NotebookFile {
    /// Parses a notebook.
    ///
    /// # Errors
    /// It is not a notebook, or has another format version; as text.
    pub fn read(bytes: &[u8], known: &[String]) -> Result<Self, String> {
        let mut fields: Fields = serde_json::from_slice(bytes).map_err(|_| "it is not a notebook".to_owned())?;
        match of::<u32>(&fields, "nbformat") {
            Some(4) => {}
            Some(other) => {
                return Err(format!(
                    "it is a notebook of format {other}: open it in Jupyter and save it"
                ));
            }
            None => return Err("it is not a notebook".to_owned()),
        }
        let cells = fields.remove("cells").ok_or("it is a notebook without cells")?;
        let cells: Vec<Fields> = serde_json::from_str(cells.get()).map_err(|_| "its cells are invalid".to_owned())?;
        let mut left_out = Vec::new();
        take_secrets("metadata", &mut fields, known, &mut left_out);
        Ok(Self {
            left_out,
            cells: cells
                .into_iter()
                .map(|fields| NotebookFileCell::of(fields, known))
                .collect(),
            fields,
        })
    }

    /// Removes from a cell what its run did not record of an excluded variable: the recorded source replaces the source, and outputs are
    /// removed.
    pub fn leave_out(&mut self, at: usize, source: Option<String>, what: &str) {
        let cell = &mut self.cells[at];
        if let Some(source) = source {
            cell.fields.insert("source".to_owned(), raw(&source));
            cell.source = source;
        }
        cell.fields.insert("outputs".to_owned(), raw(&Vec::<Value>::new()));
        cell.left_out.push(what.to_owned());
    }

    /// Returns its cells.
    pub fn cells(&self) -> &[NotebookFileCell] {
        &self.cells
    }

    /// Returns the notebook for the package: with `embedded` under `clew` in its metadata, and the mark of each cell.
    pub fn packed(&self, embedded: &EmbeddedMetadata, marks: &[Option<CellMark>]) -> Vec<u8> {
        let cells = self.cells.iter().zip(marks);
        let cells = cells.map(|(cell, mark)| written(&cell.fields, mark.as_ref().map(|mark| json!(mark))));
        let mut whole = written(&self.fields, Some(json!(embedded)));
        whole.insert("cells", Part::List(cells.collect()));
        // The format of nbformat: sorted keys, indentation by one space, a final line break.
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        whole
            .serialize(&mut serializer)
            .expect("texts and what was read as JSON are JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// A piece of JSON output.
#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    /// As it was read.
    Raw(&'a RawValue),
    /// As it was read, from metadata.
    Kept(Box<RawValue>),
    /// Written by Clew.
    Said(Value),
    Fields(BTreeMap<String, Part<'a>>),
    List(Vec<BTreeMap<&'a str, Part<'a>>>),
}

/// Returns the fields of a notebook or cell, with `said` as Clew's entry in their metadata.
fn written(fields: &Fields, said: Option<Value>) -> BTreeMap<&str, Part<'_>> {
    let mut parts: BTreeMap<&str, Part<'_>> = fields
        .iter()
        .map(|(name, raw)| (name.as_str(), Part::Raw(raw)))
        .collect();
    let mut metadata: Fields = of(fields, "metadata").unwrap_or_default();
    metadata.remove("clew");
    let mut metadata: BTreeMap<String, Part<'_>> = metadata
        .into_iter()
        .map(|(name, raw)| (name, Part::Kept(raw)))
        .collect();
    metadata.extend(said.map(|said| ("clew".to_owned(), Part::Said(said))));
    parts.insert("metadata", Part::Fields(metadata));
    parts
}

impl NotebookFileCell {
    fn of(mut fields: Fields, known: &[String]) -> Self {
        let mut left_out = Vec::new();
        let written = joined(of::<Value>(&fields, "source").as_ref());
        let is_code = of::<String>(&fields, "cell_type").as_deref() == Some("code");
        let (source, taken) = if is_code {
            let masked = secrets::masked(&written, known);
            (masked.kept, masked.taken)
        } else {
            secrets::kept(&written, known)
        };
        if source != written {
            fields.insert("source".to_owned(), raw(&source));
            left_out.extend(taken);
        }
        for part in ["outputs", "metadata", "attachments"] {
            take_secrets(part, &mut fields, known, &mut left_out);
        }
        Self {
            id: of(&fields, "id"),
            is_code,
            source,
            left_out,
            fields,
        }
    }
}

/// Parses a field, if it exists and has this type.
fn of<T: serde::de::DeserializeOwned>(fields: &Fields, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("strings and maps of strings are JSON")
}

/// Removes credentials from the texts in a field. A field without credentials is preserved literally.
fn take_secrets(part: &str, fields: &mut Fields, known: &[String], taken: &mut Vec<String>) {
    let Some(mut value) = of::<Value>(fields, part) else {
        return;
    };
    let before = taken.len();
    clean(&mut value, known, taken);
    if taken.len() > before {
        fields.insert(part.to_owned(), raw(&value));
    }
}

/// Removes credentials from texts. The lines of one text are checked together; pictures are skipped.
fn clean(value: &mut Value, known: &[String], taken: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let (kept, found) = secrets::kept(text, known);
            if kept != *text {
                *text = kept;
                taken.extend(found);
            }
        }
        Value::Array(lines) if !lines.is_empty() && lines.iter().all(Value::is_string) => {
            let mut whole = Value::String(lines.iter().filter_map(Value::as_str).collect());
            let before = taken.len();
            clean(&mut whole, known, taken);
            if taken.len() > before {
                *value = Value::Array(vec![whole]);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| clean(value, known, taken)),
        Value::Object(fields) => {
            let texts = fields
                .iter_mut()
                .filter(|(mime, _)| !mime.starts_with("image/") || mime.contains("svg"));
            texts.for_each(|(_, value)| clean(value, known, taken));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTEBOOK: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Title\n", "text"]},
  {"cell_type": "code", "execution_count": 1, "id": "b", "metadata": {"tags": ["x"]}, "source": "x = 1",
   "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"application/json": {"z": 1.10, "a": 12345678901234567890123}}}]}
 ],
 "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}, "clew": {"old": 1}},
 "nbformat": 4, "nbformat_minor": 5
}"##;

    fn embedded() -> EmbeddedMetadata {
        EmbeddedMetadata {
            schema: 1,
            history: "ab".to_owned(),
            run: "2".to_owned(),
            version: "0".to_owned(),
            bundle: None,
        }
    }

    fn packed(text: &str) -> String {
        let notebook = NotebookFile::read(text.as_bytes(), &[]).unwrap();
        let marks: Vec<Option<CellMark>> = notebook
            .cells()
            .iter()
            .map(|cell| {
                cell.is_code.then(|| CellMark {
                    run: "2".to_owned(),
                    id: "cd".to_owned(),
                    outcome: "completed",
                })
            })
            .collect();
        String::from_utf8(notebook.packed(&embedded(), &marks)).unwrap()
    }

    #[test]
    fn only_the_metadata_of_a_notebook_change_and_numbers_stay_to_the_letter() {
        let packed = packed(NOTEBOOK);
        assert!(
            packed.contains(r#"{"z": 1.10, "a": 12345678901234567890123}"#),
            "{packed}"
        );
        let value: Value = serde_json::from_str(&packed).unwrap();
        assert_eq!(
            value["metadata"]["clew"],
            json!({"schema": 1, "history": "ab", "run": "2", "version": "0"})
        );
        assert_eq!(
            value["cells"][1]["metadata"]["clew"],
            json!({"run": "2", "id": "cd", "outcome": "completed"})
        );
        assert_eq!(value["cells"][0]["metadata"], json!({}));
        let mut before: Value = serde_json::from_str(NOTEBOOK).unwrap();
        let mut after = value;
        for notebook in [&mut before, &mut after] {
            notebook["metadata"]["clew"] = Value::Null;
            notebook["cells"][1]["metadata"]["clew"] = Value::Null;
        }
        assert_eq!(before, after);
        assert_eq!(
            super::super::EmbeddedMetadata::read(packed.as_bytes()),
            Some(embedded())
        );
    }

    #[test]
    fn p12_credentials_are_taken_out_of_the_copy() {
        let key = format!("ghp_{}", "a1B2".repeat(9));
        let text = NOTEBOOK
            .replace("x = 1", &format!("token = '{key}'"))
            .replace("\"text\"]", &format!("\"my {key}\"]"))
            .replace("{\"z\": 1.10", &format!("{{\"said\": [\"is {key}\"], \"z\": 1.10"))
            .replace(
                "\"old\": 1}",
                &format!("\"old\": 1}}, \"papermill\": {{\"token\": \"{key}\"}}"),
            );
        assert_eq!(text.matches(&key).count(), 4);
        let notebook = NotebookFile::read(text.as_bytes(), &[]).unwrap();
        let kinds: Vec<usize> = notebook.cells().iter().map(|cell| cell.left_out.len()).collect();
        assert_eq!((kinds, notebook.left_out.len()), (vec![1, 2], 1));
        let packed = packed(&text);
        assert!(
            !packed.contains(&key) && packed.matches("[not kept: a GitHub token]").count() == 4,
            "{packed}"
        );
    }

    #[test]
    fn what_is_no_notebook_is_refused() {
        for (text, why) in [
            ("", "it is not a notebook"),
            ("[]", "it is not a notebook"),
            ("{}", "it is not a notebook"),
            (
                r#"{"nbformat": 3}"#,
                "it is a notebook of format 3: open it in Jupyter and save it",
            ),
            (r#"{"nbformat": 4}"#, "it is a notebook without cells"),
            (r#"{"nbformat": 4, "cells": [1]}"#, "its cells are invalid"),
        ] {
            assert_eq!(NotebookFile::read(text.as_bytes(), &[]).unwrap_err(), why, "{text}");
        }
    }
}

//! A settings file: values are read one by one, and changed without affecting anything else in the file.

use std::io;
use std::path::Path;

use clew_core::limits;
use toml_edit::{Document, DocumentMut, Item, TableLike};

use super::table::{SETTINGS, Setting};
use super::{SettingProblem, SettingValue};
use crate::text;
use crate::whole_file::{PRIVATE, StagedFile};

/// The values in a file, and its problems.
#[derive(Default)]
pub(crate) struct SettingsFile {
    pub values: Vec<(&'static str, SettingValue)>,
    pub problems: Vec<SettingProblem>,
}

/// A settings file during parsing, with its text for line numbers.
struct SettingsText<'a> {
    path: &'a Path,
    text: &'a str,
    is_project: bool,
    file: SettingsFile,
}

impl SettingsFile {
    /// Reads a file. A missing file sets nothing.
    pub fn read(path: &Path, is_project: bool) -> Self {
        match read_text(path) {
            Ok(Some(text)) => Self::of(&text, path, is_project),
            Ok(None) => Self::default(),
            Err(error) => Self::unreadable(path, None, &error.to_string()),
        }
    }

    /// Parses the content of a file.
    pub fn of(text: &str, path: &Path, is_project: bool) -> Self {
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map(|span| line_of(text, span.start));
                return Self::unreadable(path, line, &format!("{}; Clew ignores the whole file", error.message()));
            }
        };
        let mut reading = SettingsText {
            path,
            text,
            is_project,
            file: Self::default(),
        };
        reading.table(document.as_table(), "");
        reading.file
    }

    fn unreadable(path: &Path, line: Option<usize>, what: &str) -> Self {
        let problem = SettingProblem {
            place: path.display().to_string(),
            line,
            what: text::clean(what).replace('\n', ", "),
        };
        Self {
            problems: vec![problem],
            ..Self::default()
        }
    }
}

impl SettingsText<'_> {
    fn table(&mut self, table: &dyn TableLike, prefix: &str) {
        for (name, item) in table.iter() {
            let key = key_in_file(&format!("{prefix}{name}"));
            let start = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            match SETTINGS.iter().find(|setting| setting.key == key) {
                Some(setting) if !(item.is_table_like() && is_group(&key)) => self.value(setting, item),
                _ => match item.as_table_like() {
                    Some(inner) if prefix.is_empty() && is_group(&key) => self.table(inner, &format!("{key}.")),
                    _ => self.problem(start.map(|span| span.start), unknown(&key)),
                },
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, item: &Item) {
        let start = item.span().map(|span| span.start);
        match setting.kind.of_item(item) {
            Some(_) if let Some(why) = of_user_only(setting).filter(|_| self.is_project) => {
                self.problem(start, why.to_owned());
            }
            Some(value) => self.file.values.push((setting.key, value)),
            None => self.problem(start, setting.refusal(item.to_string().trim())),
        }
    }

    fn problem(&mut self, start: Option<usize>, what: String) {
        self.file.problems.push(SettingProblem {
            place: self.path.display().to_string(),
            line: start.map(|start| line_of(self.text, start)),
            what,
        });
    }
}

/// Returns why a setting is not allowed in a project's file: the author of a project must not determine where its notebooks record, or
/// whether other people can read that.
pub(crate) fn of_user_only(setting: &Setting) -> Option<&'static str> {
    match setting.key {
        "store" => Some("a project's store is its folder `.clew`; set `store` for the user only"),
        "store.encrypt" => {
            Some("set `store.encrypt` for the user only; `clew init --encrypt` encrypts a project's store")
        }
        _ => None,
    }
}

/// `store` is a setting and a group of settings. In a file with the group, the setting has this name in it.
const FOLDER_IN_GROUP: &str = "folder";

/// Returns the key of the setting with a name in a file.
fn key_in_file(name: &str) -> String {
    match name
        .strip_suffix(FOLDER_IN_GROUP)
        .and_then(|group| group.strip_suffix('.'))
    {
        Some(group) if is_group(group) => group.to_owned(),
        _ => name.to_owned(),
    }
}

fn is_group(name: &str) -> bool {
    SETTINGS
        .iter()
        .any(|setting| setting.key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Formats the error for an unknown setting, with a suggestion.
fn unknown(key: &str) -> String {
    let nearest = nearest_key(key)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    format!("there is no setting `{}`{nearest}", text::clean(key))
}

/// Returns the most similar key.
pub(crate) fn nearest_key(key: &str) -> Option<&'static str> {
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    let likeness = |other: &str| f64::from(similar::TextDiff::from_chars(key, other).ratio());
    let best = keys().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    keys()
        .find(|other| other.rsplit('.').next() == Some(key))
        .or_else(|| (likeness(best) > 0.6).then_some(best))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn read_text(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > limits::SETTINGS => {
            return Err(io::Error::other("it is too large for a settings file"));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map(Some)
}

/// Sets a value in a file, or removes it. Comments and everything else are preserved.
///
/// # Errors
/// The file cannot be read or written, or is not TOML; it is then unchanged.
pub(crate) fn write_setting(path: &Path, setting: &Setting, value: Option<&SettingValue>) -> io::Result<()> {
    let text = read_text(path)?.unwrap_or_default();
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        io::Error::new(io::ErrorKind::InvalidData, error.message().to_owned())
    })?;
    let root = document.as_table_mut();
    let has_group = root.get(setting.key).is_some_and(Item::is_table_like);
    let (group, name) = match setting.key.split_once('.') {
        Some((group, name)) => (Some(group), name),
        None if has_group => (Some(setting.key), FOLDER_IN_GROUP),
        None => (None, setting.key),
    };
    if let Some(group) = group {
        make_group(root, group);
    }
    match (value, group) {
        (Some(value), None) => put(root, name, value),
        (Some(value), Some(group)) => {
            let item = root.entry(group).or_insert_with(toml_edit::table);
            let table = item
                .as_table_like_mut()
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("`{group}` is not a table there")))?;
            put(table, name, value);
        }
        (None, None) => drop(root.remove(name)),
        (None, Some(group)) => take_out(root, group, name),
    }
    StagedFile::new(path, document.to_string().as_bytes(), PRIVATE)?.commit()
}

/// Converts a setting to a group that contains it.
fn make_group(root: &mut toml_edit::Table, group: &str) {
    if !root.get(group).is_some_and(Item::is_value) || root.get(group).is_some_and(Item::is_table_like) {
        return;
    }
    let Some(alone) = root.remove(group) else { return };
    let mut table = toml_edit::Table::new();
    table.insert(FOLDER_IN_GROUP, alone);
    root.insert(group, Item::Table(table));
}

fn put(table: &mut dyn TableLike, name: &str, value: &SettingValue) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        // A comment after the value is preserved.
        Some(old) => {
            let decor = old.decor().clone();
            *old = value.to_toml();
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(name, Item::Value(value.to_toml()))),
    }
}

fn take_out(root: &mut toml_edit::Table, group: &str, name: &str) {
    let Some(table) = root.get_mut(group).and_then(Item::as_table_like_mut) else {
        return;
    };
    table.remove(name);
    if table.is_empty() {
        root.remove(group);
    }
}

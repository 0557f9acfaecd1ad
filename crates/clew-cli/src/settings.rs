//! The settings, in layers: built in, the user's file, the project's, the environment.
//!
//! [`table`] says what can be set; [`Settings::read`] finds what is. A layer that can't be read, or holds something that
//! is not allowed, is passed over and named in [`Settings::problems`]: a broken file never stops anybody's work.

mod file;
mod project;
mod table;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clew_core::store::{Budget, Check};
pub(crate) use file::{SettingsFile, nearest_key, of_user_only, write_setting};
pub(crate) use project::{FOLDER, nearest};
pub(crate) use table::{SETTINGS, Setting, setting};
pub(crate) use value::{SettingValue, bytes, is_off};

/// The name of the file of settings, in Clew's config folder and in a project's `.clew`.
pub(crate) const FILE: &str = "config.toml";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Clew itself.
    BuiltIn,
    /// The user's file.
    User(PathBuf),
    /// The project: its file, or for `store` its folder.
    Project(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// The program that opened the session.
    Given,
}

impl Origin {
    /// The layer, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::BuiltIn => "built in",
            Self::User(_) => "user",
            Self::Project(_) => "project",
            Self::Environment(_) => "environment",
            Self::Given => "program",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn | Self::Given => formatter.write_str(self.word()),
            Self::User(path) | Self::Project(path) => write!(formatter, "{}", path.display()),
            Self::Environment(variable) => formatter.write_str(variable),
        }
    }
}

/// The action of a new kernel whose notebook has earlier states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartupAction {
    /// It says that they are there.
    Ask,
    /// It brings the last one back.
    Resume,
    /// It says nothing.
    Nothing,
}

/// The effective value of a setting, and its origins: patterns of several layers count together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectiveSetting {
    pub value: SettingValue,
    pub origins: Vec<Origin>,
}

/// Something in a layer that is not as it should be, and was passed over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingProblem {
    /// The file or the environment variable.
    pub place: String,
    /// The line of the file.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        write!(formatter, "{}{line}: {}", self.place, self.what)
    }
}

/// Where layers are looked for. Everything is handed in, so that tests fix it.
pub(crate) struct Sources<'a> {
    /// Clew's config folder.
    pub config: &'a Path,
    /// Where the notebook lies, or the working directory: projects are looked for here and above.
    pub near: Option<&'a Path>,
    /// Clew's folder among the platform's data: the store of who sets nothing.
    pub data: PathBuf,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// What is set, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// One for each setting of the table.
    found: Vec<EffectiveSetting>,
    /// The project's folder `.clew`, if there is one here or above.
    project: Option<PathBuf>,
    /// The user's file, whether it exists or not.
    user_file: PathBuf,
    problems: Vec<SettingProblem>,
}

impl Default for Settings {
    fn default() -> Self {
        let built_in = |setting: &Setting| EffectiveSetting {
            value: setting.default_value(),
            origins: vec![Origin::BuiltIn],
        };
        Self {
            found: SETTINGS.iter().map(built_in).collect(),
            project: None,
            user_file: PathBuf::from(FILE),
            problems: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads all layers; each counts more than those before it.
    pub(crate) fn read(sources: &Sources<'_>) -> Self {
        let mut settings = Self {
            user_file: sources.config.join(FILE),
            ..Self::default()
        };
        settings.set("store", SettingValue::Folder(sources.data.clone()), Origin::BuiltIn);
        let file = settings.user_file.clone();
        settings.read_file(&file, Origin::User);
        if let Some(near) = sources.near {
            let (project, left_alone) = nearest(near);
            settings.problems.extend(left_alone);
            if let Some(folder) = project {
                settings.set(
                    "store",
                    SettingValue::Folder(folder.clone()),
                    Origin::Project(folder.clone()),
                );
                settings.read_file(&folder.join(FILE), Origin::Project);
                settings.project = Some(folder);
            }
        }
        settings.read_environment(sources.variable);
        settings
    }

    fn read_file(&mut self, path: &Path, origin: impl Fn(PathBuf) -> Origin) {
        let is_project = matches!(origin(PathBuf::new()), Origin::Project(_));
        let read = SettingsFile::read(path, is_project);
        self.problems.extend(read.problems);
        for (key, value) in read.values {
            self.set(key, value, origin(path.to_owned()));
        }
    }

    fn read_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
        for setting in SETTINGS {
            let name = setting.variable();
            let Some(text) = variable(&name).filter(|text| !text.is_empty()) else {
                continue;
            };
            // A folder need not be text, and `CLEW_HOME` was always taken as it is.
            let value = match setting.key {
                "store" => Ok(SettingValue::Folder(PathBuf::from(text))),
                _ => setting.parse(&text.to_string_lossy()),
            };
            match value {
                Ok(value) => self.set(setting.key, value, Origin::Environment(name)),
                Err(what) => self.problems.push(SettingProblem {
                    place: name,
                    line: None,
                    what,
                }),
            }
        }
    }

    /// Sets a value, or adds patterns: what one layer keeps out, no other brings in.
    fn set(&mut self, key: &str, value: SettingValue, origin: Origin) {
        let place = SETTINGS.iter().position(|setting| setting.key == key);
        let Some(found) = place.and_then(|place| self.found.get_mut(place)) else {
            return;
        };
        match (&mut found.value, value) {
            (SettingValue::Patterns(all), SettingValue::Patterns(more)) => {
                found.origins.retain(|origin| *origin != Origin::BuiltIn);
                found.origins.push(origin);
                for pattern in more {
                    if !all.contains(&pattern) {
                        all.push(pattern);
                    }
                }
            }
            (_, value) => {
                *found = EffectiveSetting {
                    value,
                    origins: vec![origin],
                }
            }
        }
    }

    /// What a setting is. The key is one of the table.
    pub(crate) fn found(&self, key: &str) -> &EffectiveSetting {
        let index = SETTINGS.iter().position(|setting| setting.key == key);
        &self.found[index.expect("the key is one of the table's")]
    }

    /// The same with a store that the program names: it counts more than any layer.
    #[must_use]
    pub fn with_store(mut self, store: &Path) -> Self {
        self.set("store", SettingValue::Folder(store.to_owned()), Origin::Given);
        self
    }

    /// What a setting is, as data; `None` if there is none of that key.
    pub fn value(&self, key: &str) -> Option<serde_json::Value> {
        setting(key).and_then(|setting| serde_json::to_value(&self.found(setting.key).value).ok())
    }

    /// The same with one setting as somebody typed it.
    #[cfg(test)]
    pub(crate) fn typed(mut self, key: &str, text: &str) -> Self {
        let value = setting(key).expect("the key is one of the table's").parse(text);
        self.set(key, value.expect("the value is allowed"), Origin::Given);
        self
    }

    /// What can't be read, or is not allowed.
    pub fn problems(&self) -> &[SettingProblem] {
        &self.problems
    }

    /// The project's folder `.clew`.
    pub fn project(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// The user's file.
    pub(crate) fn user_file(&self) -> &Path {
        &self.user_file
    }

    /// The store's folder.
    pub fn store(&self) -> &Path {
        match &self.found("store").value {
            SettingValue::Folder(folder) => folder,
            _ => Path::new(""),
        }
    }

    /// Who says where the store is.
    pub fn store_origin(&self) -> &Origin {
        &self.found("store").origins[0]
    }

    /// Names and patterns that are never recorded.
    pub fn excluded(&self) -> &[String] {
        match &self.found("record.exclude").value {
            SettingValue::Patterns(patterns) => patterns,
            _ => &[],
        }
    }

    /// The largest result of a task that is kept, in bytes.
    pub fn task_most(&self) -> u64 {
        match self.found("tasks.max_result").value {
            SettingValue::Size(bytes) => bytes,
            // A share of nothing known: no limit.
            _ => u64::MAX,
        }
    }

    /// How what is loaded is held against its hashes.
    pub fn load_check(&self) -> Check {
        if self.flag("load.verify") {
            Check::Once
        } else {
            Check::Fingerprint
        }
    }

    /// What a new kernel does whose notebook has earlier states.
    pub fn on_start(&self) -> StartupAction {
        match self.found("resume.on_start").value {
            SettingValue::Word("always") => StartupAction::Resume,
            SettingValue::Word("never") => StartupAction::Nothing,
            _ => StartupAction::Ask,
        }
    }

    /// A limit of space. The key is one of the table, as for [`Self::flag`] and [`Self::number`].
    pub fn budget(&self, key: &str) -> Budget {
        match self.found(key).value {
            SettingValue::Size(bytes) => Budget::Bytes(bytes),
            SettingValue::Share(share) => Budget::Share(share),
            // A size is one of the two.
            _ => Budget::Bytes(u64::MAX),
        }
    }

    /// Whether a setting is on.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.found(key).value, SettingValue::Flag(true))
    }

    /// A number; of a share of the memory the bytes.
    pub fn number(&self, key: &str) -> u64 {
        self.found(key).value.number()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(home: &Path, near: &Path, variables: &[(&str, &str)]) -> Settings {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Settings::read(&Sources {
            config: &home.join("config"),
            near: Some(near),
            data: home.join("data"),
            variable: &|name| variables.get(name).map(OsString::from),
        })
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_environment_counts_more_than_the_project_and_that_more_than_the_user() {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("work/.clew");
        let near = home.path().join("work/notebooks");
        std::fs::create_dir_all(&near).unwrap();
        let limit = |settings: &Settings| {
            (
                settings.number("log.limit"),
                settings.found("log.limit").origins[0].word(),
            )
        };
        assert_eq!(limit(&read(home.path(), &near, &[])), (20, "built in"));
        write(&home.path().join("config/config.toml"), "[log]\nlimit = 5\n");
        assert_eq!(limit(&read(home.path(), &near, &[])), (5, "user"));
        write(&project.join(FILE), "log.limit = 7\n");
        assert_eq!(limit(&read(home.path(), &near, &[])), (7, "project"));
        let environment = read(home.path(), &near, &[("CLEW_LOG_LIMIT", "9")]);
        assert_eq!(limit(&environment), (9, "environment"));
        assert_eq!(environment.problems(), []);
    }

    #[test]
    fn the_nearest_store_wins_unless_the_environment_names_one() {
        let home = tempfile::tempdir().unwrap();
        let near = home.path().join("work");
        std::fs::create_dir_all(near.join(FOLDER)).unwrap();
        assert_eq!(read(home.path(), home.path(), &[]).store(), home.path().join("data"));
        assert_eq!(read(home.path(), &near, &[]).store(), near.join(FOLDER));
        write(&home.path().join("config/config.toml"), "store = '/srv/clew'\n");
        assert_eq!(read(home.path(), home.path(), &[]).store(), Path::new("/srv/clew"));
        assert_eq!(read(home.path(), &near, &[]).store(), near.join(FOLDER));
        let told = read(home.path(), &near, &[("CLEW_HOME", "/mnt/store")]);
        assert_eq!(told.store(), Path::new("/mnt/store"));
        assert_eq!(*told.store_origin(), Origin::Environment("CLEW_HOME".to_owned()));
    }

    #[test]
    fn what_one_layer_keeps_out_no_other_brings_in() {
        let home = tempfile::tempdir().unwrap();
        let near = home.path().join("work");
        write(&home.path().join("config/config.toml"), "record.exclude = ['*_key']\n");
        write(&near.join(".clew").join(FILE), "record.exclude = []\n");
        let settings = read(home.path(), &near, &[("CLEW_RECORD_EXCLUDE", "token, *_key")]);
        assert_eq!(settings.excluded(), ["*_key", "token"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_place_and_line_and_the_rest_counts() {
        let home = tempfile::tempdir().unwrap();
        let text = "[log]\nlimit = 'many'\nlimt = 3\n\n[record]\noutputs = false\n";
        write(&home.path().join("config/config.toml"), text);
        let settings = read(home.path(), home.path(), &[("CLEW_DISPLAY_HTML", "perhaps")]);
        assert_eq!(
            (
                settings.number("log.limit"),
                settings.flag("record.outputs"),
                settings.flag("display.html")
            ),
            (20, false, true)
        );
        let told: Vec<String> = settings
            .problems()
            .iter()
            .map(|problem| problem.to_string().replace(&home.path().display().to_string(), "~"))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_file_that_is_no_toml_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        write(
            &home.path().join("config/config.toml"),
            "store = '/srv'\nlog.limit = = 3\n",
        );
        let settings = read(home.path(), home.path(), &[]);
        assert_eq!(settings.store(), home.path().join("data"));
        assert_eq!(settings.problems()[0].line, Some(2));
    }

    #[cfg(unix)]
    #[test]
    fn a_project_that_others_may_write_to_is_left_alone_and_said() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("work/.clew");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        let settings = read(home.path(), &home.path().join("work"), &[]);
        assert_eq!(settings.project(), None);
        assert!(
            settings.problems()[0].what.contains("chmod"),
            "{:?}",
            settings.problems()
        );
    }
}

//! The settings, in layers: built-in defaults, the user's file, the project's, the environment.
//!
//! [`table`] defines the settings; [`Settings::read`] reads their values. An unreadable layer or an invalid value is ignored and listed in
//! [`Settings::problems`]: a broken file never prevents work.

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

/// The name of the settings file, in Clew's configuration folder and in a project's `.clew`.
pub(crate) const FILE: &str = "config.toml";

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Clew's default.
    BuiltIn,
    /// The user's file.
    User(PathBuf),
    /// The project: its file, or for `store` its folder.
    Project(PathBuf),
    /// An environment variable.
    Environment(String),
    /// The program that opened the session.
    Given,
}

impl Origin {
    /// Returns the layer in a word.
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

/// What a new kernel does if its notebook has earlier states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartupAction {
    /// It reports that they exist.
    Ask,
    /// It restores the last one.
    Resume,
    /// It does nothing.
    Nothing,
}

/// The effective value of a setting, and its origins: patterns of several layers are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectiveSetting {
    pub value: SettingValue,
    pub origins: Vec<Origin>,
}

/// An invalid file or value in a layer, which was ignored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingProblem {
    /// The file or the environment variable.
    pub place: String,
    /// The line of the file.
    pub line: Option<usize>,
    /// The problem.
    pub what: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        write!(formatter, "{}{line}: {}", self.place, self.what)
    }
}

/// The locations of the layers. Everything is passed in, so that tests can set it.
pub(crate) struct Sources<'a> {
    /// Clew's configuration folder.
    pub config: &'a Path,
    /// The notebook's folder, or the working directory: projects are searched here and above.
    pub near: Option<&'a Path>,
    /// Clew's folder in the platform's data folder: the default store.
    pub data: PathBuf,
    /// Looks up an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// The effective settings and their origins.
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
    /// Reads all layers; each overrides those before it.
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
            // A path need not be UTF-8, and `CLEW_HOME` is used unchanged.
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

    /// Sets a value, or adds patterns: a layer cannot revoke another layer's exclusions.
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

    /// Returns a setting. The key must be in the table.
    pub(crate) fn found(&self, key: &str) -> &EffectiveSetting {
        let index = SETTINGS.iter().position(|setting| setting.key == key);
        &self.found[index.expect("the key is one of the table's")]
    }

    /// Returns the settings with a store that the program names, which overrides all layers.
    #[must_use]
    pub fn with_store(mut self, store: &Path) -> Self {
        self.set("store", SettingValue::Folder(store.to_owned()), Origin::Given);
        self
    }

    /// Returns the value of a setting as data; `None` if the key does not exist.
    pub fn value(&self, key: &str) -> Option<serde_json::Value> {
        setting(key).and_then(|setting| serde_json::to_value(&self.found(setting.key).value).ok())
    }

    /// Returns the settings with one value from its text.
    #[cfg(test)]
    pub(crate) fn typed(mut self, key: &str, text: &str) -> Self {
        let value = setting(key).expect("the key is one of the table's").parse(text);
        self.set(key, value.expect("the value is allowed"), Origin::Given);
        self
    }

    /// Returns the ignored files and values.
    pub fn problems(&self) -> &[SettingProblem] {
        &self.problems
    }

    /// Returns the project's folder `.clew`.
    pub fn project(&self) -> Option<&Path> {
        self.project.as_deref()
    }

    /// Returns the path of the user's file.
    pub(crate) fn user_file(&self) -> &Path {
        &self.user_file
    }

    /// Returns the store's folder.
    pub fn store(&self) -> &Path {
        match &self.found("store").value {
            SettingValue::Folder(folder) => folder,
            _ => Path::new(""),
        }
    }

    /// Returns the origin of the store's path.
    pub fn store_origin(&self) -> &Origin {
        &self.found("store").origins[0]
    }

    /// Returns names and patterns that are never recorded.
    pub fn excluded(&self) -> &[String] {
        match &self.found("record.exclude").value {
            SettingValue::Patterns(patterns) => patterns,
            _ => &[],
        }
    }

    /// Returns the size limit of cached task results in bytes.
    pub fn task_most(&self) -> u64 {
        match self.found("tasks.max_result").value {
            SettingValue::Size(bytes) => bytes,
            // Other values mean no limit.
            _ => u64::MAX,
        }
    }

    /// Returns how loaded data is verified against its hashes.
    pub fn load_check(&self) -> Check {
        if self.flag("load.verify") {
            Check::Once
        } else {
            Check::Fingerprint
        }
    }

    /// Returns what a new kernel does if its notebook has earlier states.
    pub fn on_start(&self) -> StartupAction {
        match self.found("resume.on_start").value {
            SettingValue::Word("always") => StartupAction::Resume,
            SettingValue::Word("never") => StartupAction::Nothing,
            _ => StartupAction::Ask,
        }
    }

    /// Returns a space limit. The key must be in the table, as for [`Self::flag`] and [`Self::number`].
    pub fn budget(&self, key: &str) -> Budget {
        match self.found(key).value {
            SettingValue::Size(bytes) => Budget::Bytes(bytes),
            SettingValue::Share(share) => Budget::Share(share),
            // Not possible for a size setting.
            _ => Budget::Bytes(u64::MAX),
        }
    }

    /// Whether a setting is on.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.found(key).value, SettingValue::Flag(true))
    }

    /// Returns a number; for a share of the memory the bytes.
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

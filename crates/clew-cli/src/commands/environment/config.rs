//! `clew config`: shows the settings and their origins, or changes one.

use std::io;
use std::path::{Path, PathBuf};

use clew_core::store::disk::{Disk, RealDisk};
use serde::Serialize;

use super::Config;
use crate::command_info::{CommandCall, CommandEffect, CommandInfo, CommandScope};
use crate::context::Context;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::settings::{
    FILE, Origin, SETTINGS, Setting, SettingProblem, SettingValue, nearest_key, of_user_only, setting, write_setting,
};
use crate::table::TextTable;
use crate::text;

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "config",
    examples: &[
        ("config", "all settings, and where each comes from"),
        ("config record.exclude \"token,*_key\"", "never record these variables"),
    ],
    calls: &[CommandCall::plain("config")],
    changes: CommandEffect::Setup,
    scope: |_| CommandScope::Nothing,
    ..CommandInfo::DEFAULT
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// Its name.
    key: &'static str,
    /// Its value.
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    value: SettingValue,
    /// Where the value comes from: `built in`, `user`, `project`, `environment`.
    from: Vec<&'static str>,
    /// The files and environment variables that set it.
    places: Vec<String>,
    /// The default.
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    default: Option<SettingValue>,
    /// The environment variable that can set it.
    variable: String,
    /// Its description.
    description: &'static str,
}

/// The output of `config`: all settings, or the result of a change.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigPage {
    /// The settings.
    settings: Vec<Entry>,
    /// Your settings file.
    user_file: PathBuf,
    /// The settings file of the project.
    project_file: Option<PathBuf>,
    /// The file that was changed.
    written: Option<PathBuf>,
    /// Settings that are not valid.
    problems: Vec<SettingProblem>,
    #[serde(skip)]
    is_one: bool,
    #[serde(skip)]
    is_set: bool,
}

/// Shows the settings, or changes one.
pub fn config(arguments: &Config, context: &Context) -> Result<ConfigPage, Problem> {
    let Some(key) = &arguments.key else {
        return Ok(shown(SETTINGS.iter(), context));
    };
    let setting = setting(key).ok_or_else(|| no_such_key(key, context))?;
    let value = match &arguments.value {
        Some(text) => Some(
            setting
                .parse(text)
                .map_err(|what| not_allowed(&what, setting, context))?,
        ),
        None if arguments.unset => None,
        None => {
            let mut one = shown(std::iter::once(setting), context);
            one.is_one = true;
            return Ok(one);
        }
    };
    let file = file_to_write(setting, arguments.project, context)?;
    write(&file, setting, value.as_ref(), arguments.project).map_err(|error| unwritable(&file, &error))?;
    let mut after = context.clone();
    after.read_settings();
    let mut one = shown(std::iter::once(setting), &after);
    (one.is_one, one.is_set, one.written) = (true, value.is_some(), Some(file));
    Ok(one)
}

fn shown(settings: impl Iterator<Item = &'static Setting>, context: &Context) -> ConfigPage {
    let found = &context.settings;
    ConfigPage {
        settings: settings.map(|setting| entry(setting, context)).collect(),
        user_file: found.user_file().to_owned(),
        project_file: found.project().map(|folder| folder.join(FILE)),
        written: None,
        problems: found.problems().to_vec(),
        is_one: false,
        is_set: false,
    }
}

fn entry(setting: &'static Setting, context: &Context) -> Entry {
    let found = context.settings.found(setting.key);
    let is_layer = |origin: &&Origin| !matches!(origin, Origin::BuiltIn | Origin::Given);
    Entry {
        key: setting.key,
        value: found.value.clone(),
        from: found.origins.iter().map(Origin::word).collect(),
        places: found.origins.iter().filter(is_layer).map(Origin::to_string).collect(),
        // The store's default depends on the platform.
        default: (setting.key != "store").then(|| setting.default_value()),
        variable: setting.variable(),
        description: setting.about,
    }
}

fn file_to_write(setting: &Setting, is_project: bool, context: &Context) -> Result<PathBuf, Problem> {
    if !is_project {
        return Ok(context.settings.user_file().to_owned());
    }
    if let Some(why) = of_user_only(setting) {
        let value = if setting.key == "store" { "DIR" } else { "VALUE" };
        return Err(Problem::usage(capitalised(why)).with_hint(format!(
            "{} creates one, {} sets it only for you",
            context.command("init"),
            context.command(&format!("config {} {value}", setting.key))
        )));
    }
    let project = context.settings.project().map(|folder| folder.join(FILE));
    project.ok_or_else(|| {
        Problem::usage("This is not a project: there is no `.clew` here or in a parent folder")
            .with_hint(format!("{} makes this folder a project", context.command("init")))
    })
}

fn write(file: &Path, setting: &Setting, value: Option<&SettingValue>, is_project: bool) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !is_project && !folder.exists()) {
        // Create the folder with private permissions, as it will also contain the key.
        RealDisk.create_dir(folder)?;
    }
    if value.is_none() && !file.exists() {
        return Ok(());
    }
    write_setting(file, setting, value)
}

fn no_such_key(key: &str, context: &Context) -> Problem {
    let all: Vec<String> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
    let meant = nearest_key(key).map_or_else(|| "the".to_owned(), |near| format!("did you mean `{near}`? The"));
    Problem::usage(format!("There is no setting `{}`", text::clean(key))).with_hint(format!(
        "{meant} settings are {}; {} shows their values",
        text::listing(&all, all.len()),
        context.command("config")
    ))
}

fn not_allowed(what: &str, setting: &Setting, context: &Context) -> Problem {
    Problem::usage(capitalised(what)).with_hint(format!(
        "{} shows its value, its default and what it does",
        context.command(&format!("config {}", setting.key))
    ))
}

fn unwritable(file: &Path, error: &io::Error) -> Problem {
    let next = match error.kind() {
        io::ErrorKind::InvalidData => "fix the file by hand; `clew config` names the line",
        _ => "check that you may write there",
    };
    Problem::of(Exit::Refused, format!("{} cannot be changed: {error}", file.display())).with_hint(next)
}

/// Capitalizes a sentence, unless it starts with a key or a backtick.
fn capitalised(text: &str) -> String {
    let is_word = |word: &str| setting(word).is_none();
    match text.split_once(' ') {
        Some((first, _)) if is_word(first) => {
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |letter| {
                letter.to_uppercase().collect::<String>() + letters.as_str()
            })
        }
        _ => text.to_owned(),
    }
}

impl Page for ConfigPage {
    fn text(&self, context: &Context) -> String {
        let mut text = match self.settings.as_slice() {
            [one] if self.is_one => self.one(one, context),
            _ => self.table(context),
        };
        for problem in &self.problems {
            text += &format!("Ignored: {}\n", text::clean(&problem.to_string()));
        }
        text
    }
}

impl ConfigPage {
    fn table(&self, context: &Context) -> String {
        let mut table = TextTable::default()
            .with_header(&["setting", "value", "from", "default"])
            .flexible(1);
        for entry in &self.settings {
            let default = entry.default.as_ref().map(quoted).unwrap_or_default();
            table.push(vec![
                context.style.strong(entry.key),
                quoted(&entry.value),
                entry.from.join(", "),
                default,
            ]);
        }
        let mut text = table.render(context);
        text += &format!("User's file: {}\n", self.user_file.display());
        if let Some(file) = &self.project_file {
            text += &format!("Project's file: {}\n", file.display());
        }
        text += &format!(
            "{} explains a setting, {} sets it.\n",
            context.command("config KEY"),
            context.command("config KEY VALUE")
        );
        text
    }

    fn one(&self, entry: &Entry, context: &Context) -> String {
        let value = quoted(&entry.value);
        let from = match entry.places.as_slice() {
            [] => entry.from.join(", "),
            places => places.join(", "),
        };
        let mut text = format!("{} = {value}  ({})\n", entry.key, text::clean(&from));
        let Some(written) = &self.written else {
            let default = entry
                .default
                .as_ref()
                .map(|default| format!(" Default: {}.", quoted(default)));
            text += &format!(
                "{}.{} Variable: {}.\n",
                entry.description,
                default.unwrap_or_default(),
                entry.variable
            );
            return text;
        };
        let place = written.display().to_string();
        text += &match (self.is_set, entry.places.contains(&place)) {
            (true, true) => format!("Set in {place}.\n"),
            (true, false) => format!("Set in {place}, but the value above overrides it.\n"),
            (false, _) => format!("No longer set in {place}.\n"),
        };
        if entry.key == "store" {
            let list = context.command("list --store DIR");
            text += &format!("Histories in another store stay there; {list} lists them.\n");
        }
        text
    }
}

fn quoted(value: &SettingValue) -> String {
    match value.to_string() {
        text if text.is_empty() => "none".to_owned(),
        text => text::clean(&text),
    }
}

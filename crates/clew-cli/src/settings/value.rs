//! The values of settings: as text, in TOML files, and as JSON.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clew_core::history::either;
use serde::{Serialize, Serializer};
use toml_edit::Item;

use crate::platform::memory;
use crate::text;

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingType {
    /// An absolute path of a folder; `~` is the home folder.
    Folder,
    /// A boolean.
    Flag,
    /// A number in an inclusive range.
    Count(u64, u64),
    /// A number of bytes, such as `2 GB`, or a share of the machine's memory, such as `50 %`.
    Size,
    /// Names and patterns.
    Patterns,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingValue {
    Folder(PathBuf),
    Flag(bool),
    Count(u64),
    Size(u64),
    /// A percentage of the machine's memory.
    Share(u64),
    Patterns(Vec<String>),
    Word(&'static str),
}

/// Units of sizes, largest first; powers of 1,000 as everywhere in Clew.
const UNITS: [(&str, u64); 4] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];
/// The least memory limit with which a sandbox process can start.
const LEAST_SIZE: u64 = 50_000_000;

impl SettingType {
    /// Parses text from the command line or a variable. Patterns are separated by commas.
    pub fn parse(self, text: &str) -> Option<SettingValue> {
        let text = text.trim();
        match self {
            Self::Folder => folder(text),
            Self::Flag => flag(text),
            Self::Count(least, most) => count(text.parse().ok()?, least..=most),
            Self::Size => size(text),
            Self::Choice(words) => word(words, text),
            Self::Patterns => patterns(text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty())),
        }
    }

    /// Converts a value of a file.
    pub fn of_item(self, item: &Item) -> Option<SettingValue> {
        match self {
            Self::Folder => folder(item.as_str()?),
            Self::Flag => Some(SettingValue::Flag(item.as_bool()?)),
            Self::Choice(words) => word(words, item.as_str()?),
            Self::Count(least, most) => count(item.as_integer()?.try_into().ok()?, least..=most),
            Self::Size => match item.as_integer() {
                Some(number) => size(&number.to_string()),
                None => size(item.as_str()?),
            },
            Self::Patterns => {
                let all: Option<Vec<&str>> = item.as_array()?.iter().map(toml_edit::Value::as_str).collect();
                patterns(all?.into_iter())
            }
        }
    }

    /// Describes the valid values.
    pub fn allowed(self) -> String {
        match self {
            Self::Folder => "the absolute path of a folder, such as /data/clew or ~/clew".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Choice(words) => either(&words.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Self::Count(least, most) => {
                format!("a number from {} to {}", text::grouped(least), text::grouped(most))
            }
            Self::Size => format!(
                "a size of at least {}, such as 500 MB or 2 GB, or a share, such as 50 %",
                text::bytes(LEAST_SIZE)
            ),
            Self::Patterns => "a list of names or patterns, such as token,*_key".to_owned(),
        }
    }
}

fn count(number: u64, allowed: RangeInclusive<u64>) -> Option<SettingValue> {
    allowed.contains(&number).then_some(SettingValue::Count(number))
}

fn folder(text: &str) -> Option<SettingValue> {
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            std::env::home_dir()?.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    };
    path.is_absolute().then_some(SettingValue::Folder(path))
}

fn flag(text: &str) -> Option<SettingValue> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(SettingValue::Flag(true)),
        _ => is_off(text).then_some(SettingValue::Flag(false)),
    }
}

/// Whether a word disables something. `clew/shell/start.py` accepts the same words for `CLEW`, which it checks before it loads anything; a
/// test ensures that both agree.
pub(crate) fn is_off(text: &str) -> bool {
    ["off", "no", "false", "0"]
        .iter()
        .any(|off| text.trim().eq_ignore_ascii_case(off))
}

fn word(words: &[&'static str], text: &str) -> Option<SettingValue> {
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    word.map(|word| SettingValue::Word(word))
}

fn size(text: &str) -> Option<SettingValue> {
    if let Some(share) = text.strip_suffix('%') {
        let share: u64 = share.trim().parse().ok()?;
        return (1..=100).contains(&share).then_some(SettingValue::Share(share));
    }
    bytes(text).filter(|bytes| *bytes >= LEAST_SIZE).map(SettingValue::Size)
}

/// Parses a number of bytes: `64 MB`, `1.5gb`, `4096`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let unit = UNITS
        .iter()
        .find(|(unit, _)| lower.ends_with(&unit.to_ascii_lowercase()));
    let (digits, factor) = match unit {
        Some((unit, factor)) => (&text[..text.len() - unit.len()], *factor),
        None => (text, 1),
    };
    let number: f64 = digits.trim().parse().ok()?;
    let bytes = number * factor as f64;
    // This comparison also rejects NaN and excessive numbers.
    (0.0..1e15).contains(&bytes).then_some(bytes as u64)
}

fn patterns<'a>(all: impl Iterator<Item = &'a str>) -> Option<SettingValue> {
    let all: Vec<String> = all.map(str::to_owned).collect();
    let is_name = |pattern: &String| !pattern.is_empty() && !pattern.contains(char::is_whitespace);
    all.iter().all(is_name).then_some(SettingValue::Patterns(all))
}

/// The minimum of a share of the machine's memory, and its value if the memory is unknown. Libraries reserve much more address space than
/// they use: importing numpy, pandas, Arrow and scikit-learn together takes 1.7 GB.
const LEAST_SHARE: u64 = 4_000_000_000;

impl SettingValue {
    /// Returns the number; for a share of the memory the bytes.
    pub fn number(&self) -> u64 {
        match self {
            Self::Count(number) | Self::Size(number) => *number,
            Self::Share(share) => memory().map_or(0, |bytes| bytes / 100 * share).max(LEAST_SHARE),
            _ => 0,
        }
    }

    /// Whether it is a boolean.
    pub fn is_flag(&self) -> bool {
        matches!(self, Self::Flag(_))
    }

    /// Converts it to TOML.
    pub fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Flag(flag) => (*flag).into(),
            Self::Count(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
            Self::Patterns(patterns) => toml_edit::Array::from_iter(patterns).into(),
            Self::Folder(_) | Self::Size(_) | Self::Share(_) | Self::Word(_) => self.to_string().into(),
        }
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(formatter, "{}", path.display()),
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Count(number) => write!(formatter, "{number}"),
            Self::Size(bytes) => match UNITS.iter().find(|(_, factor)| bytes % factor == 0) {
                Some((unit, factor)) => write!(formatter, "{} {unit}", bytes / factor),
                None => write!(formatter, "{bytes}"),
            },
            Self::Share(share) => write!(formatter, "{share} %"),
            Self::Word(word) => formatter.write_str(word),
            Self::Patterns(patterns) => formatter.write_str(&patterns.join(",")),
        }
    }
}

impl Serialize for SettingValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Count(number) | Self::Size(number) => serializer.serialize_u64(*number),
            Self::Patterns(patterns) => patterns.serialize(serializer),
            Self::Folder(path) => path.to_string_lossy().serialize(serializer),
            Self::Share(_) | Self::Word(_) => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units_and_written_as_people_do() {
        assert_eq!(SettingType::Size.parse("2GB"), Some(SettingValue::Size(2_000_000_000)));
        assert_eq!(
            SettingType::Size.parse("1.5 gb"),
            Some(SettingValue::Size(1_500_000_000))
        );
        assert_eq!(
            SettingType::Size.parse("500000000"),
            Some(SettingValue::Size(500_000_000))
        );
        assert_eq!(SettingType::Size.parse("25%"), Some(SettingValue::Share(25)));
        assert_eq!(SettingValue::Share(25).to_string(), "25 %");
        for refused in [
            "", "2 XB", "nan", "inf", "-1 GB", "3", "9e99 GB", "GB", "%", "0 %", "101 %", "-5 %",
        ] {
            assert_eq!(SettingType::Size.parse(refused), None, "{refused}");
        }
        assert_eq!(SettingValue::Size(1_500_000_000).to_string(), "1500 MB");
        assert_eq!(SettingValue::Size(123_456_789).to_string(), "123456789");
    }

    #[test]
    fn folders_are_whole_paths() {
        assert_eq!(
            SettingType::Folder.parse("/data/clew"),
            Some(SettingValue::Folder("/data/clew".into()))
        );
        for refused in ["", "data", "./data", "~ada/x"] {
            assert_eq!(SettingType::Folder.parse(refused), None, "{refused}");
        }
    }
}

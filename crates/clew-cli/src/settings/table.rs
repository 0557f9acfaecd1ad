//! The table of all settings, for parsing, validation, listing and completion.

use super::value::{SettingType, SettingValue};

/// One setting.
pub(crate) struct Setting {
    /// The key: `record.outputs`. In a file the part before the dot is a table.
    pub key: &'static str,
    /// The type of its value.
    pub kind: SettingType,
    /// The default, as text.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The page with details, relative to docs/guide.md.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test makes the table of docs/guide.md of it")
    )]
    pub more: Option<&'static str>,
}

/// Every setting, in the order of listings.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "store",
        kind: SettingType::Folder,
        default: "",
        about: "The folder for recorded runs, if no project has a store of its own",
        more: None,
    },
    Setting {
        key: "record.outputs",
        kind: SettingType::Flag,
        default: "true",
        about: "Record what cells print and show",
        more: None,
    },
    Setting {
        key: "record.exclude",
        kind: SettingType::Patterns,
        default: "",
        about: "Variables, or patterns with * and ?, that are never recorded. The lists from all places apply together",
        more: None,
    },
    Setting {
        key: "record.prove",
        kind: SettingType::Flag,
        default: "true",
        about: "While a session is idle, test in another process that values can be rebuilt, if that needs a library's code",
        more: Some("#proved"),
    },
    Setting {
        key: "log.limit",
        kind: SettingType::Count(0, 1_000_000),
        default: "20",
        about: "How many runs log shows by default; 0 shows all",
        more: None,
    },
    Setting {
        key: "display.html",
        kind: SettingType::Flag,
        default: "true",
        about: "Show answers in a notebook as HTML; otherwise as text",
        more: None,
    },
    Setting {
        key: "scratch.memory",
        kind: SettingType::Size,
        default: "50 %",
        about: "How much memory a sandbox process may reserve: a size, or a share of the machine's memory (then at least 4 GB)",
        more: None,
    },
    Setting {
        key: "scratch.seconds",
        kind: SettingType::Count(1, 86_400),
        default: "60",
        about: "How many seconds a sandbox process may run; all processes of one restore share this time",
        more: None,
    },
    Setting {
        key: "store.budget",
        kind: SettingType::Size,
        default: "10 %",
        about: "The maximum size of a store: a size, or a share of the space that would be free on the disk without the store. Values beyond it are not stored; their cells can recreate them",
        more: None,
    },
    Setting {
        key: "store.sync",
        kind: SettingType::Count(0, 3_600),
        default: "1",
        about: "How many seconds after a run Clew flushes it to the disk, so that it survives a power failure. With 0, Clew flushes each run before it calls the run saved",
        more: Some("durability.md"),
    },
    Setting {
        key: "store.encrypt",
        kind: SettingType::Flag,
        default: "false",
        about: "Encrypt new stores, each with a key of its own in your settings folder. Existing stores stay as they are",
        more: Some("#encrypted-stores"),
    },
    Setting {
        key: "gc.grace",
        kind: SettingType::Count(0, 87_600),
        default: "24",
        about: "How many hours gc waits before it deletes data that it found unneeded",
        more: None,
    },
    Setting {
        key: "gc.keep_days",
        kind: SettingType::Count(0, 36_500),
        default: "0",
        about: "Keep the values of runs from this many days before the newest run of their history; 0 sets no rule. Without a rule, gc keeps all values",
        more: Some("guide/limits.md#keep-rules"),
    },
    Setting {
        key: "gc.keep_runs",
        kind: SettingType::Count(0, 1_000_000),
        default: "0",
        about: "Keep the values of this many newest runs of each history; 0 sets no rule. A run that any rule keeps stays. Tags, branches and the last state of each kernel always stay",
        more: None,
    },
    Setting {
        key: "gc.size",
        kind: SettingType::Size,
        default: "100 %",
        about: "The size above which gc deletes values of old runs that short cells without other effects can recreate: a size before compression, or a share as for store.budget",
        more: None,
    },
    Setting {
        key: "load.verify",
        kind: SettingType::Flag,
        default: "true",
        about: "Check the hash (BLAKE3) of each block of memory when a session first loads it; otherwise only compare the fingerprints of values",
        more: Some("guide/limits.md#large-memory"),
    },
    Setting {
        key: "tasks.cache",
        kind: SettingType::Flag,
        default: "false",
        about: "Restore results of tasks of Dask, Parsl, Ray and TaskVine from the store, if code and inputs are the same. Other effects of these tasks are not repeated",
        more: Some("guide/distributed.md"),
    },
    Setting {
        key: "tasks.quick",
        kind: SettingType::Count(0, 3_600_000),
        default: "5",
        about: "Store results of tasks that took fewer milliseconds only if you ask for the result; 0 stores all",
        more: None,
    },
    Setting {
        key: "tasks.max_result",
        kind: SettingType::Size,
        default: "256 MB",
        about: "The largest result of a task that is stored; a share sets no limit",
        more: None,
    },
    Setting {
        key: "tasks.keep_days",
        kind: SettingType::Count(0, 36_500),
        default: "90",
        about: "How many days results of tasks are kept; 0 keeps them forever",
        more: None,
    },
    Setting {
        key: "tasks.fetch_mb",
        kind: SettingType::Count(0, 1_000_000),
        default: "64",
        about: "How many MB Clew fetches, in total, of results on clusters that your variables refer to, to store them with the variables; 0 fetches none",
        more: Some("guide/distributed.md#variables"),
    },
    Setting {
        key: "watch.pages",
        kind: SettingType::Flag,
        default: "false",
        about: "Hash only those pages of large arrays that the operating system reports as written. Leave this off if devices write to your arrays",
        more: Some("guide/limits.md#watched-pages"),
    },
    Setting {
        key: "resume.on_start",
        kind: SettingType::Choice(&["ask", "always", "never"]),
        default: "ask",
        about: "With ask, a new kernel of a notebook with earlier states prints a line about them. With always, it restores the last one before the first cell runs. With never, it does neither",
        more: Some("#resumed-by-itself"),
    },
    Setting {
        key: "push.when_ended",
        kind: SettingType::Choice(&["never", "always"]),
        default: "never",
        about: "With always, a kernel that receives SIGTERM first saves what it can and pushes it to the store's remote. With never, it ends at once",
        more: Some("guide/jobs.md"),
    },
];

/// Returns the setting with that key.
pub(crate) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

impl Setting {
    /// Returns the environment variable that also sets it: `CLEW_GC_GRACE` for `gc.grace`.
    pub fn variable(&self) -> String {
        match self.key {
            "store" => "CLEW_HOME".to_owned(),
            key => format!("CLEW_{}", key.replace('.', "_").to_uppercase()),
        }
    }

    /// Returns the default value.
    pub fn default_value(&self) -> SettingValue {
        self.kind.parse(self.default).unwrap_or(SettingValue::Folder("".into()))
    }

    /// Parses a value.
    ///
    /// # Errors
    /// The value is invalid; the error describes valid ones.
    pub fn parse(&self, text: &str) -> Result<SettingValue, String> {
        self.kind.parse(text).ok_or_else(|| self.refusal(text))
    }

    /// Formats the error for the invalid value `text`.
    pub fn refusal(&self, text: &str) -> String {
        format!(
            "{} must be {}, not `{}`",
            self.key,
            self.kind.allowed(),
            crate::text::clean(text)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed() {
        for setting in SETTINGS {
            let is_set_by_platform = setting.key == "store";
            assert!(
                is_set_by_platform || setting.kind.parse(setting.default).is_some(),
                "{}",
                setting.key
            );
        }
    }
}

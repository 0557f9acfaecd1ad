//! What can be set: one table for reading, checking, listing and completing.

use super::value::{Kind, Value};

/// One setting.
pub(crate) struct Setting {
    /// What people type: `record.outputs`. In a file the part before the dot is a table.
    pub key: &'static str,
    /// The variable of the environment that sets it too.
    pub variable: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is where nobody sets it, as people would type it.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
}

/// Every setting, in the order in which they are listed.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "store",
        variable: "CLEW_HOME",
        kind: Kind::Folder,
        default: "",
        about: "The folder in which runs are recorded where no project has a store of its own",
    },
    Setting {
        key: "record.outputs",
        variable: "CLEW_RECORD_OUTPUTS",
        kind: Kind::Flag,
        default: "true",
        about: "Whether what cells print and show is recorded beside what they did",
    },
    Setting {
        key: "record.exclude",
        variable: "CLEW_RECORD_EXCLUDE",
        kind: Kind::Patterns,
        default: "",
        about: "Names, or patterns with * and ?, that are never recorded; all layers count together",
    },
    Setting {
        key: "record.prove",
        variable: "CLEW_RECORD_PROVE",
        kind: Kind::Flag,
        default: "true",
        about: "Whether a resting session has values that need a library's code to come back built in another process, to tell in time that one can't be",
    },
    Setting {
        key: "log.limit",
        variable: "CLEW_LOG_LIMIT",
        kind: Kind::Count {
            least: 0,
            most: 1_000_000,
        },
        default: "20",
        about: "How many runs log shows unasked; 0 shows all",
    },
    Setting {
        key: "display.html",
        variable: "CLEW_DISPLAY_HTML",
        kind: Kind::Flag,
        default: "true",
        about: "Whether answers in a notebook are drawn, or text only",
    },
    Setting {
        key: "scratch.memory",
        variable: "CLEW_SCRATCH_MEMORY",
        kind: Kind::Size,
        default: "50 %",
        about: "The most memory that a scratch process may reserve: a size, or a share of the machine's (then at least 4 GB)",
    },
    Setting {
        key: "scratch.seconds",
        variable: "CLEW_SCRATCH_SECONDS",
        kind: Kind::Count { least: 1, most: 86_400 },
        default: "60",
        about: "How long a scratch process may run, in seconds",
    },
    Setting {
        key: "store.budget",
        variable: "CLEW_STORE_BUDGET",
        kind: Kind::Size,
        default: "10 %",
        about: "The most that a store may hold: a size, or a share of what would be free on the disk without it. Values beyond it are not stored, and made again by their cells",
    },
    Setting {
        key: "store.sync",
        variable: "CLEW_STORE_SYNC",
        kind: Kind::Count { least: 0, most: 3_600 },
        default: "1",
        about: "How many seconds after a run what was saved is flushed to the disk, so that it survives power loss; with 0 no run is called saved before",
    },
    Setting {
        key: "store.encrypt",
        variable: "CLEW_STORE_ENCRYPT",
        kind: Kind::Flag,
        default: "false",
        about: "Whether stores that are made from now on are encrypted, each with a key of its own in your folder of settings; those that are there stay as they are",
    },
    Setting {
        key: "gc.grace",
        variable: "CLEW_GC_GRACE",
        kind: Kind::Count { least: 0, most: 87_600 },
        default: "24",
        about: "How many hours gc waits before it removes what it found that nothing needs",
    },
    Setting {
        key: "gc.keep_days",
        variable: "CLEW_GC_KEEP_DAYS",
        kind: Kind::Count { least: 0, most: 36_500 },
        default: "0",
        about: "The values of which runs gc keeps: of those in so many days before the newest of their history; 0 is no rule. Without a rule all are kept",
    },
    Setting {
        key: "gc.keep_runs",
        variable: "CLEW_GC_KEEP_RUNS",
        kind: Kind::Count {
            least: 0,
            most: 1_000_000,
        },
        default: "0",
        about: "The values of how many runs of each history gc keeps, the newest; 0 is no rule. A run is kept that any rule keeps, and so are tags, branches and where kernels are",
    },
    Setting {
        key: "gc.size",
        variable: "CLEW_GC_SIZE",
        kind: Kind::Size,
        default: "100 %",
        about: "From which size of the store on gc drops values of old runs that short cells without other effects could make again: a size before compression, or a share as for store.budget",
    },
    Setting {
        key: "load.verify",
        variable: "CLEW_LOAD_VERIFY",
        kind: Kind::Flag,
        default: "true",
        about: "Whether blocks of memory are held against their hashes (BLAKE3) when a session first loads them; without it only values are compared, by their fingerprints",
    },
    Setting {
        key: "tasks.cache",
        variable: "CLEW_TASKS_CACHE",
        kind: Kind::Flag,
        default: "false",
        about: "Whether tasks of Dask, Parsl, Ray and TaskVine whose code and inputs are known take their results from the store instead of running; what a task does beside returning a result is not done again then",
    },
    Setting {
        key: "tasks.quick",
        variable: "CLEW_TASKS_QUICK",
        kind: Kind::Count {
            least: 0,
            most: 3_600_000,
        },
        default: "5",
        about: "Results of tasks that took fewer milliseconds are kept only where somebody asked for them; with 0 all are kept",
    },
    Setting {
        key: "tasks.max_result",
        variable: "CLEW_TASKS_MAX_RESULT",
        kind: Kind::Size,
        default: "256 MB",
        about: "The largest result of a task that is kept; a share is no limit",
    },
    Setting {
        key: "tasks.keep_days",
        variable: "CLEW_TASKS_KEEP_DAYS",
        kind: Kind::Count { least: 0, most: 36_500 },
        default: "90",
        about: "How many days results of tasks are kept; with 0 they stay",
    },
    Setting {
        key: "tasks.fetch_mb",
        variable: "CLEW_TASKS_FETCH_MB",
        kind: Kind::Count {
            least: 0,
            most: 1_000_000,
        },
        default: "64",
        about: "How many MB of results that variables refer to on clusters of Dask are fetched, all together, to be kept with the variables; with 0 none are",
    },
    Setting {
        key: "watch.pages",
        variable: "CLEW_WATCH_PAGES",
        kind: Kind::Flag,
        default: "false",
        about: "Whether the system is asked which pages of large arrays were written to, so that the others are not hashed; not for memory that devices write to",
    },
    Setting {
        key: "resume.on_start",
        variable: "CLEW_RESUME_ON_START",
        kind: Kind::Choice(&["ask", "always", "never"]),
        default: "ask",
        about: "What a new kernel of a notebook with earlier states does: ask says in a line that they are there, always brings the last one back before the first cell runs, never does neither",
    },
    Setting {
        key: "push.when_ended",
        variable: "CLEW_PUSH_WHEN_ENDED",
        kind: Kind::Choice(&["never", "always"]),
        default: "never",
        about: "Whether a kernel that is told to end (SIGTERM) first saves what it can and pushes it to the store's remote; else the signal ends it at once",
    },
];

/// The setting of that key.
pub(crate) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

impl Setting {
    /// What it is where nobody sets it.
    pub fn default_value(&self) -> Value {
        self.kind.parse(self.default).unwrap_or(Value::Folder("".into()))
    }

    /// Reads what somebody typed.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        self.kind.parse(text).ok_or_else(|| self.refusal(text))
    }

    /// Says what is allowed instead of `text`.
    pub fn refusal(&self, text: &str) -> String {
        format!(
            "{} is {}, not `{}`",
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
    fn every_default_is_allowed_and_every_key_has_its_variable() {
        for setting in SETTINGS {
            let is_set_by_platform = setting.key == "store";
            assert!(
                is_set_by_platform || setting.kind.parse(setting.default).is_some(),
                "{}",
                setting.key
            );
            let variable = format!("CLEW_{}", setting.key.replace('.', "_").to_uppercase());
            assert!(is_set_by_platform || setting.variable == variable, "{}", setting.key);
        }
    }
}

//! What a run may have used outside the session. Always "may have": nothing here proves that something did not happen.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::id::{HistoryId, Root, RootKind};

/// Evidence of one run. All fields are empty if nothing was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // each is a field of the record
pub struct Evidence {
    /// Roots it may have read before it bound them, by display name.
    pub reads: Vec<String>,
    /// Roots it may have written, by display name.
    pub writes: Vec<String>,
    /// Names it certainly bound, whether or not they were bound before.
    pub binds: Vec<String>,
    /// Roots that refer to live objects without a value, which it may have used. They are the same objects as before; whether the run
    /// changed them is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Root>,
    /// Names that functions it defined may read when they are called.
    pub later: Vec<String>,
    /// Whether it may have used every root (`exec`, magics, other threads).
    pub touched_all: bool,
    /// Whether `reads` is complete although `touched_all` is true.
    pub reads_known: bool,
    /// Files it may have read.
    pub files_read: Vec<FileEvidence>,
    /// Files it may have written.
    pub files_written: Vec<FileEvidence>,
    /// Environment variables it may have set.
    pub environment: Vec<String>,
    /// Addresses it connected to, as `host:port`.
    pub sockets: Vec<String>,
    /// Programs it started.
    pub processes: Vec<String>,
    /// Fingerprints of the random generators before and after, by generator. Empty if no cell had decided the state and the run did not
    /// change that.
    pub random: BTreeMap<String, (String, String)>,
    /// Random generators it seeded: what it drew from them does not depend on earlier draws.
    pub seeded: Vec<String>,
    /// Random generators that came with an import and still have the state of their first seeding: the run drew nothing from them. A rerun
    /// gets another seed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undrawn: Vec<String>,
    /// Packages and local modules it imported, with versions or digests.
    pub modules: Vec<ModuleEvidence>,
    /// Packages that were loaded before it began and that no earlier run recorded: the kernel or loaded values imported them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<ModuleEvidence>,
    /// Modules in packages that were imported with it and that its code names or that are the user's own, in import order. If their package
    /// came with it, the package is among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<String>,
    /// The Python that ran it. Only in the first run of a session, because it does not change within a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Interpreter>,
    /// State besides variables that its import statements set: of the imported libraries, for example environment variables. By display
    /// name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_by_imports: Vec<String>,
    /// Libraries that it may have used, besides those to which the values that it read or made belong: what its code imports itself, what
    /// the user's own modules use, and what drew the images and issued the warnings that it showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// What it may have set in libraries (`pandas.DataFrame.f`, `%precision`), in order. ` = ` and the value follow if it certainly set
    /// this value.
    pub patched: Vec<String>,
    /// Those of `patched` that Clew does not restore.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrestored: Vec<String>,
    /// What was removed from its source before that was written, in words (`an API key`).
    pub masked: Vec<String>,
    /// What it asked for that differs each time, in words (`the time`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrepeatable: Vec<String>,
    /// The working directory at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The working directory at its end, if it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went: Option<String>,
    /// Whether its code may ask for the working directory, other than by opening files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub placed: bool,
    /// Whether functions of the user may have changed its code before it ran (`ast_transformers`), so that its source does not tell what
    /// functions it defined.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transformed: bool,
    /// Environment variables that it may have read, with their values; `None` for those that were not set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Option<String>>,
    /// Those of `variables` that libraries read and may have cached, by the first word of the library.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, Vec<String>>,
    /// Counts of the tasks of distributed computations that it requested, if they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TaskCounts>,
    /// Peak memory of the process so far, in bytes; 0 if unknown.
    pub peak_memory: u64,
    /// How long the statements of its cell took that only import, in nanoseconds: a process that loads its values repeats these imports.
    #[serde(skip_serializing_if = "is_zero")]
    pub importing: u64,
}

impl Evidence {
    /// Returns whether it may have read every root.
    pub fn reads_all(&self) -> bool {
        self.touched_all && !self.reads_known
    }

    /// Returns whether a root is state that a library set when it was imported, and not the cell.
    pub fn is_set_by_import(&self, root: &Root) -> bool {
        root.kind != RootKind::Name
            && !self.set_by_imports.is_empty()
            && self.set_by_imports.contains(&root.to_string())
    }

    /// Returns whether a root is a random generator in a state that no cell decided: its library seeded it from the system at import.
    pub fn is_undrawn(&self, root: &Root) -> bool {
        root.kind == RootKind::Random && self.undrawn.contains(&root.key)
    }
}

/// A file that a run may have used, as it was right after the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEvidence {
    /// Absolute path.
    pub path: String,
    /// Size in bytes; `None` if the file did not exist.
    pub size: Option<u64>,
    /// Modification time in nanoseconds since the Unix epoch.
    pub modified: Option<i64>,
    /// BLAKE3 of its bytes, if requested. For a folder that was listed: identifies the listing.
    pub digest: Option<String>,
    /// Identifies the bytes for the recorder only, where a digest would reveal too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The path as the code gave it, if it was relative to the working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Whether it belongs to Python or to packages that are installed for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_environment: bool,
}

impl FileEvidence {
    /// Returns whether the file changed after the run, or an import, read it and before Clew inspected it.
    pub fn is_edited_since(&self) -> bool {
        self.size.is_some() && self.modified == Some(-1)
    }

    /// Returns whether it is part of the environment, like libraries, fonts and time zones, and not the user's input. Without a recorded
    /// answer the path decides.
    pub fn is_of_environment(&self) -> bool {
        let of_library = ["/site-packages", "/dist-packages", "/lib/python"];
        let of_system = ["/usr/", "/etc/"];
        self.of_environment
            || of_library.iter().any(|part| self.path.contains(part))
            || of_system.iter().any(|part| self.path.starts_with(part))
    }
}

/// A module that was imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleEvidence {
    /// Its qualified name.
    pub name: String,
    /// Its version, if it has one: that of its distribution, if that is known.
    pub version: Option<String>,
    /// The package to install to get the module (`scikit-learn` for `sklearn`), if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// For a package with files that differ from the installed ones: identifies these. For a module in a package: whether an earlier cell
    /// had `imported` it.
    pub digest: Option<String>,
    /// For the user's own modules: the files from which it and its contents were imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileEvidence>,
    /// For the user's own modules: which others of them it imports. Left out if its code may use any of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<String>>,
}

impl ModuleEvidence {
    /// Returns whether this only records that a run looked the module up, and what it found: the run may have recorded the module
    /// itself, too.
    pub fn is_lookup(&self) -> bool {
        self.version.as_deref() == Some("") && self.distribution.is_none() && self.files.is_empty()
    }

    /// Returns whether one of two of the user's own modules may call or change the other.
    pub fn may_reach(&self, other: &Self) -> bool {
        let imports = |one: &Self, other: &Self| one.imports.as_ref().is_none_or(|names| names.contains(&other.name));
        imports(self, other) || imports(other, self)
    }
}

/// Tasks of distributed computations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskCounts {
    /// All of them.
    pub total: u64,
    /// Those that did not run, because their results were cached or not needed.
    pub known: u64,
    /// Those that ran.
    pub run: u64,
    /// Reasons why tasks can never be cached, with the number of tasks.
    pub keyless: BTreeMap<String, u64>,
}

impl fmt::Display for TaskCounts {
    /// Formats the counts for people: `21 tasks: 16 cached, 5 run`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} tasks: {} cached, {} run",
            self.total, self.known, self.run
        )?;
        for (at, (why, many)) in self.keyless.iter().enumerate() {
            write!(
                formatter,
                "{} {many} ({why})",
                if at == 0 { "; never cached:" } else { "," }
            )?;
        }
        Ok(())
    }
}

/// The interpreter of a session, and its machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interpreter {
    /// Python's version (`3.13.1`).
    pub version: String,
    /// Which Python it is (`cpython`).
    pub implementation: String,
    /// The system (`linux`, `darwin`, `win32`).
    pub platform: String,
    /// The processor's architecture (`x86_64`).
    pub machine: String,
    /// The byte order of numbers (`little`, `big`).
    pub byte_order: String,
    /// Whether `clew run` started it, to write another notebook than it read: no user works in that session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
    /// Whether `clew run` wrote the notebook: its user continues from the end of that execution.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output: bool,
    /// Whether a program started it beside its own kernel (`clew.session().fork()`), while the notebook's own session continues elsewhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fork: bool,
    /// The notebook's own history, if its user added the notebook to this one, which other notebooks share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<HistoryId>,
    /// The environment variables that change how Python starts, with their values: where it searches modules (`PYTHONPATH`), and which
    /// warnings it shows (`PYTHONWARNINGS`). Unset ones are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub started_with: BTreeMap<String, String>,
}
